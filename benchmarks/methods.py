"""Compare schedules at extreme sparsity: each method beside gradual magnitude, over compressions and seeds.

    python benchmarks/methods.py --train 5 --epochs 10 --finetune 10 --page benchmarks/methods.md
    PRUNESWEEP_DATA=… python benchmarks/methods.py --dataset mnist --train 5 --epochs 20 --finetune 20 --out full.jsonl
    python benchmarks/methods.py --table                          only the table of what is there

Appends one line of JSON for each run to --out as it completes, and skips the runs that the file contains. Runs of one
process, one after the other, with biases among the selected parameters, so that the compression is that of the whole
model. A setting that is not in METHODS can be given as name=overrides: --methods gradual 'mine=schedule=rigl ...'.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from commands import compose_config
from pages import replace_section
from recorded import machine

from prunesweep import config
from prunesweep.errors import UsageError
from prunesweep.experiment.run import run

ERK = "train.epochs=0 prune=random prune.scope=erk"
"""Sparse from the initialization, as in the papers of RigL and SET."""

GRADUAL = "schedule=gradual schedule.every=7"
RISE = "schedule.every=7 schedule.rise=0.75"
PENALTY = "schedule=penalty schedule.growth=1.8"

METHODS = {
    "gradual": GRADUAL,
    # weights that return
    "regrow": f"{GRADUAL} schedule.regrow=true schedule.lr_scale=0.1",
    "surgery": f"schedule=surgery {RISE} schedule.lr_scale=0.1",
    "surgery-magnitude": f"schedule=surgery {RISE} prune.scope=magnitude schedule.lr_scale=0.3",
    "rigl": f"schedule=rigl {RISE}",
    "rigl-erk": f"schedule=rigl schedule.every=7 {ERK}",
    "set": f"schedule=set {RISE}",
    "set-erk": f"schedule=set schedule.every=7 {ERK}",
    # learned sparsity
    "penalty-l1": f"{PENALTY} prune.penalty=l1",
    "penalty-group": f"{PENALTY} prune.penalty=group",
    "penalty-hoyer": f"{PENALTY} prune.penalty=hoyer",
    "penalty-hard-concrete": f"{PENALTY} prune.penalty=hard_concrete",
    "gsm": "schedule=gsm schedule.weight_decay=0.01",
    # training
    "one-shot": "schedule=one_shot",
    "linear": f"{GRADUAL} schedule.curve=linear",
    "geometric": f"{GRADUAL} schedule.curve=geometric",
    "exponential": f"{GRADUAL} schedule.curve=exponential",
    "distill": f"{GRADUAL} finetune.distill=0.5",
    "average": f"{GRADUAL} finetune.average=5",
    "best-epoch": f"{GRADUAL} finetune.best=true",
    # scores
    "lamp": f"{GRADUAL} prune=lamp",
    "wanda": f"{GRADUAL} prune=wanda",
    "movement": f"{GRADUAL} prune=movement",
    "magnitude-increase": f"{GRADUAL} prune=magnitude_increase",
    "snip": "schedule=one_shot prune=snip train.epochs=0",
}
"""Name -> overrides."""

BASE = "gradual"
"""The method that the others are compared with."""

OUT = Path("benchmarks/methods.jsonl")
Row = dict[str, Any]


def overrides(options: argparse.Namespace, method: str, compression: float, seed: int) -> list[str]:
    """Return the overrides of a run.

    All methods train for equally many epochs: those without dense epochs have more with changing masks, and those
    without changing masks have more epochs of fine-tuning.
    """
    name, _, given = method.partition("=")
    own = (given or METHODS[name]).split()
    sparse, once = "train.epochs=0" in own, "schedule=one_shot" in own
    return [
        f"model={options.model}",
        f"dataset={options.dataset}",
        *(["model.conv_relu=true"] if options.model == "lenet5_caffe" else []),
        "layers.biases=true",
        "threads=1",
        f"seed={seed}",
        f"optimizer.lr={options.lr}",
        f"train.epochs={options.train}",
        "train.decay=constant",
        f"prune.compression={compression:g}",
        *own,
        *(() if once else (f"schedule.epochs={options.epochs + options.train * sparse}",)),
        f"finetune.epochs={options.finetune + once * (options.epochs + options.train * sparse)}",
        "finetune.lr_scale=1.0",
        "finetune.decay=cosine",
        *options.overrides,
    ]


def measured(options: argparse.Namespace, method: str, compression: float, seed: int) -> Row:
    """Run one setting and return its row."""
    settings = overrides(options, method, compression, seed)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = run(config.build(compose_config(*settings)), Path(folder), settings)
    return {
        "method": method.partition("=")[0],
        "compression": compression,
        "seed": seed,
        "left": result.params_nonzero,
        "effective": result.params_effective,
        "total": result.params_total,
        "dense": result.dense["test_accuracy"],
        "accuracy": result.final["test_accuracy"],
        "collapsed": result.collapsed,
        "protected": result.protected,
        "seconds": round(time.perf_counter() - started, 1),
        "machine": machine(),
        "dataset": options.dataset,
        "epochs": [options.train, options.epochs, options.finetune],
    }


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a Markdown table: test accuracy of each method at each compression, and minus that of BASE."""
    compressions = sorted({row["compression"] for row in rows})
    left = {row["compression"]: row["left"] for row in rows}
    heads = [f"{each:g}x ({left[each]:,} left)" for each in compressions]
    yield f"| method | {' | '.join(heads)} |"
    yield "|---" * (len(compressions) + 1) + "|"
    for method in dict.fromkeys(row["method"] for row in rows):
        cells = [
            _cell(_of(rows, method, each), {} if method == BASE else _of(rows, BASE, each)) for each in compressions
        ]
        yield f"| `{method}` | {' | '.join(cells)} |"


def _of(rows: Sequence[Row], method: str, compression: float) -> dict[int, Row]:
    """Return the rows of a method at a compression, by seed."""
    return {row["seed"]: row for row in rows if (row["method"], row["compression"]) == (method, compression)}


def _cell(rows: Mapping[int, Row], base: Mapping[int, Row]) -> str:
    if not rows:
        return ""
    values = [100 * row["accuracy"] for row in rows.values()]
    text = f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")
    collapsed = sum(bool(row["collapsed"]) for row in rows.values())
    if collapsed:
        return f"{text}, {collapsed} of {len(rows)} collapsed"
    both = rows.keys() & base.keys()
    if both:
        text += f" ({statistics.mean(100 * (rows[each]['accuracy'] - base[each]['accuracy']) for each in both):+.2f})"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=OUT, help=f"file of the results, one line of JSON each (default: {OUT})"
    )
    parser.add_argument("--table", action="store_true", help="print the table and end")
    parser.add_argument("--page", type=Path, help="a page to write the table into, such as benchmarks/methods.md")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="names of METHODS, or name=overrides")
    parser.add_argument("--compressions", nargs="+", type=float, default=[50, 150, 311])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--model", default="lenet5_caffe")
    parser.add_argument("--dataset", default="mnist5k")
    parser.add_argument("--train", type=int, default=10, help="epochs of the dense network")
    parser.add_argument("--epochs", type=int, default=20, help="epochs with changing masks")
    parser.add_argument("--finetune", type=int, default=20, help="epochs of fine-tuning")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--overrides", nargs="*", default=[], help="overrides that are added to each run")
    options = parser.parse_args()
    config.register()
    logging.getLogger("prunesweep").setLevel(logging.WARNING)
    done = {(row["method"], row["compression"], row["seed"]) for row in read(options.out)}
    for seed in [] if options.table else options.seeds:
        for compression in options.compressions:
            for method in options.methods:
                if (method.partition("=")[0], compression, seed) not in done:
                    try:
                        row = measured(options, method, compression, seed)
                    except UsageError as error:
                        parser.exit(1, f"{method}: {error}\n")
                    with options.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
    text = "\n".join(table(read(options.out)))
    print(text)
    if options.page:
        replace_section(options.page, "table", text)


if __name__ == "__main__":
    main()
