import pytest

from prunesweep.results.schema import NUMBERS, SCORES, STRINGS, schema_error

EPOCH = {"round": 0, "val_accuracy": 0.5, "seconds": 1.0}
FIELDS = {
    "status": "completed",
    "overrides": [],
    "seed": 0,
    "layers": [],
    "history": [EPOCH, {**EPOCH, "phase": "dense"}],
    "rounds": [],
    "dead_layers": [],
    **dict.fromkeys(NUMBERS, 1),
    **dict.fromkeys(STRINGS, "a"),
    **{point: {"val_accuracy": 0.5, "test_accuracy": 0.5} for point in SCORES},
}


@pytest.mark.parametrize("fields", [FIELDS, {**FIELDS, "compact": None}, {"status": "failed", "overrides": ["a=1"]}])
def test_results_without_error(fields: dict[str, object]) -> None:
    assert schema_error(fields) is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"schema_version": 99}, "schema_version 99, this release reads 1"),
        ({"overrides": None}, "'overrides' is not a list of strings"),
        ({"model": 1}, "'model' is not a string"),
        ({"macs_nonzero": None}, "'macs_nonzero' is not a number >= 0"),
        ({"seed": 1.5}, "'seed' is not an integer"),
        ({"seed": True}, "'seed' is not an integer"),
        ({"sparsity": True}, "'sparsity' is not a number >= 0"),
        ({"sparsity": -0.1}, "'sparsity' is not a number >= 0"),
        ({"final": {"val_accuracy": 0.5}}, "'final.test_accuracy' is not a number from 0 to 1"),
        ({"dense": {"val_accuracy": 1.5, "test_accuracy": 0.5}}, "'dense.val_accuracy' is not a number from 0 to 1"),
        ({"layers": [1]}, "'layers' is not a list of objects with total, nonzero, sparsity"),
        ({"layers": [{"total": 1, "nonzero": 1, "sparsity": 0}]}, "'layers' has an entry without a name"),
        ({"history": None}, "'history' is not a list of objects with round, val_accuracy, seconds"),
        (
            {"history": [{**EPOCH, "phase": "warmup"}]},
            "'history' has an epoch with phase 'warmup'; phases are dense, ramp, finetune, ticket, control",
        ),
        (
            {"history": [{**EPOCH, "phase": None}]},
            "'history' has an epoch with phase None; phases are dense, ramp, finetune, ticket, control",
        ),
        ({"compact": [1]}, "'compact' is not an object"),
        ({"dead_layers": [1]}, "'dead_layers' is not a list of strings"),
        ({"rounds": None}, "'rounds' is not a list of objects"),
        ({"rounds": [{"round": 1}]}, "round 1: 'amount' is not a number >= 0"),
    ],
)
def test_the_first_error_is_named(change: dict[str, object], error: str) -> None:
    assert schema_error({**FIELDS, **change}) == f"result.json: {error}"
