from pathlib import Path

from fakes import Sweep, fake_fields, fake_run

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.header import facts, failures, title


def test_the_header_describes_runs_data_and_dense_networks(sweep: Sweep) -> None:
    folder = sweep()
    (folder / "0" / "result.json").unlink()
    (folder / "1" / "result.json").write_text("{}")
    values = compute(gather([folder]))
    text = facts(values)
    assert title(values) == "Pruning lenet5 on mnist"
    assert "8 of 10 completed, 1 unfinished, 1 unreadable; 4 settings, 2 seeds (0, 1); error bars are" in text
    assert "selected by their accuracy on 5,000 validation images" in text
    assert "measured on 10,000 test images that played no part in the selection" in text
    assert "±0.14 points" in text  # sqrt(0.979 * 0.021 / 10000)
    assert "61,706 parameters, test accuracy 97.90 ± 0.00 %" in text
    assert "over 2 trained networks" in text
    assert "prune.amount 0.5 | 0.8 | 0.9 | 0.99" in text


def test_a_single_seed_has_no_spread(sweep: Sweep) -> None:
    text = facts(compute(gather([sweep(seeds=(0,))])))
    assert "1 seed (0); every setting has a single seed, so the spread is unknown" in text
    assert "one trained network" in text


def test_duplicates_are_counted_in_the_header(sweep: Sweep) -> None:
    both = gather([sweep("one", (0.5, 0.9), (0,)), sweep("two", (0.5,), (0,))])
    text = facts(compute(both))
    assert "3 of 3 completed (1 duplicate of another run, counted once); 2 settings, 1 seed (0); every setting" in text


def test_values_of_varied_settings_are_sorted(sweep: Sweep) -> None:
    text = facts(compute(gather([sweep(amounts=(0.9, 0.2, 0.5))])))
    assert "prune.amount 0.2 | 0.5 | 0.9" in text


def test_many_values_are_shown_as_a_range(sweep: Sweep) -> None:
    amounts = tuple(number / 10 for number in range(1, 9))
    assert "prune.amount 0.1 to 0.8 (8 values)" in facts(compute(gather([sweep(amounts=amounts, seeds=(0,))])))


def test_at_most_500_failures_are_listed(tmp_path: Path) -> None:
    for number in range(502):
        (tmp_path / str(number) / ".hydra").mkdir(parents=True)
    rows = failures(compute(gather([tmp_path])))
    assert rows.count("<tr>") == 501
    assert "and 2 more in failed.csv" in rows


def test_everything_is_escaped(tmp_path: Path) -> None:
    fake_run(tmp_path / "0", fake_fields(0.5, 0, model="<b>", dataset="<i>"))
    fake_run(tmp_path / "1", fake_fields(0.5, 1, status="failed", error="&", overrides=["<u>"]))
    fake_run(tmp_path / "2", fake_fields(0.5, 1, model="<b>", dataset="<i>"), prune__criterion="<s>")
    values = compute(gather([tmp_path]))
    assert "&lt;s&gt;" in facts(values)
    for text in (facts(values), failures(values)):
        assert not {"<b>", "<i>", "<u>", "<s>"} & {text[at : at + 3] for at in range(len(text))}
    assert "<td>&lt;u&gt;</td><td>&amp;</td>" in failures(values)
