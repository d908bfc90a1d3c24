"""The `prunesweep` command: it starts runs and sweeps, and uses finished ones.

Each verb imports what it needs inside its function, so that `prunesweep --help` does not wait for torch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prunesweep.errors import UsageError, check_choice, check_range, printable
from prunesweep.process import CONTINUE, Interrupts, exit_with_message

if TYPE_CHECKING:
    from prunesweep.experiment.saved import Files

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

DESCRIPTION = "Start runs and sweeps; report, compare, confirm, reproduce and export finished ones."
EPILOG = "`prunesweep VERB --help` describes a verb and shows an example."


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute one verb and return the exit code.

    Args:
        arguments: The verb and its options. By default those of the command line, and then the process exits.
    """
    if arguments is None:
        interrupts = Interrupts()
        with exit_with_message(interrupts, CONTINUE if sys.argv[1:2] == ["run"] else "To start again, run:"):
            sys.exit(main(sys.argv[1:]))
    if arguments[:1] in (["run"], ["-sc"]):
        return _run(arguments)
    parser = argparse.ArgumentParser(prog="prunesweep", description=DESCRIPTION, epilog=EPILOG)
    verbs = parser.add_subparsers(required=True, metavar="VERB", title="verbs")
    for add in (
        _add_run,
        _add_report,
        _add_compare,
        _add_confirm,
        _add_reproduce,
        _add_export,
        _add_evaluate,
        _add_bench,
        _add_store,
    ):
        add(verbs)
    try:
        if arguments and not arguments[0].startswith("-"):
            check_choice("VERB", arguments[0], verbs.choices)
        options = parser.parse_args(arguments)
        code: int = options.execute(options)
    except (UsageError, ArithmeticError, OSError) as error:  # includes diverged training and read-only folders
        print(f"prunesweep: {printable(error, lines=True)}", file=sys.stderr)
        return 1
    return code


def _add(
    verbs: Verbs, name: str, execute: Callable[[argparse.Namespace], int], *, summary: str, example: str
) -> argparse.ArgumentParser:
    description = f"{summary[0].upper()}{summary[1:]}."
    verb = verbs.add_parser(name, help=summary, description=description, epilog=f"example: {example}")
    verb.set_defaults(execute=execute)
    return verb


def _add_run(verbs: Verbs) -> None:
    """Add the verb to the list. Hydra reads its arguments."""
    verbs.add_parser("run", help="run an experiment, or with -m a sweep: prunesweep run -m prune.amount=0.1,0.2,0.5")


def _run(arguments: Sequence[str]) -> int:
    from prunesweep.api.run import command, complete

    if arguments[0] == "run":
        command(arguments[1:])
    else:
        complete(arguments)
    return 0


def _add_report(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "report",
        _report,
        summary="write the table, the figure and the web page of one or several sweeps",
        example="prunesweep report multirun/2026-11-24/12-00-00",
    )
    verb.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a sweep directory below multirun/")
    verb.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="output directory (default: SWEEP_DIR, or ./report for several sweeps)",
    )


def _report(options: argparse.Namespace) -> int:
    from prunesweep.report.console.terminal import conclude

    sweeps = _sweeps(options)
    out: Path = options.out or (sweeps[0] if len(sweeps) == 1 else Path("report"))
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out={out}: is a file. Give a directory, which is created if it does not exist.")
    conclude(sweeps, out)
    return 0


def _sweeps(options: argparse.Namespace) -> list[Path]:
    """Return the sweep directories, each once.

    Raises:
        UsageError: One of them does not contain a run.
    """
    from prunesweep.results.run_directory import run_folders

    sweeps = list(dict.fromkeys(sweep.resolve() for sweep in options.sweep))
    for sweep in sweeps:
        if next(run_folders(sweep), None) is None:
            raise UsageError(
                f"{sweep}: does not contain a run. Give the directory of a sweep, such as multirun/2026-11-24/12-00-00."
            )
    return sweeps


def _add_compare(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "compare",
        _compare,
        summary="compare methods, such as criteria, over the seeds and amounts that they have in common",
        example="prunesweep compare multirun/mine --by prune --focus l1 --out table.md table.tex table.csv",
    )
    verb.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a sweep directory below multirun/")
    verb.add_argument(
        "--by",
        metavar="KEY",
        help="what distinguishes the methods: a setting (prune.criterion), a group (prune, schedule), or `sweep` for "
        "several sweeps, which is the default for these",
    )
    verb.add_argument("--focus", metavar="NAME", help="the method to compare with each other one (default: the first)")
    verb.add_argument("--all-pairs", action="store_true", help="compare every pair of methods")
    verb.add_argument("--split", default="test", metavar="SPLIT", help="test or validation accuracy (default: test)")
    verb.add_argument(
        "--out", nargs="+", type=Path, default=[], metavar="FILE", help="also write FILE.csv, FILE.md or FILE.tex"
    )


def _compare(options: argparse.Namespace) -> int:
    from prunesweep.report.compute.comparison import compare
    from prunesweep.report.compute.gather import gather
    from prunesweep.report.compute.methods import SWEEP, comparable_keys
    from prunesweep.report.console.comparison import show_comparison, write_comparison
    from prunesweep.report.render.comparison import FORMATS, check_file

    for path in options.out:
        check_file(path, list(FORMATS))
    if options.focus is not None and options.all_pairs:
        raise UsageError("--focus --all-pairs: --focus compares one method with the others. Give one of them.")
    sweeps = _sweeps(options)
    runs = gather(sweeps)
    if not runs.completed:
        raise UsageError(f"{options.sweep[0]}: no run has a result, so nothing can be compared.")
    by = options.by or (SWEEP if len(sweeps) > 1 else None)
    if by is None:
        raise UsageError(f"--by: is missing. Settings that differ: {', '.join(comparable_keys(runs)) or 'none'}.")
    comparison = compare(runs, by, options.focus, all_pairs=options.all_pairs, split=options.split)
    show_comparison(comparison)
    write_comparison(comparison, options.out)
    return 0


def _add_confirm(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "confirm",
        _confirm,
        summary="train the best trials of a search again with new seeds: its Pareto set and all that may belong to it",
        example="prunesweep confirm multirun/tradeoff --seeds 5 --most 10",
    )
    verb.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="the directory of a search, such as multirun/NAME")
    verb.add_argument("--seeds", type=int, default=5, metavar="N", help="number of new seeds (default: 5)")
    verb.add_argument(
        "--level",
        type=float,
        default=0.95,
        metavar="P",
        help="confidence level: also train trials whose interval reaches the Pareto set (default: 0.95)",
    )
    verb.add_argument(
        "--most",
        type=int,
        metavar="N",
        help="at most N trials outside of the Pareto set, the nearest first; 0: the set alone (default: all)",
    )
    verb.add_argument("--dry-run", action="store_true", help="print what would be run and how long it takes, and end")
    _add_files(verb)
    _add_trust(verb, "allow the saved configs to import code and to read files that they name")


def _confirm(options: argparse.Namespace) -> int:
    from prunesweep.report.console.progress import progress
    from prunesweep.search.confirm import confirm, describe, plan
    from prunesweep.search.confirmed import TABLE, show

    chosen = plan(
        options.sweep,
        options.seeds,
        _files(options),
        trust=_trust(options),
        level=options.level,
        most=options.most,
    )
    for text in describe(chosen):
        print(text, flush=True)
    if not options.dry_run:
        show(confirm(chosen, progress))
        print(options.sweep / TABLE)
    return 0


def _add_reproduce(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "reproduce",
        _reproduce,
        summary="run a saved config again and compare the results",
        example="prunesweep reproduce multirun/2026-11-24/12-00-00/2 (exit code 0 only if the results are identical)",
    )
    _add_run_directory(verb)
    verb.add_argument(
        "--out", type=Path, metavar="DIR", help="the new run directory (default: a new one below outputs/)"
    )
    verb.add_argument(
        "--use-store",
        nargs="?",
        const="",
        metavar="DIR",
        help="rely on finished steps and scores in your store, or in the store DIR (default: compute all)",
    )
    verb.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="T",
        help="accept differences of up to T, absolute or relative, in each score and loss; weights and masks may then "
        "differ, but not their number (default: 0)",
    )
    _add_files(verb)
    _add_trust(verb, "allow the saved config to import code and to read files that it names")


def _reproduce(options: argparse.Namespace) -> int:
    from prunesweep.experiment.reproduce import reproduce
    from prunesweep.experiment.saved import completed_run, load_config
    from prunesweep.report.console.progress import progress
    from prunesweep.store.settings import StoreSettings

    check_range("--tolerance", options.tolerance, 0)
    run = completed_run(options.run)
    config, notes = load_config(run, _files(options), trust=_trust(options))
    _print_notes(notes)
    store = None if options.use_store is None else StoreSettings(dir=options.use_store or None)
    repetition, comparison = reproduce(run, config, options.out, store, progress)
    print("\n".join(comparison.lines(options.tolerance)))
    if store is not None:
        result = repetition.result
        print(
            f"This relies on the store {store.folder}: {result['steps_cached']} of {result['steps_total']} steps were "
            "not computed again, nor were scores that it contains. Without --use-store, all are computed."
        )
    print(f"{run.folder} -> {repetition.folder}", file=sys.stderr)
    return 0 if comparison.within(options.tolerance) else 1


def _add_export(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "export",
        _export,
        summary="write the network of a run to one verified file",
        example="prunesweep export multirun/2026-11-24/12-00-00/2 --format csr",
    )
    _add_run_directory(verb)
    verb.add_argument(
        "--format", required=True, metavar="FORMAT", help="safetensors, torch, onnx, csr, compact, packed or c"
    )
    verb.add_argument(
        "--dtype",
        metavar="TYPE",
        help="the type of the weights in the file: float32, or int8 with quantize=int8 (default: the type of the run)",
    )
    verb.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: a file in RUN_DIR/export/)")
    _add_root(verb)
    _add_trust(verb, "allow the saved config to import code and to read data that it names")


def _export(options: argparse.Namespace) -> int:
    from prunesweep.experiment.saved import Files, completed_run, load_config
    from prunesweep.export.write import export
    from prunesweep.report.console.text import percent

    run = completed_run(options.run)
    config, notes = load_config(run, Files(options.root), trust=_trust(options), to_run=False)
    _print_notes(notes)
    exported = export(run, config, options.format, options.out, options.dtype)
    size, dense = exported.size, exported.dense_size
    accuracy, difference = exported.accuracy, exported.largest_difference
    print(
        f"{exported.path}: {size.plain:,} bytes, {size.gzipped:,} with gzip; "
        f"dense: {dense.plain:,} bytes, {dense.gzipped:,} with gzip "
        f"({dense.plain / size.plain:.2f} and {dense.gzipped / size.gzipped:.2f} times as large)"
    )
    if exported.sizes:
        print(f"compiled: {', '.join(f'{size:,} bytes of {name}' for name, size in exported.sizes.items())}")
    if accuracy is None:
        print(f"not verified: {exported.obstacle}")
        return 0
    agreement = "identical logits" if difference == 0 else f"logits that differ by at most {difference:.1g}"
    print(
        f"verified: the file classifies {accuracy.correct:,} of {accuracy.total:,} test images correctly "
        f"({percent(accuracy.fraction)}), with {agreement}"
    )
    return 0


def _add_evaluate(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "evaluate",
        _evaluate,
        summary="measure the accuracy of an exported file",
        example="prunesweep evaluate model.csr.safetensors --split validation",
    )
    verb.add_argument("file", type=Path, metavar="FILE", help="a file written by `prunesweep export`")
    verb.add_argument("--dataset", metavar="NAME", help="data set (default: the one the network was trained on)")
    _add_root(verb)
    verb.add_argument("--split", default="test", metavar="SPLIT", help="train, validation or test (default: test)")
    _add_trust(verb, "allow the file to execute code: a .pt2 program, a C file, or a custom network")


def _evaluate(options: argparse.Namespace) -> int:
    from prunesweep.export.evaluate import evaluate
    from prunesweep.report.console.text import percent

    accuracy, notes = evaluate(options.file, options.dataset, options.root, options.split, trust=_trust(options))
    _print_notes(notes)
    print(
        f"{percent(accuracy.fraction)}: {accuracy.correct:,} of {accuracy.total:,} images of the {options.split} split"
    )
    return 0


def _add_bench(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "bench",
        _bench,
        summary="measure latencies and file sizes of the networks of runs",
        example="prunesweep bench multirun/2026-11-24/12-00-00/2 --json bench.json",
    )
    verb.add_argument("run", nargs="+", type=Path, metavar="RUN_DIR", help="the directory of a completed run")
    verb.add_argument(
        "--rounds",
        type=int,
        default=30,
        metavar="N",
        help="how often each way to compute the network is measured, in turn (default: 30)",
    )
    verb.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE, as JSON")
    _add_root(verb)
    _add_trust(verb, "allow the saved config to import code and to read data that it names")


def _bench(options: argparse.Namespace) -> int:
    from prunesweep.bench.measure import measure
    from prunesweep.bench.output import show, write_json
    from prunesweep.experiment.saved import Files, completed_run, load_config

    check_range("--rounds", options.rounds, 1)
    if options.json is not None and options.json.is_dir():
        raise UsageError(f"--json={options.json}: is a directory. Give a file.")
    trust = _trust(options)
    runs = [completed_run(folder) for folder in dict.fromkeys(options.run)]
    loaded = [load_config(run, Files(options.root), trust=trust, to_run=False) for run in runs]
    measurements = []
    for run, (config, notes) in zip(runs, loaded, strict=True):
        _print_notes(notes)
        measurements.append(measure(run, config, options.rounds))
    show(measurements, options.rounds)
    if options.json is not None:
        write_json(options.json, measurements, options.rounds)
    return 0


def _add_store(verbs: Verbs) -> None:
    verb = _add(
        verbs,
        "store",
        _store,
        summary="show, check, shrink or clear the store of finished steps",
        example="prunesweep store --prune 1GB",
    )
    verb.add_argument(
        "--dir", help="the folder of the store, like store.dir (default: a folder in your cache directory)"
    )
    action = verb.add_mutually_exclusive_group()
    action.add_argument("--prune", metavar="SIZE", help="evict the least recently used entries down to SIZE, like 1GB")
    action.add_argument("--clear", action="store_true", help="remove all entries that are not in use")
    action.add_argument("--verify", action="store_true", help="check every entry; exit code 1 if one is damaged")


def _store(options: argparse.Namespace) -> int:
    from prunesweep.report.console.store import show, size
    from prunesweep.store import eviction
    from prunesweep.store.settings import StoreSettings

    folder = StoreSettings(dir=options.dir).folder
    if not folder.is_dir():
        raise UsageError(f"{folder}: does not exist. Runs create the store; --dir selects another folder.")
    if options.prune is not None:
        print(f"{size(eviction.shrink(folder, eviction.parse_size(options.prune)))} freed")
    elif options.clear:
        print(f"{size(eviction.clear(folder))} freed")
    elif options.verify:
        from prunesweep.store.store import verify

        checked = verify(folder)
        damaged, unreadable = len(checked.damaged), len(checked.unreadable)
        print(
            f"{checked.entries:,} entries, {damaged} damaged"
            + (", set aside" if damaged else "")
            + (f", {unreadable} could not be read" if unreadable else "")
        )
        return 1 if damaged or unreadable else 0
    show(folder)
    return 0


def _add_run_directory(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "run", type=Path, metavar="RUN_DIR", help="a run directory, such as multirun/2026-11-24/12-00-00/2"
    )


def _add_files(verb: argparse.ArgumentParser) -> None:
    _add_root(verb)
    verb.add_argument("--weights", metavar="FILE", help="the file of given weights, like model.weights")


def _add_root(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--root", metavar="PATH", help="the folder or file of the data, like dataset.root")


def _files(options: argparse.Namespace) -> Files:
    from prunesweep.experiment.saved import Files

    return Files(options.root, options.weights)


def _add_trust(verb: argparse.ArgumentParser, summary: str) -> None:
    verb.add_argument("--trust", action="store_true", help=summary)


def _trust(options: argparse.Namespace) -> bool:
    if options.trust:
        sys.path.insert(0, "")  # run.py also imports the user's modules from the working directory
    return bool(options.trust)


def _print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"note: {printable(note, lines=True)}", file=sys.stderr)
