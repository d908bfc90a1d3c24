"""Each operation against the definition in its docstring, computed with Python's integers."""

import torch
from torch import nn

from prunesweep.quantization.fixed_point import fixed_point
from prunesweep.quantization.operations import Affine, Average, Lookup, Plain


def integers(*shape: int, largest: int = 127) -> torch.Tensor:
    return torch.randint(-largest, largest + 1, shape, generator=torch.Generator().manual_seed(0)).double()


def test_a_linear_layer_in_python_integers() -> None:
    weight, bias, values = integers(3, 5), torch.tensor([1000.0, -5.0, 0.0]), integers(2, 5)
    factors = [fixed_point(factor) for factor in (0.01, 0.003, 1.0)]
    multipliers, shifts = (torch.tensor(each) for each in zip(*factors, strict=True))
    found = Affine("fc", nn.Linear(5, 3), weight, bias, multipliers, shifts).apply(values)
    for image in range(2):
        for unit, (multiplier, shift) in enumerate(factors):
            products = zip(weight[unit].tolist(), values[image].tolist(), strict=True)
            accumulator = int(bias[unit]) + sum(int(a) * int(b) for a, b in products)
            result = accumulator * multiplier + (1 << (shift - 1)) >> shift
            assert found[image, unit] == max(-127, min(127, result))


def test_a_grouped_convolution_equals_its_linear_form() -> None:
    layer = nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2)
    weight, values = integers(4, 1, 3, 3), integers(1, 2, 5, 5)
    ones = torch.ones(4, dtype=torch.int64)
    found = Affine("c", layer, weight, torch.zeros(4), 2 * ones, ones, limit=10**6).apply(values)
    padded = nn.functional.pad(values, (1, 1, 1, 1))
    assert found.shape == (1, 4, 3, 3)
    assert found[0, 3, 1, 2] == (weight[3, 0] * padded[0, 1, 2:5, 4:7]).sum()


def test_pooling_and_tables() -> None:
    values = torch.tensor([[[[3.0, 4.0], [-8.0, 2.0]]]]).double()
    assert Plain("p", nn.MaxPool2d(2)).apply(values).item() == 4
    assert Average("a", nn.AvgPool2d(2), *fixed_point(1 / 4)).apply(values).item() == 0  # 1/4
    assert Average("a", nn.AvgPool2d(2), *fixed_point(1 / 4)).apply(values + 1).item() == 1  # 5/4
    table = torch.arange(255).double()
    assert Lookup("t", table).apply(torch.tensor([-127.0, 0.0, 127.0])).tolist() == [0, 127, 254]


def test_descriptions_are_plain_values() -> None:
    assert Plain("relu1", nn.ReLU()).describe() == {"kind": "relu", "name": "relu1"}
    assert Average("a", nn.AvgPool2d(2), 3, 4).describe() == {
        "kind": "average",
        "name": "a",
        "multiplier": 3,
        "shift": 4,
    }
