import pytest
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, OmegaConfBaseException

from prunesweep.api.compose import compose
from prunesweep.config import build
from prunesweep.errors import UsageError
from prunesweep.messages import message_of


@pytest.mark.parametrize("error", [UsageError("a=1: must be 2."), ArithmeticError("a=1: must be 2.")])
def test_messages_for_the_user_are_kept(error: Exception) -> None:
    assert message_of(error) == "a=1: must be 2."


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("model/lenet6", "model=lenet6: must be one of lenet5, basic. Did you mean 'lenet5'?"),
        ("hydra/launcher/ray", "hydra/launcher=ray: must be one of lenet5, basic. To add it: pip install -e '.[ray]'."),
        ("hydra/launcher/rays", "hydra/launcher=rays: must be one of lenet5, basic."),
    ],
)
def test_an_unknown_option_lists_the_options_of_its_group(config: str, message: str) -> None:
    assert message_of(MissingConfigException("In 'config': ...", config, ["lenet5", "basic"])) == message


def message(*overrides: str) -> str:
    with pytest.raises(UsageError) as error:
        compose(overrides)
    return str(error.value)


@pytest.mark.parametrize(
    ("override", "allowed"),
    [
        ("seed=x", "a whole number"),
        ("seed=1.5", "a whole number"),
        ("seed=null", "a whole number"),
        ("train.epochs=[1]", "a whole number or null"),
        ("optimizer.lr=x", "a number"),
        ("prune.amount=x", "a number or null"),
        ("layers.biases=x", "true or false"),
        ("device=[a]", "text"),
        ("model.weights=[a]", "text or null"),
        ("search.objectives=x", "a list, such as [a,b]"),
        ("prune.per_layer=0.3", "a mapping, such as {a:1,b:2}"),
        ("hydra.job.num=x", "a whole number"),
    ],
)
def test_a_value_of_another_type_is_told_what_is_allowed(override: str, allowed: str) -> None:
    assert message(override) == f"{override}: must be {allowed}."


def test_a_setting_has_no_settings_below_it() -> None:
    assert message("seed.x=1") == "seed.x=1: seed must be a whole number."


@pytest.mark.parametrize("value", ["x", "5", "null", "[a]"])
def test_a_value_for_a_group_of_settings_lists_its_keys(value: str) -> None:
    assert message(f"store={value}") == (
        f"store={value}: must be set by its keys: store.enabled, store.dir, store.max_gb."
    )


@pytest.mark.parametrize("value", ["0.5", "null", "[adam,sgd]"])
def test_a_value_that_is_no_name_lists_the_options_of_its_group(value: str) -> None:
    assert message("seed=3", f"optimizer={value}") == f"optimizer={value}: must be one of adam, adamw, sgd."


def test_options_of_hydra_are_not_listed() -> None:
    assert message("hydra/launcher=5") == "hydra/launcher=5: must be the name of an option."


def test_an_argument_of_the_command_line_is_not_read_as_a_setting() -> None:
    error = ValueError("Config group override must be a string or a list. Got float")
    assert message_of(error, ["-m", "seed=3", "optimizer=0.5"]) == "optimizer=0.5: must be one of adam, adamw, sgd."
    assert message_of(error, ["-m", "seed=3"]).startswith("ValueError: Config group override")


def test_a_setting_cannot_be_deleted() -> None:
    assert message("~prune.amount") == "~prune.amount: a setting cannot be deleted."


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.epoch=3", "train.epoch: there is no such key. Did you mean 'epochs'? The keys of train are epochs, "),
        ("amount=0.5", "amount: there is no such key. Did you mean prune.amount? The keys are model, dataset, "),
        ("epochs=3", "epochs: there is no such key. Did you mean train.epochs or finetune.epochs? The keys are "),
        ("zzz=3", "zzz: there is no such key. The keys are model, dataset, "),
        ("hydra.zzz=3", "hydra.zzz: there is no such key. The keys of hydra are run, sweep, "),
    ],
)
def test_an_unknown_key_lists_the_keys(override: str, expected: str) -> None:
    assert message(override).startswith(expected)


def test_an_unknown_key_of_an_untyped_config_lists_the_keys() -> None:
    node = OmegaConf.create({"amount": 0.2, "scope": "global"})
    OmegaConf.set_struct(node, True)
    with pytest.raises(ConfigAttributeError) as error:
        _ = node.amout
    assert message_of(error.value) == "amout: there is no such key. Did you mean 'amount'? The keys are amount, scope."


def test_a_value_that_cannot_be_read_needs_quotes() -> None:
    assert message("hydra.run.dir=a=b") == (
        "hydra.run.dir=a=b: cannot be read (mismatched input '=' expecting <EOF>). Put special characters in quotes: "
        "\"hydra.run.dir='...'\"."
    )
    assert message("sed") == "sed: must have the form key=value."


def test_an_interpolation_names_what_it_refers_to() -> None:
    with pytest.raises(UsageError, match=r"^optimizer.lr: Interpolation key 'nowhere' not found\.$"):
        build(compose(["optimizer.lr=${nowhere}"]))


CHOOSE = (
    "The only key of schedule is name. schedule.rounds is a setting of schedule=iterative, schedule=lottery. "
    "schedule=NAME chooses an option with all its settings; schedule.name=NAME changes only the name."
)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("schedule.rounds=3", f"schedule.rounds: there is no such key. {CHOOSE}"),
        ("schedule.round=3", f"schedule.round: there is no such key. Did you mean 'rounds'? {CHOOSE}"),
        (
            "hydra.launcher.n_jobs=2",
            "hydra.launcher.n_jobs: there is no such key. hydra.launcher.n_jobs is a setting of hydra/launcher=joblib. "
            "hydra/launcher=NAME chooses an option with all its settings.",
        ),
        ("hydra.launcher.zzz=2", "hydra.launcher.zzz: there is no such key."),
    ],
)
def test_a_key_of_other_options_names_these_options(override: str, expected: str) -> None:
    assert message(override) == expected


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["-m", "schedule=iterative,lottery", "schedule.rounds=3"], "write 'schedule.rounds=choice(3)'."),
        (["-m", "schedule=choice(iterative,lottery)", "schedule.rounds=3"], "write 'schedule.rounds=choice(3)'."),
        (["-m", "schedule=iterative", "schedule.rounds=3"], CHOOSE),
        (["-m", "prune=l1,random", "schedule.rounds=3"], CHOOSE),
        (["schedule.rounds=3"], CHOOSE),
    ],
)
def test_a_key_of_the_swept_options_of_a_group(
    arguments: list[str], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", *arguments])
    config = OmegaConf.create({"schedule": {"name": "one_shot"}})
    OmegaConf.set_struct(config, True)
    with pytest.raises(OmegaConfBaseException) as caught:
        OmegaConf.update(config, "schedule.rounds", 3)
    assert message_of(caught.value).endswith(advice)


def test_an_unexpected_error_says_how_to_see_the_traceback() -> None:
    assert message_of(KeyError("x")) == "KeyError: 'x' (set HYDRA_FULL_ERROR=1 to see the traceback)"


def test_an_error_of_the_operating_system_is_named_with_its_file() -> None:
    assert message_of(OSError(28, "No space left on device", "out/result.json")) == (
        "out/result.json: No space left on device"
    )
    assert message_of(OSError(28, "No space left on device")) == "No space left on device"
