from pathlib import Path

import pytest
import torch

from prunesweep.report.console.storage import row, show, size, summary
from prunesweep.store.listing import Chain
from prunesweep.store.store import Store

INIT = {"step": "Init", "model": {"name": "lenet5"}, "seed": 3}
PRUNING = {"amount": 0.5, "criterion": "l1", "scope": "global"}


def test_sizes_read_well() -> None:
    assert [size(count) for count in (12, 1_234, 1_234_567, 5 * 10**9)] == ["12 B", "1.2 kB", "1.2 MB", "5.0 GB"]


@pytest.mark.parametrize(
    ("last", "told"), [({"step": "Prune"}, "prune"), ({"step": "RampEpoch", "index": 4}, "epoch 5")]
)
@pytest.mark.parametrize(("pruning", "pruned"), [(None, ""), (PRUNING, "0.5 by l1, global")])
@pytest.mark.parametrize(
    ("age", "ago"), [(5, "just now"), (120, "2 min ago"), (7_200, "2 h ago"), (200_000, "2 d ago")]
)
def test_a_row_tells_a_chain(
    last: dict[str, object], told: str, pruning: dict[str, object] | None, pruned: str, age: float, ago: str
) -> None:
    chain = Chain(INIT, last, pruning, 3, 2_000, 100.0)
    assert row(chain, 100.0 + age) == ("lenet5, seed 3", pruned, told, "3", "2.0 kB", ago)


def test_the_summary_has_the_hit_rate(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert "hit rate none yet" in summary(tmp_path)
    store.tally(0, 14)
    store.tally(14, 0)
    assert "0 entries; hit rate 50.0 % (14 of 28 steps)" in summary(tmp_path)


def test_showing_lists_the_largest_chains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store(tmp_path).save("ab" + "0" * 62, "", INIT, {"weights/x": torch.zeros(1_000)}, {"steps": []})
    show(tmp_path)
    assert "lenet5, seed 3" in capsys.readouterr().out
