"""Run the record experiments over held-out seeds, and write their curves, table and figure to docs/frontier.md.

    PRUNESWEEP_DATA=… python benchmarks/frontier.py run                    all points, the fast networks first
    PRUNESWEEP_DATA=… python benchmarks/frontier.py run record_lenet5_mnist --compressions 50,100 --seeds 10,11
    python benchmarks/frontier.py table                                    writes docs/frontier.md and docs/frontier.png

Each run is one process with one thread. Its result is added to benchmarks/frontier/CURVE_COMPRESSION.json when it is
complete, so an interrupted command continues. The network of the first seed is kept beside it in the format `csr`. The
settings in conf/experiment/record_*.yaml were chosen on validation images with the seeds 0 to 4; the seeds of the
results are 10 to 14.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from commands import ROOT
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from recorded import Recorded, Row
from sweeps import spread

from prunesweep.files import write_atomically
from prunesweep.results.published import published

FOLDER = ROOT / "benchmarks" / "frontier"
PAGE = ROOT / "docs" / "frontier.md"
FIGURE = ROOT / "docs" / "frontier.png"
FIRST = 10
"""The seed whose networks are kept: the first held-out one, so that nothing is chosen."""
DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}


@dataclass(frozen=True)
class Curve:
    """The points of one record experiment on one data set.

    Attributes:
        experiment: The file conf/experiment/EXPERIMENT.yaml.
        model: The network.
        title: Its name in text.
        total: The number of its parameters.
        dataset: The data set.
        compressions: The values of prune.compression.
        format: The format of the networks that are kept.
    """

    experiment: str
    model: str
    title: str
    total: int
    dataset: str
    compressions: tuple[float, ...]
    format: str = "csr"

    @property
    def name(self) -> str:
        """The name on the command line."""
        return f"{self.experiment}_{self.dataset}"

    def command(self, compression: float) -> tuple[str, ...]:
        """Return the arguments of `python run.py` for a point, without the seed."""
        point = (f"experiment={self.experiment}", f"prune.compression={compression:g}")
        return (*point, f"dataset={self.dataset}", "device=cpu", "threads=1")

    def runs(self, compression: float) -> Recorded:
        """Return the recorded runs of a point."""
        return Recorded(FOLDER / f"{self.name}_{compression:g}.json", self.command(compression))

    def network(self, compression: float) -> Path:
        """Return the file of the network that is kept of a point."""
        return FOLDER / f"{self.name}_{compression:g}.{self.format}"


def _curves() -> Iterator[Curve]:
    for dataset in DATASETS:
        yield Curve("record_300_100", "lenet_300_100", "LeNet-300-100", 266_610, dataset, (25, 50, 113.6, 148.2, 200))
        yield Curve("record_lenet5", "lenet5", "LeNet-5", 61_706, dataset, (10, 20, 50, 100, 200))
        caffe = (100, 311, 431.08, 615.83, 1000)
        yield Curve("record_caffe", "lenet5_caffe", "LeNet-5-Caffe", 431_080, dataset, caffe)


CURVES = tuple(_curves())
PACKED = Curve("record_packed", "lenet5_caffe", "LeNet-5-Caffe", 431_080, "mnist", (311, 431.08), "packed")
"""The same steps as `record_caffe`, and a codebook."""


def run(curve: Curve, compression: float, seeds: Sequence[int], elsewhere: Sequence[str]) -> None:
    """Run a point with each seed that is not recorded yet."""

    def keep(seed: int, folder: Path) -> Row:
        if seed != FIRST:
            return {}
        FOLDER.mkdir(exist_ok=True)
        curve.network(compression).unlink(missing_ok=True)
        _export(folder, curve.format, curve.network(compression))
        return {"c": _export(folder, "c", folder / "network.c")}

    curve.runs(compression).run(seeds, elsewhere, keep)


def _export(run: Path, form: str, out: Path) -> str:
    """Export the network of a run, and return what the command says about its verification."""
    command = [sys.executable, "-m", "prunesweep", "export", str(run), "--format", form, "--out", str(out)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]


def rows(curve: Curve) -> Iterator[tuple[float, list[Row]]]:
    """Yield the compressions that have runs of held-out seeds, and these runs."""
    for compression in curve.compressions:
        found = curve.runs(compression).read()
        held_out = [row for seed, row in found.items() if int(seed) >= FIRST]
        if held_out:
            yield compression, held_out


HEAD = """# The frontier: accuracy at extreme sparsity

Written by `python benchmarks/frontier.py table`; do not edit.

![Test error over the number of parameters left](frontier.png)

Circles are means over seeds with the standard deviation; without a bar, a single seed. The networks are counted with
all biases after the exact clean-up (`prune.cleanup=final`). Crosses are published figures from
[literature.md](literature.md), hollow squares those whose epoch was chosen on the test split. Most of them are single
networks and count only weights.

One run of a row is

```
PRUNESWEEP_DATA=… python run.py experiment=EXPERIMENT dataset=DATASET prune.compression=COMPRESSION seed=10 threads=1
```

The settings are in `conf/experiment/record_*.yaml`. They were chosen on validation images with seeds below 5; the
results are those of seeds from 10, which nothing was chosen on. No epoch is chosen: the network after the last epoch is
measured. The data is the full set: 55,000 training, 5,000 validation and 10,000 test images. Machine, commit, result ID
and duration of every run are in `benchmarks/frontier/`, with the network of seed 10 of every row, which
`tests/test_frontier.py` scores.
"""


PACKED_HEAD = """## In bytes

Caffe's LeNet on MNIST with `experiment=record_packed`: the networks of `record_caffe`, whose weights and biases then
share one codebook (`quantize=codebook`). The size is that of the whole file of `prunesweep export --format packed`,
header included; the dense weights have 1,724,320 bytes. MIRACLE (Havasi et al. 2019) reports weights that are 1,000
times smaller at 0.83 % error, and 1,500 times at 0.98 %.

| compression | parameters left | bytes, mean (smallest to largest) | times smaller | test error, % | seeds |
|---|---|---|---|---|---|"""


def page() -> str:
    """Return the content of docs/frontier.md."""
    lines = [HEAD]
    for dataset, title in DATASETS.items():
        if not any(curve.dataset == dataset and any(rows(curve)) for curve in CURVES):
            lines += [f"## {title}", "", "Not run yet.", ""]
            continue
        lines += [
            f"## {title}",
            "",
            "| network | `experiment=` | compression | parameters left | test error, % | seeds | collapsed | minutes |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for curve in CURVES:
            if curve.dataset == dataset:
                lines += [_line(curve, compression, found) for compression, found in rows(curve)]
        lines.append("")
    lines += packed()
    machines = sorted({row["machine"] for curve in (*CURVES, PACKED) for _, found in rows(curve) for row in found})
    lines.append("Measured on: " + "; ".join(machines) + ". Two such runs shared a machine with two cores.")
    return "\n".join(lines) + "\n"


def packed() -> Iterator[str]:
    """Yield the lines of the section on packed files."""
    yield PACKED_HEAD
    for compression, found in rows(PACKED):
        sizes = [row["packed_bytes"] for row in found]
        mean, left = statistics.fmean(sizes), statistics.fmean(row["params_nonzero"] for row in found)
        yield (
            f"| {compression:g} | {left:,.0f} | {mean:,.0f} ({min(sizes):,} to {max(sizes):,}) | "
            f"{4 * PACKED.total / mean:,.0f} | {spread([row['error'] for row in found])} | {len(found)} |"
        )
    yield ""


def _line(curve: Curve, compression: float, found: Sequence[Row]) -> str:
    left = statistics.fmean(row["params_nonzero"] for row in found)
    collapsed = sum(bool(row["collapsed"]) for row in found)
    minutes = statistics.fmean(row["seconds"] for row in found) / 60
    return (
        f"| {curve.title} | `{curve.experiment}` | {compression:g} | {left:,.0f} of {curve.total:,} | "
        f"{spread([row['error'] for row in found])} | {len(found)} | {collapsed or ''} | {minutes:.0f} |"
    )


def figure() -> bytes:
    """Return the figure as a PNG file: a row of panels for each data set, a column for each network."""
    measured = [curve for curve in CURVES if any(rows(curve))]
    datasets = list(dict.fromkeys(curve.dataset for curve in measured))
    models = list(dict.fromkeys(curve.model for curve in measured))
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9})
    size = 4.4 * len(models), 0.6 + 3.6 * len(datasets)
    drawing, panels = plt.subplots(len(datasets), len(models), figsize=size, layout="constrained", squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for curve in measured:
        axes = panels[datasets.index(curve.dataset)][models.index(curve.model)]
        axes.set_axis_on()
        _panel(axes, curve)
        axes.set_title(f"{curve.title} on {DATASETS[curve.dataset]} ({curve.total:,} parameters)", fontsize=9)
    drawing.supxlabel("parameters left, biases included", fontsize=9)
    drawing.supylabel("test error, %", fontsize=9)
    handles = {
        label: handle for axes in panels.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    drawing.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=4, frameon=False, fontsize=8
    )
    content = BytesIO()
    drawing.savefig(content, dpi=150)
    return content.getvalue()


def _panel(axes: Axes, curve: Curve) -> None:
    points = [
        (
            statistics.fmean(row["params_nonzero"] for row in found),
            statistics.fmean(row["error"] for row in found),
            statistics.stdev(row["error"] for row in found) if len(found) > 1 else 0,
        )
        for _, found in rows(curve)
    ]
    x, y, sd = zip(*points, strict=True)
    axes.errorbar(x, y, sd, marker="o", markersize=4, capsize=3, linewidth=1.4, color="#0b5cad", label="prunesweep")
    for of_test in (False, True):
        printed = [
            (each.kept / 100 * curve.total, each.error)
            for each in published(curve.model, curve.dataset)
            if each.error is not None and (each.epoch == "test") is of_test
        ]
        if printed:
            label = "published, epoch chosen on the test split" if of_test else "published"
            axes.plot(
                *zip(*printed, strict=True),
                linestyle="none",
                marker="s" if of_test else "x",
                fillstyle="none",
                color="#555",
                markersize=5,
                label=label,
            )
    axes.set(xscale="log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="#ddd", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Run points or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("run", "table"))
    names = [curve.name for curve in (*CURVES, PACKED)]
    parser.add_argument("curves", nargs="*", help=f"some of {', '.join(names)}; default: all")
    parser.add_argument("--compressions", help="some of those of the curve, separated by commas; default: all")
    parser.add_argument("--seeds", default="10,11,12,13,14")
    parser.add_argument("--store", help="folder of the stored steps; without it, that of all runs")
    options = parser.parse_args()
    if options.task == "table":
        write_atomically(PAGE, page().encode())
        write_atomically(FIGURE, figure())
        return
    unknown = set(options.curves) - set(names)
    if unknown:
        parser.error(f"unknown curves: {', '.join(sorted(unknown))}")
    elsewhere = [f"store.dir={options.store}"] if options.store else []
    wanted = None if options.compressions is None else {float(each) for each in options.compressions.split(",")}
    for curve in (*CURVES, PACKED):
        if not options.curves or curve.name in options.curves:
            for compression in curve.compressions:
                if wanted is None or compression in wanted:
                    run(curve, compression, list(map(int, options.seeds.split(","))), elsewhere)


if __name__ == "__main__":
    main()
