from pathlib import Path
from unittest.mock import MagicMock

from prunesweep.search.owner import Owner


def owner(folder: Path, interval: float = 60) -> Owner:
    storage = MagicMock()
    storage.get_heartbeat_interval.return_value = interval
    return Owner(folder, storage)


def test_a_process_is_alive_while_it_holds_its_lock(tmp_path: Path) -> None:
    with owner(tmp_path) as me:
        other = owner(tmp_path)
        with other:
            assert not me.is_dead(other.signature, silent=True)
        assert not list(tmp_path.glob(other.name)), "a process that ends without an error leaves no file"
        other = owner(tmp_path).__enter__()
        other.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        assert me.is_dead(other.signature, silent=False)
        assert not me.is_dead(me.signature, silent=True)
        assert me.is_dead(None, silent=False), "it died before it signed its trial"


def test_processes_elsewhere_are_dead_when_their_heartbeats_stop(tmp_path: Path) -> None:
    with owner(tmp_path) as me:
        for signature in ("another-machine/0123", f"{me.host}/in-another-folder"):
            assert me.is_dead(signature, silent=True)
            assert not me.is_dead(signature, silent=False)


def test_heartbeats_are_sent_for_the_trials_that_are_held_also_after_an_error(tmp_path: Path) -> None:
    sent: list[int] = []

    def record(trial: int) -> None:
        sent.append(trial)
        if len(sent) == 1:
            raise OSError("the database is away")

    with owner(tmp_path, interval=0.001) as me:
        me.storage.record_heartbeat.side_effect = record  # type: ignore[attr-defined]
        me.holding([7])
        while len(sent) < 3:
            me._stopped.wait(0.001)
    assert set(sent) == {7}
