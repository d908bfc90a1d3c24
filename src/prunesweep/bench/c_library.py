"""C files as shared libraries that time themselves, so that neither processes nor Python are part of the time."""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path
from string import Template

import numpy as np
from torch import Tensor

from prunesweep.bench.timing import Timer, Timers
from prunesweep.errors import UsageError
from prunesweep.export.c.compiler import compile_c, find_compiler
from prunesweep.export.c.form import NO_COMPILER
from prunesweep.export.c.generate import name_of
from prunesweep.export.c.idx import pixels
from prunesweep.export.description import Description

CLOCK = Template("""
#include <time.h>

double prunesweep_seconds(const float *images, int number, int batch, int calls);

/* Returns the seconds that calls take, each of which classifies the next images of a batch, one by one. */
double prunesweep_seconds(const float *images, int number, int batch, int calls)
{
    static int next;
    static volatile int predicted;
    float logits[$classes];
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int call = 0; call < calls; call++)
        for (int i = 0; i < batch; i++) {
            predicted = ${name}_predict(images + (long)next * $values, logits);
            next = next + 1 < number ? next + 1 : 0;
        }
    clock_gettime(CLOCK_MONOTONIC, &end);
    (void)predicted;
    return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}
""")
"""The function that is added to a C file."""

OPTIONS = ("-O2", "-shared", "-fPIC", "-D_POSIX_C_SOURCE=199309L")  # the last one declares clock_gettime in C99


def c_timers(text: str, description: Description, images: Tensor) -> Timers:
    """Return the timers of a C file, each of whose calls classifies the next images of a batch one by one.

    Args:
        text: The C file, which is compiled.
        description: The description of its network.
        images: Normalized images `[n, channels, height, width]`.

    Raises:
        UsageError: This machine does not have a C compiler.
        CompilerFailed: The compiler does not accept the file.
    """
    function = _compiled(text, description)
    values = np.ascontiguousarray(pixels(images, description), np.float32).reshape(len(images), -1)
    address = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))  # refers to the array, which stays in memory

    def timers(batch: int) -> Timer:
        return lambda calls: float(function(address, len(values), batch, calls))

    return timers


def _compiled(text: str, description: Description) -> ctypes._NamedFuncPointer:
    compiler = find_compiler()
    if compiler is None:
        raise UsageError(f"C files cannot be measured: {NO_COMPILER}.")
    clock = CLOCK.substitute(
        name=name_of(description), classes=description.classes, values=int(np.prod(description.shape))
    )
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "model.c", Path(folder) / "model.so"
        source.write_text(text + clock)
        compile_c(compiler, source, library, *OPTIONS)
        function = ctypes.CDLL(str(library)).prunesweep_seconds
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.POINTER(ctypes.c_float), ctypes.c_int, ctypes.c_int, ctypes.c_int]
    return function
