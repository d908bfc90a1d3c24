"""The settings files in `conf/`: where they are, and the options of a group."""

from __future__ import annotations

from pathlib import Path

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
    files = [file for folder in (own_conf(), conf_folder()) for file in (folder / group).glob("*.yaml")]
    return sorted({file.stem for file in files})
