import subprocess
from pathlib import Path

import pytest
import torch
from c_files import NEEDS_COMPILER
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prunesweep.export.c.compiler import compile_c, find_compiler
from prunesweep.export.c.integer_source import HELPERS
from prunesweep.quantization.fixed_point import rescaled

MAIN = """
#include <stdio.h>
int main(void)
{
    int sum, multiplier, shift, limit;
    while (scanf("%d %d %d %d", &sum, &multiplier, &shift, &limit) == 4)
        printf("%d ", rescaled(sum, multiplier, shift, limit));
    return 0;
}
"""

LARGEST = 2**31 - 1
CASE = st.tuples(
    st.integers(-LARGEST, LARGEST), st.integers(0, LARGEST), st.integers(1, 62), st.sampled_from([127, LARGEST])
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, compiler = tmp_path_factory.mktemp("rescaled"), find_compiler()
    assert compiler is not None
    (folder / "model.c").write_text(HELPERS + MAIN)
    compile_c(compiler, folder / "model.c", folder / "model", "-O2", "-fsanitize=undefined")
    return folder / "model"


@NEEDS_COMPILER
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=st.lists(CASE, min_size=50, max_size=50))
def test_products_are_rounded_as_in_python(program: Path, cases: list[tuple[int, int, int, int]]) -> None:
    text = "\n".join(" ".join(map(str, case)) for case in [(5, 1, 1, 127), (-5, 1, 1, 127), *cases])
    printed = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    sums, multipliers, shifts, limits = (torch.tensor(column) for column in zip(*cases, strict=True))
    expected = torch.clamp(rescaled(sums, multipliers, shifts), -limits, limits)
    assert [int(number) for number in printed.stdout.split()] == [3, -2, *expected.tolist()]
    assert not printed.stderr
