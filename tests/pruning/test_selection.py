import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.errors import UsageError
from prunesweep.models.build import build
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet300100
from prunesweep.pruning.selection import prunable, select
from prunesweep.pruning.settings import Layers

LENET5 = build(LeNet5(), (1, 28, 28), 10)
NAMES = ["conv1", "conv2", "fc1", "fc2", "fc3"]


def weights(*layers: str) -> tuple[str, ...]:
    return tuple(f"{layer}.weight" for layer in layers)


def test_prunable_layers_and_their_kinds() -> None:
    assert prunable(LENET5) == {"conv1": "conv", "conv2": "conv", "fc1": "fc", "fc2": "fc", "fc3": "fc"}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (Layers(), weights(*NAMES)),
        (Layers(kinds=["conv"]), weights("conv1", "conv2")),
        (Layers(include=["fc*"], exclude=["fc2"]), weights("fc1", "fc3")),
        (Layers(include=["fc[12]"]), weights("fc1", "fc2")),
        (Layers(include=["fc3", "conv1", "fc3"]), weights("conv1", "fc3")),
        (Layers(include=["conv1"], biases=True), ("conv1.weight", "conv1.bias")),
    ],
)
def test_layers_are_selected_by_name_and_kind(layers: Layers, expected: tuple[str, ...]) -> None:
    assert select(LENET5, layers) == expected


@given(st.lists(st.sampled_from(NAMES), min_size=1))
def test_order_and_duplicates_do_not_matter(include: list[str]) -> None:
    assert select(LENET5, Layers(include=include)) == select(LENET5, Layers(include=sorted(set(include))))


def test_number_of_weights_in_the_layers_of_the_article() -> None:
    model = build(ConvLeNet(), (1, 28, 28), 10)
    selected = select(model, Layers(include=["conv1", "conv2", "conv4", "fc"]))
    assert sum(dict(model.named_parameters())[name].numel() for name in selected) == 149_016


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (Layers(include=["conv9"]), r"layers.include=\[conv9\]: matches no layer.*conv1 \(conv\).*fc3 \(fc\)"),
        (Layers(include=["conv1", "conv9"]), r"layers.include=\[conv9\]"),
        (Layers(exclude=["fc9"]), r"layers.exclude=\[fc9\]"),
        (Layers(exclude=["*"]), "selects no layer. The prunable layers are conv1"),
        (Layers(include=[]), "selects no layer"),
    ],
)
def test_the_message_for_no_match_lists_the_prunable_layers(layers: Layers, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        select(LENET5, layers)


def test_a_kind_without_layers_in_the_network_is_refused() -> None:
    with pytest.raises(UsageError, match=r"layers.kinds=\['conv'\]: selects no layer"):
        select(build(LeNet300100(), (1, 28, 28), 10), Layers(kinds=["conv"]))


def test_whole_channels_include_biases_but_not_the_last_layer() -> None:
    assert select(LENET5, Layers(include=["fc*"]), output="fc3") == (
        "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias",
    )  # fmt: skip
    with pytest.raises(UsageError, match="selects no layer except the last, whose outputs are the classes"):
        select(LENET5, Layers(include=["fc3"]), output="fc3")
