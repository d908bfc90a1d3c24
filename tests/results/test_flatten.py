from prunesweep.results.flatten import leaves


def test_dotted_names() -> None:
    values = {"a": {"b": 1, "c": [2, {"d": 3}]}, "e": {}, "f": [], "g": None}
    assert dict(leaves(values)) == {"a.b": 1, "a.c.0": 2, "a.c.1.d": 3, "e": {}, "f": [], "g": None}
    assert list(leaves(7)) == [("", 7)]
