from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prunesweep.report.console.store import row, show, size, summary
from prunesweep.store.listing import Chain
from prunesweep.store.store import Store
from prunesweep.store.tally import Tally

CHAIN = Chain("lenet5, seed 3", "50 % by l1", "epoch 5", steps=3, size=2_000, used=100.0)


def test_sizes_have_a_unit() -> None:
    assert [size(count) for count in (12, 1_234, 1_234_567, 5 * 10**9)] == ["12 B", "1.2 kB", "1.2 MB", "5.0 GB"]


@pytest.mark.parametrize(
    ("age", "text"), [(5, "just now"), (120, "2 min ago"), (7_200, "2 h ago"), (200_000, "2 d ago")]
)
def test_a_row_describes_a_chain(age: float, text: str) -> None:
    assert row(CHAIN, 100.0 + age) == ("lenet5, seed 3", "50 % by l1", "epoch 5", "3", "2.0 kB", text)


def test_a_chain_without_its_first_step_is_marked() -> None:
    assert row(replace(CHAIN, network=""), 100.0)[0] == "evicted"


def test_the_summary_has_the_hit_rate(tmp_path: Path) -> None:
    assert "hit rate unknown" in summary(tmp_path)
    Tally.update(tmp_path, lambda _: Tally(cached=14, computed=14))
    assert "0 entries; hit rate 50.0 % (14 of 28 steps)" in summary(tmp_path)


def test_chains_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = {"step": "Init"}
    tensors = {"weights/x": torch.zeros(1_000)}
    Store(tmp_path).save("ab" * 32, "", step, tensors, {"steps": []}, summary="lenet5, seed 3", kind="init")
    show(tmp_path)
    out = capsys.readouterr().out
    assert "The largest chains of 1." in out
    assert "lenet5, seed 3" in out


def test_an_empty_store_has_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(tmp_path)
    assert "chains" not in capsys.readouterr().out
