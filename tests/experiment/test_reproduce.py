import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from support import Command, Completed, change, edit

from prunesweep.cli import main
from prunesweep.experiment.reproduce import SCORES, Comparison, Difference, compare
from prunesweep.experiment.saved import completed_run, load_config
from prunesweep.results.flatten import leaves
from prunesweep.results.result import BOOKKEEPING, DURATIONS
from prunesweep.results.run_directory import read_run

Reproduced = tuple[int, str, str]


@pytest.fixture
def reproduced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def call(run: Path, *options: str) -> Reproduced:
        code = main(["reproduce", str(run), "--out", str(tmp_path / "again"), *options])
        return (code, *capsys.readouterr())

    return call


def test_a_repetition_is_identical(completed: Completed, reproduced: Any, tmp_path: Path) -> None:
    run = completed("prune.amount=0.5")
    assert reproduced(run)[:2] == (0, "identical\n")
    again = json.loads((tmp_path / "again" / "result.json").read_text())
    assert again["steps_cached"] == 0, "from an empty store"
    repetition = completed_run(tmp_path / "again")
    assert load_config(repetition) == load_config(completed_run(run)), "the repetition is a complete run directory"
    assert repetition.overrides == completed_run(run).overrides
    code, _, err = reproduced(run)
    assert code == 1
    assert "again: exists already. Give a new directory." in err


def test_steps_can_be_taken_from_a_store(completed: Completed, reproduced: Any, tmp_path: Path) -> None:
    run = completed()
    code, out, _ = reproduced(run, "--use-store", str(tmp_path / "store"))
    assert code == 0
    assert out.startswith(f"identical\nThis relies on the store {tmp_path / 'store'}: 4 of 4 steps were not computed")
    assert json.loads((tmp_path / "again" / "result.json").read_text())["steps_cached"] == 4


def test_a_changed_result_is_found(completed: Completed, reproduced: Any) -> None:
    run = completed()
    final = json.loads((run / "result.json").read_text())["final"]
    change(run / "result.json", final={**final, "test_accuracy": 0.999})
    code, out, _ = reproduced(run, "--tolerance", "1e-6")
    assert code == 1
    assert out.startswith(f"differs\n  final.test_accuracy: 0.999 -> {final['test_accuracy']} (")
    assert "the digests agree" in out


def test_changed_weights_are_found(completed: Completed, reproduced: Any) -> None:
    run = completed()
    weights = load_file(run / "model.safetensors")
    weights["fc3.bias"][3] += 0.5
    save_file(weights, run / "model.safetensors")
    code, out, _ = reproduced(run)
    assert code == 1
    assert "fc3.bias: 1 of 10 values, by up to 0.5\n" in out
    assert "model.safetensors was changed after the run" in out


def test_a_changed_config_is_found(completed: Completed, reproduced: Any) -> None:
    run = completed()
    edit(run, seed=1)
    code, out, _ = reproduced(run)
    assert code == 1
    assert "  seed: 0 -> 1 (+1)\n" in out
    assert "masks: different weights are pruned" in out
    assert "the chains differ from step 0 (Init): the settings or the code of prunesweep were changed" in out


def test_a_different_environment_is_a_possible_explanation(completed: Completed) -> None:
    run = read_run(completed("threads=1", name="one"))
    again = read_run(completed("threads=2", name="two"))
    assert again.provenance is not None
    again.provenance["environment"]["torch"] = "9.9"
    again.result["final"]["test_accuracy"] = 0.5
    reasons = compare(run, again).explanations
    assert any(reason.startswith("environment.torch: 2.") and reason.endswith(" -> 9.9") for reason in reasons)
    assert "environment.threads: 1 -> 2" in reasons
    assert not any("the chains differ" in reason for reason in reasons)


def test_a_run_without_provenance_can_be_reproduced(completed: Completed, reproduced: Any) -> None:
    run = completed("train.epochs=0")
    (run / "provenance.json").unlink()
    assert reproduced(run)[:2] == (0, "identical\n")
    change(run / "result.json", amount=0.7)
    comparison = compare(read_run(run), read_run(completed("train.epochs=0", name="two")))
    assert comparison.same_masks is None
    assert comparison.explanations[0] == "the run does not have a provenance.json: its environment is not known"


def test_code_in_the_config_is_refused_without_trust(
    completed: Completed, reproduced: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_score.py").write_text("def score(layer):\n    return -layer.weight.abs()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    run = completed("train.epochs=0", "prune=custom", "prune.target=own_score.score")
    code, out, err = reproduced(run)
    assert (code, out) == (1, "")
    assert "prune.target=own_score.score, which would be imported and executed. Pass --trust to allow it." in err
    assert not (tmp_path / "again").exists()
    assert reproduced(run, "--trust")[:2] == (0, "identical\n")


SWEEPS = {
    "basic": ("prune.amount=0.3,0.6",),
    "joblib": ("prune.amount=0.3,0.6", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "optuna": (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.n_jobs=1",
        "hydra.sweeper.direction=maximize",
        "prune.amount=interval(0.1,0.9)",
    ),
}


@pytest.mark.parametrize("sweeper", SWEEPS)
def test_runs_of_every_sweeper_and_launcher_are_identical(
    sweeper: str, run_py: Command, reproduced: Any, tmp_path: Path
) -> None:
    if sweeper == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra [joblib]")
    short = ("model=lenet_300_100", "train.epochs=1", "finetune.epochs=0", "threads=1", "hydra.sweep.dir=sweep")
    done = run_py("-m", *SWEEPS[sweeper], *short, fresh=sweeper == "joblib")
    assert done.code == 0, done.err
    assert reproduced(tmp_path / "sweep" / "1")[:2] == (0, "identical\n")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1e-9, 1))
def test_values_within_the_tolerance_are_accepted(one: float, other: float, tolerance: float) -> None:
    difference = Difference("final.test_accuracy", one, other)
    if abs(one - other) <= tolerance:
        assert difference.within(tolerance)
    assert Comparison((difference,), (), None, ()).within(0) is False


def test_the_tolerance_is_relative_for_losses_above_one_and_does_not_apply_to_text() -> None:
    assert Difference("final.test_loss", 10.0, 10.1).within(0.01)
    assert not Difference("final.test_loss", 10.0, 10.2).within(0.01)
    assert not Difference("final.test_loss", 10.0, "nothing").within(1)
    assert not Difference("model", "lenet5", "lenet6").within(1)
    assert str(Difference("model", "a\n\x1b", None)) == "model: a\\n\\x1b -> None"


@pytest.mark.parametrize(
    "name",
    [
        *("amount", "seed", "params_pruned", "macs_nonzero", "sparsity", "param_reduction", "compression"),
        *("theoretical_speedup", "layers.0.nonzero", "layers.0.sparsity", "rounds.1.sparsity", "history.3.sparsity"),
    ],
)
def test_the_tolerance_does_not_apply_to_settings_and_counts(name: str) -> None:
    assert not Difference(name, 0.2, 0.98).within(1)
    assert not Difference(name, 1_000, 1_001).within(1)


def test_the_tolerance_applies_to_every_score_of_a_result(completed: Completed) -> None:
    measured = read_run(completed()).result
    names = {name.rpartition(".")[2] for name, _ in leaves(measured)}
    assert names >= SCORES
    scores = {name for name in names if name.endswith(("_loss", "_accuracy"))}
    assert scores == SCORES, "a new score is listed, too"


def test_within_the_tolerance_weights_and_masks_may_differ() -> None:
    comparison = Comparison((Difference("final.val_accuracy", 0.5, 0.51),), ("fc: …",), False, ("why",))
    assert not comparison.identical
    assert comparison.within(0.02)
    assert not comparison.within(0.001)
    assert next(comparison.lines(0.02)) == "within the tolerance of 0.02"
    assert list(comparison.lines(0))[-2:] == ["Possible explanations:", "  why"]


def test_missing_tensors_and_different_shapes_are_described(completed: Completed) -> None:
    run, again = (read_run(completed("train.epochs=0", name=name)) for name in ("one", "two"))
    weights = load_file(again.folder / "model.safetensors")
    weights["fc9"] = weights.pop("fc3.bias")
    weights["fc1.bias"] = torch.zeros(3)
    save_file(weights, again.folder / "model.safetensors")
    assert set(compare(run, again).tensors) == {
        "fc1.bias: torch.float32 [300] -> torch.float32 [3]",
        "fc3.bias: torch.float32 [10] -> absent",
        "fc9: absent -> torch.float32 [10]",
    }


def test_an_invalid_tolerance_is_refused(completed: Completed, reproduced: Any) -> None:
    code, _, err = reproduced(completed("train.epochs=0", "finetune.epochs=0"), "--tolerance", "nan")
    assert code == 1
    assert "--tolerance=nan: must be at least 0." in err


def test_a_compact_network_is_reproduced_in_spite_of_measured_times(completed: Completed, reproduced: Any) -> None:
    run = completed("prune.structure=channel", "prune.amount=0.5", "train.epochs=0", "finetune.epochs=0")
    assert json.loads((run / "result.json").read_text())["compact"]["latency_ms"] > 0
    assert reproduced(run)[:2] == (0, "identical\n")


def test_the_fields_that_are_not_compared_exist(completed: Completed) -> None:
    run = completed("prune.structure=channel", "prune.amount=0.5", "train.epochs=0", "finetune.epochs=0")
    names = {part for name, _ in leaves(read_run(run).result) for part in name.split(".")}
    assert names >= BOOKKEEPING | DURATIONS
