"""Sweepers as a user starts them, in real processes, and their parsing of the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import OmegaConf
from optuna.samplers import CmaEsSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler
from support import ROOT, SPACE, TINY, Command, results, trials

from hydra_plugins.prunesweep_plugins.composing import JobComposer
from hydra_plugins.prunesweep_plugins.sweepers import dimension, parse, proposals
from prunesweep.config import build
from prunesweep.errors import UsageError
from prunesweep.search.dimensions import Choice, Continuous, Dimension
from prunesweep.search.sampler import Exact, Fixed
from prunesweep.search.space import Space
from prunesweep.search.stopping import Limits

PARAMS = {"prune.amount": "range(0.1,0.5,step=0.1)", "finetune.epochs": "3"}
SCHEDULES = {"schedule": "choice(one_shot,iterative,gradual)", "prune.amount": "range(0.5,0.9,step=0.1)"}


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    """Hydra's loader of `conf/`."""
    with initialize_config_dir(str(ROOT / "conf")):
        yield GlobalHydra.instance().config_loader()


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
    from prunesweep.experiment.run import prepare

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


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tpe", TPESampler),
        ("random", RandomSampler),
        ("nsgaii", NSGAIISampler),
        ("qmc", QMCSampler),
        ("gp", GPSampler),
        ("cmaes", CmaEsSampler),
    ],
)
def test_samplers_are_built_from_their_configs(name: str, kind: type, loader: ConfigLoader) -> None:
    config = loader.load_configuration(
        "config", ["search=schedules", f"hydra/sweeper/sampler={name}"], run_mode=RunMode.MULTIRUN
    )
    sweeper = config.hydra.sweeper
    space, _ = parse(sweeper.params, sweeper.conditions, ["search=schedules"], config, JobComposer(loader))
    OmegaConf.set_readonly(config, True)  # as Hydra does
    sampler = proposals(sweeper.sampler, space, 3)(0)
    assert isinstance(sampler, Exact)
    assert type(sampler.inner) is kind
    assert not getattr(sampler.inner, "_warn_independent_sampling", False)


def test_the_grid_sampler_enumerates_the_space(loader: ConfigLoader) -> None:
    space, _ = parsed(loader)
    settings = OmegaConf.create({"_target_": "optuna.samplers.GridSampler", "_partial_": True, "seed": None})
    assert isinstance(proposals(settings, space, 0)(0), Fixed)


def test_the_limits_of_a_search_are_those_of_the_command_line(loader: ConfigLoader) -> None:
    limits = ("n_trials=9", "timeout=60", "patience=5", "max_failure_rate=0", "n_jobs=1")
    overrides = ["search=tradeoff", "study=mine", *(f"hydra.sweeper.{each}" for each in limits)]
    config = loader.load_configuration("config", overrides, run_mode=RunMode.MULTIRUN)
    sweeper = instantiate(config.hydra.sweeper, _recursive_=False, _execution_whitelist_=["hydra_plugins.*"])
    sweeper.config = config
    spec = sweeper._spec(build(config), Space(()), {})
    assert spec.limits == Limits(total=9, max_failure_rate=0, timeout=60, patience=5)


def test_a_search_continues_to_its_total_and_overwrites_nothing(run_py: Command, tmp_path: Path) -> None:
    folder = tmp_path / "multirun" / "mine"
    first = run_py(*TINY, *SPACE, "study=mine", "hydra.sweeper.n_trials=1")
    assert first.code == 0, first.err
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}
    again = run_py(*TINY, *SPACE, "study=mine", "hydra.sweeper.n_trials=2")
    assert again.code == 0, again.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [row["trial"] for row in trials(folder) if row["status"] == "completed"] == sorted(
        path.parent.name for path in folder.glob("*/result.json")
    )
    assert len({(row["prune.amount"], row["layers"]) for row in trials(folder)}) >= 2
    assert "mine: 2/2 trials, best within 0.5 points of dense" in again.out
    assert "2 of 2 runs completed" in again.out
    found = results(folder)
    assert found["trials"]["completed"] == 2
    for each in found["pareto"]:
        assert (folder / each["directory"] / "result.json").exists()
        assert set(each["values"]) == {"final.val_accuracy", "param_reduction"}
    changed = run_py(*TINY, *SPACE, "study=mine", "layers=choice(fc)")
    assert changed.code == 1
    assert (
        "multirun/mine: contains another sweep. These settings differ:\n  layers: choice(all,fc) -> choice(fc)\n"
        in changed.err
    )
    assert "2 of 2 runs" not in changed.out
    assert len(trials(folder)) >= 2


def test_failures_are_recorded_and_too_many_end_the_search(run_py: Command, tmp_path: Path) -> None:
    bad = (*TINY, "train.epochs=1", "layers=choice(conv,fc)", "finetune.epochs=choice(0)", "prune.amount=choice(0.5)")
    bad = (*bad, "optimizer.lr=choice(0.1,1e30)")
    done = run_py(*bad, "study=s", "hydra.sweeper.n_trials=20", "hydra.sweeper.max_failure_rate=0.2")
    assert done.code == 0, done.err
    rows = {
        (row["layers"], row["optimizer.lr"]): row
        for row in trials(tmp_path / "multirun" / "s")
        if row["status"] != "duplicate"
    }
    assert {key: row["status"] for key, row in rows.items()} == {
        ("fc", "0.1"): "completed", ("fc", "1e+30"): "failed", ("conv", "0.1"): "failed", ("conv", "1e+30"): "failed"
    }  # fmt: skip
    assert results(tmp_path / "multirun" / "s")["ended"] == "all 4 combinations were tried"
    assert "s: ended after 4 trials: all 4 combinations were tried" in done.out
    assert "selects no layer" in rows["conv", "0.1"]["note"]
    assert "training diverged" in rows["fc", "1e+30"]["note"]
    enough = run_py(*bad, "study=t", "hydra.sweeper.n_trials=20", "hydra.sweeper.max_failure_rate=0")
    assert enough.code == 1
    assert "1 trial failed, more than hydra.sweeper.max_failure_rate=0 of n_trials=20 allows" in enough.err


def test_replicates_with_one_objective(run_py: Command, tmp_path: Path) -> None:
    one = ("search.objectives=[val_loss]", "search.replicates=2", "seed=3", "hydra.sweeper.n_trials=2", "study=r")
    done = run_py(*TINY, *SPACE, *one)
    assert done.code == 0, done.err
    folder = tmp_path / "multirun" / "r"
    assert sorted(path.parent.name for path in folder.glob("0/*/result.json")) == ["seed=3", "seed=4"]
    row = trials(folder)[0]
    each = [float(row[f"final.val_loss seed={seed}"]) for seed in (3, 4)]
    assert float(row["final.val_loss"]) == sum(each) / 2
    assert float(row["final.val_loss sd"]) > 0
    assert len(results(folder)["pareto"]) == 1
    assert "4 of 4 runs completed" in done.out


def test_a_scan_of_each_layer_alone(run_py: Command, tmp_path: Path) -> None:
    scan = ("search=sensitivity", "layers.include=[fc1],[fc2]", "prune.amount=0.5", "hydra.sweep.dir=s")
    done = run_py(*TINY[:1], *TINY[2:], *scan)
    assert done.code == 0, done.err
    assert "2 of 2 runs completed" in done.out
    assert [path.parent.name for path in sorted((tmp_path / "s").glob("*/result.json"))] == ["0", "1"]


BAD = [
    ("search.objectives=[val_acuracy]", "search.objectives=val_acuracy: must be one of val_accuracy, val_loss"),
    ("hydra/sweeper/sampler=tpa", "hydra/sweeper/sampler=tpa: must be one of cmaes, gp, grid"),
    ("prune.amount=range(0.5,1.5,step=0.5)", "prune.amount=1.5: must be at least 0 and at most 1"),
    ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials=0: must be at least 1"),
    ("hydra.sweeper.timeout=0", "hydra.sweeper.timeout=0.0: must be above 0"),
    ("hydra.sweeper.patience=0", "hydra.sweeper.patience=0: must be at least 1"),
    ("+hydra.sweeper.halving={factor: 1}", "hydra.sweeper.halving.factor=1: must be at least 2"),
    (
        '+hydra.sweeper.conditions={finetune.epochs: "optimizer=adam"}',
        "conditions: finetune.epochs: optimizer=adam: optimizer is not searched",
    ),
]


@pytest.mark.parametrize(("override", "message"), BAD, ids=[override for override, _ in BAD])
def test_bad_input(override: str, message: str, run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "search=tradeoff", override)
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.out + done.err
    assert list(tmp_path.iterdir()) == []


HALVING_BAD = [
    ("hydra/sweeper/sampler=nsgaii", "hydra.sweeper.halving: cannot be combined with this sampler"),
    ("hydra.sweeper.halving.key=layers", "halving.key=layers: is searched over choice(all,conv,fc). Halving needs"),
    (
        "finetune.decay=cosine",
        "the run prune.amount=0.4 finetune.epochs=5 layers=all does not continue the run prune.amount=0.4 "
        "finetune.epochs=3 layers=all, so halving would save nothing",
    ),
]


@pytest.mark.parametrize(("override", "message"), HALVING_BAD, ids=[override for override, _ in HALVING_BAD])
def test_halving_that_cannot_work_is_refused(override: str, message: str, run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", "search=halving", override)
    assert done.code == 1
    assert message in done.err
    assert "Traceback" not in done.out + done.err
    assert list(tmp_path.iterdir()) == []


def test_a_search_with_halving_promotes_and_continues(run_py: Command, tmp_path: Path) -> None:
    short = ("-m", "search=halving", *TINY[2:], *SPACE[::2], "finetune.epochs=choice(0,1)", "study=h")
    folder = tmp_path / "multirun" / "h"
    first = run_py(*short, "hydra.sweeper.n_trials=2")
    assert first.code == 0, first.err
    assert [row["finetune.epochs"] for row in trials(folder)] == ["0", "0"]
    again = run_py(*short, "hydra.sweeper.n_trials=4")
    assert again.code == 0, again.err
    rows = [row for row in trials(folder) if row["status"] == "completed"]
    assert [row["finetune.epochs"] for row in rows] == ["0", "0", "1", "0"]
    assert (rows[2]["prune.amount"], rows[2]["layers"]) in [(row["prune.amount"], row["layers"]) for row in rows[:2]]
    assert "h: 4/4 trials" in again.out


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "conf" / "search").glob("*.yaml")))
def test_every_search_composes(name: str) -> None:
    with initialize_config_dir(str(ROOT / "conf")):
        config = compose("config", [f"search={name}"], return_hydra_config=True)
    sweeper = "GridSweeper" if name in ("grid", "sensitivity") else "SearchSweeper"
    assert config.hydra.sweeper._target_ == f"hydra_plugins.prunesweep_plugins.sweepers.{sweeper}"
