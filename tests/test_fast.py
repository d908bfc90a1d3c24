"""The lists of slow and long tests in `support.py`, from which the markers follow."""

import pytest
from support import LONG_TESTS, ROOT, SLOW_TESTS


@pytest.mark.parametrize("test", [*SLOW_TESTS, *LONG_TESTS])
def test_each_listed_test_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert (ROOT / file).exists()
    if name:
        assert f"\ndef {name}" in (ROOT / file).read_text()


def test_this_test_is_fast(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("fast")
