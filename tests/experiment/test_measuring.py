import pytest

from prunesweep.experiment.measuring import collapse


@pytest.mark.parametrize(
    ("dead", "accuracy", "trained", "reason"),
    [
        ([], 0.27, True, "test accuracy 27.00%, chance is 20.00%"),  # 0.2 + 2 * sqrt(0.2 * 0.8 / 100) = 0.28
        ([], 0.29, True, None),
        ([], 0.1, False, None),
        (["fc1", "fc2"], 0.9, True, "no signal passes fc1, fc2"),
    ],
)
def test_a_dead_layer_or_accuracy_at_chance_is_a_collapse(
    dead: list[str], accuracy: float, *, trained: bool, reason: str | None
) -> None:
    assert collapse(dead, accuracy, [20, 20, 20, 20, 20], trained=trained) == reason
