"""Measure accuracy against size on full MNIST over three seeds: the figures of tradeoff.md and docs/article.md.

    PRUNESWEEP_DATA=… python benchmarks/tradeoff.py

Prints the tables as Markdown and draws docs/tradeoff.png. Takes five to thirty minutes on two cores with an empty
store, most of it for the four-convolution network.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from commands import ROOT
from matplotlib.figure import Figure
from sweeps import SEEDS, Result, accuracy, grouped, sweep

AMOUNTS = "0.2,0.5,0.8,0.9,0.95,0.98,0.99"
POINTS = ("dense", "pruned", "final")


def by_amount(*overrides: str) -> dict[float, list[Result]]:
    """Return the results of a sweep by amount."""
    return dict(sorted(grouped(sweep(*overrides), lambda result: float(result["amount"])).items()))


def print_table(results_by_amount: dict[float, list[Result]]) -> None:
    print(
        "| amount | parameters left | whole model | compression | dense % | straight after pruning % | fine-tuned % |"
    )
    print("|---|---|---|---|---|---|---|")
    for amount, results in results_by_amount.items():
        first = results[0]
        scores = " | ".join(accuracy(results, point) for point in POINTS)
        print(
            f"| {amount:g} | {first['params_nonzero']:,} of {first['params_total']:,} | "
            f"-{100 * first['param_reduction']:.2f} % | {first['compression']:.1f}x | {scores} |"
        )


def draw(results_by_amount: dict[float, list[Result]], path: Path) -> None:
    left = [results[0]["params_nonzero"] for results in results_by_amount.values()]

    def scores(point: str) -> list[list[float]]:
        return [[100 * result[point]["test_accuracy"] for result in results] for results in results_by_amount.values()]

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    dense = statistics.mean(scores("dense")[0])
    axes.axhline(dense, color="0.4", linewidth=1, linestyle="--")
    total = next(iter(results_by_amount.values()))[0]["params_total"]
    axes.annotate(
        f"dense: {dense:.2f} %",
        (0.99, dense),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        color="0.3",
    )
    for point, label, color in (("final", "fine-tuned", "C0"), ("pruned", "straight after pruning", "C1")):
        values = scores(point)
        means, deviations = map(statistics.mean, values), map(statistics.stdev, values)
        axes.errorbar(left, list(means), yerr=list(deviations), marker="o", capsize=3, label=label, color=color)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xticks(left, [f"{count:,}" for count in left], rotation=30)
    axes.minorticks_off()
    axes.set_ylim(87, 100)
    axes.set_xlabel(f"parameters left, of {total:,}")
    axes.set_ylabel("test accuracy, %")
    axes.set_title("LeNet-5 on MNIST, global magnitude pruning, mean ± sd of 3 seeds", fontsize=10)
    axes.legend(frameon=False, loc="lower left")
    figure.savefig(path, dpi=160)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "tradeoff.png", help="file of the figure")
    parser.add_argument("overrides", nargs="*", help="overrides that are added to each run")
    options = parser.parse_args()
    results = by_amount("dataset=mnist", SEEDS, f"prune.amount={AMOUNTS}", *options.overrides)
    print("LeNet-5 on MNIST\n")
    print_table(results)
    draw(results, options.figure)
    print("\nThe article's experiment on MNIST\n")
    print_table(by_amount("experiment=article", "dataset=mnist", SEEDS, *options.overrides))


if __name__ == "__main__":
    main()
