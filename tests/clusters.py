"""A Slurm cluster and a Ray cluster of processes on this machine, for tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

PATIENCE = 120.0  # seconds
SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=1
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000
PartitionName=cpu Nodes=one Default=YES
"""


def until(condition: Callable[[], object], reason: str, log: Path | None = None) -> None:
    """Wait until `condition` is true. A failure shows the log of the program that was waited for."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{reason}\n{log.read_text() if log else ''}"
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextmanager
def running(log: Path, *command: str, folder: Path | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """A program, which is killed in the end with all its processes."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        yield process
    finally:
        kill(process.pid)
        process.wait()


def processes() -> Iterator[tuple[int, int, str]]:
    """The ID, the parent and the command line of each process."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            yield int(entry.name), int(parent), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:
            continue  # it has ended


def tree(root: int) -> dict[int, str]:
    """The command lines of a process and its descendants, by ID."""
    found = list(processes())
    commands = {pid: command for pid, _, command in found if pid == root}
    for parent in (pending := list(commands)):
        children = {pid: command for pid, above, command in found if above == parent}
        commands.update(children)
        pending += children
    return commands


def kill(root: int) -> None:
    """Kill a process and its descendants."""
    for pid in tree(root):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def slurm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A controller and one node with two cores, without accounting: `sacct` fails."""
    programs = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "squeue")
    if missing := [each for each in programs if shutil.which(each) is None]:
        pytest.skip(f"{', '.join(missing)}: not installed: apt-get install slurm-wlm")
    if os.geteuid() != 0:
        pytest.skip("slurmd starts jobs of other users, so this test needs root")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    controller, node = free_ports(2)
    conf = folder / "slurm.conf"
    conf.write_text(SLURM_CONF.format(host=socket.gethostname(), controller=controller, node=node, folder=folder))
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    monkeypatch.setenv("SLURM_CONF", str(conf))
    files = {each: f"--{each}-file={folder}/munge.{each}" for each in ("key", "log", "pid", "seed")}
    munge = ("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files.values())
    with ExitStack() as stack:
        stack.enter_context(running(folder / "munged.log", *munge))
        until((folder / "munge.socket").exists, "munged does not start")
        stack.enter_context(running(folder / "slurmctld.log", "slurmctld", "-D", "-i"))
        log = folder / "slurmd.log"
        stack.enter_context(running(log, "slurmd", "-D", "-N", "one"))
        until(lambda: output("sinfo", "--noheader", "--format=%T") == "idle", "the node does not start", log)
        yield
        subprocess.run(["scancel", "--me"], check=True)
        until(lambda: not output("squeue", "--noheader"), "the jobs do not end")


def output(*command: str) -> str:
    """What a command prints, or nothing if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def ray(folder: Path) -> Iterator[str]:
    """The address of a head and the nodes `one` and `two`, with one core each."""
    port, sockets = free_ports(1)[0], f"/tmp/ray-{os.getpid()}"  # the path of a socket must be short
    shared = ("--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block")
    shared += ("--min-worker-port=0", "--max-worker-port=0")
    address = f"{socket.gethostbyname(socket.gethostname())}:{port}"
    head = ("--head", f"--port={port}", f"--temp-dir={sockets}", "--include-dashboard=false")
    node = (f"--address={address}",)
    command = (sys.executable, "-m", "ray.scripts.scripts", "start", *shared)
    try:
        with ExitStack() as stack:
            for name, role in (("head", head), ("one", node), ("two", node)):  # nodes of one host start in turn
                log = folder / f"{name}.log"
                stack.enter_context(running(log, *command, *role, f"--node-name={name}"))
                until(lambda log=log: "Ray runtime started" in log.read_text(), f"{name} does not start", log)
            yield address
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def kill_node(name: str) -> None:
    """Kill a node of the Ray cluster with all its workers, without a warning."""
    commands = {pid: command.split() for pid, command in tree(os.getpid()).items()}
    kill(next(pid for pid, words in commands.items() if words[0].endswith("raylet") and f"--node-name={name}" in words))
