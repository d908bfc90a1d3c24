from prunesweep.chain.environment import digests
from prunesweep.chain.steps import Reinitialize, Step
from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.chain.tree import Branch, Tree
from prunesweep.experiment.forecast import Forecast
from prunesweep.report.console.plan import line, worst_line
from prunesweep.store.costs import Cost
from prunesweep.training.settings import SGD

CHAIN: list[Step] = [Reinitialize(0, 0), TrainEpoch("data", SGD(), 0.1, 8, 0, 0)]


def plan(seconds: tuple[float | None, float | None], stored: int = 0, failures: int = 0, fixed: float = 0) -> Forecast:
    after = digests({}, CHAIN)

    def costs(what: object) -> Cost | None:
        value = seconds[CHAIN.index(what)]  # type: ignore[arg-type]
        return None if value is None else Cost(1, value, 1e6)

    branch = Branch(CHAIN, after, [], 1, set(after[:stored]).__contains__, costs)
    return Forecast(Tree.of([branch]), failures, fixed)


def test_the_line_names_runs_steps_time_and_size() -> None:
    assert line(plan((40, 60))) == "1 run: 2 steps, of them 1 epoch; 0 stored; about 1 min 40 s, 2.0 MB"
    assert line(plan((40, 60), stored=1)) == "1 run: 2 steps, of them 1 epoch; 1 stored; about 1 min, 1.0 MB"
    assert line(plan((4, 6), fixed=10), workers=2).endswith("0 stored; about 20 s with 2 workers, 2.0 MB")


def test_a_sweep_whose_steps_are_all_stored() -> None:
    assert line(plan((4, 6), stored=2, fixed=3)) == "1 run: 2 steps, of them 1 epoch; all stored; about 3 s"
    assert line(plan((4, 6), stored=2)).endswith("all stored; less than 1 s")


def test_an_unknown_time_is_not_invented() -> None:
    assert line(plan((None, None))).endswith("0 stored; the time is not known before the first run of this network")
    assert line(plan((None, 8))).endswith("; at least 8 s (1 step of a kind that was never measured), 1.0 MB")


def test_runs_that_cannot_be_planned_are_counted() -> None:
    assert line(plan((4, 6), failures=1)).startswith("2 runs: 2 steps, of them 1 epoch; 1 run cannot be planned; 0 ")


def test_the_worst_case_of_a_search() -> None:
    assert worst_line(plan((4, 6)), 10, 1) == (
        "10 trials: at most 20 steps, of them 10 epochs; at most about 1 min 40 s, 20.0 MB"
    )
    assert worst_line(plan((4, 6)), 10, 2, workers=4).startswith("10 trials of 2 runs: at most 40 steps")
    assert "at most about 50 s with 4 workers" in worst_line(plan((4, 6)), 10, 2, workers=4)
    assert worst_line(plan((None, None)), 10, 1).endswith(
        "; the time is not known before the first run of this network"
    )
