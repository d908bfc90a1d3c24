from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from support import ROOT

from prunesweep.errors import UsageError
from prunesweep.search.definition import Asked, asked, default_name, definition

PARAMS = {"prune.amount": "range(0.1,0.5,step=0.1)", "finetune.epochs": "3"}


def ask(*arguments: str, params: dict[str, str] = PARAMS, overrides: tuple[str, ...] = ()) -> tuple[Asked, Any]:
    with initialize_config_dir(str(ROOT / "conf")):
        config = compose("config", list(overrides))
        loader = GlobalHydra.instance().config_loader()
        return asked(params, arguments, config, loader), definition(asked(params, arguments, config, loader), config)


def test_ranges_are_searched_and_the_rest_is_fixed() -> None:
    found, _ = ask("seed=3", "layers=all,fc", "~train.gamma", "study=mine", "search.storage=sqlite:///secret")
    assert found.space.keys == ["prune.amount", "layers"]
    assert found.fixed == ["finetune.epochs=3", "seed=3", "~train.gamma"]


def test_a_range_on_the_command_line_replaces_that_of_the_search() -> None:
    found, _ = ask("prune.amount=choice(0.3,0.4)")
    assert found.space.overrides({"prune.amount": 0.3}) == ["prune.amount=0.3"]
    assert found.space.size == 2


def test_every_option_of_a_group() -> None:
    found, _ = ask("layers=glob(*)")
    assert set(found.space.dimensions[1].values or ()) == {"all", "article", "conv", "fc"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune.amount=0.5"], "prune.amount: is both fixed .* a search of one value: prune.amount=choice\\(0.5\\)"),
        (["finetune.epochs=range(1,4)"], "finetune.epochs: is both fixed .finetune.epochs=3. and searched"),
    ],
)
def test_a_key_both_fixed_and_searched_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ask(*arguments)


def test_nothing_to_search_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to search"):
        ask(params={})


def test_replicates_set_the_seeds() -> None:
    with pytest.raises(UsageError, match=r"seed=0,1: search.replicates=2 sets the seeds"):
        ask("seed=0,1", overrides=("search.replicates=2",))


def test_the_definition_is_what_is_found_not_where_or_how() -> None:
    _, one = ask()
    _, same = ask(overrides=("threads=1", "store.dir=x", "study=mine", "search.heartbeat=5", "dataset.root=y"))
    assert one == same
    assert one["space"] == {"prune.amount": "range(0.1,0.5,step=0.1)"}
    assert "prune.amount" not in one["settings"]
    for changed in ("search.replicates=2", "dataset=mnist", "seed=1", "search.objectives=[val_loss]"):
        assert ask(overrides=(changed,))[1] != one


def test_the_default_name_is_that_of_the_search() -> None:
    sampler = OmegaConf.create({"_target_": "a"})
    _, one = ask()
    assert default_name("tradeoff", one, sampler) == default_name("tradeoff", ask()[1], sampler)
    assert default_name("tradeoff", one, sampler).startswith("tradeoff-")
    assert default_name("tradeoff", one, sampler) != default_name("tradeoff", ask("seed=0,1")[1], sampler)
