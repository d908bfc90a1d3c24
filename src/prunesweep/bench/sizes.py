"""The sizes of a network in all export formats."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from prunesweep.errors import UsageError
from prunesweep.export.description import Description
from prunesweep.export.formats import FORMATS
from prunesweep.export.protocol import FLOAT32, INT8
from prunesweep.export.write import FileSize, file_size, pack_network
from prunesweep.quantization.integer import IntegerNetwork


def file_sizes(model: nn.Module, description: Description) -> tuple[dict[str, FileSize], list[str]]:
    """Return the bytes of the exported file of `model`, plain and with gzip at level 9, by format.

    The whole files are measured, with their descriptions. Nothing is written.

    Args:
        model: The network in evaluation mode, on the CPU, with pruned weights exactly zero, or an `IntegerNetwork`,
            which only some formats can contain. It is not modified.
        description: Its data and its accuracy. The field `format` is replaced.

    Returns:
        The sizes, and a note for each format that cannot contain the network or needs a package that is missing.
    """
    sizes, notes = {}, []
    dtype = INT8 if isinstance(model, IntegerNetwork) else FLOAT32
    for name, form in FORMATS.items():
        if dtype not in form.dtypes:
            continue
        try:
            sizes[name] = file_size(pack_network(form, model, replace(description, format=name)))
        except UsageError as error:
            notes.append(str(error))
    return sizes, notes
