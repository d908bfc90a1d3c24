"""A search as it was asked for: what is searched, what is fixed, and what two searches must share to be one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from prunesweep.errors import UsageError
from prunesweep.files import canonical
from prunesweep.search.dimensions import dimension
from prunesweep.search.space import Space

ELSEWHERE = ("search", "study", "store", "threads", "device", "dataset.root")
"""Settings that say where and how a search runs, not what it finds."""
NOT_FOR_RUNS = ("search.storage", "study")
"""A storage's URL may hold a password, which no run needs to know; the study's name is told to each anyway."""


@dataclass(frozen=True)
class Asked:
    """The keys searched, and the overrides that all runs share."""

    space: Space
    fixed: list[str]


def asked(params: Mapping[str, str], arguments: Sequence[str], config: DictConfig, loader: ConfigLoader) -> Asked:
    """Put the search's own `params` and the command line's `arguments` together; a range on the command line wins.

    Raises:
        UsageError: a key is both fixed and searched, a range holds no value, or nothing is searched.
    """
    parser = OverridesParser.create(config_loader=loader)
    own = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    given = parser.parse_overrides(list(arguments))
    searched = {each.get_key_element(): each for each in (*own, *given) if each.is_sweep_override()}
    fixed = [each for each in (*own, *given) if not each.is_sweep_override()]
    for each in fixed:
        _check_not_both(each, searched)
    if not searched:
        raise UsageError("hydra.sweeper.params={}: nothing to search. Give a key a range, like prune.amount: range(…).")
    seeds = config.search.replicates
    if "seed" in searched and seeds > 1:
        raise UsageError(f"{searched['seed'].input_line}: search.replicates={seeds} sets the seeds; use one of both.")
    dimensions = tuple(dimension(each, OmegaConf.select(config, key)) for key, each in searched.items())
    lines = [each.input_line for each in fixed if each.get_key_element() not in NOT_FOR_RUNS]
    return Asked(Space(dimensions), [line for line in lines if line])


def _check_not_both(fixed: Override, searched: Mapping[str, Override]) -> None:
    other = searched.get(fixed.get_key_element())
    if other is not None:
        key = fixed.get_key_element()
        raise UsageError(
            f"{key}: is both fixed ({fixed.input_line}) and searched ({other.input_line}). "
            f"Remove one of them, or fix it as a search of one value: {key}=choice({fixed.get_value_element_as_str()})."
        )


def definition(asked: Asked, config: DictConfig) -> dict[str, dict[str, Any]]:
    """All that the trials of a study share, as plain text by key."""
    plain = OmegaConf.to_container(
        OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]), resolve=True
    )
    assert isinstance(plain, dict)
    settings = {
        key: value
        for key, value in _flat(plain)
        if not any(key == name or key.startswith(f"{name}.") for name in (*ELSEWHERE, *asked.space.keys))
    }
    return {
        "space": {each.key: str(each) for each in asked.space.dimensions},
        "search": {
            "search.objectives": str(list(config.search.objectives)),
            "search.replicates": str(config.search.replicates),
        },
        "settings": settings,
    }


def _flat(node: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def default_name(choice: str, definition: Mapping[str, Any], sampler: DictConfig) -> str:
    """`tradeoff-1b2c3d4e`: the name of a search that was not given one; the same for the same search."""
    content = canonical([definition, OmegaConf.to_container(sampler)])
    return f"{choice}-{hashlib.sha256(content).hexdigest()[:8]}"
