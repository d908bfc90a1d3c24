import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from prunesweep.chain.state import tensor_hash
from prunesweep.errors import UsageError
from prunesweep.export.recorded import check_accuracy, check_counts, check_origin
from prunesweep.export.verify import Accuracy
from prunesweep.results.run_directory import RunDirectory

WEIGHTS = {"fc.weight": torch.tensor([[1.0, 0.0], [0.0, 2.0]]), "fc.bias": torch.tensor([0.0, 1.0])}
SIZES = {"fc.weight": 4, "fc.bias": 2}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """The directory of a run of `WEIGHTS`, whose masks are `masks` or the weights that are not zero."""

    def make(masks: dict[str, Tensor] | None = None, **result: Any) -> RunDirectory:
        masks = {"fc.weight": WEIGHTS["fc.weight"] != 0} if masks is None else masks
        steps = [{"step": "Init", "digest": "d0"}, {"step": "Prune", "digest": "d1"}]
        hashes = {"weights": tensor_hash(WEIGHTS), "masks": tensor_hash(masks)}
        (tmp_path / "provenance.json").write_text(json.dumps({"environment": {}, "steps": steps, **hashes}))
        return RunDirectory(tmp_path, ".", {"digest": "d1", "params_total": 6, "params_nonzero": 4, **result})

    return make


Run = Callable[..., RunDirectory]


def test_the_weights_and_the_result_of_one_run_belong_together(run: Run) -> None:
    check_origin(run(), WEIGHTS)
    with pytest.raises(UsageError, match="model.safetensors: does not have the hash of the weights in provenance.json"):
        check_origin(run(), {**WEIGHTS, "fc.bias": torch.tensor([0.0, 1.5])})
    with pytest.raises(UsageError, match="result.json: its digest is not in provenance.json"):
        check_origin(run(digest="d2"), WEIGHTS)


@pytest.mark.parametrize("content", ["", '{"environment": {}, "steps": []}'])
def test_a_run_without_the_hash_of_its_weights_is_refused(content: str, run: Run) -> None:
    directory = run()
    (directory.folder / "provenance.json").write_text(content)
    with pytest.raises(UsageError, match="provenance.json: is missing or does not have the hash of the weights"):
        check_origin(directory, WEIGHTS)


def test_the_number_of_kept_weights_must_be_that_of_the_weights(run: Run) -> None:
    check_counts(run(), WEIGHTS, SIZES, ["fc.weight"])
    for wrong in (3, 5):
        with pytest.raises(UsageError, match=f"result.json: params_nonzero={wrong}, but the weights have 4. The file"):
            check_counts(run(params_nonzero=wrong), WEIGHTS, SIZES, ["fc.weight"])
    with pytest.raises(UsageError, match="result.json: params_total=7, but the weights have 6"):
        check_counts(run(params_total=7), WEIGHTS, SIZES, ["fc.weight"])


def test_a_kept_weight_may_be_zero(run: Run) -> None:
    masks = {"fc.weight": torch.ones(2, 2, dtype=torch.bool), "fc.bias": torch.tensor([False, True])}
    for count in (3, 5, 6):
        check_counts(run(masks, params_nonzero=count), WEIGHTS, SIZES, ["fc.weight", "fc.bias"])
    with pytest.raises(UsageError, match="params_nonzero=2, but the weights have 3 to 6"):
        check_counts(run(masks, params_nonzero=2), WEIGHTS, SIZES, ["fc.weight", "fc.bias"])


@pytest.mark.parametrize(("correct", "same_machine", "fits"), [(970, True, True), (969, True, False),
                         (969, False, True), (968, False, False), (971, False, True)])  # fmt: skip
def test_the_recorded_accuracy_must_agree(correct: int, same_machine: bool, fits: bool) -> None:
    if fits:
        check_accuracy(Path("run"), Accuracy(correct, 1_000), 0.97, same_machine=same_machine)
        return
    with pytest.raises(UsageError, match=r"run: its weights classify 96\d of 1,000 .* but result.json records 0.9700"):
        check_accuracy(Path("run"), Accuracy(correct, 1_000), 0.97, same_machine=same_machine)


def test_a_recorded_accuracy_of_nan_is_refused() -> None:
    with pytest.raises(UsageError, match="but result.json records nan"):
        check_accuracy(Path("run"), Accuracy(1, 10), float("nan"), same_machine=False)
