from pathlib import Path

import pytest
from c_files import NEEDS_COMPILER, described, images_like, sparse
from torch import nn

from prunesweep.bench.c_library import c_timers
from prunesweep.errors import UsageError
from prunesweep.export.c.compiler import CompilerFailed
from prunesweep.export.c.generate import c_file

SHAPE = (1, 4, 4)
SPY = """
#include <stdio.h>
int net_predict(const float image[2], float logits[2]);
int net_predict(const float image[2], float logits[2])
{
    FILE *log = fopen("LOG", "a");
    fprintf(log, "%g,%g ", (double)image[0], (double)image[1]);
    fclose(log);
    return (int)(logits[0] = logits[1] = image[0]);
}
"""


@NEEDS_COMPILER
def test_each_call_classifies_the_next_images_as_pixels(tmp_path: Path) -> None:
    description = described((1, 1, 2), 2, model={"name": "net"})
    images = images_like(description, 3)
    pixels = [",".join(f"{255 * (0.25 + 0.5 * value):.0f}" for value in row) for row in images.flatten(1).tolist()]
    timer = c_timers(SPY.replace("LOG", str(tmp_path / "log")), description, images)(2)
    assert timer(1) > 0
    timer(1)
    timer(2)
    assert (tmp_path / "log").read_text().split() == [*pixels, *pixels, pixels[0], pixels[1]]


@NEEDS_COMPILER
def test_generated_files_are_measured_at_the_same_time() -> None:
    description = described(SHAPE, 3)
    images = images_like(description)
    model = sparse(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)))
    files = [c_file(model, description, dense=dense) for dense in (False, True)]
    timers = [c_timers(text, description, images)(1) for text in files]
    assert all(timer(10) > 0 for timer in timers)


@NEEDS_COMPILER
def test_a_compiler_that_fails_is_reported() -> None:
    description = described(SHAPE, 3)
    with pytest.raises(CompilerFailed, match="does not compile it: .*error"):
        c_timers("int net_predict(", description, images_like(description))


def test_a_missing_compiler_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    description = described(SHAPE, 3)
    with pytest.raises(UsageError, match=r"^C files cannot be measured: there is no C compiler \(cc, gcc"):
        c_timers("", description, images_like(description))
