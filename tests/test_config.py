from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from support import ROOT, Compose

from prunesweep.config import FAMILIES, RunConfig, build, option
from prunesweep.data.settings import OWN
from prunesweep.errors import UsageError
from prunesweep.models.settings import ConvLeNet, LeNet5, LeNet5Caffe
from prunesweep.pruning.settings import Pruning
from prunesweep.training.settings import SGD, Adam


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def test_the_defaults(composed: Compose) -> None:
    config = composed()
    assert isinstance(config, RunConfig)
    assert config.model == LeNet5()
    assert config.dataset.name == "mnist5k"
    assert config.optimizer == SGD()
    assert config.prune == Pruning()
    assert config.finetune.batch_size == config.train.batch_size == 128


@pytest.mark.parametrize("group", FAMILIES)
def test_each_schema_of_a_family_has_an_option_of_its_name(group: str) -> None:
    schemas: Any = FAMILIES[group]
    assert options(group) == sorted(name for schema in schemas for name in getattr(schema, "names", [schema.name]))


GROUPS = ("model", "dataset", "layers", "prune", "schedule", "optimizer")
COMBINATIONS = [
    [choice for choice in choices if choice]
    for choices in zip_longest(*([f"{group}={name}" for name in options(group) if name not in OWN] for group in GROUPS))
]
"""Every option of every group, in as few configs as possible."""


@pytest.mark.parametrize("choices", COMBINATIONS, ids=" ".join)
def test_each_option_builds(choices: list[str], composed: Compose) -> None:
    built = composed(*choices)
    for group, _, name in (choice.partition("=") for choice in choices):
        if group in ("model", "dataset", "schedule", "optimizer"):
            assert getattr(built, group).name == name


@pytest.mark.parametrize("name", options("experiment"))
def test_each_experiment_builds(name: str, composed: Compose) -> None:
    composed(f"experiment={name}")


def test_options_equal_the_defaults_of_their_schema(composed: Compose) -> None:
    assert composed("optimizer=adam").optimizer == Adam()
    assert composed("model=lenet5_caffe").model == LeNet5Caffe()


def test_overrides_reach_the_objects(composed: Compose) -> None:
    config = composed("model=lenet5_caffe", "model.conv_relu=true", "optimizer.lr=1", "finetune.batch_size=7")
    assert config.model == LeNet5Caffe(conv_relu=True)
    assert config.optimizer == SGD(lr=1.0)
    assert (config.train.batch_size, config.finetune.batch_size) == (128, 7)


def test_keyword_arguments_of_a_custom_network_need_no_plus(composed: Compose) -> None:
    config = composed("model=custom", "model.target=my.Net", "model.kwargs.width=3", "model.kwargs.name=x")
    assert config.model.kwargs == {"width": 3, "name": "x"}  # type: ignore[attr-defined]


def test_the_data_folder_comes_from_the_environment(
    composed: Compose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert composed("dataset=mnist").dataset.folder() == tmp_path / "prunesweep" / "data"
    monkeypatch.setenv("PRUNESWEEP_DATA", "/data")
    assert composed("dataset=mnist").dataset.folder() == Path("/data")
    assert composed("dataset=mnist", "dataset.root=/other").dataset.folder() == Path("/other")


def test_a_saved_config_without_types_builds_the_same_objects(composed: Compose) -> None:
    with initialize_config_dir(str(ROOT / "conf")):
        saved = OmegaConf.create(OmegaConf.to_yaml(compose("config", ["model=conv_lenet", "optimizer=adam"])))
    assert build(saved) == composed("model=conv_lenet", "optimizer=adam")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("prune.amount=1.5", "prune.amount=1.5: must be at least 0 and at most 1"),
        ("prune.amount=nan", "prune.amount=nan"),
        ("+model.weigths=3", "model.weigths: there is no such key. Did you mean 'weights'"),
        ("optimizer.name=adam", "optimizer.momentum is a setting of optimizer=sgd. optimizer=NAME chooses an option"),
        ("+widht=3", "widht: there is no such key.*The keys are model, dataset"),
        ("model.name=lenet6", "model=lenet6: must be one of .*Did you mean 'lenet5'"),
        ("device=gpu", "device=gpu: must be auto, cpu, cuda or cuda:N"),
        ("device=cuda:x", "device=cuda:x"),
        ("device=cpu:1", "device=cpu:1"),
        ("seed=-1", "seed=-1"),
        ("threads=0", "threads=0"),
        ("study=../x", "study=../x: must be a directory name of letters, digits"),
        (
            "search.objectives=[test_accuracy]",
            "test images are used only for the reported numbers, never for selection. Use val_accuracy",
        ),
        ("measure=[latency_ms]", "measure=latency_ms: must be one of .*Did you mean 'latency_us'"),
        ("finetune.epochs=-1", "finetune.epochs=-1"),
        ("dataset=cifar10 dataset.mean=[0.5]", "dataset.mean"),
        ("model=conv_lenet model.widths=[1,2]", r"model.widths=\[1, 2\]"),
    ],
)
def test_impossible_values_are_refused(override: str, message: str, composed: Compose) -> None:
    with pytest.raises(UsageError, match=message):
        composed(*override.split())


def test_objectives_are_measured_without_being_named_twice(composed: Compose) -> None:
    assert composed().measured == ()
    assert composed("search.objectives=[val_accuracy,packed_bytes]").measured == ("packed_bytes",)
    both = composed("search.objectives=[latency_us]", "measure=[latency_us,file_bytes]")
    assert both.measured == ("file_bytes", "latency_us")


def test_a_single_option_is_built_from_its_fields() -> None:
    built = option("model", {"name": "conv_lenet", "widths": [1, 2, 3, 4]})
    assert built == ConvLeNet(widths=[1, 2, 3, 4])
    with pytest.raises(UsageError, match="model=none: must be one of"):
        option("model", {})
    with pytest.raises(UsageError, match="model.width: there is no such key|width: there is no such key"):
        option("model", {"name": "conv_lenet", "width": 3})
    with pytest.raises(UsageError, match=r"model.widths=\[1\]"):
        option("model", {"name": "conv_lenet", "widths": [1]})


def test_a_group_option_over_a_saved_config_is_refused() -> None:
    with pytest.raises(
        UsageError, match="model=lenet5: a saved config has values and no group options. Set single values, model.name="
    ):
        build(OmegaConf.create({"model": "lenet5"}))


def test_a_mapping_in_place_of_a_list_is_one_message() -> None:
    groups = {"model": "lenet5", "schedule": "one_shot", "optimizer": "sgd", "logger": "none"}
    config = {**{group: {"name": name} for group, name in groups.items()}, "layers": {"include": {}}}
    with pytest.raises(UsageError, match=r"a list in place of a mapping, or the reverse"):
        build(OmegaConf.create(config))
