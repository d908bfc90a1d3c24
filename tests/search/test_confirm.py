import csv
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support import Compose

from prunesweep.cli import main
from prunesweep.errors import UsageError
from prunesweep.experiment.run import run
from prunesweep.search.confirm import FOLDER, Candidate, Confirmed, confirm, fresh

TINY = ("model=lenet_300_100", "dataset.validation=3500", "train.epochs=0", "finetune.epochs=0", "threads=1")


@pytest.fixture
def sweep(tmp_path: Path, composed: Compose) -> Path:
    """A search of one trial, as it lies on the disk."""
    config = composed(*TINY, f"store.dir={tmp_path / 'store'}", "seed=3")
    result = run(config, tmp_path / "7")
    (tmp_path / "7" / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.structured(config), tmp_path / "7" / ".hydra" / "config.yaml")
    values = {"final.val_accuracy": result.final["val_accuracy"], "param_reduction": result.param_reduction}
    OmegaConf.save(
        {"pareto": [{"trial": 7, "directory": "7", "values": values}]}, tmp_path / "optimization_results.yaml"
    )
    return tmp_path


def test_the_pareto_set_and_the_dense_network_run_again_on_fresh_seeds(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["confirm", str(sweep), "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert "trial 7" in out
    assert "mean ± sd of 2 fresh seeds" in out
    dense, trial = csv.DictReader((sweep / "confirmed.csv").read_text().splitlines())
    assert (dense["network"], dense["optimism"], dense["param_reduction"]) == ("dense", "", "0.0")
    assert float(trial["optimism"]) == float(trial["searched val_accuracy"]) - float(trial["val_accuracy"])
    assert float(trial["test_accuracy sd"]) > 0
    assert sorted(path.name for path in (sweep / FOLDER / "7").iterdir()) == ["seed=4", "seed=5"]


def test_fresh_seeds_are_those_that_no_replicate_had(composed: Compose) -> None:
    config = composed("seed=3", "search.replicates=2")
    assert fresh([Candidate(7, config, {})], 2) == [5, 6]


def test_optimism_is_what_the_search_said_minus_what_came_out() -> None:
    assert Confirmed("trial 7", 2, 0.5, 0.75, (0.5, 0.1), (0.5, 0.1)).optimism == 0.25
    assert Confirmed("dense", 2, 0.0, None, (0.5, 0.1), (0.5, 0.1)).optimism is None


def test_what_is_no_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no optimization_results.yaml"):
        confirm(tmp_path, 5)
    OmegaConf.save({"pareto": []}, tmp_path / "optimization_results.yaml")
    with pytest.raises(UsageError, match="no completed trial"):
        confirm(tmp_path, 5)
    with pytest.raises(UsageError, match="--seeds 0"):
        confirm(tmp_path, 0)
