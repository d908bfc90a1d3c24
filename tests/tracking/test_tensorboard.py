from collections.abc import Callable
from typing import Any

import pytest

from prunesweep.tracking.tensorboard import TensorBoard
from prunesweep.tracking.tracked import Tracked

pytest.importorskip("tensorboard", reason="needs the extra [tensorboard]")


def events(run: Tracked) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run.folder / "tensorboard"))
    found.Reload()
    return found


def test_the_event_files_read_back(tracked: Callable[..., Tracked]) -> None:
    run = tracked()
    TensorBoard().log(run)
    found = events(run)
    assert [(event.step, round(event.value, 6)) for event in found.Scalars("epoch/val_accuracy")] == [
        (1, 0.5),
        (2, 0.75),
    ]
    assert [round(event.value, 6) for event in found.Scalars("final/test_accuracy")] == [0.7]
    (text,) = found.Tensors("config/text_summary")
    assert b'"amount": 0.2' in text.tensor_proto.string_val[0]
    assert "_hparams_/session_start_info" in found.summary_metadata


def test_the_same_run_again_replaces_what_there_is(tracked: Callable[..., Tracked]) -> None:
    for accuracy in (0.1, 0.2):
        TensorBoard().log(tracked(final={"test_accuracy": accuracy}))
    assert [round(event.value, 6) for event in events(tracked()).Scalars("final/test_accuracy")] == [0.2]
