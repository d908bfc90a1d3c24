"""Run published experiments over seeds, and write their results beside the printed figures to docs/literature.md.

    PRUNESWEEP_DATA=… python benchmarks/published.py run                    all experiments, the fast ones first
    PRUNESWEEP_DATA=… python benchmarks/published.py run snip_300_100 --seeds 0,1,2,3,4
    python benchmarks/published.py table                                    writes docs/literature.md

Each run is one process with one thread. Its result is added to benchmarks/published/NAME.json when it is complete, so
an interrupted command continues. An experiment is the file conf/experiment/paper_EXPERIMENT.yaml.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from commands import ROOT
from recorded import Recorded
from sweeps import spread

from prunesweep.files import write_atomically
from prunesweep.results.comparing.paired import paired
from prunesweep.results.comparing.printed import LEVEL, Comparison, against_printed
from prunesweep.results.published import Published, published
from prunesweep.results.text import counted

FOLDER = ROOT / "benchmarks" / "published"
PAGE = ROOT / "docs" / "literature.md"
MODELS = {"lenet_300_100": "LeNet-300-100", "lenet5_caffe": "LeNet-5-Caffe"}
IMAGES = 10_000
"""The number of test images."""
UNTRAINED = 50
"""From this error in percent on, a network was pruned before it was trained."""


@dataclass(frozen=True)
class Experiment:
    """A published experiment, or one of its variants.

    Attributes:
        name: Name of the file of results.
        config: The file conf/experiment/paper_CONFIG.yaml.
        model: The network.
        method: The name of the printed figure in published.yaml, or a name of its own.
        kept: The percentage of parameters of the printed figure. None if the paper has no figure for this network.
        digits: The number of decimals of the printed error.
        overrides: Overrides of the config.
        note: How the recipe differs from the file, for a variant with the same printed figure.
    """

    name: str
    config: str
    model: str
    method: str
    kept: float | None
    digits: int = 2
    overrides: tuple[str, ...] = ()
    note: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of `python run.py`, without the seed."""
        return (f"experiment=paper_{self.config}", "dataset=mnist", "device=cpu", "threads=1", *self.overrides)

    @property
    def printed(self) -> Published | None:
        """The printed figure."""
        rows = published(self.model, "mnist")
        return next((row for row in rows if (row.method, row.kept) == (self.method, self.kept)), None)

    @property
    def runs(self) -> Recorded:
        """The recorded runs."""
        return Recorded(FOLDER / f"{self.name}.json", self.command)

    @property
    def errors(self) -> list[float]:
        """The errors of the recorded runs in percent."""
        return [each["error"] for each in self.runs.read().values()]

    @property
    def verdict(self) -> Comparison | None:
        """What the runs say about the printed error; None without one, or with fewer than two runs."""
        printed, errors = self.printed, self.errors
        if printed is None or printed.error is None or len(errors) < 2:
            return None
        return against_printed(errors, printed.error, self.digits, printed.sd)

    @property
    def recipe(self) -> str:
        """What the comment of the experiment's file says about the recipe: what is known of it, and what is not."""
        lines = (ROOT / "conf" / "experiment" / f"paper_{self.config}.yaml").read_text().splitlines()
        comment = " ".join(line.removeprefix("# ") for line in lines if line.startswith("# "))
        return comment[comment.index("Known: ") :]


CAFFE, DENSE = "lenet5_caffe", "lenet_300_100"
SHORT = ("train.epochs=5",)
OTHER_START = (
    *(
        "schedule=lottery",
        "schedule.rounds=1",
        "schedule.half_output=false",
        "schedule.control=reinit",
        "prune.at=init",
    ),
    *("train.epochs=90", "train.batch_size=100", "train.decay=step", "train.step_size=45", "finetune.epochs=0"),
)
EXPERIMENTS = (
    Experiment("gradual_300_100", "gradual_300_100", DENSE, "Zhu & Gupta", None),
    Experiment("gradual_300_100_98", "gradual_300_100", DENSE, "Zhu & Gupta", None, overrides=("prune.amount=0.98",)),
    Experiment("han_300_100", "han_300_100", DENSE, "Han", 8.2),
    Experiment("snip_300_100_95", "snip_300_100", DENSE, "SNIP", 5, 1),
    Experiment("snip_300_100_98", "snip_300_100", DENSE, "SNIP", 2, 1, ("prune.amount=0.98",)),
    Experiment("dns_300_100", "dns_300_100", DENSE, "DNS", 1.87),
    Experiment("rigl_300_100_98", "rigl_300_100", DENSE, "Sparse Momentum", 2),
    Experiment("rigl_300_100_99", "rigl_300_100", DENSE, "Sparse Momentum", 1, overrides=("prune.amount=0.99",)),
    Experiment("lottery_5_epochs", "lottery_300_100", DENSE, "Lottery tickets", None, overrides=SHORT),
    Experiment(
        "reinit_5_epochs", "lottery_300_100", DENSE, "Lottery tickets", None, 2, (*SHORT, "schedule.control=reinit")
    ),
    Experiment(
        "snip_300_100_98_other_start",
        "snip_300_100",
        DENSE,
        "SNIP",
        2,
        1,
        ("prune.amount=0.98", *OTHER_START),
        note="another initialization is trained than the one that is scored",
    ),
    Experiment("han_caffe", "han_caffe", CAFFE, "Han", 8.4),
    Experiment("dns_caffe", "dns_caffe", CAFFE, "DNS", 0.926),
    Experiment("lottery", "lottery_300_100", DENSE, "Lottery tickets", None),
    Experiment("reinit", "lottery_300_100", DENSE, "Lottery tickets", None, 2, ("schedule.control=reinit",)),
    Experiment("snip_caffe_98", "snip_caffe", CAFFE, "SNIP", 2, 1),
    Experiment("snip_caffe_99", "snip_caffe", CAFFE, "SNIP", 1, 1, ("prune.amount=0.99",)),
)
"""The fast ones first."""
CURVES = (("lottery", "reinit", "55 epochs"), ("lottery_5_epochs", "reinit_5_epochs", "5 epochs"))
"""The files of tickets and of their control, and the length of a round."""


def row(experiment: Experiment) -> str:
    """Return the line of an experiment in the table."""
    runs, printed = list(experiment.runs.read().values()), experiment.printed
    paper = "no figure" if printed is None else _printed(printed, experiment.digits)
    command = f"`{' '.join([f'experiment=paper_{experiment.config}', *experiment.overrides])}`"
    start = f"| {experiment.method} | {MODELS[experiment.model]} | {command} | {paper} |"
    if not runs:
        return f"{start} | | | not run yet |"
    verdict = f"too few seeds ({len(runs)})" if len(runs) < 2 else "nothing to compare with"
    if found := experiment.verdict:
        verdict = f"{found.verdict} (p = {found.p:.2g})"
    before = [each["dense_error"] for each in runs]
    dense = spread(before) if max(before) < UNTRAINED else ""
    left = f"{statistics.mean(each['params_nonzero'] for each in runs):,.0f} of {runs[0]['params_total']:,}"
    return f"{start} {dense} | {spread(experiment.errors)} ({counted(len(runs), 'seed')}), {left} | {verdict} |"


def _printed(row: Published, digits: int) -> str:
    dense = "" if row.dense is None else f"{row.dense:.{digits}f} → "
    error = "?" if row.error is None else f"{row.error:.{digits}f}"
    return f"{dense}{error} with {row.kept:g} %" + (f" of {row.of}" if row.of else "")


def curve(tickets: str, control: str, length: str) -> Iterator[str]:
    """Yield the lines of the table of lottery tickets and their control, by round."""
    by_name = {each.name: each for each in EXPERIMENTS}
    ours, others = by_name[tickets].runs.read(), by_name[control].runs.read()
    seeds = sorted(ours.keys() & others.keys(), key=int)
    yield f"\n### {length} a round\n"
    if not seeds:
        yield "Not run yet."
        return
    yield f"Test error in percent, seeds {', '.join(seeds)}; ± is the standard deviation, p that of paired t tests.\n"
    yield "| round | weights kept | ticket | ticket - dense | p | reinitialized | reinitialized - ticket | p |"
    yield "|---|---|---|---|---|---|---|---|"
    dense = [ours[seed]["dense_error"] for seed in seeds]
    points = [([*ours[seed]["rounds"], ours[seed]], [*others[seed]["rounds"], others[seed]]) for seed in seeds]
    yield f"| 0 | 100 % | {spread(dense)} | | | | | |"
    for number in range(len(points[0][0])):
        ticket = [each[0][number]["error"] for each in points]
        other = [each[1][number]["error"] for each in points]
        kept = 100 * (1 - points[0][0][number]["sparsity"])
        yield (
            f"| {number + 1} | {kept:.1f} % | {spread(ticket)} | {_difference(ticket, dense)} | {spread(other)} | "
            f"{_difference(other, ticket)} |"
        )


def _difference(ours: Sequence[float], others: Sequence[float]) -> str:
    found = paired([a - b for a, b in zip(ours, others, strict=True)], resolution=100 / IMAGES)
    return f"{found.mean:+.2f} | {'' if found.p is None else f'{found.p:.2g}'}"


HEAD = f"""# The literature, run again

Written by `python benchmarks/published.py table`; do not edit. The recipes are in `conf/experiment/paper_*.yaml`,
whose comments say what of each recipe is known and what was chosen. Each run is

```
PRUNESWEEP_DATA=… python benchmarks/published.py run EXPERIMENT --seeds 0,1,2,3,4
```

on full MNIST with one thread: 55,000 training, 5,000 validation and 10,000 test images. No epoch is chosen: the network
after the last epoch is measured. Seeds, machine, commit and duration of every run are in `benchmarks/published/`.

`our error` is the mean ± standard deviation over the seeds, in percent of the test images, with the number of
parameters that are not zero, biases included. The verdict is that of a two-sided prediction interval at
{LEVEL:.0%}: could the printed error be that of one more seed of ours? Half a unit of the last printed digit counts as
rounding (`prunesweep.results.comparing.printed`). Printed figures are mostly single networks; some are the best of
several epochs, chosen on the test split (see below).

| method | network | command | printed error, % | our dense error | our error | verdict |
|---|---|---|---|---|---|---|"""

WORSE = """
## Not reproduced

Where our error is worse than the printed one, this is known of the recipe, and this is not:
"""


def not_reproduced() -> Iterator[str]:
    """Yield a line for each recipe that is worse than its printed figures: by how much, and what is known of it."""
    worse = [each for each in EXPERIMENTS if each.verdict and each.verdict.verdict == "worse"]
    for config in dict.fromkeys(each.config for each in worse):
        variants = [each for each in worse if each.config == config]
        first = variants[0]
        shortfalls = "; ".join(map(_shortfall, variants))
        yield f"- {first.method}, {MODELS[first.model]}. {shortfalls}. {first.recipe}"


def _shortfall(experiment: Experiment) -> str:
    printed, ours = experiment.printed, statistics.fmean(experiment.errors)
    assert printed is not None
    assert printed.error is not None, "only experiments with a printed error have a verdict"
    return (
        f"{printed.kept:g} %{experiment.note and f' ({experiment.note})'}: {ours:.2f} % instead of "
        f"{printed.error:.{experiment.digits}f} %, {ours - printed.error:.2f} points worse"
    )


LOTTERY = """
## Lottery tickets on LeNet-300-100

Frankle and Carbin (2019) show curves instead of a table (means of 5 trials). Read from the paper: tickets are better
than the dense network down to about 17 % of the weights and equal to it at about 3.5 %; reinitialized networks fall
below it at about 26 % and are 0.5 points worse than tickets at 21 %."""

TABLE = """
## All printed figures

`counted`: the parameters that the percentage refers to. `epoch`: the split on which the authors chose the epoch that
they report. An empty cell is not known. `checked`: `scored` (the published weights were evaluated again), `read` (in
the paper), `abstract`, or `quoted` by another paper. OBD and LC as quoted by SNIP, and ESPN, are missing: their tables
were not read.

| network | method | year | dense error, % | error, % | kept, % | counted | epoch | checked |
|---|---|---|---|---|---|---|---|---|"""

MISSING = """
## Not here

- Sparse Momentum itself does not exist here; its figures stand beside RigL. RigL on Caffe's LeNet has no recipe yet.
- The 40x of Deep Compression and the 162x of Soft Weight-Sharing include quantization or coding.
"""


def page() -> str:
    """Return the content of docs/literature.md."""
    lines = [HEAD, *map(row, EXPERIMENTS), WORSE, *not_reproduced(), LOTTERY]
    for tickets, control, length in CURVES:
        lines += curve(tickets, control, length)
    lines.append(TABLE)
    for model, name in MODELS.items():
        for each in sorted(published(model, "mnist"), key=lambda each: -each.kept):
            error = "" if each.error is None else f"{each.error:g}" + (f" ± {each.sd:g}" if each.sd else "")
            dense = "" if each.dense is None else f"{each.dense:g}"
            lines.append(
                f"| {name} | {each.method} | {each.year} | {dense} | {error} | {each.kept:g} | {each.of or ''} | "
                f"{each.epoch or ''} | {each.checked} |"
            )
    return "\n".join([*lines, MISSING])


def main() -> None:
    """Run experiments or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("run", "table"))
    parser.add_argument(
        "names", nargs="*", help=f"some of {', '.join(each.name for each in EXPERIMENTS)}; default: all"
    )
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--store", help="folder of the stored steps; without it, that of all runs")
    options = parser.parse_args()
    if options.task == "table":
        write_atomically(PAGE, page().encode())
        return
    unknown = set(options.names) - {each.name for each in EXPERIMENTS}
    if unknown:
        parser.error(f"unknown experiments: {', '.join(sorted(unknown))}")
    elsewhere = [f"store.dir={options.store}"] if options.store else []
    for experiment in EXPERIMENTS:
        if not options.names or experiment.name in options.names:
            experiment.runs.run(map(int, options.seeds.split(",")), elsewhere)


if __name__ == "__main__":
    main()
