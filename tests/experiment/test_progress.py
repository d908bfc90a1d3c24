from prunesweep.chain.train_epoch import TrainEpoch
from prunesweep.experiment import progress
from prunesweep.experiment.progress import Printed, Report, Stepped, listening, report
from prunesweep.training.settings import SGD


def test_the_innermost_listener_hears_what_is_reported() -> None:
    outer: list[Report] = []
    inner: list[Report] = []
    report(Printed("nobody listens"))
    assert not progress.is_part_of_sweep()
    with listening(outer.append):
        assert progress.is_part_of_sweep()
        with listening(inner.append):
            report(Printed("one"))
        with progress.reporting(3) as on_step:
            on_step(0, TrainEpoch("data", SGD(), 0.1, 8, 0, 0), {})
    assert (outer, inner) == ([Stepped(epoch=True)], [Printed("one")])
    assert not progress.is_part_of_sweep()
