import json
from pathlib import Path

import own_data
import pytest
import torch
from safetensors.torch import load_file, save_file
from support import Completed, change, edit

from prunesweep import masks, network
from prunesweep.chain.state import tensor_hash
from prunesweep.data.datasets import load
from prunesweep.data.settings import NamedDataset
from prunesweep.errors import UsageError


def test_the_network_of_a_run_classifies_as_recorded(completed: Completed) -> None:
    run = completed("prune.amount=0.9")
    model = network(run)
    assert not model.training
    test = load(NamedDataset(), "cpu").test
    with torch.no_grad():
        accuracy = float((model(test.images).argmax(1) == test.labels).float().mean())
    assert accuracy == pytest.approx(json.loads((run / "result.json").read_text())["final"]["test_accuracy"])
    kept = masks(run)
    assert sum(int((~mask).sum()) for mask in kept.values()) == round(0.9 * 266_200)
    for name, mask in kept.items():
        assert torch.equal(model.get_parameter(name) != 0, mask), name


def test_the_masks_of_channels_include_biases(completed: Completed) -> None:
    run = completed("prune.structure=channel", "prune.amount=0.5")
    kept = masks(run)
    assert list(kept) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert torch.equal(kept["fc1.weight"][:, 0], kept["fc1.bias"])
    assert int(kept["fc1.bias"].sum()) + int(kept["fc2.bias"].sum()) == 200


def set_a_kept_weight_to_zero(run: Path) -> None:
    weights = load_file(run / "model.safetensors")
    weights["fc3.weight"].view(-1)[weights["fc3.weight"].view(-1).nonzero()[0]] = 0
    save_file(weights, run / "model.safetensors")
    change(run / "provenance.json", weights=tensor_hash(weights))


def test_masks_come_from_the_store_if_a_kept_weight_is_zero(completed: Completed, tmp_path: Path) -> None:
    run = completed("prune.amount=0.9")
    expected = masks(run)
    set_a_kept_weight_to_zero(run)
    with pytest.raises(UsageError, match="weights that are not pruned are zero as well, and the store"):
        masks(run)
    found = masks(run, store=tmp_path / "store")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_files_of_another_run_are_refused(completed: Completed) -> None:
    run = completed("prune.amount=0.9")
    weights = load_file(run / "model.safetensors")
    save_file({**weights, "fc1.bias": weights["fc1.bias"] + 1}, run / "model.safetensors")
    for read in (network, masks):
        with pytest.raises(UsageError, match="does not have the hash of the weights in"):
            read(run)
    (run / "provenance.json").unlink()
    with pytest.raises(UsageError, match="is missing or does not have the hash of the weights"):
        network(run)


def test_masks_without_a_recorded_hash_are_refused(completed: Completed) -> None:
    run = completed("prune.amount=0.9")
    recorded = json.loads((run / "provenance.json").read_text())
    del recorded["masks"]
    (run / "provenance.json").write_text(json.dumps(recorded))
    with pytest.raises(UsageError, match="does not have the hash of the masks"):
        masks(run)


def test_weights_of_another_network_are_refused(completed: Completed) -> None:
    run = completed("prune.amount=0.9")
    edit(run, model__name="lenet5_caffe", model__conv_relu=False)
    with pytest.raises(UsageError, match="its weights do not fit the network of its config"):
        network(run)


def test_code_is_executed_only_with_trust(completed: Completed) -> None:
    run = completed("prune.amount=0.9")
    edit(run, prune__criterion="custom", prune__target="mine.score")
    with pytest.raises(UsageError, match=r"its config names code, prune.target=mine.score.* Pass trust=True"):
        network(run)
    assert network(run, trust=True).get_parameter("fc1.weight").shape == (300, 784)


def test_the_place_of_the_users_own_data_is_given_or_trusted(completed: Completed, tmp_path: Path) -> None:
    own_data.write_arrays(tmp_path / "shapes.npz")
    run = completed("dataset=arrays", f"dataset.root={tmp_path / 'shapes.npz'}", "prune.amount=0.9", fresh=True)
    with pytest.raises(UsageError, match=r"Give it with root=PATH, or pass trust=True to use this path"):
        network(run)
    for model in (network(run, root=tmp_path / "shapes.npz"), network(run, trust=True)):
        assert model(torch.zeros(1, 1, 16, 16)).shape == (1, 3)
    assert list(masks(run, root=tmp_path / "shapes.npz")) == ["fc1.weight", "fc2.weight", "fc3.weight"]
    with pytest.raises(UsageError, match="nowhere"):
        network(run, root=tmp_path / "nowhere.npz")


def test_differences_of_the_saved_config_are_warnings(completed: Completed) -> None:
    run = completed("prune.amount=0.9")
    saved = run / ".hydra" / "config.yaml"
    saved.write_text(saved.read_text().replace("portable: false\n", ""))
    with pytest.warns(UserWarning, match="the saved config does not have these settings"):
        network(run)


def test_a_sweep_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run directory"):
        network(tmp_path)
