import pytest
from fakes import TOTAL, fake_fields

from prunesweep.report.compute.costs import AXES, costs, finetuning, stage


def test_every_axis_has_a_cost() -> None:
    found = costs(fake_fields(0.5, 0))
    assert list(found) == list(AXES)
    assert found["params_nonzero"] == TOTAL - 30_853
    assert found["compression"] == pytest.approx(2, rel=1e-3)
    assert (found["finetuning_epochs"], found["finetuning_seconds"]) == (2, 1.0)
    assert found["file_bytes"] is None


def test_what_the_result_tells_of_a_file_and_of_nothing_left() -> None:
    found = costs(fake_fields(1.0, 0, compact={"file_bytes": 7}))
    assert (found["file_bytes"], found["compression"], found["params_nonzero"]) == (7, None, 0)


def test_fine_tuning_begins_with_the_first_pruning() -> None:
    history = [{"round": number} for number in (0, 0, 1, 2)]
    assert finetuning(history) == [{"round": 1}, {"round": 2}]
    assert finetuning([]) == []


def test_a_stage_costs_what_was_spent_up_to_it() -> None:
    history = [{"round": number, "val_accuracy": 0.9, "seconds": 2.0} for number in (0, 1, 1, 2)]
    fields = fake_fields(0.5, 0, history=history, compact={"file_bytes": 7})
    found = costs(stage(fields, {"round": 1, "params_nonzero": 50_000, "macs_nonzero": 9}))
    assert (found["params_nonzero"], found["macs_nonzero"], found["file_bytes"]) == (50_000, 9, None)
    assert (found["finetuning_epochs"], found["finetuning_seconds"]) == (2, 4.0)
