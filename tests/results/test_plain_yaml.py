from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from prunesweep.results.plain_yaml import parse_yaml

SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="$"), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner),
    max_leaves=12,
)


@given(VALUES)
@example("0E0")
@example("08")
def test_a_saved_config_is_read_back(value: Any) -> None:
    assert parse_yaml(OmegaConf.to_yaml({"value": value})) == {"value": value}


@pytest.mark.parametrize(
    "text",
    ["a: &x 1\nb: *x", "a: !!python/name:os.system", "a: 0x10", "a: 1:30", "a: 1\na: 2", "--- 1\n--- 2", "a: [1", "{"],
)
def test_other_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(text)
