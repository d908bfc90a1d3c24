import torch

from prunesweep.pruning.paths import IMAGE, OUTPUT, Paths, Wiring

INF = float("inf")


def identity(size: int) -> torch.Tensor:
    return torch.eye(size, dtype=torch.bool)


def chain() -> Wiring:
    """Return the wiring of two inputs, two hidden units `a` and two classes `b`."""
    every = torch.ones(2, 1, dtype=torch.bool)
    return Wiring(
        {"a": (2, 2), "b": (2, 2)}, {"a": {IMAGE: every}, "b": {"a": identity(2)}, OUTPUT: {"b": identity(2)}}
    )


LENGTHS = {
    "a": torch.tensor([[5.0, 1.0], [2.0, INF]], dtype=torch.float64),
    "b": torch.tensor([[3.0, 4.0], [INF, 1.0]], dtype=torch.float64),
}


def test_distances_and_paths_by_hand() -> None:
    """Hidden unit 0 is at 1 through its second input, unit 1 at 2. Class 0: 1 + 3 < 2 + 4. Class 1: 2 + 1."""
    paths = Paths(chain(), LENGTHS)
    assert paths.outputs["a"].tolist() == [1.0, 2.0]
    assert paths.classes.tolist() == [4.0, 3.0]
    assert paths.to_class(0) == ([("b", 0), ("a", 1)], (IMAGE, 0))
    assert paths.to_class(1) == ([("b", 3), ("a", 2)], (IMAGE, 0))


def test_a_class_without_a_path_is_infinitely_far() -> None:
    assert Paths(chain(), {**LENGTHS, "a": torch.full((2, 2), INF, dtype=torch.float64)}).classes.tolist() == [INF, INF]


def test_a_layer_without_lengths_costs_nothing() -> None:
    assert Paths(chain(), {"b": LENGTHS["b"]}).classes.tolist() == [3.0, 1.0]


def test_the_positions_in_a_kernel_are_entries_of_their_own() -> None:
    wiring = Wiring({"a": (1, 1)}, {"a": {IMAGE: identity(1)}, OUTPUT: {"a": identity(1)}})
    paths = Paths(wiring, {"a": torch.tensor([[[[4.0, 3.0], [2.0, 9.0]]]], dtype=torch.float64)})
    assert paths.to_class(0) == ([("a", 2)], (IMAGE, 0))


def test_paths_through_a_layer_beside_another_one() -> None:
    """Both layers read the image, and both classes read both layers: a skip connection around `b`."""
    wide = torch.ones(1, 1, dtype=torch.bool)
    wiring = Wiring({"a": (1, 1), "b": (1, 1)}, {"a": {IMAGE: wide}, "b": {"a": wide}, OUTPUT: {"a": wide, "b": wide}})
    lengths = {name: torch.tensor([[length]], dtype=torch.float64) for name, length in (("a", 1.0), ("b", 5.0))}
    paths = Paths(wiring, lengths)
    assert paths.classes.tolist() == [1.0]
    through = paths.through("b")
    assert through.classes.tolist() == [6.0]
    behind, start = through.to_class(0)
    assert (behind, start) == ([], ("b", 0))
    assert paths.to_unit(*start)[0] == [("b", 0), ("a", 0)]


def test_without_layers_there_are_no_classes() -> None:
    assert Paths(Wiring(), {}).classes.tolist() == []
