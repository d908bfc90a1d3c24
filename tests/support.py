"""Paths and types shared by the tests and their fixtures."""

import csv
import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from prunesweep.config import RunConfig

ROOT = Path(__file__).parent.parent
FORKS = sys.platform == "linux"  # elsewhere, forking a process that has loaded torch is unsafe or impossible
NEEDS_PACKED = pytest.mark.skipif(not importlib.util.find_spec("constriction"), reason="needs the extra [packed]")

SLOW_FIXTURES = {"run_py", "completed", "full_data", "browser"}
"""Fixtures that start processes, train, or read whole datasets."""

SLOW_TESTS = (
    "tests/adversarial/test_exports.py",
    "tests/adversarial/test_output.py",
    "tests/adversarial/test_signals.py",
    "tests/api/test_start.py::test_a_sweep_is_a_process",
    "tests/api/test_start.py::test_a_sweep_that_is_refused",
    "tests/bench/",
    "tests/chain/test_arithmetic.py::test_an_environment_variable",
    "tests/chain/test_digest.py",
    "tests/cli/test_bench.py",
    "tests/chain/test_prune_steps.py::test_a_ramp_from_a_stored_state",
    "tests/chain/test_prune_steps.py::test_pruned_weights_are_exactly_zero",
    "tests/chain/test_train_epoch.py::test_training_from_a_stored_state",
    "tests/data/test_readers.py",
    "tests/data/test_source_files.py",
    "tests/experiment/test_forecast.py",
    "tests/experiment/test_provenance.py::test_a_run_writes_its_provenance",
    "tests/experiment/test_run.py",
    "tests/export/c/test_cortex_m.py",
    "tests/export/c/test_form.py",
    "tests/export/c/test_generate.py",
    "tests/export/c/test_graph.py",
    "tests/export/c/test_integer.py",
    "tests/export/c/test_integer_source.py",
    "tests/export/c/test_scoring.py",
    "tests/export/c/test_tails.py",
    "tests/export/test_formats.py::test_a_graph",
    "tests/export/test_onnx_graph.py",
    "tests/plugins/",
    "tests/report/console/test_terminal.py::test_a_report_does_not_wait_for_torch",
    "tests/search/test_confirm.py",
    "tests/search/test_ledger.py",
    "tests/store/test_store.py::test_a_lock_is_held_across_processes",
    "tests/test_architecture.py",
    "tests/test_bits.py",
    "tests/test_config.py::test_each_option_builds",
    "tests/test_config.py::test_each_experiment_builds",
    "tests/test_faults.py",
    "tests/test_golden.py",
    "tests/test_networks.py",
    "tests/tracking/test_loggers.py",
    "tests/tracking/test_mlflow.py",
    "tests/tracking/test_wandb.py",
)
"""Beginnings of the IDs of other tests that do so, compose many configs, or import large packages.

All tests that are not slow carry the marker `fast`.
"""

LONG_TESTS = (
    "tests/adversarial/test_output.py::test_a_reader_that_leaves",
    "tests/adversarial/test_output.py::test_a_sweep_whose_report",
    "tests/adversarial/test_signals.py::test_a_signal_during_a_heavy_import",
    "tests/api/test_start.py::test_a_sweep_is_a_process",
    "tests/experiment/test_reproduce.py::test_runs_of_every_sweeper_and_launcher",
    "tests/export/c/test_generate.py::test_a_layer_without_weights",
    "tests/export/c/test_generate.py::test_other_options",
    "tests/export/c/test_generate.py::test_random_layers",
    "tests/export/c/test_integer.py::test_other_options",
    "tests/export/c/test_integer.py::test_random_layers",
    "tests/plugins/test_clusters.py::test_a_canceled_slurm_job",
    "tests/plugins/test_clusters.py::test_a_killed_ray_node",
    "tests/plugins/test_clusters.py::test_slurm_runs_a_grid",
    "tests/plugins/test_launchers.py",
    "tests/plugins/test_local.py::test_a_worker_that_is_killed",
    "tests/plugins/test_local.py::test_results_do_not_depend",
    "tests/plugins/test_search_sweeper.py::test_a_search_continues",
    "tests/plugins/test_search_sweeper.py::test_a_search_with_halving",
    "tests/plugins/test_search_sweeper.py::test_a_search_for_a_measured_cost",
    "tests/plugins/test_search_sweeper.py::test_impossible_options",
    "tests/report/render/test_page.py::test_ten_thousand_runs",
    "tests/cli/test_compare.py::test_a_benchmark_ends",
    "tests/test_faults.py",
    "tests/test_golden.py::test_a_portable_run",
    "tests/test_own_data.py::test_a_published_data_set",
    "tests/test_own_data.py::test_a_sweep",
    "tests/test_run.py::test_a_run_and_a_sweep_without_an_amount",
    "tests/test_run.py::test_two_processes",
    "tests/tracking/test_mlflow.py::test_parallel_jobs",
    "tests/tracking/test_wandb.py::test_a_sweep",
)
"""Beginnings of the IDs of tests that take 4 seconds or more, because they run whole commands several times.

They carry the marker `long`, and run only with `pytest -m long`.
"""

Compose = Callable[..., RunConfig]
Completed = Callable[..., Path]


@dataclass(frozen=True)
class Finished:
    """The exit code and the output of a finished command."""

    code: int
    out: str
    err: str


Command = Callable[..., Finished]


def edit(run: Path, **values: Any) -> None:
    """Set keys of the saved config, `__` for a dot."""
    path = run / ".hydra" / "config.yaml"
    config = OmegaConf.load(path)
    for key, value in values.items():
        OmegaConf.update(config, key.replace("__", "."), value, force_add=True)
    path.write_text(OmegaConf.to_yaml(config))


def change(path: Path, **values: Any) -> None:
    """Set fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


TINY = ("-m", "search=tradeoff", "model=lenet_300_100", "dataset.validation=3500", "train.epochs=0", "threads=1")
SPACE = ("prune.amount=range(0.1,0.9,step=0.1)", "finetune.epochs=choice(0)", "layers=choice(all,fc)")


def trials(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


def results(folder: Path) -> Any:
    return OmegaConf.to_container(OmegaConf.load(folder / "optimization_results.yaml"))


def _without_times(value: Any) -> Any:
    """Return `value` without times."""
    if isinstance(value, dict):
        return {key: _without_times(each) for key, each in value.items() if key != "seconds"}
    return [_without_times(each) for each in value] if isinstance(value, list) else value


def outcomes(sweep: Path, but: tuple[str, ...] = ()) -> list[Any]:
    """Return the results and the hashes of the weights of all runs, without times and without the fields `but`."""
    found = []
    for folder in sorted(sweep.glob("*/result.json")):
        result = _without_times(json.loads(folder.read_text()))
        result = {key: value for key, value in result.items() if key not in but}
        result["overrides"] = [each for each in result["overrides"] if "workers" not in each and "store" not in each]
        found.append((result, hashlib.sha256(folder.with_name("model.safetensors").read_bytes()).hexdigest()))
    return found
