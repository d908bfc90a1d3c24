from fractions import Fraction

import pytest

from prunesweep.code.locate import locate, source_of
from prunesweep.errors import UsageError, need_extra


def test_locates_by_import_path() -> None:
    assert locate("key", "fractions.Fraction") is Fraction


@pytest.mark.parametrize("path", ["nope.Net", "fractions.Nope", "Net", ""])
def test_says_what_cannot_be_imported(path: str) -> None:
    with pytest.raises(UsageError, match=f"model.target={path}"):
        locate("model.target", path)


def test_source_is_that_of_the_whole_module() -> None:
    source = source_of("key", "fractions.Fraction")
    assert "class Fraction" in source
    assert "import math" in source


def test_an_extra() -> None:
    need_extra("logger=x", "x", "json", "pathlib")
    with pytest.raises(
        UsageError, match=r"logger=x needs absent_1 and absent_2: install prunesweep with its extra \[x\]"
    ):
        need_extra("logger=x", "x", "json", "absent_1", "absent_2")
