"""The settings files in `conf/`: where they are, and the options of a group."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import yaml

PACKAGE = Path(__file__).parent
CONF, CONFIG_NAME = "conf", "config"


def conf_folder() -> Path:
    """Return the folder of the settings files: inside an installed package, or at the top of a checkout."""
    installed = PACKAGE / CONF
    return installed if installed.is_dir() else PACKAGE.parents[1] / CONF


def own_conf() -> Path:
    """Return the folder `conf/` in the working directory, whose files come before those of prunesweep."""
    return Path.cwd() / CONF


def options(group: str) -> list[str]:
    """Return the options of a group, such as `model`: the names of its files. Empty if there is no such group."""
    return sorted(_files(group))


def settings(group: str) -> dict[str, list[str]]:
    """Return the settings of all options of a group, each with the options that have it.

    In `schedule`, for example, `rounds` belongs to `iterative` and `lottery`.
    """
    found: dict[str, list[str]] = {}
    for option, file in sorted(_files(group).items()):
        for key in _keys(file):
            found.setdefault(key, []).append(option)
    return found


def _files(group: str) -> dict[str, Path]:
    """Return the files of a group by option. Files of the user come before those of prunesweep."""
    return {file.stem: file for folder in (conf_folder(), own_conf()) for file in (folder / group).glob("*.yaml")}


def _keys(file: Path) -> list[str]:
    """Return the settings of an option. Empty if its file cannot be read, or has settings of other groups."""
    with suppress(OSError, ValueError, yaml.YAMLError):
        text = file.read_text("utf-8")
        content = yaml.safe_load(text)
        if isinstance(content, dict) and "@package _global_" not in text:
            return [str(key) for key in content if key != "defaults"]
    return []
