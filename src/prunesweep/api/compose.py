"""How the settings files in `conf/` and overrides become a configuration."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from prunesweep import config
from prunesweep.conf import CONFIG_NAME, conf_folder, own_conf
from prunesweep.errors import UsageError
from prunesweep.messages import ADD_M, message_of


class OwnConf(SearchPathPlugin):
    """Hydra's search path for `prunesweep run`: the folder `conf/` in the working directory comes first.

    It applies only where the settings files of prunesweep are searched, not to other Hydra applications or to
    `--config-path`.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folder `conf/` in the working directory before the settings files of prunesweep."""
        own, ours = own_conf(), conf_folder()
        searched = {each.path.removeprefix("file://") for each in search_path.get_path() if each.provider == "main"}
        if str(ours) in searched and own.is_dir() and not own.samefile(ours):
            search_path.prepend("working directory", f"file://{own}", anchor=SearchPathQuery(provider="main"))


def prepare() -> None:
    """Register the schemas of the settings, and the user's own `conf/`, with Hydra."""
    config.register()
    Plugins.instance().register(OwnConf)


def check_texts(overrides: Sequence[str]) -> None:
    """Raise `UsageError` unless `overrides` are strings."""
    if isinstance(overrides, str) or not all(isinstance(each, str) for each in overrides):
        raise UsageError(f"overrides={overrides!r}: must be strings, such as 'prune.amount=0.9'.")


def compose(overrides: Sequence[str]) -> DictConfig:
    """Return the config of one run, including the section `hydra`.

    Raises:
        UsageError: A key or an option does not exist, or a key has several values.
    """
    check_texts(overrides)
    prepare()
    try:
        with initialize_config_dir(str(conf_folder()), job_name="run"):
            return hydra_compose(CONFIG_NAME, list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        message = message_of(error, overrides)
        if ADD_M in message:
            message = f"{' '.join(overrides)}: a key has several values. prunesweep.sweep runs all of them."
        raise UsageError(message) from error
