import itertools
import json
import os
from pathlib import Path

import pytest

from prunesweep.files import canonical, sha256
from prunesweep.store.entries import Damaged, Entry, Usage, entry_path, usage

DIGEST = "ab" + "0" * 62
ENTRY = Entry(DIGEST, "cd" + "0" * 62, {"step": "Train"}, {"loss": 1e-05}, None, "epoch 1", "train")


def test_an_entry_survives_its_bytes() -> None:
    assert Entry.from_bytes(ENTRY.to_bytes()) == ENTRY


def test_the_order_of_a_record_is_kept() -> None:
    entry = Entry(DIGEST, "", {}, {"loss": 0.1 + 0.2, "epoch": 1}, None)
    assert list(Entry.from_bytes(entry.to_bytes()).record.items()) == [("loss", 0.1 + 0.2), ("epoch", 1)]


def test_each_flipped_byte_is_found() -> None:
    """Bit 5 is the case of a letter: 1e-05 and 1E-05 are the same number, but not the same file."""
    content = ENTRY.to_bytes()
    for place, flipped in itertools.product(range(len(content)), (1 << 5, 1 << 0, 0xFF)):
        with pytest.raises(Damaged):
            Entry.from_bytes(content[:place] + bytes([content[place] ^ flipped]) + content[place + 1 :])


@pytest.mark.parametrize("content", [b"", b"{}", b"[1, 2]", b"null", b"\xff", ENTRY.to_bytes()[:-1]])
def test_other_content_is_not_an_entry(content: bytes) -> None:
    with pytest.raises(Damaged):
        Entry.from_bytes(content)


def test_an_entry_with_unknown_fields_is_refused() -> None:
    fields = {"digest": DIGEST, "color": "red"}
    with pytest.raises(Damaged, match="has an unknown field"):
        Entry.from_bytes(json.dumps({**fields, "checksum": sha256(canonical(fields))}).encode())


def test_an_entry_of_an_older_version_has_no_summary_and_no_size() -> None:
    fields = {"digest": DIGEST, "parent": "", "step": {}, "record": {}, "tensors": None}
    entry = Entry.from_bytes(json.dumps({**fields, "checksum": sha256(canonical(fields))}).encode())
    assert (entry.digest, entry.summary, entry.kind, entry.size) == (DIGEST, "", "other", None)


def test_usage_is_the_size_of_both_files_and_the_time_of_the_record(tmp_path: Path) -> None:
    record, tensors = (entry_path(tmp_path, DIGEST, suffix) for suffix in (".json", ".safetensors"))
    record.parent.mkdir()
    record.write_bytes(b"x" * 10)
    os.utime(record, (1_000, 1_000))
    assert usage(tmp_path) == [Usage(DIGEST, 10, 1_000)]
    tensors.write_bytes(b"x" * 100)
    assert usage(tmp_path) == [Usage(DIGEST, 110, 1_000)]


def test_an_empty_store_has_no_entries(tmp_path: Path) -> None:
    assert usage(tmp_path / "absent") == []
