import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from chains import CONTEXT, equal, initial_state

from prunesweep.chain.observations import Count, Evaluate, Observation, confusion


def test_counting_reports_pruned_parameters_and_dead_layers() -> None:
    state = replace(initial_state(), masks={"fc3.weight": torch.zeros(10, 100, dtype=torch.bool)})
    record = Count(("fc3.weight",)).observe(state, CONTEXT)
    assert (record["params_selected"], record["params_pruned"]) == (1_000, 1_000)
    assert record["dead_layers"] == ("fc1", "fc2", "fc3")


def test_evaluation_scores_the_validation_and_the_test_split() -> None:
    state = initial_state()
    record = Evaluate("data").observe(state, CONTEXT)
    scores = {"val_loss", "val_accuracy", "test_loss", "test_accuracy"}
    assert set(record) == scores | {"confusion", "class_correct", "class_total"}
    assert record["class_total"] == [100] * 10 == [sum(row) for row in record["confusion"]]
    assert sum(record["class_correct"]) == round(record["test_accuracy"] * 1_000)
    assert [row[label] for label, row in enumerate(record["confusion"])] == record["class_correct"]
    assert record["test_accuracy"] * 1_000 == round(record["test_accuracy"] * 1_000)
    assert record["val_accuracy"] * 500 == round(record["val_accuracy"] * 500)
    assert equal(state, initial_state()), "an observation changes nothing"


def test_a_row_of_the_confusion_matrix_is_a_true_class() -> None:
    labels, predicted = torch.tensor([0, 0, 2, 2, 2]), torch.tensor([0, 1, 2, 1, 1])
    assert confusion(labels, predicted, 3).tolist() == [[1, 1, 0], [0, 0, 0], [0, 2, 1]]


def test_an_observation_is_described_by_what_it_measures() -> None:
    described = [Evaluate("data"), Evaluate("other data"), Count(("fc1.weight",)), Count(("fc3.weight",))]
    assert len({str(each.describe()) for each in described}) == 4


@pytest.mark.parametrize(
    "observation", [Evaluate("data"), Count(("fc1.weight",))], ids=lambda each: type(each).__name__
)
def test_only_a_record_with_the_same_fields_and_types_fits(observation: Observation) -> None:
    record = json.loads(json.dumps(observation.observe(initial_state(), CONTEXT)))
    assert observation.fits(record)
    others: list[dict[str, Any]] = [{}, {"steps": []}, {**record, "more": 1}]
    for name in record:
        others += [{key: value for key, value in record.items() if key != name}]
        others += [{**record, name: value} for value in (None, "1", {}, [1])]
    if "layers" in record:
        layer = record["layers"][0]
        others += [{**record, "layers": [{**layer, key: None}]} for key in ("total", "nonzero", "sparsity")]
        others += [{**record, "layers": [{}]}]
    assert [other for other in others if observation.fits(other)] == []
