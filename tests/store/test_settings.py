import math
import subprocess
import sys
from pathlib import Path

import pytest

from prunesweep.errors import UsageError
from prunesweep.store.settings import StoreSettings


def test_the_folder_is_the_one_given_or_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert StoreSettings(dir="~/store").folder == Path("/home/somebody/store")
    assert StoreSettings().folder == Path("/cache/prunesweep/store")


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(UsageError, match="store.max_gb=-1: must be at least 0"):
        StoreSettings(max_gb=-1)


@pytest.mark.parametrize(("gigabytes", "size"), [(1.5, 1.5e9), (0, 0), (math.inf, math.inf)])
def test_the_limit_in_bytes(gigabytes: float, size: float) -> None:
    assert StoreSettings(max_gb=gigabytes).max_bytes == size


def test_only_the_store_itself_imports_torch() -> None:
    modules = "import prunesweep.store." + ", prunesweep.store.".join(
        ("settings", "entries", "locks", "tally", "eviction", "listing")
    )
    code = f"{modules}, sys; print({{'torch', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
