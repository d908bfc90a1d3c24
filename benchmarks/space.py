"""Compare criteria and their controls, an extreme sparsity by a gradual schedule, and the pruning of whole channels.

    PRUNESWEEP_DATA=… python benchmarks/space.py [criteria|gradual|channels]... [threads=1]

Runs the sections on full MNIST with three seeds and prints their tables as Markdown. Arguments with a `=` are added to
the overrides of each run. Takes about 25 minutes on two cores with an empty store, nearly all of it for Caffe's LeNet.
"""

from __future__ import annotations

import argparse

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
    for label, field, dense_field, unit, digits in (
        ("parameters", "params", "params_total", 1, 0),
        ("multiply-adds", "macs", "macs_total", 1, 0),
        ("file, kB", "file_bytes", "dense_file_bytes", 1e-3, 0),
        ("latency for 1 image, ms", "latency_ms", "dense_latency_ms", 1, 2),
        ("latency for 256 images, ms", "latency_ms_256", "dense_latency_ms_256", 1, 2),
    ):
        dense = [unit * {**run, **run["compact"]}[dense_field] for run in results]
        compact = [[unit * run["compact"][field] for run in runs] for runs in scopes.values()]
        print(f"| {label} | {' | '.join(spread(values, digits) for values in (dense, *compact))} |")
    fine_tuned = (accuracy(runs, "final") for runs in scopes.values())
    print(f"| test accuracy % | {accuracy(results, 'dense')} | {' | '.join(fine_tuned)} |")


SECTIONS = {"criteria": criteria, "gradual": gradual, "channels": channels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs="*", help="sections (default: all) and overrides")
    arguments = parser.parse_args().arguments
    overrides = [argument for argument in arguments if "=" in argument]
    for name in [argument for argument in arguments if "=" not in argument] or SECTIONS:
        if name not in SECTIONS:
            parser.error(f"{name}: must be one of {', '.join(SECTIONS)}")
        print(f"\n## {name}\n", flush=True)
        SECTIONS[name](*overrides)


if __name__ == "__main__":
    main()
