import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.export.c.blocks import BUDGET, Block, blocks, segments, sums


@given(st.integers(1, 70), st.integers(1, 100))
def test_blocks_cover_each_output_once(height: int, width: int) -> None:
    covered = np.zeros((height, width), int)
    for block in blocks(height, width):
        assert height % block.rows == 0
        assert block.rows * block.width <= BUDGET
        for y in range(0, height, block.rows):
            for repeat in range(block.repeats):
                begin = block.begin + repeat * block.width
                covered[y : y + block.rows, begin : begin + block.width] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize(
    ("width", "expected"),
    [(1, [(0, 1)]), (6, [(0, 4), (4, 1), (5, 1)]), (24, [(0, 8), (8, 8), (16, 8)]), (13, [(0, 8), (8, 4), (12, 1)])],
)
def test_a_row_is_split_into_vectors(width: int, expected: list[tuple[int, int]]) -> None:
    assert segments(width) == expected


def test_the_text_of_a_block_of_two_rows_and_one_column() -> None:
    loops = ["for (int k = 0; k < n; k++) {", "    const float w = weight[k];"]
    assert sums(Block(2, 0, 1, 1), "bias", loops, "in + k", "out", (12, 10)) == [
        "SUM1(s0_0_, bias);",
        "SUM1(s1_0_, bias);",
        "for (int k = 0; k < n; k++) {",
        "    const float w = weight[k];",
        "    const float *p = in + k;",
        "    ADD1(s0_0_, w, p + 0);",
        "    ADD1(s1_0_, w, p + 12);",
        "}",
        "PUT1(out + 0, s0_0_);",
        "PUT1(out + 10, s1_0_);",
    ]
