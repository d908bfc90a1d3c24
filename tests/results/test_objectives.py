import math

import pytest

from prunesweep.errors import UsageError
from prunesweep.results.objectives import OBJECTIVES, SearchSettings, about_as_good, objective
from prunesweep.results.result import MEASURED

RESULT = {"final": {"val_accuracy": 0.9}, "macs_nonzero": 50, "macs_total": 200, "compression": None}


def test_values_and_references_come_from_the_result() -> None:
    assert objective("val_accuracy").value(RESULT) == 0.9
    assert objective("macs_nonzero").value(RESULT) == 50
    assert objective("macs_nonzero").reference(RESULT) == 200
    assert objective("val_accuracy").reference(RESULT) == 0
    assert objective("val_loss").reference(RESULT) == math.log(10)


def test_measured_sizes_and_latencies_are_compared_with_the_dense_network() -> None:
    result = {"packed_bytes": 1_150, "latency_us": None, "params_total": 431_080, "macs_total": 2_293_000}
    assert objective("packed_bytes").value(result) == 1_150
    assert objective("packed_bytes").reference(result) == objective("file_bytes").reference(result) == 1_724_320
    assert objective("latency_us").reference(result) == 2_293
    assert {objective(name).direction for name in MEASURED} == {"minimize"}
    with pytest.raises(ArithmeticError, match="latency_us is None"):
        objective("latency_us").value(result)


def test_directions() -> None:
    assert objective("val_accuracy").direction == "maximize"
    assert objective("final.val_loss").direction == "minimize"


def test_a_value_that_is_not_a_finite_number_is_an_error() -> None:
    with pytest.raises(ArithmeticError, match="compression is None"):
        objective("compression").value(RESULT)
    with pytest.raises(ArithmeticError, match="is nan"):
        objective("val_accuracy").value({"final": {"val_accuracy": math.nan}})


def test_scores_on_test_images_are_not_objectives() -> None:
    assert not any("test" in name for name in OBJECTIVES)
    for name in ("test_accuracy", "final.test_loss"):
        with pytest.raises(UsageError, match=f"test images .* never for selection. Use {name.replace('test', 'val')}"):
            objective(name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objectives": []}, "name at least one objective"),
        ({"objectives": ["val_acuracy"]}, "Did you mean 'val_accuracy'?"),
        ({"objectives": ["val_accuracy", "final.val_accuracy"]}, "contains the same objective twice"),
        ({"replicates": 0}, "search.replicates=0: must be at least 1"),
        ({"heartbeat": 0}, "search.heartbeat=0: must be at least 1"),
    ],
)
def test_bad_settings(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SearchSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("accuracies", "good"),
    [
        ([], []),
        ([(0.97, 0.965), (0.97, 0.964)], [True, False]),
        ([(0.97, 0.96), (0.90, 0.90)], [False, False]),
        ([(0.90, 0.969), (0.97, 0.96)], [True, False]),
        ([(None, 0.90), (0.97, 0.97)], [False, True]),
        ([(None, 0.90), (None, 0.95)], [False, True]),
    ],
)
def test_a_network_is_good_if_it_is_near_the_best_dense_network(
    accuracies: list[tuple[float | None, float]], good: list[bool]
) -> None:
    assert about_as_good(accuracies) == good
