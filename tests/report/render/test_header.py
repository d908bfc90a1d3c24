from pathlib import Path

from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.header import facts, losses, title


def test_the_header_says_what_was_done_and_what_was_lost(sweep: Sweep) -> None:
    folder = sweep()
    (folder / "0" / "result.json").unlink()
    (folder / "1" / "result.json").write_text("{}")
    values = compute(gather([folder]))
    told = facts(values)
    assert title(values) == "Pruning lenet5 on mnist"
    assert "8 of 10 completed, 1 unfinished, 1 unreadable; 4 settings, 2 seeds (0, 1)" in told
    assert "5,000 validation images chose; 10,000 test images chose nothing" in told
    assert "±0.14 points" in told  # sqrt(0.979 * 0.021 / 10000)
    assert "61,706 parameters, test accuracy 97.90 ± 0.00 %" in told
    assert "prune.amount 0.5 | 0.8 | 0.9 | 0.99" in told


def test_one_seed_is_called_one(sweep: Sweep) -> None:
    told = facts(compute(gather([sweep(seeds=(0,))])))
    assert "no setting was repeated" in told
    assert "one trained network" in told


def test_what_was_searched_is_told_in_order(sweep: Sweep) -> None:
    told = facts(compute(gather([sweep(amounts=(0.9, 0.2, 0.5))])))
    assert "prune.amount 0.2 | 0.5 | 0.9" in told


def test_everything_is_escaped(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, model="<b>", dataset="<i>"))
    fake_run(tmp_path / "1", fake_fields(0.5, 1, status="failed", error="&", overrides=["<u>"]))
    fake_run(tmp_path / "2", fake_fields(0.5, 1, model="<b>", dataset="<i>"), prune__criterion="<s>")
    values = compute(gather([tmp_path]))
    assert "&lt;s&gt;" in facts(values)
    for text in (facts(values), losses(values)):
        assert not {"<b>", "<i>", "<u>", "<s>"} & {text[at : at + 3] for at in range(len(text))}
    assert "<td>&lt;u&gt;</td><td>&amp;</td>" in losses(values)


def test_a_long_range_is_told_by_its_ends_and_many_losses_by_their_number(tmp_path: Path, sweep: Sweep) -> None:
    folder = sweep(amounts=tuple(number / 10 for number in range(1, 9)), seeds=(0,))
    assert "prune.amount 0.1 to 0.8 (8 values)" in facts(compute(gather([folder])))
    for number in range(502):
        (tmp_path / "lost" / str(number) / ".hydra").mkdir(parents=True)
    told = losses(compute(gather([tmp_path / "lost"])))
    assert told.count("<tr>") == 501
    assert "and 2 more" in told
