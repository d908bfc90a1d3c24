from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir

from prunesweep import config
from prunesweep.api.compose import compose, prepare
from prunesweep.conf import conf_folder
from prunesweep.errors import UsageError

OPTION = "defaults:\n  - /{schema}@_here_\n  - _self_\n"


def own_options(folder: Path) -> None:
    """Write `conf/` of a user: another option `layers=fc`, and the new options `layers=last` and `model=mine`."""
    for name, text in {
        "layers/fc": OPTION.format(schema="Layers") + "include: [fc1]\n",
        "layers/last": "defaults:\n  - fc\n  - _self_\ninclude: [fc3]\n",
        "model/mine": OPTION.format(schema="LeNet300100"),
    }.items():
        path = folder / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_settings_are_those_of_the_checkout() -> None:
    assert (conf_folder() / "config.yaml").exists()
    run = config.build(compose(["prune.amount=0.9"]))
    assert (run.model.name, run.prune.amount) == ("lenet5", 0.9)


@pytest.mark.parametrize(("layers", "expected"), [("fc", "fc1"), ("last", "fc3")])
def test_conf_in_the_working_directory_is_searched_first(
    layers: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_options(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = config.build(compose([f"layers={layers}", "model=mine", "prune=l2"]))
    assert run.layers.include == [expected]
    assert (run.model.name, run.prune.criterion) == ("lenet_300_100", "l2")


def test_other_applications_of_hydra_do_not_search_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_options(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text("a: 1\n")
    (tmp_path / "conf" / "config.yaml").write_text("a: 2\n")
    monkeypatch.chdir(tmp_path)
    prepare()
    with initialize_config_dir(str(tmp_path / "other")):
        assert hydra_compose("config").a == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["prune.amount=0.1,0.2"], "prune.amount=0.1,0.2: a key has several values. prunesweep.sweep runs all"),
        (["prune.amout=0.1"], "prune.amout: there is no such key. Did you mean 'amount'"),
        (["model=lenet6"], "model=lenet6: must be one of conv_lenet, custom, .* Did you mean 'lenet5'"),
        ([{"prune.amount": 0.1}], "must be strings, such as 'prune.amount=0.9'"),
        ("prune.amount=0.1", "must be strings"),
    ],
)
def test_wrong_overrides_give_one_message(overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compose(overrides)
