import pytest
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from hydra_plugins.prunesweep_plugins.composing import JobComposer
from hydra_plugins.prunesweep_plugins.ranges import dimension, parse
from prunesweep.config import build
from prunesweep.errors import UsageError
from prunesweep.search.dimensions import Choice, Continuous, Dimension
from prunesweep.search.space import Space

PARAMS = {"prune.amount": "range(0.1,0.5,step=0.1)", "finetune.epochs": "3"}
SCHEDULES = {"schedule": "choice(one_shot,iterative,gradual)", "prune.amount": "range(0.5,0.9,step=0.1)"}


def parsed(
    loader: ConfigLoader,
    *arguments: str,
    params: dict[str, str] = PARAMS,
    conditions: dict[str, str] | None = None,
    overrides: tuple[str, ...] = (),
) -> tuple[Space, list[str]]:
    config = loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
    return parse(params, conditions or {}, arguments, config, JobComposer(loader))


def searched(text: str, current: object = 0.2) -> Dimension:
    return dimension(OverridesParser.create().parse_override(text), current)


def test_ranges_are_searched_and_other_settings_are_fixed(loader: ConfigLoader) -> None:
    arguments = ("seed=3", "layers=all,fc", "~train.gamma", "study=mine", "search.storage=sqlite:///secret")
    space, fixed = parsed(loader, *arguments)
    assert space.keys == ["prune.amount", "layers"]
    assert fixed == ["finetune.epochs=3", "seed=3", "~train.gamma"]


def test_a_range_on_the_command_line_replaces_that_of_the_search(loader: ConfigLoader) -> None:
    space, _ = parsed(loader, "prune.amount=choice(0.3,0.4)")
    assert space.overrides({"prune.amount": 0.3}) == ["prune.amount=0.3"]
    assert space.size == 2


def test_glob_searches_every_option_of_a_group(loader: ConfigLoader) -> None:
    space, _ = parsed(loader, "layers=glob(*)")
    assert set(space.dimensions[1].values or ()) == {"all", "article", "conv", "fc"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune.amount=0.5"], "prune.amount: is both fixed .* search over one value: prune.amount=choice\\(0.5\\)"),
        (["finetune.epochs=range(1,4)"], "finetune.epochs: is both fixed .finetune.epochs=3. and searched"),
    ],
)
def test_a_key_both_fixed_and_searched_is_refused(arguments: list[str], message: str, loader: ConfigLoader) -> None:
    with pytest.raises(UsageError, match=message):
        parsed(loader, *arguments)


def test_a_search_of_nothing_is_refused(loader: ConfigLoader) -> None:
    with pytest.raises(UsageError, match="nothing to search"):
        parsed(loader, params={})


def test_a_search_of_the_seed_with_replicates_is_refused(loader: ConfigLoader) -> None:
    with pytest.raises(UsageError, match=r"seed=0,1: search.replicates=2 sets the seeds"):
        parsed(loader, "seed=0,1", overrides=("search.replicates=2",))


def test_the_syntax_of_ranges_choices_and_intervals() -> None:
    assert searched("prune.amount=range(0.1,0.3,step=0.1)").values == (0.1, 0.2, 0.3)
    assert searched("finetune.epochs=range(1,3)").values == (1, 2, 3)
    assert searched("prune.amount=interval(0,1)", 0.2) == Continuous("prune.amount", 0.0, 1.0)
    assert searched("optimizer.lr=tag(log,interval(0.001,0.1))").values is None
    assert searched("finetune.epochs=interval(1,8)", 2) == searched("finetune.epochs=int(interval(1,8))", 2)
    assert searched("layers=choice(all,conv,all)") == Choice("layers", ("all", "conv"))
    assert searched("layers.include=[conv1],[fc1,fc2]").values == ("[conv1]", "[fc1,fc2]")
    assert searched("prune.amount=0.1,0.5").values == (0.1, 0.5)


@pytest.mark.parametrize("text", ["a=range(0.9,0.1,step=0.1)", "a=range(1,3,step=0)", "a=interval(0.9,0.1)"])
def test_sweeps_without_values_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^a=.*contains no value"):
        searched(text)


def test_conditions_are_texts_in_the_syntax_of_overrides(loader: ConfigLoader) -> None:
    params = {**SCHEDULES, "schedule.rounds": "range(3,5)", "schedule.curve": "choice(linear,cubic)"}
    conditions = {"schedule.rounds": "schedule=iterative", "schedule.curve": "schedule.rounds=range(4,5)"}
    space, _ = parsed(loader, params=params, conditions=conditions)
    assert space.keys == ["schedule", "prune.amount", "schedule.rounds", "schedule.curve"]
    assert {key: str(condition) for key, condition in space.conditions.items()} == {
        "schedule.rounds": "schedule=iterative",
        "schedule.curve": "schedule.rounds=4,5",
    }
    assert space.size == 5 * (2 + 1 + 2 * 2)


def test_the_interval_of_a_key_that_exists_only_under_its_condition_has_the_type_of_the_key(
    loader: ConfigLoader,
) -> None:
    params = {**SCHEDULES, "schedule.lr_scale": "interval(1,3)", "schedule.every": "interval(10.0,20.0)"}
    conditions = {"schedule.lr_scale": "schedule=gradual", "schedule.every": "schedule=gradual"}
    space, _ = parsed(loader, params=params, conditions=conditions)
    scale, every = space.dimensions[2:]
    assert scale == Continuous("schedule.lr_scale", 1.0, 3.0)
    assert every.ends == (10, 20)


def test_a_search_with_conditions_can_be_narrowed_on_the_command_line(loader: ConfigLoader) -> None:
    params = {**SCHEDULES, "schedule.rounds": "range(3,5)", "finetune.epochs": "range(1,2)"}
    conditions = {"schedule.rounds": "schedule=iterative", "finetune.epochs": "schedule=one_shot,iterative"}
    space, _ = parsed(loader, "schedule=choice(one_shot,gradual)", params=params, conditions=conditions)
    assert space.keys == ["schedule", "prune.amount", "finetune.epochs"]
    assert {key: str(condition) for key, condition in space.conditions.items()} == {
        "finetune.epochs": "schedule=one_shot"
    }


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"prune.amount": "one_shot"}, "conditions: prune.amount: one_shot: write a searched key and the values"),
        ({"schedule": "prune.amount=interval(0,1)"}, "write a searched key and the values"),
        ({"prune.amont": "schedule=one_shot"}, "prune.amont is not searched.* Did you mean 'prune.amount'"),
        ({"prune.amount": "shedule=one_shot"}, "shedule is not searched.* Did you mean 'schedule'"),
        ({"prune.amount": "schedule=lottery"}, "lottery is not a value of schedule in this search"),
        ({"prune.amount": "prune.amount=0.5"}, "prune.amount depends on prune.amount"),
    ],
)
def test_impossible_conditions_are_refused(conditions: dict[str, str], message: str, loader: ConfigLoader) -> None:
    with pytest.raises(UsageError, match=message):
        parsed(loader, params=SCHEDULES, conditions=conditions)


def test_every_setting_of_the_search_of_schedules_changes_a_run(loader: ConfigLoader) -> None:
    """Combinations of the space are as many as there are plans of steps."""
    from prunesweep.chain.context import Context
    from prunesweep.chain.schedules.plan import plan
    from prunesweep.experiment.planning import prepare

    config = loader.load_configuration("config", ["search=schedules"], run_mode=RunMode.MULTIRUN)
    sweeper = config.hydra.sweeper
    arguments = ["search=schedules", "prune.amount=choice(0.5)", "finetune.epochs=choice(1,2)"]
    arguments += ["schedule.rounds=choice(2,3)"]
    composer = JobComposer(loader)
    space, fixed = parse(sweeper.params, sweeper.conditions, arguments, config, composer)
    assert space.size == 2 + 2 * 2 + 2 + 2
    plans = set()
    for index in range(space.size):
        run = build(composer.load_sweep_config(config, [*fixed, *space.overrides(space.at(index))]))
        plans.add(repr(plan(run.schedule, prepare(run, Context(run.model, run.dataset, "cpu"))).chain))
    assert len(plans) == space.size
