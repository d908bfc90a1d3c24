from pathlib import Path

import pytest
import torch

from prunesweep.store.entries import entry_path
from prunesweep.store.listing import Chain, chains
from prunesweep.store.store import Store

INIT, EPOCH, OTHER, SCORE = ("ab" + letter * 62 for letter in "1234")


def save(store: Store, digest: str, parent: str, summary: str, kind: str, size: int = 1_000) -> None:
    tensors = {"weights/x": torch.zeros(size)}
    store.save(digest, parent, {}, tensors, {"steps": []}, summary=summary, kind=kind)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two chains that share their first step."""
    store = Store(tmp_path)
    save(store, INIT, "", "lenet5, seed 0", "init")
    save(store, EPOCH, INIT, "epoch 1", "train")
    save(store, OTHER, INIT, "pruned to 0.9 by l1, global", "prune", size=10)
    return store


def described(chain: Chain) -> tuple[str, str, str, int]:
    return chain.network, chain.pruning, chain.last, chain.steps


def test_a_chain_is_described_by_its_steps(store: Store, tmp_path: Path) -> None:
    assert [described(chain) for chain in chains(tmp_path)] == [
        ("lenet5, seed 0", "", "epoch 1", 2),
        ("lenet5, seed 0", "pruned to 0.9 by l1, global", "pruned to 0.9 by l1, global", 2),
    ]


def test_a_chain_has_the_size_of_all_its_steps_and_the_use_of_its_last(store: Store, tmp_path: Path) -> None:
    largest, _ = chains(tmp_path)
    files = [entry_path(tmp_path, digest, suffix) for digest in (INIT, EPOCH) for suffix in (".json", ".safetensors")]
    assert largest.size == sum(path.stat().st_size for path in files)
    assert largest.used == entry_path(tmp_path, EPOCH, ".json").stat().st_mtime


def test_an_observation_is_not_a_step(store: Store, tmp_path: Path) -> None:
    before = chains(tmp_path)
    store.save(SCORE, EPOCH, {}, None, {"test_accuracy": 1.0}, summary="evaluate")
    assert chains(tmp_path) == before


def test_the_last_pruning_counts(tmp_path: Path) -> None:
    store, parent = Store(tmp_path), ""
    for number, (summary, kind) in enumerate(
        (("lenet5, seed 0", "init"), ("to 0.5", "prune"), ("to 0.9", "prune"), ("epoch 1", "train"))
    ):
        save(store, digest := f"{number:064}", parent, summary, kind)
        parent = digest
    (chain,) = chains(tmp_path)
    assert described(chain) == ("lenet5, seed 0", "to 0.9", "epoch 1", 4)


def test_a_chain_whose_first_step_was_evicted_has_no_network(store: Store, tmp_path: Path) -> None:
    entry_path(tmp_path, INIT, ".json").unlink()
    assert sorted(described(chain) for chain in chains(tmp_path)) == [
        ("", "", "epoch 1", 1),
        ("", "pruned to 0.9 by l1, global", "pruned to 0.9 by l1, global", 1),
    ]


def test_a_damaged_entry_is_not_listed(store: Store, tmp_path: Path) -> None:
    entry_path(tmp_path, OTHER, ".json").write_bytes(b"[" * 100_000)
    assert [chain.last for chain in chains(tmp_path)] == ["epoch 1"]
