"""Figures of the pruning space: criteria beside their controls, extreme sparsity by a gradual schedule, channels.

    PRUNESWEEP_DATA=… python benchmarks/space.py [criteria|gradual|channels]... [threads=1]

Runs these on full MNIST over three seeds and prints their tables in Markdown; what holds a `=` is put on top of every
run. About 25 minutes on two cores with an empty store, nearly all of it for Caffe's LeNet.
"""

from __future__ import annotations

import sys

from sweeps import SEEDS, accuracy, grouped, spread, sweep


def criteria(*overrides: str) -> None:
    results = sweep(
        *("dataset=mnist", "model=lenet_300_100", SEEDS, "prune.amount=0.9,0.98"),
        "prune=l1,random,random_layerwise,none,snip,synflow,lamp",
        *overrides,
    )
    print("| criterion | scope | pruned % | straight after pruning % | fine-tuned % | dead layers |")
    print("|---|---|---|---|---|---|")
    groups = grouped(results, lambda result: (result["amount"], result["criterion"], result["scope"]))
    for (amount, criterion, scope), runs in sorted(groups.items(), key=lambda item: item[0][0]):
        if criterion == "none" and len(runs) > 3:
            runs = runs[:3]  # asked for at two amounts, and the same run
        dead = sum(bool(run["dead_layers"]) for run in runs)
        print(
            f"| {criterion} | {scope} | {100 * amount:g} | {accuracy(runs, 'pruned')} | {accuracy(runs, 'final')} "
            f"| {f'in {dead} of {len(runs)}' if dead else 'none'} |"
        )


def gradual(*overrides: str) -> None:
    results = sweep("experiment=gradual_caffe", "dataset=mnist", SEEDS, *overrides)
    first = results[0]
    print(
        f"{first['params_nonzero']:,} of {first['params_total']:,} parameters left, {first['compression']:.1f}x; test "
        f"accuracy dense {accuracy(results, 'dense')} %, at the end of the rise {accuracy(results, 'pruned')} %, "
        f"fine-tuned {accuracy(results, 'final')} %"
    )


def channels(*overrides: str) -> None:
    settings = ("model=lenet5_caffe", "dataset=mnist", "prune.structure=channel", "prune.amount=0.5")
    results = sweep(*settings, "prune.scope=global,layerwise", SEEDS, *overrides)
    scopes = grouped(results, lambda result: result["scope"])
    print(f"| Caffe's LeNet | dense | {' | '.join(f'half of its channels, {scope}' for scope in scopes)} |")
    print("|---" * (2 + len(scopes)) + "|")
    for label, field, whole, unit, digits in (
        ("parameters", "params", "params_total", 1, 0),
        ("multiply-adds", "macs", "macs_total", 1, 0),
        ("file, kB", "file_bytes", None, 1e-3, 0),
        ("latency for 1 image, ms", "latency_ms", None, 1, 2),
        ("latency for 256 images, ms", "latency_ms_256", None, 1, 2),
    ):
        dense = [unit * (run[whole] if whole else run["compact"][f"dense_{field}"]) for run in results]
        small = [[unit * run["compact"][field] for run in runs] for runs in scopes.values()]
        print(f"| {label} | {' | '.join(spread(values, digits) for values in (dense, *small))} |")
    fine_tuned = (accuracy(runs, "final") for runs in scopes.values())
    print(f"| test accuracy % | {accuracy(results, 'dense')} | {' | '.join(fine_tuned)} |")


SECTIONS = {"criteria": criteria, "gradual": gradual, "channels": channels}

if __name__ == "__main__":
    overrides = [argument for argument in sys.argv[1:] if "=" in argument]
    for name in [argument for argument in sys.argv[1:] if "=" not in argument] or SECTIONS:
        print(f"\n## {name}\n", flush=True)
        SECTIONS[name](*overrides)
