from typing import Any

import pytest

from prunesweep.results.schema import COUNTS, FRACTIONS, SCORES, STRINGS, schema_error

EPOCH = {"round": 0, "val_accuracy": 0.5, "seconds": 1.0}
FIELDS: dict[str, Any] = {
    "status": "completed",
    "overrides": [],
    "seed": 0,
    "layers": [],
    "history": [EPOCH, {**EPOCH, "phase": "dense"}],
    "rounds": [],
    "dead_layers": [],
    "seconds": 1.5,
    **dict.fromkeys((*COUNTS, *FRACTIONS), 1),
    **dict.fromkeys(STRINGS, "a"),
    **{point: {"val_accuracy": 0.5, "test_accuracy": 0.5} for point in SCORES},
}


DATA: dict[str, Any] = {
    "classes": ["cat", "dog"],
    "examples": {"train": 8, "validation": 2, "test": 4},
    "class_accuracy": [0.5, None],
    "confusion": [[1, 1], [0, 0]],
}


@pytest.mark.parametrize(
    "fields",
    [
        FIELDS,
        {**FIELDS, **DATA},
        {**FIELDS, **DATA, "confusion": None},
        {**FIELDS, "compact": None},
        {"status": "failed", "overrides": ["a=1"]},
    ],
)
def test_results_without_error(fields: dict[str, object]) -> None:
    assert schema_error(fields) is None


LAYER = {"name": "fc", "total": 1, "nonzero": 1, "sparsity": 0}
COUNT = "a number from 0 to 1e+15"
LAYERS = "'layers' is not a list of at most 1,000 objects with total, nonzero, sparsity"
EPOCHS = "'history' is not a list of objects with round, val_accuracy, seconds"
PHASES = "phases are dense, ramp, regrow, finetune, ticket, control, quantize"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"schema_version": 99}, "schema_version 99, this release reads 1"),
        ({"status": "paused"}, "status 'paused', this release reads completed and failed"),
        ({"overrides": None}, "'overrides' is not a list of strings"),
        ({"model": 1}, "'model' is not a printable string"),
        ({"model": "a\x1b[2J"}, "'model' is not a printable string"),
        ({"model": ""}, "'model' is not a printable string"),
        ({"dataset": "x" * 201}, "'dataset' is not a printable string"),
        ({"macs_nonzero": None}, f"'macs_nonzero' is not {COUNT}"),
        ({"macs_total": 10**15 + 1}, f"'macs_total' is not {COUNT}"),
        ({"macs_total": float("inf")}, f"'macs_total' is not {COUNT}"),
        ({"seconds": float("nan")}, f"'seconds' is not {COUNT}"),
        ({"seed": 1.5}, "'seed' is not an integer from 0 to 2^63 - 1"),
        ({"seed": True}, "'seed' is not an integer from 0 to 2^63 - 1"),
        ({"seed": 2**63}, "'seed' is not an integer from 0 to 2^63 - 1"),
        ({"sparsity": True}, "'sparsity' is not a number from 0 to 1"),
        ({"sparsity": -0.1}, "'sparsity' is not a number from 0 to 1"),
        ({"amount": 1.1}, "'amount' is not a number from 0 to 1"),
        ({"params_nonzero": 2}, "'params_nonzero' is not between 0 and 'params_total'"),
        ({"params_nonzero": 0, "params_total": 0}, "'params_nonzero' is not between 0 and 'params_total'"),
        ({"compression": "2"}, f"'compression' is not {COUNT}"),
        ({"packed_bytes": "900"}, f"'packed_bytes' is not {COUNT}"),
        ({"latency_us": -1}, f"'latency_us' is not {COUNT}"),
        ({"criterion": ["l1"]}, "'criterion' is not a single value"),
        (
            {f"field {number}": 1 for number in range(100)},
            "has more than 100 fields, or a field without a printable name",
        ),
        ({"a\nb": 1}, "has more than 100 fields, or a field without a printable name"),
        ({"final": {"val_accuracy": 0.5}}, "'final.test_accuracy' is not a number from 0 to 1"),
        ({"final": 0.5}, "'final.val_accuracy' is not a number from 0 to 1"),
        ({"dense": {"val_accuracy": 1.5, "test_accuracy": 0.5}}, "'dense.val_accuracy' is not a number from 0 to 1"),
        ({"dense": {**FIELDS["dense"], "layers": [1]}}, "'dense' is not an object with numbers"),
        ({"layers": [1]}, LAYERS),
        ({"layers": [LAYER] * 1_001}, LAYERS),
        ({"layers": [{**LAYER, "name": None}]}, "'layers' has an entry without a printable name"),
        ({"history": None}, EPOCHS),
        ({"history": [{**EPOCH, "seconds": "1"}]}, EPOCHS),
        ({"history": [{**EPOCH, "phase": "warmup"}]}, f"'history' has an epoch with phase warmup; {PHASES}"),
        ({"history": [{**EPOCH, "phase": None}]}, f"'history' has an epoch with phase None; {PHASES}"),
        ({"history": [{**EPOCH, "phase": []}]}, f"'history' has an epoch with phase []; {PHASES}"),
        ({"compact": [1]}, "'compact' is not an object with numbers"),
        ({"compact": "small"}, "'compact' is not an object with numbers"),
        ({"compact": {"file_bytes": "1"}}, "'compact' is not an object with numbers"),
        ({"dead_layers": [1]}, "'dead_layers' is not a list of printable strings"),
        ({"rounds": None}, "'rounds' is not a list of at most 10,000 objects"),
        ({"rounds": [{"round": 1}]}, "round 1: 'amount' is not a number from 0 to 1"),
        ({"rounds": [{"round": "1"}]}, f"round 1: 'round' is not {COUNT}"),
    ],
)
def test_the_first_error_is_named(change: dict[str, object], error: str) -> None:
    assert schema_error({**FIELDS, **change}) == f"result.json: {error}"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"classes": None}, "'classes' is not a list of 2 to 100,000 printable names"),
        ({"classes": ["cat"]}, "'classes' is not a list of 2 to 100,000 printable names"),
        ({"classes": ["cat", "\x1b[2J"]}, "'classes' is not a list of 2 to 100,000 printable names"),
        ({"examples": {"train": 1}}, "'examples' is not an object with the number of examples"),
        ({"examples": {"train": 1, "validation": 1, "test": -1}}, "'examples' is not an object with the number"),
        ({"examples": {"train": 1, "validation": 1, "test": 1.5}}, "'examples' is not an object with the number"),
        ({"class_accuracy": [0.5, 2]}, "'class_accuracy' is not a list of numbers from 0 to 1"),
        ({"class_accuracy": [0.5]}, "'class_accuracy' and 'confusion' do not have an entry for each class"),
        ({"confusion": [[1, 1]]}, "'class_accuracy' and 'confusion' do not have an entry for each class"),
        ({"confusion": [[1, 1], [0]]}, "'class_accuracy' and 'confusion' do not have an entry for each class"),
        ({"confusion": [[1, 1], [0, -1]]}, "'class_accuracy' and 'confusion' do not have an entry for each class"),
        ({"confusion": "x"}, "'class_accuracy' and 'confusion' do not have an entry for each class"),
    ],
)
def test_errors_of_classes(change: dict[str, object], error: str) -> None:
    assert error in str(schema_error({**FIELDS, **DATA, **change}))


@pytest.mark.parametrize("name", sorted(DATA.keys() - {"confusion"}))
def test_all_or_nothing_is_known_about_the_classes(name: str) -> None:
    assert schema_error({**FIELDS, **{key: value for key, value in DATA.items() if key != name}})
