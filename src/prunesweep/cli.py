"""The `prunesweep` command: what is done with runs that are there already."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prunesweep.errors import UsageError, check_range

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

DESCRIPTION = "What is done with runs that are there already. Runs and sweeps are started by run.py."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    parser = argparse.ArgumentParser(prog="prunesweep", description=DESCRIPTION)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for add in (_add_report, _add_confirm, _add_store, _add_reproduce, _add_export, _add_evaluate):
        add(verbs)
    chosen = parser.parse_args(arguments)
    try:
        code: int = chosen.verb(chosen)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (UsageError, ArithmeticError, OSError) as error:  # training diverged; a folder that cannot be written to
        print(f"prunesweep: {error}", file=sys.stderr)
        return 1
    return code


def _add_report(verbs: Verbs) -> None:
    verb = verbs.add_parser("report", help="table, figure and web page of sweeps, several together")
    verb.add_argument("sweep", nargs="+", type=Path, metavar="SWEEP_DIR", help="a directory below multirun/")
    verb.add_argument("--out", type=Path, metavar="DIR", help="default: the sweep itself; for several, report/ here")
    verb.set_defaults(verb=_report)


def _report(chosen: argparse.Namespace) -> int:
    from prunesweep.report.console.terminal import conclude

    sweeps = list(dict.fromkeys(sweep.resolve() for sweep in chosen.sweep))
    for sweep in sweeps:
        if next(sweep.glob("**/.hydra"), None) is None:
            raise UsageError(
                f"{sweep}: holds no run. Give the directory of a sweep, like multirun/2026-11-24/12-00-00."
            )
    out: Path = chosen.out or (sweeps[0] if len(sweeps) == 1 else Path("report"))
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file. Give a directory; it is made where there is none.")
    conclude(sweeps, out)
    return 0


def _add_reproduce(verbs: Verbs) -> None:
    verb = verbs.add_parser("reproduce", help="run a saved config again and compare: exit code 0 only if identical")
    verb.add_argument("run", type=Path, metavar="RUN_DIR", help="a run directory, like multirun/2026-11-24/12-00-00/2")
    verb.add_argument("--out", type=Path, metavar="DIR", help="the new run directory; default: one below outputs/")
    verb.add_argument(
        "--use-store",
        nargs="?",
        const="",
        metavar="DIR",
        help="take finished steps from your store, or that in DIR, instead of computing all anew",
    )
    verb.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="T",
        help="let each figure of result.json differ by T, or by the fraction T of it; weights and masks are free then",
    )
    verb.add_argument("--trust", action="store_true", help="let the saved config import code that it names")
    verb.set_defaults(verb=_reproduce)


def _reproduce(chosen: argparse.Namespace) -> int:
    from prunesweep.experiment import saved
    from prunesweep.experiment.reproduce import reproduce
    from prunesweep.report.console.terminal import progress
    from prunesweep.store.settings import StoreSettings

    check_range("--tolerance", chosen.tolerance, 0)
    run = saved.read(chosen.run, trust=_trust(chosen))
    _tell(run.notes)
    store = None if chosen.use_store is None else StoreSettings(dir=chosen.use_store or None)
    folder, comparison = reproduce(run, chosen.out, store, progress)
    print("\n".join(comparison.lines(chosen.tolerance)))
    print(f"{chosen.run} -> {folder}", file=sys.stderr)
    return 0 if comparison.within(chosen.tolerance) else 1


def _add_export(verbs: Verbs) -> None:
    verb = verbs.add_parser("export", help="write a run's network into one file, verified")
    verb.add_argument("run", type=Path, metavar="RUN_DIR", help="a run directory, like multirun/2026-11-24/12-00-00/2")
    verb.add_argument("--format", required=True, metavar="FORMAT", help="safetensors, torch, onnx, csr or compact")
    verb.add_argument("--out", type=Path, metavar="FILE", help="default: RUN_DIR/export/model.…")
    verb.add_argument("--trust", action="store_true", help="let the saved config import code that it names")
    verb.set_defaults(verb=_export)


def _export(chosen: argparse.Namespace) -> int:
    from prunesweep.experiment import saved
    from prunesweep.export.deliver import export
    from prunesweep.report.console.terminal import percent

    run = saved.read(chosen.run, trust=_trust(chosen))
    _tell(run.notes)
    done = export(run, chosen.format, chosen.out)
    (size, zipped), (dense, dense_zipped) = done.size, done.dense
    print(
        f"{done.path}: {size:,} bytes, {zipped:,} under gzip; dense: {dense:,} bytes, {dense_zipped:,} under gzip "
        f"({dense / size:.2f} and {dense_zipped / zipped:.2f} times as large)"
    )
    told = "bit for bit the logits" if done.apart == 0 else f"logits within {done.apart:.1g} of those"
    print(
        f"verified: read back, it classifies {done.score.correct:,} of {done.score.total:,} test images correctly "
        f"({percent(done.score.accuracy)}), with {told} of the run's network"
    )
    return 0


def _add_evaluate(verbs: Verbs) -> None:
    verb = verbs.add_parser("evaluate", help="score an exported file")
    verb.add_argument("file", type=Path, metavar="FILE")
    verb.add_argument("--dataset", metavar="NAME", help="default: the one that the network was trained on")
    verb.add_argument("--root", metavar="DIR", help="the folder of the data, as in dataset.root")
    verb.add_argument("--split", default="test", metavar="SPLIT", help="train, validation or test (default)")
    verb.add_argument("--trust", action="store_true", help="let the file bring code: a .pt2, a network of somebody's")
    verb.set_defaults(verb=_evaluate)


def _evaluate(chosen: argparse.Namespace) -> int:
    from prunesweep.export.deliver import evaluate
    from prunesweep.report.console.terminal import percent

    score = evaluate(chosen.file, chosen.dataset, chosen.root, chosen.split, trust=_trust(chosen))
    print(f"{percent(score.accuracy)}: {score.correct:,} of {score.total:,} images of the {chosen.split} split")
    return 0


def _trust(chosen: argparse.Namespace) -> bool:
    if chosen.trust:
        sys.path.insert(0, "")  # where run.py finds it too: a module of the user's own in this folder
    return bool(chosen.trust)


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _add_confirm(verbs: Verbs) -> None:
    verb = verbs.add_parser("confirm", help="train a search's Pareto set again on fresh seeds")
    verb.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="the directory of a search, like multirun/NAME")
    verb.add_argument("--seeds", type=int, default=5, metavar="N", help="how many (default 5)")
    verb.set_defaults(verb=_confirm)


def _confirm(chosen: argparse.Namespace) -> int:
    from prunesweep.search.confirm import TABLE, confirm, show

    show(confirm(chosen.sweep, chosen.seeds))
    print(chosen.sweep / TABLE)
    return 0


def _add_store(verbs: Verbs) -> None:
    verb = verbs.add_parser("store", help="what is stored of finished steps, and how large it is")
    verb.add_argument("--dir", help="the store's folder, as in store.dir; default: the one in your cache directory")
    action = verb.add_mutually_exclusive_group()
    action.add_argument("--prune", metavar="SIZE", help="evict what was used longest ago, down to SIZE (like 1GB)")
    action.add_argument("--clear", action="store_true", help="remove all of it")
    action.add_argument("--verify", action="store_true", help="check every entry; exit code 1 if one was damaged")
    verb.set_defaults(verb=_store)


def _store(chosen: argparse.Namespace) -> int:
    from prunesweep.report.console.storage import show, size
    from prunesweep.store import eviction
    from prunesweep.store.settings import StoreSettings

    folder = StoreSettings(dir=chosen.dir).folder
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no store. Runs make one; --dir names one that lies elsewhere.")
    if chosen.prune is not None:
        print(f"{size(eviction.shrink(folder, eviction.parse_size(chosen.prune)))} freed")
    elif chosen.clear:
        print(f"{size(eviction.clear(folder))} freed")
    elif chosen.verify:
        count, damaged = eviction.verify(folder)
        print(f"{count:,} entries, {len(damaged)} damaged" + (", set aside" if damaged else ""))
        return 1 if damaged else 0
    show(folder)
    return 0
