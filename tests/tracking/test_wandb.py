import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Command

from prunesweep.errors import UsageError
from prunesweep.results.run_directory import RunDirectory
from prunesweep.tracking.wandb import WandB

pytest.importorskip("wandb", reason="needs the extra [wandb]")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # W&B's own


def records(folder: Path) -> list[Any]:
    """Return the records that `wandb sync` would upload for the single offline run in `folder`."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its service writes in the background until it ends
    (path,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    found = []
    for content in chunks(path.read_bytes()):
        record = Record()
        record.ParseFromString(content)
        found.append(record)
    return found


def chunks(content: bytes) -> Iterator[bytes]:
    """Yield the contents of a file in LevelDB's log format, whose first block begins with a header of 7 bytes."""
    place, parts = 7, b""
    while place + 7 <= len(content):
        if 32_768 - place % 32_768 < 7:  # the rest of a block is too short for a record
            place += 32_768 - place % 32_768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a complete record, or the last part of one
            yield parts
            parts = b""


def items(entries: Any) -> dict[str, Any]:
    return {"/".join(entry.nested_key) or entry.key: json.loads(entry.value_json) for entry in entries}


def test_a_run_is_recorded_without_an_account(tracked: Callable[..., RunDirectory], tmp_path: Path) -> None:
    run = tracked()
    for _ in range(2):  # the second one replaces the first, as after an interruption
        WandB().log(run, tmp_path / "sweep")
    written = records(run.folder)
    (described,) = (record.run for record in written if record.HasField("run"))
    assert (described.display_name, described.run_group, described.project) == (
        "0",
        f"{tmp_path.name}/sweep",
        "prunesweep",
    )
    assert {"prune.amount": "0.2", "finetune.batch_size": "64"}.items() <= items(described.config.update).items()
    epochs = [items(record.history.item) for record in written if record.HasField("history")]
    assert [(epoch["_step"], epoch["epoch/val_accuracy"]) for epoch in epochs] == [(1, 0.5), (2, 0.75)]
    summaries = [items(record.summary.update) for record in written if record.HasField("summary")]
    assert {name: value for each in summaries for name, value in each.items()}["final/test_accuracy"] == 0.7
    (files,) = (run.folder / "wandb").glob("offline-run-*/files")
    assert (files / "result.json").read_text() == "{}"
    assert (files / ".hydra" / "config.yaml").is_file()


def test_a_mode_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match=r"logger\.mode=of: .*offline"):
        WandB(mode="of")


def test_a_sweep_is_recorded_with_one_group(run_py: Command, tmp_path: Path) -> None:
    short = ("model=lenet_300_100", "train.epochs=0", "finetune.epochs=0", "threads=1", "hydra.sweep.dir=sweep")
    done = run_py("-m", "prune.amount=0.3,0.6", "logger=wandb", *short, fresh=True)
    assert done.code == 0, done.err
    assert "was not recorded" not in done.out + done.err
    runs = [record.run for name in "01" for record in records(tmp_path / "sweep" / name) if record.HasField("run")]
    assert [run.display_name for run in runs] == ["0", "1"]
    assert len({run.run_group for run in runs}) == 1
