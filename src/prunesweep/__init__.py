"""Prune LeNets at many settings, and measure what each cut costs in accuracy.

A run is a chain of steps: build a network, train it, prune it, fine-tune it, evaluate it. The state after each step is
stored under a digest of everything that can change it, so that the runs of a sweep share their common steps. Code is
organised in the order of the pipeline, and each folder imports only from those above it:

- `errors`, `files`: checks of user input, atomic writes
- `conf`, `messages`: the settings files, and messages for invalid settings
- `process`: signals and exit codes
- `roles`: what each setting affects
- `workers`: processes that execute calls
- `code`: locate and hash the user's code and the package's own
- `data`: data sets, their files and splits
- `models`: the LeNets and custom networks
- `results`: results, run directories, objectives, Pareto sets
- `training`: one epoch, evaluation, optimizers
- `pruning`: criteria, scores, masks, costs, compaction
- `quantization`: codebooks, integer programs
- `store`: the results of finished steps on disk
- `chain`: states, steps, schedules, execution
- `tracking`: TensorBoard and MLflow
- `config`: the typed configuration
- `experiment`: a run from its configuration to its result; reproducing a saved run
- `report`: tables, figures and the web page
- `export`: networks in other file formats, verified
- `bench`: latencies and file sizes of networks
- `search`: multi-objective searches
- `api`: the functions that this package offers, and the start of runs
- `cli`: the `prunesweep` command

The functions, in `docs/python.md`: `run`, `sweep`, `load`, `network`, `masks` and `prune`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# This code is loaded before every step, so a change of it gives all steps new digests (`prunesweep.code.hashing`).
__all__ = ["load", "masks", "network", "prune", "run", "sweep"]

if TYPE_CHECKING:
    from prunesweep.api.modules import prune as prune
    from prunesweep.api.networks import masks as masks
    from prunesweep.api.networks import network as network
    from prunesweep.api.start import run as run
    from prunesweep.api.start import sweep as sweep
    from prunesweep.api.tables import load as load
else:

    def __getattr__(name):
        """Import a function of the API on its first use, so that `import prunesweep` does not import torch."""
        modules = {
            "load": "tables",
            "masks": "networks",
            "network": "networks",
            "prune": "modules",
            "run": "start",
            "sweep": "start",
        }
        if name not in modules:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"prunesweep.api.{modules[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
