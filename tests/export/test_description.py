import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from prunesweep.errors import UsageError
from prunesweep.export.description import MAX_LENGTH, Description, check, checksum, parse
from prunesweep.export.invalid import InvalidFile


def test_a_description_is_read_back_and_unknown_fields_are_ignored(description: Description) -> None:
    values = parse(description.dumps("content"))
    assert check(values) == replace(description, checksum=values["checksum"])
    assert check({"new": 1, **values}) == replace(description, checksum=values["checksum"])


def test_a_description_of_an_older_release_does_not_have_a_checksum(description: Description) -> None:
    values = asdict(description)
    del values["checksum"]
    assert check(values) == description


def test_the_checksum_depends_on_each_field_and_on_the_content(description: Description) -> None:
    values = parse(description.dumps("content"))
    assert values["checksum"] == checksum(values, "content")
    assert checksum(values, "other") != checksum(values, "content")
    for name in values.keys() - {"checksum"}:
        assert checksum({**values, name: None}, "content") != values["checksum"], name
    assert checksum({**values, "new": 1}, "content") != values["checksum"]


@pytest.mark.parametrize("text", ["", "[]", "{", "nul", "[" * 50_000, '{"x": ' + "9" * 5_000 + "}"])
def test_text_that_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        parse(text)


def test_a_long_description_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidFile, match="longer than 100,000 characters"):
        parse("[" * (MAX_LENGTH + 1))


INVALID = {
    "format": [None, 1, True, ["csr"]],
    "model": [None, "lenet5", {}, {"name": 1}, {"name": ["lenet5"]}, {"name": "lenet6"}, {"name": "lenet5", "x": 1},
              {"name": "lenet5_caffe", "conv_relu": "yes"}, {"name": "lenet5_caffe", "conv_relu": 1},
              {"name": "conv_lenet", "widths": [4, 4, 4]}, {"name": "conv_lenet", "widths": [4, 4, 4, True]},
              {"name": "conv_lenet", "widths": [4, 4, 4, 4.0]},
              {"name": "conv_lenet", "widths": ["${oc.env:HOME}"] * 4},
              {"name": "custom", "target": "${oc.env:HOME}"}],
    "dataset": [None, "x", 1, ["mnist5k"], {"mnist5k": 1}],
    "shape": [None, 28, [1, 28], [3, 32, 32], [1, 28, -28], [True, 28, 28], [1.0, 28, 28], ["1", 28, 28]],
    "mean": [None, 0.1, [], [0.1, 0.1], ["0.1"], [True], [None], [float("nan")], [float("inf")], [10**400], [1e300]],
    "std": [None, 0.1, [], ["0.1"], [True], [float("nan")], [0], [-0.3], [1e-300], [10**400]],
    "validation": [None, "500", 500.0, True, 0, -1, 3_501, 10**400],
    "test_accuracy": [None, "0.5", True, float("nan"), -0.1, 1.01, 50, 10**400],
    "params_total": [None, "1", True, 1.5, 0, -1, 10**400, float("nan")],
    "params_nonzero": [None, "1", True, 617.0, -1, 266_611, float("inf")],
    "classes": [None, "10", 10.0, True, 1, 9, 11, 10**400],
    "scale": [None, 1, "1/2", ["none"]],
    "data": [None, "x", {"size": 3}],
    "digest": [None, 1, True, "", "ab", "AB" * 32, "zz" * 32],
    "checksum": [None, 1, "", "ab"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in INVALID.items() for value in values])
def test_an_invalid_field_is_named(name: str, value: Any, description: Description) -> None:
    values = parse(description.dumps("content"))
    with pytest.raises(InvalidFile, match=name) as error:
        check({**values, name: value})
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", sorted(INVALID.keys() - {"checksum", "classes", "scale", "data"}))
def test_a_missing_field_is_named(name: str, description: Description) -> None:
    values = parse(description.dumps("content"))
    del values[name]
    with pytest.raises(InvalidFile, match=f"does not have {name}"):
        check(values)


def test_the_message_says_what_is_allowed(description: Description) -> None:
    values = json.loads(description.dumps("content"))
    with pytest.raises(InvalidFile, match=r"has mean=\[NaN\] in its description: must be finite numbers"):
        check({**values, "mean": [float("nan")]})
    with pytest.raises(InvalidFile, match="has dataset=.mnits. in its description: must be one of mnist5k, mnist, "):
        check({**values, "dataset": "mnits"})


def test_another_data_set_has_the_normalization_of_the_network(description: Description) -> None:
    data = description.data_set("mnist", "/data")
    assert (data.name, data.root, data.mean, data.validation) == ("mnist", "/data", [0.1307], 5_000)
    assert description.data_set().validation == 500
    assert replace(description, dataset="mnist", validation=1_234).data_set("mnist5k").validation == 500
    with pytest.raises(UsageError, match=r"--dataset=cifar10: its images have the shape \[3, 32, 32\]"):
        description.data_set("cifar10")
    with pytest.raises(UsageError, match="--dataset=mnisst: must be one of .* Did you mean 'mnist'?"):
        description.data_set("mnisst")


def test_own_data_needs_its_place(description: Description) -> None:
    own = replace(description, dataset="folder", data={"size": [28, 28], "grey": None, "validation": None})
    data = own.data_set(root="/data")
    assert (data.name, data.root, data.mean, data.scale) == ("folder", "/data", [0.1307], "1/255")
    with pytest.raises(UsageError, match="--dataset=folder: give the place of the data with --root"):
        own.data_set()
    with pytest.raises(UsageError, match="--dataset=arrays: give the place of the data with --root"):
        description.data_set("arrays")


def test_settings_of_own_data_cannot_name_a_place(description: Description) -> None:
    own = replace(description, dataset="arrays", data={"root": "/elsewhere", "name": "custom"})
    assert own.data_set(root="/data") == replace(own, data={}).data_set(root="/data")
