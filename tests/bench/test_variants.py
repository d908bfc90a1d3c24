import importlib.util

import pytest
from c_files import NEEDS_COMPILER, described, images_like, sparse
from torch import nn

from prunesweep.bench.variants import VARIANTS, Subject, prepared

NEEDS_ONNX = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")), reason="needs onnx"
)


def subject(*layers: nn.Module) -> Subject:
    """A network for images of 4 x 4 pixels."""
    description = described((1, 4, 4), 3)
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 3)).eval()
    pruned = sparse(model)
    return Subject(model, pruned, pruned, description, images_like(description))


@NEEDS_COMPILER
@NEEDS_ONNX
def test_every_variant_is_measured() -> None:
    made, notes = prepared(subject(nn.ReLU()))
    assert (list(made), notes) == (list(VARIANTS), [])
    assert all(timers(2)(2) > 0 for timers in made.values())


def test_without_a_compiler_or_an_extra_a_variant_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    made, notes = prepared(subject())
    assert list(made) == ["torch, dense", "torch, masked", "torch, sparse CSR"]
    assert [note.partition(":")[0] for note in notes] == [
        "onnxruntime, dense is left out",
        "C, dense is left out",
        "C, sparse is left out",
    ]
    assert "onnx" in notes[0]
    assert "there is no C compiler" in notes[1]


def test_a_layer_that_a_variant_does_not_support_is_named() -> None:
    _, notes = prepared(subject(nn.Conv2d(1, 1, 1, padding="same"), nn.GELU()))
    assert "torch, sparse CSR is left out: 0 (Conv2d) cannot have sparse weights." in notes
    assert any(
        note.startswith("C, sparse is left out: --format=c: 1: GELU (gelu) cannot be exported") for note in notes
    )


def test_an_operation_that_a_variant_does_not_support_is_a_note() -> None:
    _, notes = prepared(subject(nn.Flatten(2), nn.Linear(16, 16)))  # a linear layer of [n, 1, 16]
    (note,) = [note for note in notes if note.startswith("torch, sparse CSR")]
    assert note.startswith("torch, sparse CSR is left out: it cannot compute this network (RuntimeError: ")
