import pytest

from prunesweep.results.choices import choices, pairs

HYDRA = """hydra:
  run:
    dir: outputs
  runtime:
    cwd: /somewhere
    choices:
      experiment: null
      search: grid
      prune: random_layerwise
      layers: all
      model: lenet5
      hydra/launcher: local
  verbose: false
"""
SETTINGS = {"model.name": "lenet5", "prune.criterion": "random", "layers.kinds": "[conv, fc]"}


def test_options_are_those_that_hydra_saved() -> None:
    assert choices(HYDRA, ["prune=random_layerwise"], SETTINGS) == {
        "model": "lenet5",
        "layers": "all",
        "prune": "random_layerwise",
    }


def test_without_hydras_file_options_are_the_overridden_ones_or_have_a_name() -> None:
    assert choices("", ["layers=fc", "+seed=1"], SETTINGS) == {"model": "lenet5", "layers": "fc", "prune": "random"}


def test_a_name_that_was_typed_itself_is_not_an_option() -> None:
    assert "prune" not in choices("", ["prune.criterion=random"], SETTINGS)


@pytest.mark.parametrize("option", ["[a, b]", "{a: b}", "3", "&x y", "!!python/name:os.system", '"\\e[31m"', "x" * 201])
def test_an_option_that_is_not_a_printable_name_is_ignored(option: str) -> None:
    assert "model" not in choices(f"  runtime:\n    choices:\n      model: {option}\n", [], {})


def test_pairs_are_keys_and_values_of_overrides() -> None:
    assert dict(pairs(["a=1", "+b.c=x=y", "~d"])) == {"a": "1", "b.c": "x=y"}
