from typing import Any

import pytest
from fakes import TOTAL, fake_fields

from prunesweep.report.costs import AXES, costs, finetuning


def epoch(step: int, sparsity: float = 0.0) -> dict[str, Any]:
    return {"step": step, "sparsity": sparsity}


def test_every_axis_has_a_cost() -> None:
    found = costs(fake_fields(0.5, 0))
    assert list(found) == list(AXES)
    assert found["params_nonzero"] == TOTAL - 30_853
    assert found["compression"] == pytest.approx(2, rel=1e-3)
    assert (found["finetuning_epochs"], found["finetuning_seconds"]) == (2, 1.0)
    assert found["file_bytes"] is None


def test_what_the_result_tells_of_a_file_and_of_nothing_left() -> None:
    found = costs(fake_fields(1.0, 0, compact={"bytes": 7}))
    assert (found["file_bytes"], found["compression"], found["params_nonzero"]) == (7, None, 0)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], 0),
        ([epoch(1), epoch(2)], 0),
        ([epoch(1), epoch(2), epoch(4, 0.5), epoch(5, 0.5)], 2),
        ([epoch(1), epoch(3), epoch(4)], 2),
        ([epoch(2, 0.5)], 1),
        ([epoch(1), epoch(2, 0.1), epoch(3, 0.2)], 2),
    ],
    ids=["none", "never pruned", "one shot", "an amount of 0", "no dense training", "gradual"],
)
def test_fine_tuning_begins_with_the_first_pruning(history: list[dict[str, Any]], expected: int) -> None:
    assert len(finetuning(history)) == expected
