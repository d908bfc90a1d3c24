import gzip
from dataclasses import replace

import pytest
from c_files import described, sparse
from torch import nn

from prunesweep.bench.sizes import file_sizes
from prunesweep.errors import UsageError
from prunesweep.export import csr
from prunesweep.export.formats import FORMATS, pack


def network() -> nn.Module:
    return sparse(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)))


def test_sizes_are_those_of_whole_files_of_every_format() -> None:
    model, description = network(), described((1, 4, 4), 3)
    sizes, notes = file_sizes(model, description)
    content = pack(csr.FORMAT, model, replace(description, format="csr"))
    assert set(sizes) >= {"safetensors", "torch", "csr", "compact", "c"}
    assert len(sizes) + len(notes) == len(FORMATS)  # a note for each extra that is not installed
    assert sizes["csr"].plain == len(content)
    assert sizes["csr"].gzipped == len(gzip.compress(content, 9))


def test_a_format_that_cannot_contain_the_network_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise UsageError("--format=csr: not today.")

    monkeypatch.setitem(FORMATS, "csr", replace(csr.FORMAT, save=refuse))
    sizes, notes = file_sizes(network(), described((1, 4, 4), 3))
    assert "csr" not in sizes
    assert "--format=csr: not today." in notes
