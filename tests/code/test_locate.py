from fractions import Fraction

import pytest

from prunesweep.code.locate import locate
from prunesweep.errors import UsageError


def test_an_object_is_found_by_its_import_path() -> None:
    assert locate("key", "fractions.Fraction") is Fraction


@pytest.mark.parametrize("path", ["nope.Net", "fractions.Nope", "Net", ""])
def test_a_path_that_cannot_be_imported_is_an_error_that_names_the_setting(path: str) -> None:
    with pytest.raises(UsageError, match=f"model.target={path}: "):
        locate("model.target", path)


def test_the_message_suggests_a_path_with_a_module() -> None:
    with pytest.raises(
        UsageError, match=r"model.target=Net: must be an import path with a module, like my_package.Net"
    ):
        locate("model.target", "Net")
