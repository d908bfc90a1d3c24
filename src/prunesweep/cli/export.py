"""`prunesweep export`: the network of a run as a verified file."""

from __future__ import annotations

import argparse
from pathlib import Path

from prunesweep.cli.arguments import add_root, add_run_directory, add_trust, is_trusted, print_notes
from prunesweep.cli.verb import Verb


def _add_options(verb: argparse.ArgumentParser) -> None:
    add_run_directory(verb)
    verb.add_argument(
        "--format", required=True, metavar="FORMAT", help="safetensors, torch, onnx, csr, compact, packed or c"
    )
    verb.add_argument(
        "--dtype",
        metavar="TYPE",
        help="the type of the weights in the file: float32, or int8 with quantize=int8 (default: the type of the run)",
    )
    verb.add_argument("--out", type=Path, metavar="FILE", help="the file to write (default: a file in RUN_DIR/export/)")
    add_root(verb)
    add_trust(verb, "allow the saved config to import code and to read data that it names")


def _execute(options: argparse.Namespace) -> int:
    from prunesweep.experiment.saved import Files, completed_run, load_config
    from prunesweep.export.write import export
    from prunesweep.results.text import percent

    run = completed_run(options.run)
    config, notes = load_config(run, Files(options.root), trust=is_trusted(options), to_run=False)
    print_notes(notes)
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


VERB = Verb(
    "export",
    "write the network of a run to one verified file",
    "prunesweep export multirun/2026-11-24/12-00-00/2 --format csr",
    _add_options,
    _execute,
)
