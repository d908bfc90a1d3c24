"""The typed configuration of a run: assemble the schemas, register them with Hydra, turn a config into objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from prunesweep.chain.schedules.settings import SCHEDULES, Schedule
from prunesweep.data.settings import DATASETS, Dataset
from prunesweep.errors import UsageError, check_choice, check_range
from prunesweep.messages import message_of
from prunesweep.models.settings import MODELS, Model
from prunesweep.pruning.settings import Layers, Pruning
from prunesweep.quantization.settings import QUANTIZATIONS, Quantize
from prunesweep.results.objectives import SearchSettings
from prunesweep.results.result import MEASURED
from prunesweep.roles import Role
from prunesweep.store.settings import StoreSettings
from prunesweep.tracking.logger import Logger
from prunesweep.tracking.loggers import LOGGERS
from prunesweep.training.phases import DENSE_EPOCHS, FineTune, Train
from prunesweep.training.settings import OPTIMIZERS, Augment, Optimizer

TRUSTED = ("hydra_plugins.prunesweep_plugins.*", "optuna.samplers.*")
"""Import paths that Hydra may call when a config names them."""

MAX_THREADS = 4_096
MAX_WORKERS = 4_096
AUTO = "auto"

FAMILIES: dict[str, tuple[type, ...]] = {
    "model": MODELS,
    "dataset": DATASETS,
    "schedule": SCHEDULES,
    "quantize": QUANTIZATIONS,
    "optimizer": OPTIMIZERS,
    "logger": LOGGERS,
}
"""Groups whose options have different fields. The `name` of an option selects its schema.

A schema of several options lists their names as `names`.
"""


DEFAULTS = {"dataset": "mnist5k"}
"""The option of a family that a config without this family has."""


@dataclass
class RunConfig:
    """All settings of a run. `prunesweep.roles` defines what each one affects."""

    model: Model = MISSING
    dataset: Dataset = MISSING
    layers: Layers = field(default_factory=Layers)
    prune: Pruning = field(default_factory=Pruning)
    schedule: Schedule = MISSING
    quantize: Quantize = MISSING
    optimizer: Optimizer = MISSING
    logger: Logger = field(default=MISSING, metadata=Role.NOTHING.tag)
    train: Train = field(default_factory=Train)
    finetune: FineTune = field(default_factory=FineTune)
    augment: Augment = field(default_factory=Augment)
    store: StoreSettings = field(default_factory=StoreSettings, metadata=Role.NOTHING.tag)
    search: SearchSettings = field(default_factory=SearchSettings)
    measure: list[str] = field(default_factory=list, metadata=Role.SEARCH.tag)
    study: str | None = field(default=None, metadata=Role.NOTHING.tag)
    seed: int = field(default=0, metadata=Role.REPETITION.tag)
    device: str = field(default="auto", metadata=Role.NUMERICS.tag)
    threads: int = field(default=1, metadata=Role.NUMERICS.tag)
    workers: str = field(default=AUTO, metadata=Role.NOTHING.tag)
    portable: bool = field(default=False, metadata=Role.NUMERICS.tag)
    dry_run: bool = field(default=False, metadata=Role.NOTHING.tag)

    def __post_init__(self) -> None:
        kind, _, index = self.device.partition(":")
        if kind not in ("auto", "cpu", "cuda") or (index and not (kind == "cuda" and index.isdecimal())):
            raise UsageError(f"device={self.device}: must be auto, cpu, cuda or cuda:N.")
        if self.study is not None and not re.fullmatch(r"\w[\w.-]*", self.study):
            raise UsageError(f"study={self.study}: must be a directory name of letters, digits and . _ -")
        if self.workers != AUTO and not (self.workers.isdecimal() and 1 <= int(self.workers) <= MAX_WORKERS):
            raise UsageError(f"workers={self.workers}: must be auto or a number from 1 to {MAX_WORKERS}.")
        if self.train.epochs is None:
            self.train = replace(self.train, epochs=0 if self.model.weights else DENSE_EPOCHS)
        check_range("seed", self.seed, 0, 2**63 - 1)
        check_range("threads", self.threads, 1, MAX_THREADS)
        for name in self.measure:
            check_choice("measure", name, MEASURED)

    @property
    def measured(self) -> tuple[str, ...]:
        """The fields of the result that are measured only on request: `measure`, and objectives of the search."""
        asked = {*self.measure, *(goal.field for goal in self.search.goals)}
        return tuple(name for name in MEASURED if name in asked)


def register() -> None:
    """Register every schema with Hydra under the name of its class, for the defaults lists in `conf/`."""
    store = ConfigStore.instance()
    for schema in (RunConfig, Layers, Pruning, *(schema for family in FAMILIES.values() for schema in family)):
        store.store(name=schema.__name__, node=_schema(schema), replace=True)  # also if called again


def _schema(schema: type) -> DictConfig:
    """Return the structured config of `schema`. A plain dictionary in it accepts any keys."""
    node: DictConfig = OmegaConf.structured(schema)
    _open_dictionaries(node)
    return node


def _open_dictionaries(node: DictConfig) -> None:
    for key in map(str, node):
        if OmegaConf.is_missing(node, key) or not OmegaConf.is_dict(node[key]):
            continue
        if OmegaConf.get_type(node, key) is dict:
            OmegaConf.set_struct(node[key], False)
        else:
            _open_dictionaries(node[key])


@lru_cache
def _complete(options: tuple[type, ...]) -> DictConfig:
    """Return the schema of a run with the chosen option of each family. Cached, so it must not be modified."""
    schema = _schema(RunConfig)
    for group, chosen in zip(FAMILIES, options, strict=True):
        schema[group] = _schema(chosen)
    OmegaConf.set_struct(schema, True)
    return schema


def _names(schema: Any) -> tuple[str, ...]:
    """Return the names of the options that `schema` describes."""
    return getattr(schema, "names", (schema.name,))


def _option(group: str, plain: Any) -> type:
    """Return the schema of the family `group` that the `name` in `plain` selects."""
    plain = {} if plain is None else plain
    if not isinstance(plain, dict):  # Hydra sets group=option as a string if the config is a saved file
        raise UsageError(
            f"{group}={plain}: a saved config has values and no group options. Set single values, "
            f"{group}.name=… first, or start from conf/."
        )
    schemas: Any = FAMILIES[group]
    options = {name: chosen for chosen in schemas for name in _names(chosen)}
    name = plain.get("name", DEFAULTS.get(group, "none"))
    check_choice(group, name, options)
    chosen: type = options[name]
    return chosen


def _plain(node: Any) -> Any:
    """Return the plain values of `node` with interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True, throw_on_missing=True) if OmegaConf.is_config(node) else node


def option(group: str, plain: dict[str, Any]) -> Any:
    """Return the object of one option of a family, such as `model`, from its fields including `name`.

    Raises:
        UsageError: The option or a field does not exist, or a value is out of range.
    """
    with _as_usage_errors():
        schema = _schema(_option(group, plain))
        OmegaConf.set_struct(schema, True)
        return OmegaConf.to_object(OmegaConf.merge(schema, plain))


@contextmanager
def _as_usage_errors() -> Iterator[None]:
    try:
        yield
    except OmegaConfBaseException as error:
        if isinstance(error.__cause__, UsageError):
            raise error.__cause__ from None
        raise UsageError(message_of(error)) from error
    except TypeError as error:  # OmegaConf's error for a list in place of a mapping, or the reverse
        raise UsageError(f"the config has a list in place of a mapping, or the reverse ({error}).") from error


def build(config: DictConfig) -> RunConfig:
    """Return the objects that `config` describes, with every value checked.

    A config read from a run's `.hydra/config.yaml` has no types, and Hydra accepts unknown keys with a leading `+`.
    Therefore the plain values are merged into the schemas here in every case.

    Raises:
        UsageError: A key does not exist, or a value is out of range.
    """
    with _as_usage_errors():
        plain = {str(key): _plain(config[key]) for key in config if key != "hydra"}
        options = tuple(_option(group, plain.get(group)) for group in FAMILIES)
        try:
            return _assembled(options, plain)
        except Exception:  # the complete merge has the better messages
            run: RunConfig = OmegaConf.to_object(OmegaConf.merge(_complete(options), plain))  # type: ignore[assignment]
            return run


def _assembled(options: tuple[type, ...], plain: dict[str, Any]) -> RunConfig:
    """Return the run with the settings `plain`, all of them. The runs of a sweep share most of their sections."""
    sections = {key: value for key, value in plain.items() if isinstance(value, dict)}
    values = {key: value for key, value in plain.items() if key not in sections}
    if plain.keys() != {each.name for each in fields(RunConfig)}:
        raise ValueError("some settings are missing or unknown")
    parts = [values, *({key: value} for key, value in sections.items())]
    return RunConfig(**{key: value for part in parts for key, value in _objects(options, json.dumps(part))})


@lru_cache(maxsize=1_000)
def _objects(options: tuple[type, ...], plain: str) -> list[tuple[str, Any]]:
    """Return the objects of some sections or values by key, given as JSON. To build them takes milliseconds."""
    values = json.loads(plain)
    merged: Any = OmegaConf.to_object(OmegaConf.merge(_part(options, tuple(values)), values))
    return list(merged.items())


@lru_cache
def _part(options: tuple[type, ...], keys: tuple[str, ...]) -> DictConfig:
    """Return a part of the schema of a run. Cached, so it must not be modified."""
    return OmegaConf.masked_copy(_complete(options), list(keys))
