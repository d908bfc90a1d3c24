"""Messages for the user from the exceptions of the system, of Hydra and of OmegaConf.

Each names the key, the value, and what is allowed, and none of the classes of these libraries.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, InterpolationResolutionError, OmegaConfBaseException

from prunesweep.conf import options, settings
from prunesweep.errors import UsageError, nearest, suggestion

EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_local": "slurm", "submitit_slurm": "slurm"}
"""Hydra launchers, and the optional extra of this package that installs each of them."""
ADD_M = "add -m"
"""How to sweep over several values."""
ALLOWED: Mapping[type[Any], str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list: "a list, such as [a,b]",
    dict: "a mapping, such as {a:1,b:2}",
}
"""Type of a setting -> what its values must be."""


def message_of(error: Exception, arguments: Sequence[str] | None = None) -> str:
    """Return the message of `error` for the user.

    Args:
        error: Any exception.
        arguments: The settings that were given, such as `prune.amount=0.9`. By default those of the command line.
    """
    if isinstance(error, UsageError | ArithmeticError):
        return str(error)
    given = sys.argv[1:] if arguments is None else arguments
    by_name = _option_by_name(error, given)
    if by_name:
        return by_name
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        return _missing_option(error.missing_cfg_file, error.options)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    if isinstance(error, OverrideParseException):
        return _not_parsed(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _of_setting(error, given) or _without_internals(error)
    return f"{type(error).__name__}: {error} (set HYDRA_FULL_ERROR=1 to see the traceback)"


def _missing_option(config: str, names: Sequence[str]) -> str:
    """Return the message for `config`, `model/lenet6` say, which is not among the options of its group."""
    group, _, option = config.rpartition("/")
    extra = EXTRAS.get(option) if group == "hydra/launcher" else None
    hint = f" To add it: pip install -e '.[{extra}]'." if extra else suggestion(option, names)
    return f"{group}={option}: must be one of {', '.join(names)}.{hint}"


def _option_by_name(error: Exception, arguments: Sequence[str]) -> str:
    """Return the message for a group, such as `prune`, whose value is no name of an option; else an empty string.

    Hydra's own error does not say which argument it is about.
    """
    if not re.search(r"^Config group override must be|raised while composing config:\nMerge error:", str(error)):
        return ""
    for argument, key, value in _parsed(arguments):
        names = options(key)
        if not isinstance(value, str) and (names or "/" in key):
            allowed = "the name of an option" if "/" in key else f"one of {', '.join(names)}"
            return f"{argument}: must be {allowed}."
    return ""


def _parsed(arguments: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    parser = OverridesParser.create()
    for argument in arguments:
        try:
            override = parser.parse_override(argument)
        except HydraException:  # an option of the command line, such as -m
            continue
        yield argument, override.key_or_group, override.value()


def _not_parsed(error: OverrideParseException) -> str:
    if "=" not in error.override:
        return f"{error.override}: must have the form key=value."
    key = error.override.partition("=")[0]
    lines = [line.strip() for line in str(error.message).splitlines()]
    reasons = [line for line in lines if not line.startswith(("Error ", "See ")) and line]
    reason = f" ({reasons[0]})" if reasons else ""
    return f"{error.override}: cannot be read{reason}. Put special characters in quotes: \"{key}='...'\"."


def _of_setting(error: Exception, arguments: Sequence[str]) -> str:
    """Return the message for a setting that does not exist or has a value of another type; else an empty string."""
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    key = str(getattr(cause, "full_key", None) or "")
    if not isinstance(cause, OmegaConfBaseException) or not key:
        return ""
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return _unknown_key(key, cause.parent_node, arguments)
    if isinstance(cause, InterpolationResolutionError):
        return f"{key}: {str(cause).splitlines()[0].rstrip('.')}."
    override = re.match("Error merging override (.*)", str(error))
    given = override[1] if override else f"{key}={cause.value}"
    if given.startswith("~"):
        return f"{given}: a setting cannot be deleted."
    allowed = _allowed(cause, key)
    subject = "" if given.startswith(f"{key}=") else f"{key} "
    return f"{given}: {subject}must be {allowed}." if allowed else ""


def _allowed(error: OmegaConfBaseException, key: str) -> str:
    """Return what the setting `key` must be, or an empty string if `error` does not tell."""
    node = error.child_node
    kind = error.object_type if node is None else node._metadata.object_type
    if dataclasses.is_dataclass(kind):
        keys = [f"{key}.{each.name}" for each in dataclasses.fields(kind)]
        return f"set by its keys: {', '.join(keys)}"
    allowed = ALLOWED.get(kind, "") if isinstance(kind, type) else ""
    return f"{allowed} or null" if allowed and node is not None and node._metadata.optional else allowed


def _unknown_key(key: str, parent: Any, arguments: Sequence[str]) -> str:
    """Return the message for a key that the mapping `parent` does not have."""
    group, _, name = key.rpartition(".")
    keys = [str(each) for each in parent if each != "hydra"] if isinstance(parent, DictConfig) else []
    others = settings(group.replace(".", "/")) if group else {}  # of all options of the group
    below = [f"{each}.{name}" for each in keys if name in _keys_of(parent, each)]
    near = nearest(name, [*keys, *others])
    if below:
        hint = f" Did you mean {' or '.join(below)}?"
    else:
        hint = f" Did you mean {near!r}?" if near and near != name else ""
    meant = name if name in others or near is None else near
    other = "" if meant in keys else _of_other_options(group, meant, others.get(meant, []), "name" in keys)
    return f"{key}: there is no such key.{hint}{_listed(group, keys)}{_of_swept_options(key, arguments) or other}"


def _listed(group: str, keys: Sequence[str]) -> str:
    shown, of = [key for key in keys if not key.startswith("_")], f" of {group}" if group else ""
    if len(shown) == 1:
        return f" The only key{of} is {shown[0]}."
    return f" The keys{of} are {', '.join(shown)}." if shown else ""


def _keys_of(parent: DictConfig, key: str) -> list[str]:
    node = parent._get_node(key)
    return [str(each) for each in node] if isinstance(node, DictConfig) and not node._is_none() else []


def _of_swept_options(key: str, arguments: Sequence[str]) -> str:
    """Return how to set `key` if the command sweeps over the options of its group.

    Hydra checks all values that are not swept against the default option of the group, here `schedule=one_shot` for
    `schedule.rounds`, although no run of the sweep has this option.
    """
    group, *below = key.split(".")
    given = {name: value for name, _, value in (argument.partition("=") for argument in arguments)}
    if not below or key not in given or not re.search(r",|\(", given.get(group, "")):
        return ""
    return f" For the options of {group} that are swept, write '{key}=choice({given[key]})'."


def _of_other_options(group: str, name: str, owners: Sequence[str], has_name: bool) -> str:
    """Return which options of `group` have the setting `name`, and how to choose one.

    With `schedule.rounds=3` alone, the schedule is `one_shot`; and `optimizer.name=adam` keeps the settings of `sgd`.

    Args:
        group: The section of the settings, such as `schedule` or `hydra.launcher`.
        name: The setting.
        owners: The options that have it.
        has_name: Whether the section has the key `name`, which people mistake for the choice of an option.
    """
    if not owners:
        return ""
    choice = group.replace(".", "/")
    by_name = f"; {group}.name=NAME changes only the name" if has_name else ""
    return (
        f" {group}.{name} is a setting of {', '.join(f'{choice}={owner}' for owner in owners)}. {choice}=NAME "
        f"chooses an option with all its settings{by_name}."
    )


def _without_internals(error: BaseException) -> str:
    several = re.match(r"Ambiguous value for argument '(.*)'$", str(error).partition("\n")[0])
    if several:
        key, _, values = several[1].partition("=")
        return f"{key}={values}: has several values. To run all of them, {ADD_M}. A list is written {key}=[{values}]."
    lines = [line.strip().rstrip(".") for line in f"{error}\n{error.__cause__ or ''}".splitlines()]
    internal = ("full_key:", "object_type=", "reference_type=", "To append to your config")
    distinct = dict.fromkeys(line for line in lines if line and not line.startswith(internal))
    return ". ".join(distinct).replace("?.", "?") + "."
