"""The C file and the header of a network."""

from __future__ import annotations

import copy
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from torch import nn

from prunesweep.data.settings import DIVISORS
from prunesweep.export.c.arrays import comment, identifier
from prunesweep.export.c.blocks import MACROS
from prunesweep.export.c.graph import layers_of
from prunesweep.export.c.layers import Scale, Shape
from prunesweep.export.c.scoring import SWITCH, program
from prunesweep.export.c.source import Function, Place, function
from prunesweep.export.c.stages import Stage, build_stages
from prunesweep.export.c.tails import PLANES
from prunesweep.export.c.unused import without_unused
from prunesweep.export.description import Description
from prunesweep.models.tensors import load_tensors, own_tensors
from prunesweep.pruning.cleanup import clean_up

BUFFERS = ("even", "odd")
"""The results of stages, in turn."""

HEADER_MARK = "/* prunesweep, header of "
"""How headers begin."""


def c_file(model: nn.Module, description: Description, *, dense: bool = False) -> str:
    """Return the C text of `model`.

    Args:
        model: The network in evaluation mode, on the CPU, with pruned weights exactly zero. It is not modified.
        description: Its data and its accuracy.
        dense: Keep all weights, also those without an effect, for comparison.

    Raises:
        NotSupported: The network contains something that C files cannot contain.
    """
    name = name_of(description)
    functions, memory = _functions(name, stages_of(model, description, dense=dense), dense=dense)
    shape, classes = _shape(description), description.classes
    parts = [
        _about(description, functions, memory),
        "#include <math.h>\n",
        f"{_prototype(name, description)};\n",
        MACROS,
        *(f"static float {buffer}[{size}];" for buffer, size in memory.items()),
        "",
        *("\n".join(each.lines) for each in functions),
        _prototype(name, description),
        "{",
        *_calls(functions),
        "    int best = 0;",
        f"    for (int k = 1; k < {classes}; k++)",
        "        if (logits[k] > logits[best])",
        "            best = k;",
        "    return best;",
        "}\n",
        program(name, shape, classes),
    ]
    return "\n".join(parts)


def header(description: Description) -> str:
    """Return the text of the header that declares the function of `c_file`."""
    name = name_of(description)
    guard = f"PRUNESWEEP_{name.upper()}_H"
    return "\n".join(
        [
            f"{HEADER_MARK}{name} */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            *_commented([_usage(description)]),
            f"{_prototype(name, description)};",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "#endif",
            "",
        ]
    )


def name_of(description: Description) -> str:
    """Return the first part of the names in C: the name of the network, or of the class of a custom network."""
    name = identifier(str(description.model.get("target") or description.model["name"]).rpartition(".")[2])
    return f"net_{name}" if name[0].isdigit() else name


def stages_of(model: nn.Module, description: Description, *, dense: bool) -> list[Stage]:
    """Return the stages of `model`, unless `dense` without weights that have no effect."""
    shape = _shape(description)
    network = copy.deepcopy(model)
    if not dense:
        load_tensors(network, {**own_tensors(network), **clean_up(model, shape)})
    factor = 1 / (DIVISORS[description.scale] * np.array(description.std))
    pixels = Scale("pixels", factor, -np.array(description.mean) / np.array(description.std))
    stages = build_stages(layers_of(network.eval(), shape), shape, pixels)
    return stages if dense else without_unused(stages)


def _shape(description: Description) -> Shape:
    channels, height, width = description.shape
    return channels, height, width


def _functions(name: str, stages: Sequence[Stage], *, dense: bool) -> tuple[list[Function], dict[str, int]]:
    """Return the functions of `stages`, and the numbers of values in the buffers by name."""
    sizes = dict.fromkeys((*BUFFERS, *PLANES), 0)
    functions, names = [], {f"{name}_predict"}
    for index, (stage, after) in enumerate(zip(stages, [*stages[1:], None], strict=True)):
        own = f"{name}_{identifier(stage.head.name)}"
        own = own if own not in names else f"{own}_{index}"
        names.add(own)
        made = function(own, stage, after, dense=dense)
        functions.append(made)
        needs = dict(zip(PLANES, made.planes, strict=True))
        if after is not None:
            needs[BUFFERS[index % 2]] = Place.before(after, stage).size
        sizes.update({buffer: max(sizes[buffer], size) for buffer, size in needs.items()})
    return functions, {buffer: size for buffer, size in sizes.items() if size}


def _calls(functions: Sequence[Function]) -> Iterator[str]:
    source = "image"
    for index, each in enumerate(functions):
        target = BUFFERS[index % 2] if index < len(functions) - 1 else "logits"
        yield f"    {each.name}({source}, {target});"
        source = target


def _prototype(name: str, description: Description) -> str:
    values = math.prod(description.shape)
    return f"int {name}_predict(const float image[{values}], float logits[{description.classes}])"


def _usage(description: Description) -> str:
    channels, height, width = description.shape
    return (
        f"image: {channels} channel(s) of {height} rows of {width} pixels as they are in the data set, without "
        f"normalization. logits: one number for each of {description.classes} classes. Returns the class. Uses static "
        "memory: not for several threads at the same time."
    )


def _about(description: Description, functions: Sequence[Function], memory: dict[str, int]) -> str:
    """Return the comment at the beginning of a C file."""
    name = name_of(description)
    model = " ".join(f"{key}={value}" for key, value in description.model.items() if value not in (None, {}))
    lines = [
        f"Network: {model}",
        f"{description.params_nonzero:,} of {description.params_total:,} parameters are not pruned.",
        f"Test accuracy: {100 * description.test_accuracy:.2f} % on {description.dataset}",
        f"ID of the run: {description.digest}",
        f"Arrays: {sum(each.nbytes for each in functions):,} bytes, read-only. "
        f"Buffers: {4 * sum(memory.values()):,} bytes.",
        f"{name}_predict: {_usage(description)}",
        f"To score images: cc -std=c99 -O2 -D{SWITCH} FILE.c -o score -lm && ./score IMAGES.idx LABELS.idx",
    ]
    return "\n".join(_commented(lines))


def _commented(lines: Iterable[str]) -> list[str]:
    """Return the lines of a comment with `lines`, which are wrapped."""
    wrapped = [part for line in lines for part in textwrap.wrap(comment(line), 110, subsequent_indent="    ")]
    return ["/*", *(f" * {line}" for line in wrapped), " */"]
