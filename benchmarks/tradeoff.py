"""The figures of the README: what each cut costs, over seeds, on full MNIST.

    PRUNESWEEP_DATA=… python benchmarks/tradeoff.py

Runs the README's commands in a temporary folder, prints their tables in Markdown, and draws docs/tradeoff.png. With
an empty store it takes five to thirty minutes on two cores, most of it for the four-convolution network.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from sweeps import ROOT, SEEDS, Result, accuracy, grouped, sweep

AMOUNTS = "0.2,0.5,0.8,0.9,0.95,0.98,0.99"
POINTS = ("dense", "pruned", "final")


def by_amount(*overrides: str) -> dict[float, list[Result]]:
    """The results of a sweep, by amount."""
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
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    left = [results[0]["params_nonzero"] for results in results_by_amount.values()]

    def scores(point: str) -> list[list[float]]:
        return [[100 * result[point]["test_accuracy"] for result in results] for results in results_by_amount.values()]

    figure, axes = plt.subplots(figsize=(7, 4), constrained_layout=True)
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
    results = by_amount("dataset=mnist", SEEDS, f"prune.amount={AMOUNTS}")
    print("LeNet-5 on MNIST\n")
    print_table(results)
    draw(results, ROOT / "docs" / "tradeoff.png")
    print("\nThe article's experiment on MNIST\n")
    print_table(by_amount("experiment=article", "dataset=mnist", SEEDS))


if __name__ == "__main__":
    main()
