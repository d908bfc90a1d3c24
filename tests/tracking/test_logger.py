import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.logger import Logger, track


@dataclass
class Unreachable(Logger):
    name: str = "unreachable"

    def log(self, run: RunDirectory, sweep: Path | None) -> None:
        raise OSError("the server is down")


def test_a_failing_tracker_is_a_warning(tracked: Callable[..., RunDirectory], caplog: pytest.LogCaptureFixture) -> None:
    run = tracked()
    with caplog.at_level(logging.WARNING):
        track(Unreachable(), run.folder, None)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"logger=unreachable: {run.folder} was not recorded (OSError: the server is down). The run itself is complete."
    )


def test_a_damaged_result_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @dataclass
    class Reader(Logger):
        name: str = "reader"

        def log(self, run: RunDirectory, sweep: Path | None) -> None:
            assert run.result["history"]

    track(Reader(), tmp_path, None)
    assert "logger=reader: " in caplog.text
    assert "KeyError: 'history'" in caplog.text
