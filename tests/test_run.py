"""The command line, in real processes."""

import json
from pathlib import Path
from typing import Any

import pytest
from support import Command

SHORT = ("model=lenet_300_100", "train.epochs=1", "finetune.epochs=1", "threads=1")


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("result.json"))]


def without_times(fields: dict[str, Any]) -> str:
    history = [{**epoch, "seconds": None} for epoch in fields["history"]]
    return json.dumps({**fields, "seconds": None, "history": history}, indent=2)


def test_a_grid_of_three_amounts_trains_the_dense_network_once(run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "prune.amount=0.1,0.2,0.5", *SHORT, "hydra.sweep.dir=sweep")
    assert done.code == 0, done.err
    completed = results(tmp_path / "sweep")
    assert [result["amount"] for result in completed] == [0.1, 0.2, 0.5]
    for result in completed:
        assert abs(result["sparsity"] - result["amount"]) <= 1 / result["params_selected"]
    assert len({result["dense_digest"] for result in completed}) == 1
    assert [result["steps_cached"] for result in completed] == [2, 2, 2], (
        "the dense network was trained before the runs"
    )
    assert "3 of 3 runs completed" in done.out
    *_, page, verdict = done.out.splitlines()
    assert page.endswith("sweep/report.html")
    assert verdict.endswith("dense (one seed).")
    assert verdict in (tmp_path / "sweep" / "report.html").read_text().replace("&nbsp;", " ")
    assert (tmp_path / "sweep" / "results.csv").read_text().count("\n") == 4
    assert "Warning" not in done.err


def test_two_processes_give_the_same_bytes_except_times(run_py: Command, tmp_path: Path) -> None:
    for name, fresh in (("one", False), ("two", True)):
        store = f"store.dir={tmp_path / name / 'store'}"
        done = run_py(*SHORT, f"hydra.run.dir={name}", store, store=False, fresh=fresh)
        assert done.code == 0, done.err
    (one,), (two,) = (results(tmp_path / name) for name in ("one", "two"))
    one["overrides"] = two["overrides"] = []  # they name the store
    assert without_times(one) == without_times(two)
    assert (tmp_path / "one" / "model.safetensors").read_bytes() == (
        tmp_path / "two" / "model.safetensors"
    ).read_bytes()


def test_a_failing_job_does_not_stop_the_others(run_py: Command, tmp_path: Path) -> None:
    done = run_py(
        "-m", "model=lenet_300_100", "layers=conv,fc,all", "train.epochs=0", "finetune.epochs=0", "hydra.sweep.dir=s"
    )
    assert done.code == 1
    assert [result["status"] for result in results(tmp_path / "s")] == ["failed", "completed", "completed"]
    assert "2 of 3 runs completed, 1 failed" in done.out
    assert "run 0 failed (layers=conv): " in done.out
    assert "selects no layer" in done.out
    assert "Traceback" not in done.out + done.err


def test_a_run_and_a_sweep_without_an_amount_say_how_much_is_pruned(run_py: Command) -> None:
    short = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0")
    message = "prune.amount is not set: pruning 20 % of the selected weights, the default.\n"
    assert run_py(*short).out.startswith(message)
    assert run_py("-m", *short, "seed=0,1").out.count(message) == 1
    assert message not in run_py(*short, "prune.amount=0.2").out
    assert run_py(*short, "layers=conv").out == "", "a run that is refused prunes nothing"


def test_a_directory_never_holds_the_result_of_another_config(run_py: Command, tmp_path: Path) -> None:
    small = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", "hydra.run.dir=x")
    assert run_py(*small).code == 0
    assert (tmp_path / "x" / "result.json").exists()
    assert run_py(*small, "prune.amount=7").code == 1
    assert "prune.amount=7" in (tmp_path / "x" / ".hydra" / "overrides.yaml").read_text(), "Hydra wrote the new config"
    left = {path.name for path in (tmp_path / "x").iterdir()}
    assert not left & {"result.json", "model.safetensors", "provenance.json"}


def test_a_saved_config_runs_again_with_overrides_on_top(run_py: Command, tmp_path: Path) -> None:
    assert run_py(*SHORT, "prune.amount=0.3", "hydra.run.dir=first").code == 0
    saved = ("--config-path", str(tmp_path / "first" / ".hydra"), "--config-name", "config")
    further = run_py(*saved, "hydra.run.dir=further", "prune.amount=0.6", store=False)
    assert further.code == 0, further.err
    first, changed = (results(tmp_path / name)[0] for name in ("first", "further"))
    assert (changed["amount"], changed["model"]) == (0.6, "lenet_300_100")
    assert changed["dense_digest"] == first["dense_digest"]


def test_a_custom_network_with_a_custom_criterion(run_py: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def score(of):\n    return -of.weight.abs()\n"
        "def net(width):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))\n"
    )
    own = (
        *SHORT[1:],
        "model=custom",
        "model.target=mine.net",
        "model.kwargs.width=5",
        "prune=custom",
        "prune.target=mine.score",
    )
    done = run_py(*own, "hydra.run.dir=own", PYTHONPATH=str(tmp_path))
    assert done.code == 0, done.err
    (result,) = results(tmp_path / "own")
    assert result["params_total"] == 785 * 5 + 60


HELP = ["model: conv_lenet, custom, lenet5", "prune: custom, grasp, l1, l2, lamp", "-m prune.amount=0.1,0.2,0.5"]


def test_help_shows_groups_options_and_examples(run_py: Command) -> None:
    done = run_py("--help", store=False, fresh=True)
    assert done.code == 0
    assert all(text in done.out for text in HELP)


@pytest.mark.parametrize("arguments", [("--cfg", "job"), ("--info", "defaults-tree")])
def test_hydra_shows_the_config(arguments: tuple[str, str], run_py: Command) -> None:
    done = run_py(*arguments, store=False)
    assert done.code == 0
    assert "lenet5" in done.out


def test_the_shell_completes_groups_and_options(run_py: Command) -> None:
    for line, expected in (
        ("model=len", {"model=lenet5", "model=lenet5_caffe", "model=lenet_300_100"}),
        ("prune.am", {"prune.amount="}),
    ):
        done = run_py("-sc", "query=bash", store=False, COMP_LINE=f"python run.py {line}", COMP_POINT="99")
        assert set(done.out.split()) == expected


BAD = [
    ("prune.amount=1.5", "prune.amount=1.5: must be at least 0 and at most 1"),
    ("prune.amount=-0.1", "prune.amount=-0.1: must be at least 0 and at most 1"),
    ("prune.amount=nan", "prune.amount=nan: must be at least 0 and at most 1"),
    ("prune.amount=abc", "prune.amount=abc: must be a number or null."),
    ("prune=0.5", "prune=0.5: must be one of custom, grasp, l1, "),
    ("store=dir", "store=dir: must be set by its keys: store.enabled, store.dir, store.max_gb."),
    ("hydra.run.dir=a=b", "hydra.run.dir=a=b: cannot be read"),
    ("prune.amount=20", "For 20 %, write prune.amount=0.2."),
    ("prune.amount=0.1,0.2", "prune.amount=0.1,0.2: has several values. To run all of them, add -m."),
    ("prune=magnitude", "Did you mean 'l1'?"),
    ("finetune.epochs=-1", "finetune.epochs=-1: must be at least 0"),
    ("model=lenet6", "must be one of conv_lenet, custom, lenet5, lenet5_caffe, lenet_300_100. Did you mean 'lenet5'?"),
    ("prune.amout=0.2", "prune.amout: there is no such key. Did you mean 'amount'? The keys of prune are criterion, "),
    ("+prune.amout=0.2", "prune.amout: there is no such key. Did you mean 'amount'?"),
    ("layers.include=[conv9]", "layers.include=[conv9]: matches no layer. The prunable layers are conv1"),
    ("dataset=kmnist dataset.root=nowhere", "dataset.root=nowhere: kmnist is not there and cannot be downloaded"),
    ("model=custom model.target=torch.nn.Flatten", "the output for 2 images has shape [2, 784]"),
    ("device=cuda", "device=cuda: this machine does not have a CUDA device. Allowed are cpu and auto."),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "message"), BAD, ids=[overrides for overrides, _ in BAD])
def test_bad_input_gives_one_message_and_leaves_nothing_behind(
    overrides: str, message: str, run_py: Command, tmp_path: Path
) -> None:
    done = run_py(*overrides.split(), "hydra.run.dir=out", CUDA_VISIBLE_DEVICES="")
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.out + done.err
    assert len([line for line in done.err.splitlines() if line.lower().startswith("error")]) == 1
    left = {path.relative_to(tmp_path).parts for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {
        ("out", "run.log"),
        *(("out", ".hydra", f"{name}.yaml") for name in ("config", "hydra", "overrides")),
    }


def test_a_truncated_data_file_is_reported(run_py: Command, tmp_path: Path) -> None:
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for name in (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ):
        (folder / name).write_bytes(b"short")
    done = run_py("dataset=fashion_mnist", f"dataset.root={tmp_path}")
    assert done.code == 1
    assert "train-images-idx3-ubyte: is 5 bytes long, expected 47,040,016" in done.err


def test_an_impossible_value_in_a_sweep_is_reported_before_the_first_run(run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "prune.amount=0.1,1.5", "hydra.sweep.dir=sweep")
    assert done.code == 1
    assert "prune.amount=1.5: must be at least 0 and at most 1" in done.err
    assert results(tmp_path) == []


def test_the_traceback_is_shown_on_request(run_py: Command) -> None:
    assert "Traceback" in run_py("prune.amount=1.5", HYDRA_FULL_ERROR="1").err
