from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prunesweep.results.plain_yaml import parse_yaml

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner),
    max_leaves=12,
)


@given(VALUES)
def test_what_yaml_writes_is_read_back(value: Any) -> None:
    class WithoutAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    assert parse_yaml(yaml.dump(value, Dumper=WithoutAliases)) == value


@pytest.mark.parametrize(
    "text",
    ["a: &x 1\nb: *x", "a: !!python/name:os.system", "a: 0x10", "a: 1:30", "a: 1\na: 2", "--- 1\n--- 2", "a: [1", "{"],
)
def test_other_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(text)
