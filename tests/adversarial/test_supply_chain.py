"""Downloads, dependencies and ways to execute foreign code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import grey, written
from filelock import FileLock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import ROOT

from prunesweep.data.readers import read
from prunesweep.data.sources import SOURCES
from prunesweep.errors import UsageError

SOURCE_FILES = sorted((ROOT / "src").rglob("*.py"))
FORBIDDEN = ("eval", "exec", "compile", "os.system", "os.popen", "numpy.load", "np.load", "tempfile.mktemp")
FORBIDDEN_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve")
IN_MEMORY = {
    "prunesweep/workers.py": {"import pickle", "import cloudpickle"},  # what parent and worker send to each other
    "hydra_plugins/prunesweep_plugins/composing.py": {"import pickle"},  # copies of objects of this process
    "hydra_plugins/prunesweep_plugins/jobs.py": {"import pickle"},  # the same
    "hydra_plugins/prunesweep_plugins/launching.py": {"import joblib"},  # the number of cores
}
"""Modules that may import these, because what they load does not come from a file."""
SAFE_LOADERS = ("SafeLoader", "CSafeLoader")


def dangers(source: str) -> Iterator[str]:
    """Yield the calls and imports that can execute code from a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"import {name}" for name in names if name.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.Call):
            name, options = ast.unparse(node.func), {option.arg: ast.unparse(option.value) for option in node.keywords}
            if name in FORBIDDEN and options.get("allow_pickle") != "False":
                yield name
            if name in ("torch.load", "torch.hub.load") and options.get("weights_only") != "True":
                yield name
            if re.fullmatch(r"yaml\.(unsafe_|full_)?load(_all)?", name):
                loader = [*map(ast.unparse, node.args[1:]), options.get("Loader", "")]
                if not any(each.rpartition(".")[2].endswith(SAFE_LOADERS) for each in loader):
                    yield name
            if options.get("shell") == "True":
                yield f"{name} with a shell"


@pytest.mark.parametrize("path", SOURCE_FILES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_no_source_file_executes_code_from_a_file(path: Path) -> None:
    allowed = IN_MEMORY.get(path.relative_to(ROOT / "src").as_posix(), set())
    assert set(dangers(path.read_text("utf-8"))) == allowed


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("eval('1')", ["eval"]),
        ("import pickle", ["import pickle"]),
        ("from pickle import loads", ["import pickle"]),
        ("yaml.load(text)", ["yaml.load"]),
        ("yaml.load(text, Loader=yaml.Loader)", ["yaml.load"]),
        ("yaml.load(text, yaml.CSafeLoader)", []),
        ("yaml.safe_load(text)", []),
        ("np.load(path)", ["np.load"]),
        ("np.load(path, allow_pickle=False)", []),
        ("torch.load(path)", ["torch.load"]),
        ("torch.load(path, weights_only=False)", ["torch.load"]),
        ("torch.load(path, weights_only=True)", []),
        ("subprocess.run(command, shell=True)", ["subprocess.run with a shell"]),
        ("model.eval()", []),
        ("re.compile('x')", []),
    ],
)
def test_each_danger_is_found(source: str, found: list[str]) -> None:
    assert list(dangers(source)) == found


@pytest.mark.parametrize("name", SOURCES)
def test_every_file_of_a_data_set_has_a_checksum(name: str) -> None:
    for file in SOURCES[name].files:
        assert file.checksum is not None
        assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.checksum)


def test_the_md5_of_archives_and_batches_are_those_of_torchvision() -> None:
    from torchvision.datasets import CIFAR10, KMNIST, QMNIST

    known = dict(KMNIST.resources)
    known |= {url.rpartition("/")[2]: md5 for part in ("train", "test") for url, md5 in QMNIST.resources[part]}
    known |= dict((*CIFAR10.train_list, *CIFAR10.test_list))
    known[CIFAR10.meta["filename"]] = CIFAR10.meta["md5"]
    files = [file for name in ("kmnist", "qmnist", "cifar10") for file in SOURCES[name].files]
    assert {file.path.rpartition("/")[2]: file.checksum for file in files} == {
        name: f"md5:{md5}" for name, md5 in known.items()
    }


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "qmnist"])
def test_black_images_are_not_the_data_set(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has (SHA-256|MD5) .* The file is damaged. Remove it to download it again."):
        read(grey(name, written(name, tmp_path)))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_files_are_accepted(name: str, full_data: Path) -> None:
    parts = read(grey(name, full_data))
    train, test = parts.train, parts.test
    assert (len(train.labels), len(test.labels)) == (60_000, 10_000)


def test_a_lock_that_is_a_link_does_not_damage_its_target(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("content")
    (tmp_path / "lock").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "lock").acquire(timeout=0)
    assert (tmp_path / "target").read_text() == "content"


def declared() -> list[Requirement]:
    """Return the dependencies of the project and of all its extras."""
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for text in (*project["dependencies"], *(text for extra in extras for text in extra))]


def test_no_release_of_filelock_that_follows_links_is_allowed() -> None:
    (filelock,) = (each for each in declared() if each.name == "filelock")
    assert not filelock.specifier.contains("3.20.0")
    assert filelock.specifier.contains("3.20.1")


def test_the_tested_set_has_a_release_of_every_dependency_within_its_bounds() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    bounds = {canonicalize_name(each.name): each.specifier for each in declared()}
    assert set(bounds) <= set(pins)
    assert [name for name, bound in bounds.items() if not bound.contains(pins[name], prereleases=True)] == []
