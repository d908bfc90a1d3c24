"""`prunesweep bench`: latencies and file sizes."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunesweep.cli.arguments import add_root, add_trust, is_trusted, print_notes
from prunesweep.cli.verb import Verb
from prunesweep.errors import UsageError, check_range


def _add_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("run", nargs="+", type=Path, metavar="RUN_DIR", help="the directory of a completed run")
    verb.add_argument(
        "--rounds",
        type=int,
        default=30,
        metavar="N",
        help="how often each way to compute the network is measured, in turn (default: 30)",
    )
    verb.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE, as JSON")
    add_root(verb)
    add_trust(verb, "allow the saved config to import code and to read data that it names")


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.bench.measure import measure
    from prunesweep.bench.output import show, write_json
    from prunesweep.experiment.saved import Files, completed_run, load_config

    check_range("--rounds", options.rounds, 1)
    if options.json is not None and options.json.is_dir():
        raise UsageError(f"--json={options.json}: is a directory. Give a file.")
    trust = is_trusted(options)
    runs = [completed_run(folder) for folder in dict.fromkeys(options.run)]
    loaded = [load_config(run, Files(options.root), trust=trust, to_run=False) for run in runs]
    measurements = []
    for run, (config, notes) in zip(runs, loaded, strict=True):
        print_notes(notes)
        measurements.append(measure(run, config, options.rounds))
    show(measurements, options.rounds)
    if options.json is not None:
        write_json(options.json, measurements, options.rounds)
    return 0


VERB = Verb(
    "bench",
    "measure latencies and file sizes of the networks of runs",
    "prunesweep bench multirun/2026-11-24/12-00-00/2 --json bench.json",
    _add_options,
    _execute,
)
