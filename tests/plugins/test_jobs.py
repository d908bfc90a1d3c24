import json
from pathlib import Path

from support import Command

DIVERGING = ("model=lenet_300_100", "dataset.validation=3500", "train.epochs=1", "optimizer.lr=1e30", "device=cpu")


def test_the_error_of_shared_steps_is_that_of_their_runs(run_py: Command, tmp_path: Path) -> None:
    done = run_py("-m", *DIVERGING, "prune.amount=0.5,0.9", "hydra.sweep.dir=sweep")
    assert done.code == 1
    assert "training diverged" in done.err
    assert "0 of 2 runs completed, 2 failed" in done.out
    errors = [json.loads((tmp_path / "sweep" / number / "result.json").read_text())["error"] for number in "01"]
    assert "training diverged" in errors[0]
    assert errors[0] == errors[1]
