import pytest

from prunesweep.errors import UsageError
from prunesweep.models.settings import MODELS, ConvLeNet, CustomModel, LeNet5Caffe


def test_each_network_has_its_own_name() -> None:
    names = [model.name for model in MODELS]
    assert names == ["lenet5", "lenet5_caffe", "lenet_300_100", "conv_lenet", "custom"]


@pytest.mark.parametrize("widths", [[24, 24], [24, 24, 48, 0], [24, 24, 48, 2**31], []])
def test_widths_must_be_four_positive_numbers(widths: list[int]) -> None:
    with pytest.raises(UsageError, match=r"model.widths=\[.*\]: must be four numbers of channels from 1 to 4,096"):
        ConvLeNet(widths=widths)


def test_custom_model_without_target_is_refused() -> None:
    with pytest.raises(UsageError, match="model.target: model=custom needs the import path"):
        CustomModel()


def test_the_architecture_does_not_depend_on_the_initial_weights() -> None:
    expected = {"name": "lenet5_caffe", "conv_relu": True}
    for start in ({"weights": "trained.pt"}, {"init": "he_normal"}):
        assert LeNet5Caffe(conv_relu=True, **start).architecture() == expected
