"""The search space in Hydra's sweep syntax: which keys of a command line are searched, over which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.prunesweep_plugins.composing import JobComposer

if TYPE_CHECKING:
    from prunesweep.search.conditions import Condition
    from prunesweep.search.dimensions import Dimension
    from prunesweep.search.space import Space

NOT_FOR_RUNS = ("search.storage", "study")
"""Settings that are not passed to runs as given: a storage's URL can contain a password, `study` is always passed."""


def parse(
    params: Mapping[str, str],
    conditions: Mapping[str, str],
    arguments: Sequence[str],
    config: DictConfig,
    loader: JobComposer,
) -> tuple[Space, list[str]]:
    """Separate the searched keys from the fixed settings. A range in `arguments` replaces one in `params`.

    Args:
        params: The section `hydra.sweeper.params`.
        conditions: The section `hydra.sweeper.conditions`.
        arguments: The overrides of the command line.
        config: The config of the sweep.
        loader: Composes the configs of jobs, and knows the options of each group.

    Returns:
        The search space, and the overrides that all runs share.

    Raises:
        UsageError: A key is both fixed and searched, a range contains no value, a condition is not possible, or nothing
            is searched.
    """
    from prunesweep.errors import UsageError
    from prunesweep.search.conditions import check_keys, narrow, requirements
    from prunesweep.search.space import Space

    parser = OverridesParser.create(config_loader=loader)  # type: ignore[arg-type]
    own = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    overrides = [*own, *parser.parse_overrides(list(arguments))]
    searched = {each.get_key_element(): each for each in overrides if each.is_sweep_override()}
    fixed = [each for each in overrides if not each.is_sweep_override()]
    for each in fixed:
        _check_not_searched(each, searched)
    if not searched:
        raise UsageError(
            "hydra.sweeper.params={}: nothing to search. Give a key a range, like prune.amount: range(...)."
        )
    if "seed" in searched and config.search.replicates > 1:
        raise UsageError(
            f"{searched['seed'].input_line}: search.replicates={config.search.replicates} sets the seeds. "
            "Search over the seed or use replicates, not both."
        )
    allowed = {key: _condition(key, text, parser) for key, text in conditions.items()}
    check_keys(allowed, list(searched))
    shared = [each.input_line for each in fixed if each.input_line and each.get_key_element() not in NOT_FOR_RUNS]
    dimensions = {}
    for key, each in searched.items():
        needed = requirements(key, allowed)
        context = config
        if needed and each.is_interval_sweep():  # the type of the key decides, and `config` may not contain the key
            context = loader.load_sweep_config(config, [*shared, *needed])
        dimensions[key] = dimension(each, OmegaConf.select(context, key))
    declared = {each.get_key_element(): dimension(each, None) for each in own if each.is_sweep_override()}
    return Space.of(*narrow(dimensions, allowed, declared)), shared


def _check_not_searched(fixed: Override, searched: Mapping[str, Override]) -> None:
    from prunesweep.errors import UsageError

    key = fixed.get_key_element()
    if key in searched:
        raise UsageError(
            f"{key}: is both fixed ({fixed.input_line}) and searched ({searched[key].input_line}). "
            f"Remove one of them, or search over one value: {key}=choice({fixed.get_value_element_as_str()})."
        )


def _condition(key: str, text: str, parser: OverridesParser) -> Condition:
    """Return the condition `text`, such as `schedule=one_shot,iterative`, of the searched `key`."""
    from prunesweep.errors import UsageError
    from prunesweep.search.conditions import SETTING, Condition

    parent, _, values = text.partition("=")
    found: Dimension | None = None
    if parent and values:
        override = parser.parse_override(text)
        if not override.is_sweep_override():
            override = parser.parse_override(f"{parent}=choice({values})")
        found = dimension(override, None)
    if found is None or found.values is None:
        raise UsageError(
            f"{SETTING}: {key}: {text}: write a searched key and the values under which {key} is searched, "
            "such as schedule=one_shot,iterative."
        )
    return Condition(parent, found.values)


def dimension(override: Override, current: Any) -> Dimension:
    """Return what the sweep `override` searches.

    Args:
        override: An override in Hydra's sweep syntax.
        current: The present value of the key. Its type is the type of the values of an interval.

    Raises:
        UsageError: The range contains no value.
    """
    from prunesweep.errors import UsageError
    from prunesweep.search.dimensions import Choice, interval, stepped

    key, value = override.get_key_element(), override.value()
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        return interval(key, value.start, value.end, log="log" in value.tags, current=current)
    if isinstance(value, RangeSweep) and not value.transformers and not value.shuffle:
        assert value.start is not None
        assert value.stop is not None
        return stepped(key, value.start, value.stop, value.step)
    options: tuple[Any, ...] = tuple(dict.fromkeys(override.sweep_iterator(transformer=Transformer.encode)))
    if not options:
        raise UsageError(f"{override.input_line}: contains no value.")
    return Choice(key, options)
