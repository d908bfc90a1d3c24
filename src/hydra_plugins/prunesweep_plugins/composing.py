"""Compose the configs of a sweep's jobs faster than Hydra does.

Hydra's loader reads and merges all config files for each job, and a sweep composes each job twice: to check it and to
run it. Without this module, that is two thirds of the time of a job whose steps are all stored.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
    from hydra.core.default_element import ResultDefault
    from hydra.core.override_parser.types import Override

log = logging.getLogger("prunesweep")
KEPT = 1_000  # configs in each cache at most, 0.13 MB each


class JobComposer:
    """Hydra's config loader with caches for the jobs of a sweep.

    Configs that were composed to check a batch are kept until the launcher asks for them. Files are read and merged by
    `caching_loader`, which depends on Hydra's internals. The first job is therefore composed by Hydra's loader as well.
    If the configs differ, or if only Hydra's loader can compose a job, it composes all further jobs.

    Everything but `load_sweep_config` is passed on to Hydra's loader. A pickled composer is Hydra's loader.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self.hydras = loader
        self.cached: ConfigLoader | None = None
        self.verified = False
        self.kept: dict[tuple[str, ...], DictConfig] = {}
        try:
            self.cached = caching_loader(loader)
        except Exception as error:  # whatever another release of Hydra raises
            self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.hydras, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _itself, (self.hydras,)

    def keep(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose the config of a job and keep it for the launcher."""
        config = self._compose(master_config, sweep_overrides)
        if len(self.kept) < KEPT:
            self.kept[tuple(sweep_overrides)] = config
        return config

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the config of a job, which belongs to the caller."""
        kept = self.kept.pop(tuple(sweep_overrides), None)
        return self._compose(master_config, sweep_overrides) if kept is None else kept

    def _compose(self, master_config: DictConfig, overrides: list[str]) -> DictConfig:
        if self.cached is None:
            return self.hydras.load_sweep_config(master_config, overrides)
        try:
            config = self.cached.load_sweep_config(master_config, overrides)
        except Exception as error:
            expected = self.hydras.load_sweep_config(master_config, overrides)  # raises if the overrides are wrong
            self._give_up(error)
            return expected
        if self.verified:
            return config
        expected = self.hydras.load_sweep_config(master_config, overrides)
        self.verified = _content(config) == _content(expected)
        if not self.verified:
            self._give_up(ValueError("the composed configs differ"))
        return expected

    def _give_up(self, error: Exception) -> None:
        self.cached = None
        log.warning(
            "This release of Hydra composes configs in another way than prunesweep expects (%s: %s). "
            "Hydra's own, slower loader is used.",
            type(error).__name__,
            error,
        )


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
