import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from support import FORKS

from prunesweep.workers import Ended, Handler, Message, Pool, Send, ThisProcess, WorkerDied, Workers

TIMEOUT = 30.0
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file


def handle(argument: Any, send: Send) -> Any:
    """The handler of these tests: what it does depends on its argument."""
    match argument:
        case "fail":
            raise ValueError("bad")
        case "exit":
            sys.exit(3)
        case "not picklable":
            raise _NotPicklable(lambda: None)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case ("say", *words):
            for word in words:
                send(word)
        case "pid":
            return os.getpid()
        case "hang":
            send("hangs")
            while True:
                time.sleep(60)
    return argument


class _NotPicklable(Exception):
    def __init__(self, reason: Callable[[], None]) -> None:
        super().__init__("odd")
        self.reason = reason

    def __reduce__(self) -> Any:
        raise TypeError("no")


def finish(pool: Pool, *arguments: Any) -> tuple[dict[int, Ended], list[Message]]:
    """Execute the calls with `arguments`, and return their ends by key and all messages."""
    ended: dict[int, Ended] = {}
    messages: list[Message] = []
    waiting = list(enumerate(arguments))
    while len(ended) < len(arguments):
        while waiting and pool.free:
            pool.submit(*waiting.pop(0))
        ended.update({each.key: each for each in pool.wait(messages.append, TIMEOUT)})
    return ended, messages


@pytest.fixture(params=["this process", "workers"])
def pool(request: pytest.FixtureRequest) -> Any:
    if request.param == "this process":
        yield ThisProcess(handle)
    else:
        with Workers(2, handle) as workers:
            yield workers


def test_workers_get_their_own_variables_in_turn() -> None:
    variables = [{"CUDA_VISIBLE_DEVICES": "4"}, {"CUDA_VISIBLE_DEVICES": "5"}]
    with Workers(3, lambda _, __: os.environ["CUDA_VISIBLE_DEVICES"], environments=variables) as pool:
        for key in range(3):
            pool.submit(key, None)
        found: dict[int, object] = {}
        while len(found) < 3:
            found.update({end.key: end.value for end in pool.wait(print)})
    assert found == {0: "4", 1: "5", 2: "4"}


def test_calls_return_values_raise_errors_and_send_messages(pool: Pool) -> None:
    ended, messages = finish(pool, 7, "fail", ("say", "a", "b"))
    assert (ended[0].value, ended[0].error) == (7, None)
    assert isinstance(ended[1].error, ValueError)
    assert str(ended[1].error) == "bad"
    assert messages == [Message(2, "a"), Message(2, "b")]


def test_a_killed_worker_costs_its_call_only_and_is_replaced() -> None:
    with Workers(2, handle) as pool:
        ended, _ = finish(pool, "die", 1, "die", 2, 3)
        assert [type(ended[key].error) for key in range(5)] == [WorkerDied, type(None), WorkerDied, *[type(None)] * 2]
        assert pool.free == pool.count == 2


def test_a_worker_that_is_killed_between_calls_is_replaced() -> None:
    with Workers(1, handle) as pool:
        os.kill(pool.pids[0], signal.SIGKILL)
        ended, _ = finish(pool, 1)
        assert ended[0].value == 1 or isinstance(ended[0].error, WorkerDied)
        assert finish(pool, 2)[0][0].value == 2


def test_calls_that_end_their_process_or_raise_what_cannot_be_sent_are_errors() -> None:
    with Workers(1, handle) as pool:
        ended, _ = finish(pool, "exit", "not picklable", "pid")
        assert str(ended[0].error) == "SystemExit(3)"
        assert str(ended[1].error) == "_NotPicklable: odd"
        assert ended[2].value == pool.pids[0], "the worker survived"


def test_handlers_of_the_main_module_and_closures_are_sent() -> None:
    number = 3
    handler: Handler = lambda argument, _: argument + number  # noqa: E731
    with Workers(1, handler) as pool:
        assert finish(pool, 1)[0][0].value == 4


class Unloadable:
    """A handler that cannot be loaded in another process."""

    def __call__(self, argument: Any, send: Send) -> None: ...

    def __reduce__(self) -> Any:
        return eval, ("1 / 0",)


def test_a_handler_that_cannot_be_loaded_is_the_error_of_every_call() -> None:
    with Workers(1, Unloadable()) as pool:
        ended, _ = finish(pool, 1, 2)
    assert [type(each.error) for each in ended.values()] == [ZeroDivisionError] * 2


def test_workers_have_the_environment_and_the_folder_of_their_parent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRUNESWEEP_TEST", "here")
    monkeypatch.chdir(tmp_path)
    with Workers(1, lambda _, __: (os.environ.get("PRUNESWEEP_TEST"), str(Path.cwd()))) as pool:
        assert finish(pool, None)[0][0].value == ("here", str(tmp_path))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_leaving_the_pool_ends_workers_that_are_busy() -> None:
    with Workers(2, handle) as pool:
        pids = pool.pids
        pool.submit(0, "hang")
        pool.wait(lambda _: None, TIMEOUT)
    assert not any(map(alive, pids))


def test_an_interrupt_while_workers_start_prints_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
        from multiprocessing.connection import Connection
        from prunesweep.workers import Workers

        def interrupted(self, content):
            self._send(content[:10])  # the beginning of a message
            raise KeyboardInterrupt

        if __name__ == "__main__":
            Connection._send_bytes = interrupted
            try:
                Workers(1, print)
            except KeyboardInterrupt:
                print("interrupted")
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_workers_start_where_the_folder_for_temporary_files_has_a_long_path(tmp_path: Path) -> None:
    script, folder = tmp_path / "parent.py", tmp_path / ("long" * 25)
    folder.mkdir()
    script.write_text(
        textwrap.dedent("""
        from prunesweep.workers import Workers, prepare

        if __name__ == "__main__":
            prepare()
            with Workers(1, len) as pool:
                print(pool.pids[0] > 0)
        """)
    )
    variables = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, script], env=variables, capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.skipif(not FORKS, reason="reads /proc")
def test_a_terminal_cannot_interrupt_workers_and_the_process_that_they_are_forked_from(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"  # a new process: the one of this test may have started other processes before
    script.write_text(
        textwrap.dedent("""
            import signal
            from pathlib import Path
            from prunesweep.workers import Workers

            def blocked(pid):
                status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
                mask = int(status["SigBlk"], 16)
                return [bool(mask & 1 << number - 1) for number in (signal.SIGINT, signal.SIGTERM)]

            if __name__ == "__main__":
                with Workers(1, print) as pool:
                    worker = pool.pids[0]
                    parent = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1]
                    print(blocked(worker), blocked(parent), blocked("self"))
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[True, False] [True, False] [False, False]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_their_parent_and_remove_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        import time
        from pathlib import Path
        from prunesweep.workers import Workers

        def hang(argument, send):
            send("hangs")
            time.sleep(60)

        if __name__ == "__main__":
            with Workers(2, hang, Path({str(folder)!r})) as pool:
                for key in range(2):
                    pool.submit(key, None)
                heard = []
                while len(heard) < 2:
                    pool.wait(heard.append)
                print(*pool.pids, flush=True)
                time.sleep(60)
        """)
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.communicate()
    wait_until(lambda: not any(map(alive, pids)) and not folder.exists())
