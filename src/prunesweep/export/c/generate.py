"""The C file and the header of a network."""

from __future__ import annotations

import copy
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import nn

from prunesweep.data.settings import DIVISORS
from prunesweep.export.c.arrays import TYPES, comment, identifier
from prunesweep.export.c.blocks import MACROS
from prunesweep.export.c.graph import layers_of
from prunesweep.export.c.layers import Scale, Shape
from prunesweep.export.c.scoring import SWITCH, program
from prunesweep.export.c.source import Function, Place, function
from prunesweep.export.c.stages import Stage, build_stages
from prunesweep.export.c.unused import without_unused
from prunesweep.export.description import Description
from prunesweep.models.tensors import load_tensors, own_tensors
from prunesweep.pruning.cleanup import clean_up

BUFFERS = ("even", "odd")
"""The results of stages, in turn."""

LOGITS = "logits"
"""The parameter with the result of the network."""

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
    kind = Kind(MACROS, lambda name, stage, after: function(name, stage, after, dense=dense))
    return file_of(stages_of(model, description, dense=dense), description, kind)


@dataclass(frozen=True)
class Kind:
    """What C files with one kind of numbers have in common.

    Attributes:
        helpers: The text before all buffers and functions.
        function: Returns the function of a stage from its name, the stage, and the stage after it.
        types: Buffer -> the type of its values, if it is not float.
        result: The name of what the last stage computes.
        ending: The lines that compute the logits from the result, if it is not the logits.
        about: A line of the comment at the beginning.
    """

    helpers: str
    function: Callable[[str, Stage, Stage | None], Function]
    types: Mapping[str, str] = field(default_factory=dict)
    result: str = LOGITS
    ending: Sequence[str] = ()
    about: str = ""


def file_of(stages: Sequence[Stage], description: Description, kind: Kind) -> str:
    """Return the C text of the network with the given stages."""
    name, classes = name_of(description), description.classes
    functions, memory = _functions(name, stages, kind)
    parts = [
        _about(description, functions, sum(buffer.nbytes for buffer in memory), kind),
        "#include <math.h>\n",
        f"{_prototype(name, description)};\n",
        kind.helpers,
        *(f"static {buffer.type} {buffer.name}[{buffer.size}];" for buffer in memory),
        "",
        *("\n".join(each.lines) for each in functions),
        _prototype(name, description),
        "{",
        *_calls(functions, kind.result),
        *(f"    {line}" for line in kind.ending),
        "    int best = 0;",
        f"    for (int k = 1; k < {classes}; k++)",
        "        if (logits[k] > logits[best])",
        "            best = k;",
        "    return best;",
        "}\n",
        program(name, shape_of(description), classes),
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
    shape = shape_of(description)
    network = copy.deepcopy(model)
    if not dense:
        load_tensors(network, {**own_tensors(network), **clean_up(model, shape)})
    factor = 1 / (DIVISORS[description.scale] * np.array(description.std))
    pixels = Scale("pixels", factor, -np.array(description.mean) / np.array(description.std))
    stages = build_stages(layers_of(network.eval(), shape), shape, pixels)
    return stages if dense else without_unused(stages)


def shape_of(description: Description) -> Shape:
    """Return the shape of an image."""
    channels, height, width = description.shape
    return channels, height, width


@dataclass(frozen=True)
class Buffer:
    """A static buffer."""

    name: str
    type: str
    size: int

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.size * next(np.dtype(code).itemsize for code, name in TYPES.items() if name == self.type)


def _functions(name: str, stages: Sequence[Stage], kind: Kind) -> tuple[list[Function], list[Buffer]]:
    """Return the functions of `stages`, and the buffers."""
    sizes = dict.fromkeys(BUFFERS, 0)
    functions, names = [], {f"{name}_predict"}
    for index, (stage, after) in enumerate(zip(stages, [*stages[1:], None], strict=True)):
        own = f"{name}_{identifier(stage.head.name)}"
        own = own if own not in names else f"{own}_{index}"
        names.add(own)
        made = kind.function(own, stage, after)
        functions.append(made)
        result = kind.result if after is None else BUFFERS[index % 2]
        needs = {**made.buffers, result: Place.before(after, stage).size}
        sizes.update({buffer: max(sizes.get(buffer, 0), size) for buffer, size in needs.items()})
    sizes.pop(LOGITS, None)
    return functions, [Buffer(buffer, kind.types.get(buffer, "float"), size) for buffer, size in sizes.items() if size]


def _calls(functions: Sequence[Function], result: str) -> Iterator[str]:
    source = "image"
    for index, each in enumerate(functions):
        target = BUFFERS[index % 2] if index < len(functions) - 1 else result
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


def _about(description: Description, functions: Sequence[Function], memory: int, kind: Kind) -> str:
    """Return the comment at the beginning of a C file."""
    name = name_of(description)
    model = " ".join(f"{key}={value}" for key, value in description.model.items() if value not in (None, {}))
    lines = [
        f"Network: {model}",
        f"{description.params_nonzero:,} of {description.params_total:,} parameters are not pruned.",
        f"Test accuracy: {100 * description.test_accuracy:.2f} % on {description.dataset}",
        f"ID of the run: {description.digest}",
        *([kind.about] if kind.about else []),
        f"Arrays: {sum(each.nbytes for each in functions):,} bytes, read-only. Buffers: {memory:,} bytes.",
        f"{name}_predict: {_usage(description)}",
        f"To score images: cc -std=c99 -O2 -D{SWITCH} FILE.c -o score -lm && ./score IMAGES.idx LABELS.idx",
    ]
    return "\n".join(_commented(lines))


def _commented(lines: Iterable[str]) -> list[str]:
    """Return the lines of a comment with `lines`, which are wrapped."""
    wrapped = [part for line in lines for part in textwrap.wrap(comment(line), 110, subsequent_indent="    ")]
    return ["/*", *(f" * {line}" for line in wrapped), " */"]
