"""Compose the configs of a sweep's jobs faster than Hydra does.

Hydra's loader reads and merges all config files for each job, and a sweep composes each job twice: to check it and to
run it. Without this module, that is most of the time of a job whose steps are all stored.
"""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Mapping
from dataclasses import astuple
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType, QuotedString, ValueType
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
    from hydra.core.default_element import ResultDefault
    from hydra.core.override_parser.types import Override

log = logging.getLogger("prunesweep")
KEPT = 1_000  # configs in each cache at most, 0.13 MB each
VALUES = (ValueType.ELEMENT, None)  # not a sweep over several


class JobComposer:
    """Hydra's config loader with caches for the jobs of a sweep.

    Files are read and merged by `caching_loader`, which depends on Hydra's internals. Jobs that differ from an earlier
    one only in values, such as `prune.amount=0.5`, are copies of its config with other values. The first job of each
    kind is composed by Hydra's loader as well. If the configs differ, or if only Hydra's loader can compose a job, it
    composes all further jobs.

    Everything but `load_sweep_config` is passed on to Hydra's loader. A pickled composer is Hydra's loader.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self.hydras = loader
        self.cached: ConfigLoader | None = None
        self.verified = False
        self.copies_verified = False
        self.examples: dict[tuple[str | None, ...], bytes] = {}
        try:
            self.cached = caching_loader(loader)
        except Exception as error:  # whatever another release of Hydra raises
            self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.hydras, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self.hydras,)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the config of a job, which belongs to the caller."""
        if self.cached is None:
            return self.hydras.load_sweep_config(master_config, sweep_overrides)
        try:
            config, is_copy = self._compose(master_config, sweep_overrides)
        except Exception as error:
            expected = self.hydras.load_sweep_config(master_config, sweep_overrides)  # raises if they are wrong
            self._give_up(error)
            return expected
        if self.verified and (self.copies_verified or not is_copy):
            return config
        expected = self.hydras.load_sweep_config(master_config, sweep_overrides)
        self.verified, self.copies_verified = _content(config) == _content(expected), is_copy
        if not self.verified:
            self._give_up(ValueError("the composed configs differ"))
        return expected

    def _compose(self, master_config: DictConfig, texts: list[str]) -> tuple[DictConfig, bool]:
        """Return the config of a job, and whether it is a copy of the config of an earlier job."""
        from hydra._internal.config_loader_impl import ConfigLoaderImpl

        cached: Any = self.cached
        composed = None if cached.files else cached.load_sweep_config(master_config, texts)  # reads the files
        overrides = [parsed(text) for text in texts]
        values = [each for each in overrides if _is_scalar(each) and not cached.files.group_exists(each.key_or_group)]
        kind = tuple(each.key_or_group if each in values else each.input_line for each in overrides)
        example = self.examples.get(kind)
        if example is None or not self.verified:
            config = composed or cached.load_sweep_config(master_config, texts)
            if len(self.examples) < KEPT:
                self.examples[kind] = pickle.dumps(config)
            return config, False
        config = pickle.loads(example)
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        given: Any = OmegaConf.to_container(master_config.hydra.overrides.hydra)
        of_hydra = {each.input_line for each in overrides if each.is_hydra_override()}
        config.hydra.overrides.hydra = [*given, *(text for text in texts if text in of_hydra)]
        config.hydra.overrides.task = [text for text in texts if text not in of_hydra]
        return config, True

    def _give_up(self, error: Exception) -> None:
        self.cached = None
        log.warning(
            "This release of Hydra composes configs in another way than prunesweep expects (%s: %s). "
            "Hydra's own, slower loader is used.",
            type(error).__name__,
            error,
        )


@lru_cache(maxsize=KEPT)
def parsed(text: str) -> Override:
    """Return an override. The jobs of a sweep share most of theirs."""
    return OverridesParser.create().parse_override(text)


def _is_scalar(override: Override) -> bool:
    """Return whether `override` replaces something by a number, a text or nothing."""
    is_plain = override.type is OverrideType.CHANGE and override.package is None and override.value_type in VALUES
    return is_plain and (override._value is None or isinstance(override._value, int | float | str | QuotedString))


def _itself(loader: ConfigLoader) -> ConfigLoader:
    return loader


def _content(config: DictConfig) -> tuple[Any, Mapping[str, Any]]:
    """Return the values of a config, and the schema of each section."""
    return OmegaConf.to_container(config, resolve=False), {
        str(key): OmegaConf.get_type(config, str(key)) for key in config
    }


def caching_loader(loader: ConfigLoader) -> ConfigLoader:
    """Return a copy of Hydra's loader that reads each file once, and merges the files of each choice of options once.

    Raises:
        Exception: Of any kind, if Hydra's internals have changed.
    """

    from hydra._internal.config_loader_impl import ConfigLoaderImpl

    class CachingLoader(ConfigLoaderImpl):
        """Hydra's loader with caches for the two slow parts of its work."""

        def __init__(self) -> None:
            vars(self).update(vars(loader))
            self.files: CachingConfigRepository | None = None
            self.merged: dict[tuple[tuple[Any, ...], ...], DictConfig] = {}

        def _parse_overrides_and_create_caching_repo(
            self, config_name: str | None, overrides: list[str], parsed_overrides: list[Override] | None = None
        ) -> tuple[list[Override], CachingConfigRepository]:
            if self.files is None:
                parsed_overrides, self.files = super()._parse_overrides_and_create_caching_repo(
                    config_name, overrides, parsed_overrides
                )
            return parsed_overrides or self.parse_overrides(config_name, overrides), self.files

        def _compose_config_from_defaults_list(
            self, defaults: list[ResultDefault], repo: IConfigRepository
        ) -> DictConfig:
            options = tuple(map(astuple, defaults))
            merged = self.merged.get(options)
            if merged is None:
                files = copy.deepcopy(repo)  # merging changes the configs that were read
                merged = super()._compose_config_from_defaults_list(defaults, files)
                if len(self.merged) < KEPT:
                    self.merged[options] = merged
            return copy.deepcopy(merged)

    return CachingLoader()
