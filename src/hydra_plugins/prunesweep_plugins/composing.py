"""Composing the configs of a sweep's jobs, and nothing of it twice."""

from __future__ import annotations

import copy
from dataclasses import astuple
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

KEPT = 1_000  # configs of each sort at most, of 0.13 MB each


class ComposedOnce(ConfigLoaderImpl):
    """Hydra's loader, which does nothing twice: left alone, it takes half the time of a job that trains nothing.

    The files are read once for all jobs, and merged once for those that choose the same ones. Each config that was
    composed for the check of a batch is kept until a launcher in this process asks for it. A loader that is sent
    elsewhere takes nothing of this along.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        vars(self).update(vars(loader))
        self.read: CachingConfigRepository | None = None
        self.merged: dict[tuple[tuple[Any, ...], ...], DictConfig] = {}
        self.kept: dict[tuple[str, ...], DictConfig] = {}

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str], parsed_overrides: list[Override] | None = None
    ) -> tuple[list[Override], CachingConfigRepository]:
        if self.read is None:
            parsed_overrides, self.read = super()._parse_overrides_and_create_caching_repo(
                config_name, overrides, parsed_overrides
            )
        return parsed_overrides or self.parse_overrides(config_name, overrides), self.read

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        chosen = tuple(map(astuple, defaults))
        merged = self.merged.get(chosen)
        if merged is None:
            files = copy.deepcopy(repo)  # merging changes what was read
            merged = super()._compose_config_from_defaults_list(defaults, files)
            if len(self.merged) < KEPT:
                self.merged[chosen] = merged
        return copy.deepcopy(merged)

    def keep(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Compose the config of a job, and remember it."""
        config = super().load_sweep_config(master_config, sweep_overrides)
        if len(self.kept) < KEPT:
            self.kept[tuple(sweep_overrides)] = config
        return config

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        kept = self.kept.pop(tuple(sweep_overrides), None)
        return super().load_sweep_config(master_config, sweep_overrides) if kept is None else kept

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "read": None, "merged": {}, "kept": {}}
