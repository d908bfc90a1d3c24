"""The list of slow tests in `support.py`, from which the marker `fast` follows."""

import pytest
from support import ROOT, SLOW_TESTS


@pytest.mark.parametrize("test", SLOW_TESTS)
def test_each_slow_test_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert (ROOT / file).exists()
    if name:
        assert f"\ndef {name}" in (ROOT / file).read_text()


def test_this_test_is_fast(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("fast")
