"""Run and sweep directories from other people: nothing of them is executed, followed, believed or left to run on."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes import fake_fields, fake_run
from support import Completed, Compose, change, edit

from prunesweep.cli import main
from prunesweep.errors import UsageError
from prunesweep.experiment.saved import completed_run, load_config, load_weights
from prunesweep.files import MAX_CONTAINERS, parse_json
from prunesweep.results.plain_yaml import parse_yaml
from prunesweep.results.result import remove_outputs
from prunesweep.results.run_directory import find_runs, read_run
from prunesweep.results.tables import csv_text

SECRET = "correct horse battery staple"
ESCAPE = "\x1b[2J"
UNTRAINED = ("train.epochs=0", "finetune.epochs=0")


def config_of(run: Path) -> Path:
    return run / ".hydra" / "config.yaml"


def report(folder: Path) -> list[dict[str, str]]:
    """Return the rows of the table of a report, which must succeed, by the last part of the run's name."""
    assert main(["report", str(folder), "--out", str(folder / "out")]) == 0
    assert (folder / "out" / "report.html").stat().st_size > 1_000_000
    return list(csv.DictReader((folder / "out" / "results.csv").read_text().splitlines()))


# ---- Texts that take long or much memory to read ---------------------------------------------------------------------

ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ALIASES, "an anchor or an alias"),
        ("a: &a [*a]", "an anchor or an alias"),
        ("a: !!python/object/apply:os.system ['true']", "a tag"),
        ("[" * 100_000, "nest"),
        ("{a: " * 100_000, "nested"),
        ("- " * 100_000, "nested"),
        ("? " * 100_000, "nested"),
        ("[" + "0," * 60_000 + "]", "too many"),
        ("a: 1\n---\nb: 2", "several documents"),
        ("a: 1\na: 2", "repeated"),
        ("seed: " + "9" * 5_000, "an integer beyond 64 bits"),
        ("seed: 0x" + "f" * 5_000, "not decimal"),
        ("seed: " + ":".join(["59"] * 3_000), "not decimal"),
        ("seed: 0b1", "not decimal"),
        ("seed: 017", "not decimal"),
        ('name: "\\ud800"', "Unicode"),
    ],
)
def test_yaml_outside_of_the_limits_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested too deeply"),
        (b"[" + b"[]," * MAX_CONTAINERS + b"1]", "too many values"),
        (b"1e999", "not finite"),
        (b"NaN", "not finite"),
        (b"9" * 400, "beyond 64 bits"),
        (b"9" * 5_000, "beyond 64 bits"),
        (b'"\\ud800"', "not Unicode"),
        (b"\xff\xfe1\x00", "utf-8"),
    ],
)
def test_json_outside_of_the_limits_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(content)


def test_values_within_the_limits_are_read() -> None:
    assert parse_json(b'["\\ud83d\\ude00", 1e-5, -9223372036854775808]') == ["😀", 1e-5, -(2**63)]
    text = "a: [1, 0.5, 1e-05, .inf, '0x10', null, true]\n'b': {c: 2020-01-01, d: \"x\\ny\"}\n"
    assert parse_yaml(text) == yaml.safe_load(text) | {
        "a": [1, 0.5, 1e-5, float("inf"), "0x10", None, True],
        "b": {"c": "2020-01-01", "d": "x\ny"},
    }


# ---- Reports on directories with one odd run -------------------------------------------------------------------------

Attack = Callable[[Path], object]


def result(text: str) -> Attack:
    return lambda run: (run / "result.json").write_text(text)


def field(**values: Any) -> Attack:
    return lambda run: change(run / "result.json", **values)


def config(text: str) -> Attack:
    return lambda run: config_of(run).write_text(text)


def link(name: str, target: str) -> Attack:
    def make(run: Path) -> None:
        (run / name).unlink()
        (run / name).symlink_to(target)

    return make


def fifo(name: str) -> Attack:
    def make(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return make


def sparse(name: str) -> Attack:
    return lambda run: os.truncate(run / name, 10**11)


def replaced(old: str, new: str) -> Attack:
    def make(run: Path) -> None:
        text = (run / "result.json").read_text()
        assert old in text
        (run / "result.json").write_text(text.replace(old, new))

    return make


UNREADABLE: dict[str, Attack] = {
    "nested": result("[" * 100_000),
    "infinite": replaced('"seconds": 1.5', '"seconds": 1e999'),
    "400 digits": replaced('"seconds": 1.5', f'"seconds": {"9" * 400}'),
    "5000 digits": replaced('"seed": 1', f'"seed": {"9" * 5_000}'),
    "largest float": replaced('"macs_total": 400000', '"macs_total": 1.7e308'),
    "surrogate": replaced('"model": "lenet5"', r'"model": "\ud800"'),
    "escape": field(model=f"a{ESCAPE}"),
    "compact is a number": field(compact=5),
    "compact with a list": field(compact={"file_bytes": [1]}),
    "layers in compact": field(compact={"layers": "x"}),
    "compression is a text": field(compression="large"),
    "many fields": field(**{f"field {number}": number for number in range(5_000)}),
    "no parameters": field(params_total=0, params_nonzero=0),
    "rounds of a failed run": field(rounds=5, status="paused"),
    "FIFO": fifo("result.json"),
    "device": link("result.json", "/dev/zero"),
    "gigabytes": sparse("result.json"),
    "link out": link("result.json", "/etc/passwd"),
    "config: aliases": config(ALIASES),
    "config: deep": config("a: " + "[" * 100_000),
    "config: digits": config("seed: " + "9" * 5_000),
    "config: many settings": config("a:\n" + "".join(f"  b{number}: 1\n" for number in range(1_100))),
    "config: FIFO": fifo(".hydra/config.yaml"),
    "config: gigabytes": sparse(".hydra/config.yaml"),
    "config: link out": link(".hydra/config.yaml", "/etc/passwd"),
}


def test_odd_runs_are_reported_as_unreadable_and_the_others_with_their_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_run(tmp_path / "sweep" / "good", fake_fields(0.5, 1))
    for name, attack in UNREADABLE.items():
        run = tmp_path / "sweep" / name
        fake_run(run, fake_fields(0.5, 1))
        attack(run)
    assert [row["run"] for row in report(tmp_path / "sweep")] == ["good"]
    failed = csv.DictReader((tmp_path / "sweep" / "out" / "failed.csv").read_text().splitlines())
    assert {row["run"]: row["status"] for row in failed} == dict.fromkeys(UNREADABLE, "unreadable")
    printed = capsys.readouterr().out
    assert "1 of 26 runs completed" in printed
    assert "root:" not in printed + (tmp_path / "sweep" / "out" / "report.html").read_text()


ODD: dict[str, Attack] = {
    "no layers": field(layers=[]),
    "mathtext": field(model="$x^$ \\frac{"),
    "underscore": field(model="_hidden", dataset="_hidden"),
    "long": field(model="x" * 200, dataset="y" * 200),
    "html": field(model="<script>alert(1)</script>", dataset="</script><b>"),
    "largest counts": field(params_total=10**15, macs_total=10**15, seconds=10**15),
    "zero accuracy": field(final={"val_accuracy": 0, "test_accuracy": 0}, params_nonzero=0),
    "no history": field(history=[]),
    "largest seed": field(seed=2**63 - 1),
    "interpolation bomb": config("a: ${b}\nb: {c: '${a}', d: '${a}'}\n"),
    "config: infinite": config("store: {max_gb: .inf}\nprune: {amount: 1e999}\n"),
    "config: texts": config(f"model: {{name: '$x^$'}}\nprune: {{amount: \"{'z' * 5_000}\"}}\n"),
}


def test_odd_values_do_not_stop_a_report(tmp_path: Path) -> None:
    fake_run(tmp_path / "good", fake_fields(0.5, 1))
    for name, attack in ODD.items():
        fake_run(tmp_path / name, fake_fields(0.5, 1))
        attack(tmp_path / name)
    rows = {row["run"]: row["status"] for row in report(tmp_path)}
    assert rows == dict.fromkeys(["good", *ODD], "completed")


def test_many_data_sets_fit_into_one_picture(tmp_path: Path) -> None:
    for number in range(100):
        fake_run(tmp_path / str(number), fake_fields(0.5, 1, dataset=f"data{number}"))
    assert len(report(tmp_path)) == 100


def test_names_of_any_bytes_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (b"bad\xff", b"clear\x1b[2J", b"line\nbreak", b"javascript:alert(1)", b"=1+1"):
        fake_run(tmp_path / os.fsdecode(name), fake_fields(0.5, 1))
    names = {row["run"] for row in report(tmp_path)}
    assert names == {r"bad\udcff", r"clear\x1b[2J", r"line\nbreak", "javascript:alert(1)", "'=1+1"}
    assert "\x1b" not in capsys.readouterr().out


def test_runs_in_very_deep_folders_and_behind_links_are_not_looked_for(tmp_path: Path) -> None:
    fake_run(tmp_path / "sweep" / "0", fake_fields(0.5, 1))
    fake_run(tmp_path / "outside", fake_fields(0.5, 1))
    (tmp_path / "sweep" / "link").symlink_to("../outside")
    (tmp_path / "sweep" / "loop").symlink_to(".")
    deep = tmp_path / "sweep" / "/".join(["d"] * 200)
    deep.mkdir(parents=True)
    fake_run(deep / "0", fake_fields(0.5, 1))
    assert [run.name for run in find_runs(tmp_path / "sweep")] == ["0"]


# ---- Configs that are loaded -----------------------------------------------------------------------------------------

BOMB = {f"a{n}": {"x": f"${{a{n + 1}}}", "y": f"${{a{n + 1}}}"} for n in range(40)} | {"a40": {"x": 1}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (BOMB, r"a0.x=\$\{a1\} does not refer to a single value"),
        ({"seed": "${seed}"}, r"seed=\$\{seed\} does not refer"),
        ({"model": {"name": "lenet5", "all": "${model}"}}, r"model.all=\$\{model\} does not refer"),
        ({"seed": "${absent.key}"}, r"seed=\$\{absent.key\} does not refer"),
        ({"dataset": {"name": "${dataset.root}", "root": "${oc.env:SECRET}"}}, "does not refer to a single value"),
        ({"study": "x", "dataset": {"name": "${oc.env:SECRET}"}}, "computes dataset.name from outside"),
        ({"dataset": {"name": "${oc.env:SECRET}", "root": "${dataset.name}"}}, "computes dataset.name from outside"),
        ({"seed": "${${threads}}"}, "computes seed from outside"),
        (
            {"train": {"epochs": 10**18, "batch_size": 8}},
            "train.epochs=1000000000000000000: must be at least 0 and at most 100000",
        ),
        ({"train": {"batch_size": 2**62}}, "train.batch_size=4611686018427387904: must be"),
        ({"threads": 10**6}, "threads=1000000: must be at least 1 and at most 4096"),
        ({"threads": 2**70}, "an integer beyond 64 bits"),
    ],
)
def test_a_config_that_reads_the_environment_or_grows_is_refused_without_its_secrets(
    values: dict[str, Any], message: str, completed: Completed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    run = completed(*UNTRAINED)
    saved = yaml.safe_load(config_of(run).read_text())
    config_of(run).write_text(yaml.safe_dump({**saved, **values}))
    with pytest.raises(UsageError, match=message) as refused:
        load_config(completed_run(run))
    assert SECRET not in str(refused.value)


def test_the_environment_does_not_reach_a_loaded_config(completed: Completed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    run = completed(*UNTRAINED)
    edit(run, dataset__root="${oc.env:SECRET}", store__dir="${oc.env:SECRET}", study="${oc.env:SECRET}")
    loaded, notes = load_config(completed_run(run))
    assert SECRET not in f"{loaded}{notes}"


def test_weights_behind_a_link_or_in_a_fifo_are_not_read(completed: Completed) -> None:
    run = completed(*UNTRAINED)
    link("model.safetensors", str(run.parent / "elsewhere"))(run)
    with pytest.raises(UsageError, match="cannot be read \\(is a symbolic link"):
        load_weights(read_run(run))
    fifo("model.safetensors")(run)
    with pytest.raises(UsageError, match="cannot be read \\(is not a regular file"):
        load_weights(read_run(run))


@pytest.mark.parametrize(
    "override",
    [
        "train.epochs=1000000",
        "finetune.batch_size=2147483648",
        "threads=1180591620717411303424",
        "seed=9223372036854775808",
        "schedule=iterative schedule.rounds=100000",
        "prune.iterations=100000",
        "prune.batches=2147483648",
        "search.replicates=100000",
        "dataset.mean=[nan]",
        "model=conv_lenet model.widths=[24,24,48,2147483648]",
    ],
)
def test_settings_have_upper_limits(override: str, composed: Compose) -> None:
    with pytest.raises(UsageError, match="must be"):
        composed(*override.split())


# ---- Searches that are confirmed -------------------------------------------------------------------------------------


@pytest.fixture
def search(completed: Completed) -> Path:
    """The directory of a search with one trial, `0`, and a run next to it, `outside`."""
    completed(*UNTRAINED, name="outside")
    completed(*UNTRAINED, name="search/0")
    folder = completed(*UNTRAINED, name="search/1").parent
    pareto(folder, [{"trial": 0, "directory": "0"}])
    return folder


def pareto(folder: Path, rows: object, trials: str = "0,completed,0") -> None:
    objectives = {"final.val_accuracy": "maximize", "param_reduction": "maximize"}
    (folder / "optimization_results.yaml").write_text(yaml.safe_dump({"objectives": objectives, "pareto": rows}))
    (folder / "trials.csv").write_text(f"trial,status,directory\n{trials}\n")


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"trial": "../../outside", "directory": "0"}], "'pareto' is not a list of trials"),
        ([{"trial": 0, "directory": "../outside"}], "leads out of the directory"),
        ([{"trial": 0, "directory": "/etc"}], "leads out of the directory"),
        ([{"trial": 0, "directory": "link"}], "is a symbolic link"),
        ([{"trial": 0, "directory": ["0"]}], "'pareto' is not a list of trials"),
        ([{"trial": 0, "directory": "0"}, {"trial": 0, "directory": "1"}], "'pareto' is not a list of trials"),
        ({"trial": 0}, "'pareto' is not a list of trials"),
    ],
)
def test_confirm_stays_in_the_directory_of_the_search(
    rows: object, message: str, search: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (search / "link").symlink_to("../outside")
    pareto(search, rows)
    before = files(search.parent)
    assert main(["confirm", str(search), "--seeds", "1"]) == 1
    assert message in capsys.readouterr().err
    assert files(search.parent) == before


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,completed,../outside", "leads out of the directory"),
        ("1,completed,/etc", "leads out of the directory"),
        ("1,completed,link", "is a symbolic link"),
        ("-1,completed,1", "has a completed trial without a number"),
    ],
)
def test_confirm_considers_no_trial_outside_of_the_directory(
    row: str, message: str, search: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (search / "link").symlink_to("../outside")
    pareto(search, [{"trial": 0, "directory": "0"}], row)
    before = files(search.parent)
    assert main(["confirm", str(search), "--seeds", "1"]) == 1
    assert message in capsys.readouterr().err
    assert files(search.parent) == before


@pytest.mark.parametrize("name", ["confirmed", "confirmed/0", "confirmed/0/seed=1"])
def test_confirm_writes_and_removes_nothing_behind_a_link(
    name: str, search: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (search / name).parent.mkdir(parents=True, exist_ok=True)
    (search / name).symlink_to(search.parent / "outside")
    before = files(search.parent)
    assert main(["confirm", str(search), "--seeds", "1"]) == 1
    assert "is a symbolic link" in capsys.readouterr().err
    assert files(search.parent) == before


def test_confirm_executes_no_code_and_leaves_the_users_store_alone(
    search: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = set((search.parent / "store").rglob("*.json"))
    edit(search / "0", store={"dir": str(search.parent / "store"), "max_gb": 0})
    assert main(["confirm", str(search), "--seeds", "1"]) == 0
    assert set((search.parent / "store").rglob("*.json")) == entries
    edit(search / "0", model={"name": "custom", "target": "subprocess.call", "kwargs": {"args": ["true"]}})
    assert main(["confirm", str(search), "--seeds", "1"]) == 1
    assert "its config names code, model.target=subprocess.call" in capsys.readouterr().err


def test_an_export_is_not_written_or_removed_behind_a_link(
    completed: Completed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = completed(*UNTRAINED)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model.txt").touch()
    (run / "export").symlink_to("../elsewhere")
    assert main(["export", str(run), "--format", "safetensors"]) == 1
    assert "is a symbolic link, which is not followed. Give another file with --out" in capsys.readouterr().err
    remove_outputs(run)
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["model.txt"]


# ---- Text for terminals and spreadsheets -----------------------------------------------------------------------------


def test_escape_sequences_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {"status": "failed", "overrides": [f"seed={ESCAPE}"], "error": f"{ESCAPE}\n9 of 9 runs completed\r"}
    fake_run(tmp_path / "0", fake_fields(0.5, 1, f"layers={ESCAPE}"))
    fake_run(tmp_path / "1", fake_fields(0.6, 1))
    (tmp_path / "2" / ".hydra").mkdir(parents=True)
    (tmp_path / "2" / "result.json").write_text(json.dumps(failed))
    assert main(["report", str(tmp_path)]) == 0
    assert main(["reproduce", str(tmp_path / "2")]) == 1
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert r"\x1b[2J" in printed.out
    assert r"\x1b[2J" in printed.err
    assert "\n9 of 9" not in printed.out


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", r"\t=1"),
        ("\r=1", r"\r=1"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        (-0.5, "-0.5"),
        (None, ""),
        (True, "True"),
        ("plain", "plain"),
    ],
)
def test_cells_of_tables_are_not_formulas(value: object, cell: str) -> None:
    (row,) = csv.DictReader(csv_text(["a", "=b"], [{"a": value, "=b": 1, "c": 2}]).splitlines())
    assert row == {"a": cell, "'=b": "1"}
