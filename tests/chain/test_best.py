from dataclasses import replace

import pytest
import torch
from chains import CONTEXT

from prunesweep.chain.best import Best
from prunesweep.chain.state import State

STATES = {position: State({"w": torch.tensor(float(position))}) for position in (4, 5, 6)}


@pytest.mark.parametrize(
    ("accuracies", "losses", "best"),
    [
        ((0.9, 0.95, 0.8), (1.0, 1.0, 0.1), 5),
        ((0.95, 0.95, 0.8), (0.2, 0.3, 0.1), 4),
        ((0.9, 0.95, 0.95), (0.1, 0.2, 0.2), 6),
    ],
)
def test_the_epoch_with_the_best_validation_accuracy_counts(
    accuracies: tuple[float, ...], losses: tuple[float, ...], best: int
) -> None:
    records = {
        at: {"epoch": at + 10, "val_accuracy": accuracy, "val_loss": loss, "test_accuracy": 1 - accuracy}
        for at, accuracy, loss in zip(STATES, accuracies, losses, strict=True)
    }
    step = Best(tuple(STATES))
    context = replace(CONTEXT, recall=STATES.__getitem__, recorded=records.__getitem__)
    state, record = step.apply(State(), context)
    assert state.weights["w"] == best
    assert record["epoch"] == best + 10
    assert step.recalls == (4, 5, 6)
    assert (step.kind, step.summary()) == ("other", "best of 3 epochs")
