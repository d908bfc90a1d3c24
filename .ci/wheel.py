"""Install the built wheel into a new environment, and compare `prunesweep run` in an empty folder with `python run.py`.

The new environment uses the dependencies of this Python, so that nothing is downloaded but the build tools.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHORT = ("model=lenet_300_100", "train.epochs=1", "finetune.epochs=1", "threads=1", "hydra.sweep.dir=sweep")
GRID = ("-m", "prune.amount=0.1,0.2,0.5", *SHORT)
TIMES = ("seconds",)
LAYERS = "defaults:\n  - /Layers@_here_\n  - _self_\ninclude: ['fc1']\nkinds: [fc]\n"
MODEL = "defaults:\n  - /LeNet300100@_here_\n  - _self_\n"
PYTHON = """
import prunesweep
result = prunesweep.run("model=mine", "layers=fc", "train.epochs=0", "finetune.epochs=0", "store.dir=store")
print(prunesweep.__file__, result.params_selected, len(prunesweep.load(result.directory)))
"""


def main() -> None:
    """Exit with a message at the first difference."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary).resolve()
        wheel = build(work)
        python = install(wheel, work / "venv")
        command, script = [str(python.with_name("prunesweep")), "run"], [sys.executable, str(ROOT / "run.py")]
        same_sweep(command, script, work)
        same_message(command, script, work)
        own_conf(command, script, work)
        used_from_python(python, work)


def build(work: Path) -> Path:
    """Return the wheel that is built from the source distribution. The one built from the checkout must be equal."""
    for name, arguments in (("direct", ["--wheel"]), ("through", [])):
        call([sys.executable, "-m", "build", *arguments, "--outdir", str(work / name), str(ROOT)], work)
    (direct,), (wheel,) = ((work / name).glob("*.whl") for name in ("direct", "through"))
    first, second = content(direct), content(wheel)
    expect("the wheel of the source distribution", second, first)
    options = [name for name in first if name.startswith("prunesweep/conf/")]
    expect("the settings in the wheel", len(options), sum(path.is_file() for path in (ROOT / "conf").rglob("*.yaml")))
    return wheel


def content(wheel: Path) -> dict[str, bytes]:
    """Return the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in sorted(archive.namelist())}


def install(wheel: Path, folder: Path) -> Path:
    """Install `wheel` without its dependencies into a new environment, which then finds those of this Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    call([str(python), "-m", "pip", "install", "-q", "--no-deps", str(wheel)], folder)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def same_sweep(command: Sequence[str], script: Sequence[str], work: Path) -> None:
    """Compare the files and results of the README's sweep."""
    folders = work / "command", work / "script"
    outputs = [call([*start, *GRID], folder) for start, folder in zip((command, script), folders, strict=True)]
    first, second = (results(folder / "sweep") for folder in folders)
    expect("amounts", [result["amount"] for result in first.values()], [0.1, 0.2, 0.5])
    expect("results", first, second)
    files = [sorted(str(path.relative_to(folder)) for path in (folder / "sweep").rglob("*")) for folder in folders]
    expect("files", *files)
    verdicts = [[line for line in output.splitlines() if "runs completed" in line] for output in outputs]
    expect("table", *verdicts)
    print(f"{len(first)} runs of prunesweep run and run.py have equal results, digests included")


def same_message(command: Sequence[str], script: Sequence[str], work: Path) -> None:
    """Compare what wrong settings print."""
    failures = [call([*start, "prune.amount=1.5"], work / "wrong", code=1) for start in (command, script)]
    expect("message", *failures)
    print(f"equal messages: {failures[0].strip()}")


def own_conf(command: Sequence[str], script: Sequence[str], work: Path) -> None:
    """Check that the user's own options are found and come first, in a sweep as well."""
    folder = work / "own"
    for name, text in (("layers/fc", LAYERS), ("model/mine", MODEL)):
        path = folder / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    call([*command, "-m", "layers=fc,all", "prune.amount=0.5", *SHORT, "model=mine"], folder)
    call([*script, "-m", "layers=fc,all", "prune.amount=0.5", *SHORT], work / "without")
    call([*script, "-m", "layers=fc", "layers.include=[fc1],[fc2]", "prune.amount=0.5", *SHORT], work / "spelled")
    own, without, spelled = (results(work / name / "sweep") for name in ("own", "without", "spelled"))
    expect("own option", own["0"]["digest"], spelled["0"]["digest"])
    expect("own option, parameters", own["0"]["params_selected"], 784 * 300)
    expect("option of prunesweep", own["1"]["digest"], without["1"]["digest"])
    assert own["0"]["digest"] != without["0"]["digest"], "the user's option is not used"
    print("the user's conf/ comes first")


def used_from_python(python: Path, work: Path) -> None:
    """Check that the installed package works from Python, with the user's own settings."""
    printed = call([str(python), "-c", PYTHON], work / "own").split()
    expect("selected parameters, rows", printed[1:], ["235200", "1"])
    assert Path(printed[0]).is_relative_to(work / "venv"), f"{printed[0]} is not the installed package"
    print("prunesweep.run works with the installed package")


def call(command: Sequence[str], folder: Path, *, code: int = 0) -> str:
    """Return the output of a command in `folder`, which must end with the exit code `code`."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    environment.pop("PYTHONPATH", None)
    if command[0] == sys.executable:
        environment["PYTHONPATH"] = str(ROOT / "src")  # of this checkout, whichever one is installed
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != code:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}, expected {code}\n{done.stdout}")
    return done.stdout


def results(sweep: Path) -> Mapping[str, Any]:
    """Return run -> result without its times."""
    paths = sorted(sweep.glob("*/result.json"))
    return {path.parent.name: without_times(json.loads(path.read_text())) for path in paths}


def without_times(value: Any) -> Any:
    """Return a nested value without measured times."""
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def expect(what: str, found: object, expected: object) -> None:
    """Exit with a message unless the values are equal."""
    if found != expected:
        sys.exit(f"{what}: found {found!s:.500}, expected {expected!s:.500}")


if __name__ == "__main__":
    main()
