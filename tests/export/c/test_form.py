from pathlib import Path

import pytest
import safetensors.torch
import torch
from c_files import NEEDS_COMPILER
from support import Completed
from torch import nn

from prunesweep.cli import main
from prunesweep.export.c.form import FORMAT, save, sizes
from prunesweep.export.description import Description
from prunesweep.export.invalid import InvalidFile

UNTRAINED = ("train.epochs=0", "finetune.epochs=0", "prune.amount=0.9")


@NEEDS_COMPILER
def test_a_file_computes_what_the_network_computes(network: nn.Module, description: Description) -> None:
    images = torch.rand(3, 1, 28, 28)
    content = save(network, description)
    actual = FORMAT.load(content, description)(images)
    torch.testing.assert_close(actual, network(images).detach(), atol=1e-5, rtol=1e-5)


@NEEDS_COMPILER
def test_the_sizes_of_the_compiled_file(network: nn.Module, description: Description) -> None:
    """300 + 100 hidden units at most, and at least the 30,000 weights of fc2 are not pruned."""
    found = sizes(save(network, description))
    assert list(found) == ["text", "read-only data", "working memory"]
    assert found["read-only data"] > 4 * 30_000
    assert 0 < found["working memory"] <= 4 * 400 + 64
    assert 100 < found["text"] < 10_000


def test_without_a_compiler_a_file_cannot_be_executed(
    network: nn.Module, description: Description, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "a-compiler-that-does-not-exist")
    content = save(network, description)
    assert sizes(content) == {}
    with pytest.raises(InvalidFile, match=r"cannot be executed: there is no C compiler \(cc, gcc, clang"):
        FORMAT.load(content, description)


def exported(run: Path, *options: str) -> int:
    return main(["export", str(run), "--format", "c", *options])


@NEEDS_COMPILER
def test_export_and_evaluate_on_the_command_line(completed: Completed, capsys: pytest.CaptureFixture[str]) -> None:
    run = completed(*UNTRAINED)
    assert exported(run, "--dtype", "float32") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{run / 'export' / 'model.c'}: ")
    assert " bytes of text, " in lines[1]
    assert lines[2].startswith("verified: the file classifies ")
    assert exported(run) == 0, "an export may be replaced"
    assert (
        "int lenet_300_100_predict(const float image[784], float logits[10]);"
        in (run / "export" / "model.h").read_text()
    )
    capsys.readouterr()
    assert main(["evaluate", str(run / "export" / "model.c")]) == 1
    assert "Pass --trust to allow it" in capsys.readouterr().err
    assert main(["evaluate", str(run / "export" / "model.c"), "--trust"]) == 0
    assert "of 1,000 images of the test split" in capsys.readouterr().out


def test_without_a_compiler_the_file_is_written_and_said_to_be_unverified(
    completed: Completed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = completed(*UNTRAINED)
    monkeypatch.setenv("CC", "a-compiler-that-does-not-exist")
    assert exported(run) == 0
    assert "not verified: there is no C compiler" in capsys.readouterr().out
    assert (run / "export" / "model.c").exists()
    assert (run / "export" / "model.h").exists()


def test_a_compiler_that_fails_is_one_message_and_the_file_is_kept(
    completed: Completed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run, compiler = completed(*UNTRAINED), tmp_path / "broken"
    compiler.write_text("#!/bin/sh\necho 'model.c:1:2: error: I do not know this' >&2\necho more >&2\nexit 1\n")
    compiler.chmod(0o700)
    monkeypatch.setenv("CC", str(compiler))
    assert exported(run) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"{run / 'export' / 'model.c'}: was written, but not verified." in message
    assert "does not compile it: model.c:1:2: error: I do not know this" in message
    assert (run / "export" / "model.c").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dtype", "float16"], "--dtype=float16: must be one of float32, int8."),
        (["--dtype", "int8"], "--dtype=int8: the run has quantize=none, so its network has weights of type float32."),
        (["--out", "RUN/model.txt"], "model.txt: must end in .c with --format=c."),
        (["--out", "RUN/model.c"], "model.h: exists already and is not an export. Give another name with --out."),
    ],
)
def test_options_that_do_not_fit(
    options: list[str], message: str, completed: Completed, capsys: pytest.CaptureFixture[str]
) -> None:
    run = completed(*UNTRAINED)
    (run / "model.h").write_text("mine")
    before = sorted(run.rglob("*"))
    assert exported(run, *(option.replace("RUN", str(run)) for option in options)) == 1
    assert message in capsys.readouterr().err
    assert sorted(run.rglob("*")) == before
    assert (run / "model.h").read_text() == "mine"


@NEEDS_COMPILER
def test_a_run_with_integers(completed: Completed, capsys: pytest.CaptureFixture[str]) -> None:
    run = completed(*UNTRAINED, "quantize=int8")
    assert exported(run, "--dtype", "float32") == 1
    assert (
        "--dtype=float32: the run has quantize=int8, so its network has weights of type int8."
        in capsys.readouterr().err
    )
    assert main(["export", str(run), "--format", "csr", "--dtype", "int8"]) == 1
    assert "Use --format c, or export a run with" in capsys.readouterr().err
    assert not (run / "export").exists()
    assert exported(run) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].endswith(" %), with identical logits")
    assert "static const signed char lenet_300_100_fc1_weights[" in (run / "export" / "model.c").read_text()
    assert exported(run, "--dtype", "int8") == 0
    capsys.readouterr()
    assert main(["evaluate", str(run / "export" / "model.c"), "--trust"]) == 0
    assert f"{lines[2].partition('classifies ')[2].partition(' ')[0]} of 1,000 images" in capsys.readouterr().out


def test_a_run_with_integers_without_its_scales_is_refused(
    completed: Completed, capsys: pytest.CaptureFixture[str]
) -> None:
    run = completed(*UNTRAINED, "quantize=int8")
    safetensors.torch.save_file(safetensors.torch.load_file(run / "model.safetensors"), run / "model.safetensors")
    assert exported(run) == 1
    assert "model.safetensors: does not have the scales of the activations" in capsys.readouterr().err
    assert not (run / "export").exists()


def test_a_layer_that_c_does_not_have_is_refused_by_name(
    completed: Completed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gelu_net.py").write_text(
        "from torch import nn\n"
        "def Net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.GELU(), nn.Linear(20, 10))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    run = completed(*UNTRAINED, "model=custom", "model.target=gelu_net.Net")
    assert exported(run, "--trust") == 1
    assert "--format=c: 2: GELU (gelu) cannot be exported. Supported are convolution" in capsys.readouterr().err
    assert not (run / "export").exists()


def test_a_run_without_a_result_is_refused(completed: Completed, capsys: pytest.CaptureFixture[str]) -> None:
    run = completed(*UNTRAINED)
    (run / "result.json").unlink()
    assert exported(run) == 1
    assert "the run did not complete" in capsys.readouterr().err
    assert not (run / "export").exists()
