"""digest -> what a step left behind: tensors as safetensors, and a JSON record that commits them.

An entry is two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written under another name, flushed to the
disk and renamed, the tensors first: an entry exists once its record does. The record carries a checksum of itself and
of the tensors; whatever does not match is treated as absent and written anew. Never pickle.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

Record = dict[str, Any]


@dataclass
class StoreSettings:
    """Where finished steps are kept. Without `dir`: a folder in the user's cache."""

    enabled: bool = True
    dir: str | None = None

    def open(self) -> Store:
        """The store that these settings describe."""
        if not self.enabled:
            return Store(None)
        if self.dir:
            return Store(Path(self.dir).expanduser())
        from platformdirs import user_cache_path

        return Store(user_cache_path("prunesweep") / "store")


def canonical(value: Any) -> bytes:
    """The one encoding of plain values that hashes and checksums are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, so that `path` holds all of it or is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Store:
    """Finished steps by digest, in a folder; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def _path(self, digest: str, suffix: str) -> Path:
        assert self.folder is not None
        return self.folder / digest[:2] / f"{digest}.{suffix}"

    def record(self, digest: str) -> Record | None:
        """The record under `digest`, or None where there is none that can be trusted."""
        entry = self._entry(digest)
        return entry and entry["record"]

    def load(self, digest: str) -> tuple[dict[str, Tensor], Record] | None:
        """The tensors, on the CPU, and the record under `digest`, or None where there are none that can be trusted."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        entry = self._entry(digest)
        if entry is None:
            return None
        path = self._path(digest, "safetensors")
        try:
            content = path.read_bytes()
            if _sha256(content) == entry["tensors"]:
                return load(content), entry["record"]
            reason = "its checksum does not match"
        except (OSError, SafetensorError) as error:
            reason = str(error)
        _distrust(path, reason)
        return None

    def save(self, digest: str, tensors: Mapping[str, Tensor] | None, record: Record) -> None:
        """Keep `record` under `digest`, and `tensors` where there are any."""
        if self.folder is None:
            return
        entry = {"digest": digest, "record": record, "tensors": None}
        if tensors is not None:
            from safetensors.torch import save

            content = save({name: tensor.cpu() for name, tensor in tensors.items()})
            entry["tensors"] = _sha256(content)
            write_atomically(self._path(digest, "safetensors"), content)
        signed = json.dumps({**entry, "checksum": _sha256(canonical(entry))})
        write_atomically(self._path(digest, "json"), signed.encode())

    def _entry(self, digest: str) -> dict[str, Any] | None:
        if self.folder is None:
            return None
        path = self._path(digest, "json")
        try:
            entry: dict[str, Any] = json.loads(path.read_bytes())
            checksum = entry.pop("checksum")
            if checksum == _sha256(canonical(entry)) and entry["digest"] == digest:
                return entry
            reason = "its checksum does not match"
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            reason = str(error)
        _distrust(path, reason)
        return None


def _distrust(path: Path, reason: str) -> None:
    log.warning("The stored step %s is ignored and computed again: %s.", path, reason)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
