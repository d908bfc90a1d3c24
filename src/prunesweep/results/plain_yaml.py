"""YAML from unknown sources, within limits. Reads the part of YAML that the package writes.

A general YAML reader can construct objects, repeats a part of the file wherever an alias names it, and converts texts
such as `1:30` or `0x10` to numbers. Here the events of the parser are put together without any of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml
from yaml import events

from prunesweep.files import MAX_DEPTH

MAX_NODES = 50_000
"""How many values, lists and mappings a text may contain."""

NULL = frozenset({"", "~", "null", "Null", "NULL"})
BOOL = {
    text: value
    for value, word in ((True, "true yes on"), (False, "false no off"))
    for name in word.split()
    for text in (name, name.capitalize(), name.upper())
}
INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(
    r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+|\.[0-9]+(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
OTHER_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?)")
"""Numbers in YAML that the package never writes: hexadecimal, binary, octal, sexagesimal, or with underscores."""
SPECIAL = frozenset("-+.0123456789~nNtTfFyYoO")
"""First characters of plain texts that may not be strings."""

Scalar: TypeAlias = str | int | float | bool | None


def parse_yaml(text: str) -> Any:
    """Return the plain value of a YAML document: nested dictionaries, lists and scalars.

    Limit the size of `text` first.

    Raises:
        ValueError: `text` is not YAML, contains several documents, anchors, aliases, tags, repeated keys or numbers
            that are not decimal, is nested deeper than `MAX_DEPTH`, or has more than `MAX_NODES` nodes.
    """
    stream = _nodes(text)
    try:
        first = next(stream, None)
        value = None if first is None else _value(first, stream)
        next(stream, None)  # the parser reads to the end, so that the whole text is checked
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    return value


def _nodes(text: str) -> Iterator[Any]:
    """Yield the events of the nodes in `text`: scalars, and the starts and ends of lists and mappings."""
    documents = depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))):
        documents += isinstance(event, events.DocumentStartEvent)
        depth += isinstance(event, events.CollectionStartEvent) - isinstance(event, events.CollectionEndEvent)
        if documents > 1 or depth > MAX_DEPTH or number > MAX_NODES:
            raise _refused(event, "several documents" if documents > 1 else "too many or too deeply nested values")
        if isinstance(event, events.NodeEvent):
            if event.anchor is not None:
                raise _refused(event, "an anchor or an alias")
            if getattr(event, "tag", None) is not None:
                raise _refused(event, "a tag")
            yield event
        elif isinstance(event, events.CollectionEndEvent):
            yield event


def _refused(event: Any, what: str) -> ValueError:
    return ValueError(f"line {event.start_mark.line + 1}: {what}, which saved settings never contain")


def _value(event: Any, stream: Iterator[Any]) -> Any:
    """Return the value of the node that starts with `event` and continues in `stream`."""
    if isinstance(event, events.ScalarEvent):
        return _scalar(event)
    if isinstance(event, events.SequenceStartEvent):
        return [_value(item, stream) for item in _until_end(stream)]
    mapping: dict[Scalar, Any] = {}
    for item in _until_end(stream):
        key = _value(item, stream)
        if key is None or isinstance(key, dict | list) or key in mapping:
            raise _refused(item, "a key that is repeated or is not a text")
        mapping[key] = _value(next(stream), stream)
    return mapping


def _until_end(stream: Iterator[Any]) -> Iterator[Any]:
    """Yield the events at which the items of the current list or mapping start, until it ends."""
    while not isinstance(event := next(stream), events.CollectionEndEvent):
        yield event


def _scalar(event: events.ScalarEvent) -> Scalar:
    text = str(event.value)
    if not event.implicit[0] or (text and text[0] not in SPECIAL):  # quoted, or certainly a string
        return text
    if text in NULL:
        return None
    if text in BOOL:
        return BOOL[text]
    if INT.fullmatch(text):
        if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
            raise _refused(event, "an integer beyond 64 bits")
        return int(text)
    if FLOAT.fullmatch(text):
        return float(re.sub(r"\.(?=[iInN])", "", text))
    if OTHER_NUMBER.fullmatch(text):
        raise _refused(event, "a number that is not decimal")
    return text
