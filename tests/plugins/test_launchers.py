"""The same search with every launcher, two runs at a time, and by two processes on one PostgreSQL study."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ROOT, SPACE, TINY, Command, outcomes, results, trials

SEARCH = (*TINY[:-1], *SPACE, "study=s", "hydra.sweeper.n_trials=4")

LAUNCHERS = [
    ("joblib", "joblib", ["hydra.launcher.n_jobs=2"]),
    ("ray", "ray", ["hydra.launcher.ray.init.num_cpus=2"]),
    ("submitit_local", "submitit", ["hydra.sweeper.n_jobs=2"]),
]

ISOLATED = {"RAY_TMPDIR": f"/tmp/ray-{os.getpid()}", "RAY_AUTH_MODE": "disabled"}  # no token in the user's home


@pytest.mark.parametrize(("launcher", "package", "settings"), LAUNCHERS, ids=[name for name, *_ in LAUNCHERS])
def test_two_at_a_time(launcher: str, package: str, settings: list[str], run_py: Command, tmp_path: Path) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    pytest.importorskip(f"hydra_plugins.hydra_{package}_launcher", reason=f"hydra-{package}-launcher is not installed")
    done = run_py(*SEARCH, f"hydra/launcher={launcher}", *settings, fresh=True, **ISOLATED)
    shutil.rmtree(ISOLATED["RAY_TMPDIR"], ignore_errors=True)
    assert done.code == 0, done.err
    folder = tmp_path / "multirun" / "s"
    assert results(folder)["trials"]["completed"] == 4
    assert "4 of 4 runs completed" in done.out
    assert len(list(folder.glob("*/result.json"))) == 4


def test_a_grid_in_waves_has_the_bits_of_the_default_launcher(run_py: Command, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher is not installed")
    short = ("model=lenet_300_100", "dataset.validation=3500", "train.epochs=1", "device=cpu")
    grid = ("-m", *short, "prune.amount=0.5,0.9", "finetune.epochs=0,1")
    for name, launcher in (("local", []), ("joblib", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"])):
        options = [f"hydra.sweep.dir={name}", f"store.dir={tmp_path / name}-store"]
        done = run_py(*grid, *launcher, *options, store=False, fresh=name == "joblib")
        assert done.code == 0, done.err
    assert len(outcomes(tmp_path / "local")) == 4
    assert outcomes(tmp_path / "local", but=("steps_cached",)) == outcomes(tmp_path / "joblib", but=("steps_cached",))


def _postgres() -> Path | None:
    found = shutil.which("initdb") or next(
        iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))), None
    )
    return Path(found).parent if found else None


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database on a loopback port. The server is stopped after the test."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[postgres]'")
    programs = _postgres()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="prunesweep-"))  # other users cannot read pytest's folders
    user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def program(name: str, *arguments: str) -> None:
        command = [*user, str(programs / name), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    program("initdb", "-A", "trust", "-U", "me")
    program("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-h 127.0.0.1 -p {port} -k {folder}", "start")
    try:
        yield f"postgresql+psycopg://me:secret@127.0.0.1:{port}/postgres"
    finally:
        program("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path, database: str, *overrides: str) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(ROOT / "run.py"), *SEARCH, "threads=1", f"search.storage={database}"]
    command += [f"store.dir={folder.parent / 'store'}", "search.heartbeat=4", "hydra.sweeper.n_jobs=1", *overrides]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_two_machines_share_a_study_and_run_the_trials_of_a_third_that_died(database: str, tmp_path: Path) -> None:
    machines = [tmp_path / name for name in ("one", "two")]
    both = [start(folder, database, "hydra.sweeper.n_trials=5") for folder in machines]  # both create the tables
    for process in both:
        out, _ = process.communicate()
        assert process.returncode == 0, out
    studies = [folder / "multirun" / "s" for folder in machines]
    assert trials(studies[0]) == trials(studies[1])
    assert [row["status"] for row in trials(studies[0])].count("completed") == 5
    done = [path.parent.name for study in studies for path in study.glob("*/result.json")]
    assert len(done) == len(set(done)) == 5, "each trial was run by one of them"
    assert "secret" not in (studies[0] / "multirun.yaml").read_text()
    assert not [path for study in studies for path in study.glob("*/.hydra/*") if "secret" in path.read_text()]

    dying = start(tmp_path / "three", database, "hydra.sweeper.n_trials=7")
    while not list((tmp_path / "three").glob("multirun/s/*/.hydra")):
        assert dying.poll() is None
    dying.kill()
    dying.communicate()
    rest = start(tmp_path / "one", database, "hydra.sweeper.n_trials=7")
    out, _ = rest.communicate()
    assert rest.returncode == 0, out
    assert [row["status"] for row in trials(studies[0])].count("completed") == 7
    assert [row["status"] for row in trials(studies[0])].count("taken back") == 1
