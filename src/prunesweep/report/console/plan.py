"""The plan of a sweep in one line, shown before anything runs."""

from __future__ import annotations

from prunesweep.experiment.forecast import Forecast
from prunesweep.report.console.store import size
from prunesweep.results.text import counted, duration


def line(forecast: Forecast, workers: int = 1) -> str:
    """Describe the plan of a sweep: runs, steps, what is stored, the time and the bytes."""
    tree = forecast.tree
    parts = [f"{counted(forecast.runs, 'run')}: {counted(len(tree.nodes), 'step')}, of them {_epochs(tree.epochs)}"]
    if forecast.failures:
        parts.append(f"{counted(forecast.failures, 'run')} cannot be planned")
    missing = len(tree.missing)
    parts.append(f"{tree.available:,} stored" if missing else "all stored")
    parts.append(cost(forecast.seconds(workers), tree.size, tree.unknown, tree.seconds == 0, workers))
    return "; ".join(part for part in parts if part)


def worst_line(worst: Forecast, trials: int, replicates: int, workers: int = 1) -> str:
    """Describe the worst case of a search: every trial is the most expensive run, and nothing is stored."""
    tree, runs = worst.tree, trials * replicates
    seconds = worst.start + (worst.seconds() - worst.start) * -(-runs // workers)
    named = counted(trials, "trial") + (f" of {counted(replicates, 'run')}" if replicates > 1 else "")
    steps = f"{named}: at most {counted(runs * len(tree.nodes), 'step')}, of them {_epochs(runs * tree.epochs)}"
    estimate = cost(seconds, runs * tree.size, tree.unknown, tree.seconds == 0, workers, about="at most about")
    return f"{steps}; {estimate}"


def cost(seconds: float, written: float, unknown: int, nothing_known: bool, workers: int, about: str = "about") -> str:
    """Describe the expected time and bytes, as far as they are known."""
    if unknown and nothing_known:
        return "the time is not known before the first run of this network"
    where = f" with {workers} workers" if workers > 1 else ""
    if unknown:
        about = "at least"
        where += f" ({counted(unknown, 'step')} of a kind that was never measured)"
    needed = f", {size(round(written))}" if written >= 1 else ""
    return f"{about} {duration(seconds)}{where}{needed}".replace("about less", "less")


def _epochs(count: int) -> str:
    return counted(count, "epoch")
