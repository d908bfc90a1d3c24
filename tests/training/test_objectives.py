import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunesweep.training.objectives import distilled, penalized, supervised

IMAGES = torch.zeros(2, 1)
LABELS = torch.tensor([0, 1])


class Constant(nn.Module):
    """A network with the same logits for every image."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), -1)


STUDENT, TEACHER = Constant(0.0, 0.0), Constant(2 * math.log(3), 0.0)
"""Probabilities of the teacher: 9/10 and 1/10 at temperature 1, 3/4 and 1/4 at temperature 2."""


def test_the_loss_of_the_labels_is_the_mean_cross_entropy() -> None:
    assert supervised(STUDENT, IMAGES, LABELS).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("weight", "temperature", "expected"),
    [
        (0.0, 2.0, math.log(2)),
        (1.0, 1.0, 0.9 * math.log(1.8) + 0.1 * math.log(0.2)),
        (1.0, 2.0, 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))),
        (0.25, 2.0, 0.75 * math.log(2) + 0.75 * math.log(1.5) + 0.25 * math.log(0.5)),
    ],
)
def test_distillation_by_hand(weight: float, temperature: float, expected: float) -> None:
    assert distilled(TEACHER, weight, temperature)(STUDENT, IMAGES, LABELS).item() == pytest.approx(expected)


def test_the_gradient_is_that_of_the_cross_entropy_with_soft_targets_and_reaches_the_student_only() -> None:
    student, twin = Constant(0.3, -0.2), Constant(0.3, -0.2)
    distilled(TEACHER, 1.0, 2.0)(student, IMAGES, LABELS).backward()
    (4 * cross_entropy(twin(IMAGES) / 2, torch.tensor([[0.75, 0.25]] * 2))).backward()
    assert torch.allclose(student.logits.grad, twin.logits.grad)
    assert TEACHER.logits.grad is None


def test_a_penalty_is_added_to_the_loss() -> None:
    objective = penalized(supervised, lambda model: model.get_parameter("logits").sum() + 3, 0.5)
    assert objective(STUDENT, IMAGES, LABELS).item() == pytest.approx(math.log(2) + 1.5)


def test_a_network_that_agrees_with_its_teacher_has_nothing_to_learn_from_it() -> None:
    student = Constant(2 * math.log(3), 0.0)
    loss = distilled(TEACHER, 1.0, 3.0)(student, IMAGES, LABELS)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert student.logits.grad.abs().max() < 1e-6
