from pathlib import Path

import pytest
import torch
from support import Compose

from prunesweep.errors import UsageError
from prunesweep.experiment import run as experiment


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("layers.include=[conv9]", r"layers.include=\[conv9\].*fc1"),
        ("model=custom model.target=torch.nn.Flatten", r"shape \[2, 784\], but the dataset has 10 classes"),
        ("dataset=kmnist dataset.root=/absent", "dataset.root=/absent"),
        ("device=cuda", "device=cuda: this machine does not have a CUDA device"),
        ("device=cuda:3", "device=cuda:3"),
        ("schedule=gradual prune.iterations=3", "prune.iterations=3: schedule=gradual .* Set prune.iterations=1"),
        ("schedule=gradual prune=synflow", "prune.iterations=100: schedule=gradual .* Set prune.iterations=1"),
    ],
)
def test_nothing_is_computed_when_the_settings_do_not_fit(
    override: str, message: str, short: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=message):
        experiment.run(short(*override.split()), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "store").exists()
