"""Read the weights of a trained network from a file of the user's: `model.weights`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn

from prunesweep.errors import UsageError, nearest, printable
from prunesweep.files import read_regular
from prunesweep.models.settings import MAX_WEIGHTS
from prunesweep.models.tensors import first_names

CHECKPOINT_KEYS = ("state_dict", "model_state_dict", "model", "net", "network")
"""Keys under which checkpoints hold the weights."""

PREFIXES = ("module.", "_orig_mod.")
"""What `DataParallel` and `torch.compile` put before all names."""

COUNTER = "num_batches_tracked"
"""A buffer of BatchNorm that files of old releases of torch do not have. Without it, batches are counted from 0."""

MAX_REASON = 200
"""How much of the message of another library is shown. It may contain a part of the file."""

SHOWN = 5
"""How many names a message lists."""


def read_weights(file: str, network: nn.Module) -> dict[str, Tensor]:
    """Return the weights in `file` for `network`, under its own names and in its own types.

    Args:
        file: A `.safetensors` file, or a `.pt` or `.pth` file with a state dict or a checkpoint that contains one.
            Nothing in it is executed.
        network: The network.

    Raises:
        UsageError: The file cannot be read, or its tensors are not those of the network. One message names all that
            are missing, unexpected, or of another shape.
    """
    path = Path(file).expanduser()
    given = _without_prefixes(_tensors(path), network)
    names = first_names(network)
    expected = {name: tensor for name, tensor in network.state_dict().items() if names[name] == name}
    found: dict[str, Tensor] = {}
    unexpected: list[str] = []
    wrong: list[str] = []
    for name, tensor in given.items():
        first = names.get(name)
        if first is None:
            unexpected.append(name)
        elif tensor.shape != expected[first].shape:
            wrong.append(_wrong_shape(name, tensor, expected[first]))
        elif first not in found:
            found[first] = tensor
        elif not torch.equal(found[first], tensor):
            raise UsageError(f"model.weights={file}: {first} and {name} are one parameter, but have different values.")
    present = {names.get(name) for name in given}
    missing = [name for name in expected if name not in present and not name.endswith(COUNTER)]
    faults = [
        _missing(missing, unexpected),
        _unexpected(unexpected, missing),
        _list(wrong),
    ]
    if any(faults):
        raise UsageError(f"model.weights={file}: does not fit the network: {'; '.join(filter(None, faults))}.")
    converted = {name: found.get(name, tensor).to(tensor.dtype) for name, tensor in expected.items()}
    broken = [name for name, tensor in converted.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise UsageError(f"model.weights={file}: {broken[0]} has values that are not finite numbers.")
    return converted


def _tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors in the file by name."""
    try:
        content = read_regular(path, MAX_WEIGHTS)
        found = load(content) if path.suffix == ".safetensors" else _load_pickle(content)
    except FileNotFoundError as error:
        raise UsageError(f"model.weights={path}: does not exist.") from error
    except UsageError as error:
        raise UsageError(f"model.weights={path}: {error}") from error
    except Exception as error:  # a damaged file can raise any exception of the library that reads it
        reason = printable((str(error) or type(error).__name__)[:MAX_REASON].partition("\n")[0])
        raise UsageError(f"model.weights={path}: cannot be read ({reason}).") from error
    if path.suffix == ".safetensors" and any(name.endswith("/gaps") for name in found):
        raise UsageError(f"model.weights={path}: is an export in the format csr. Export with --format safetensors.")
    return found


def _load_pickle(content: bytes) -> dict[str, Tensor]:
    if content[:2] == b"PK":  # torch does not compress, so the members together are no larger than the file
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > len(content):
                raise ValueError("its members are larger than the file")
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        if type(error).__name__ != "UnpicklingError":  # the module with this class is not imported anywhere
            raise
        raise UsageError(
            "contains more than tensors and plain values, which could execute code, or is damaged. Save the weights "
            "alone: torch.save(network.state_dict(), FILE)."
        ) from error
    return _state_dict(loaded)


def _state_dict(loaded: Any) -> dict[str, Tensor]:
    """Return the state dict in the content of a file, which may be a checkpoint."""
    if not isinstance(loaded, Mapping):
        raise UsageError(f"contains {type(loaded).__name__}, not a state dict.")
    for key in CHECKPOINT_KEYS:
        inner = loaded.get(key)
        if isinstance(inner, Mapping) and any(isinstance(value, Tensor) for value in inner.values()):
            return _state_dict(inner)
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    others = [str(name) for name, value in loaded.items() if not isinstance(value, Tensor)]
    if not tensors or others:
        raise UsageError(
            f"is not a state dict: {_list([printable(name) for name in others]) or 'it is empty'}. Checkpoints contain "
            f"one under {', '.join(CHECKPOINT_KEYS)}."
        )
    return tensors


def _without_prefixes(tensors: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    own = network.state_dict().keys()
    for _ in range(2 * len(PREFIXES)):
        for prefix in PREFIXES:
            if all(name.startswith(prefix) for name in tensors) and not any(name.startswith(prefix) for name in own):
                tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _missing(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    if not missing:
        return ""
    if any(name.endswith("_orig") for name in unexpected):
        return (
            f"{_list(missing)} is missing, because torch.nn.utils.prune has split it. Call "
            "torch.nn.utils.prune.remove for each parameter before you save"
        )
    return f"it has no {_list(missing)}"


def _unexpected(unexpected: Sequence[str], missing: Sequence[str]) -> str:
    if not unexpected:
        return ""
    near = {name: nearest(name, missing) for name in unexpected[:SHOWN]}
    texts = [printable(name) + (f" (is it {near[name]}?)" if near.get(name) else "") for name in unexpected]
    return f"the network has no {_list(texts)}"


def _wrong_shape(name: str, given: Tensor, expected: Tensor) -> str:
    return f"{name} has the shape {list(given.shape)}, the network needs {list(expected.shape)}"


def _list(texts: Sequence[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")
