from collections.abc import Callable
from typing import Any

import pytest

from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.tensorboard import TensorBoard

pytest.importorskip("tensorboard", reason="needs the extra [tensorboard]")


def events(run: RunDirectory) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(run.folder / "tensorboard"))
    accumulator.Reload()
    return accumulator


def test_event_files_contain_curves_metrics_and_settings(tracked: Callable[..., RunDirectory]) -> None:
    run = tracked()
    TensorBoard().log(run, None)
    logged = events(run)
    assert [(event.step, round(event.value, 6)) for event in logged.Scalars("epoch/val_accuracy")] == [
        (1, 0.5),
        (2, 0.75),
    ]
    assert [round(event.value, 6) for event in logged.Scalars("final/test_accuracy")] == [0.7]
    (text,) = logged.Tensors("config/text_summary")
    assert b"amount: 0.2" in text.tensor_proto.string_val[0]
    assert "_hparams_/session_start_info" in logged.summary_metadata


def test_logging_a_run_again_replaces_its_events(tracked: Callable[..., RunDirectory]) -> None:
    for accuracy in (0.1, 0.2):
        TensorBoard().log(tracked(final={"test_accuracy": accuracy}), None)
    assert [round(event.value, 6) for event in events(tracked()).Scalars("final/test_accuracy")] == [0.2]
