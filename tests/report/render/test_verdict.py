"""The first screen of the page and the slider's text, in a real browser where a script is involved."""

from pathlib import Path

import pytest
from browser import Tab, report
from fakes import Sweep, fake_fields, fake_run
from playwright.sync_api import Page

from prunesweep.report.compute.gather import gather
from prunesweep.report.compute.values import compute
from prunesweep.report.render.verdict import slider, verdict

EVIL = "<img src=x onerror='window.owned=1'>"


@pytest.fixture
def shown(tab: Tab, tmp_path: Path) -> Page:
    """The page of two amounts with three seeds and one with a single seed, on 500 validation images."""
    for number, (amount, seed) in enumerate([(0.2, 0), (0.2, 1), (0.2, 2), (0.4, 0), (0.4, 1), (0.4, 2), (0.5, 0)]):
        fake_run(tmp_path / str(number), fake_fields(amount, seed), dataset__validation=500)
    fake_run(tmp_path / "7", fake_fields(0.9, 0, status="failed", error="out of memory"))
    opened = tab.open(report(tmp_path))
    assert opened.complaints == []
    return opened.page


def test_the_first_screen_answers_which_network_how_sure_and_how_to_get_it(shown: Page) -> None:
    sentence = shown.locator(".sentence").inner_text()
    assert sentence.startswith("Keep 60\u00a0% of the parameters (37,024 of 61,706): test accuracy"), (
        "% never moves alone"
    )
    cards = shown.locator(".card")
    assert [card.locator("h2").inner_text() for card in cards.all()] == ["Safest", "Recommended", "Smallest"]
    recommended = cards.nth(1)
    assert recommended.locator("code").first.inner_text() == "prune.amount=0.4"
    assert "3 seeds" in recommended.inner_text()
    assert "tied with 2 other settings" in recommended.inner_text()
    assert [code.split(" ")[1] for code in recommended.locator(".command code").all_inner_texts()] == [
        "export",
        "reproduce",
    ]
    assert "one seed: its spread is unknown" in cards.nth(2).inner_text()
    for text in (".sentence", ".card[data-roles=recommended] .command >> nth=1"):
        box = shown.locator(text).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900


def test_the_text_at_the_slider_contains_the_noise_and_the_evidence(shown: Page) -> None:
    text = shown.locator("#noise-text")
    assert text.inner_text().startswith("0.5 points are 2.5 of 500 validation images. Noise of a validation accuracy: ")
    assert "± 0.63 points by 500 validation images (binomial)" in text.inner_text()  # sqrt(0.98 * 0.02 / 500)
    assert "± 0.20 points over seeds" in text.inner_text()
    assert "one seed: its spread is unknown" in shown.locator("#evidence").inner_text()
    shown.locator("#within-number").fill("0.2")  # amount 0.5 loses 0.2 points
    assert text.inner_text().startswith("0.2 points are 1 of 500")
    shown.locator("#within-number").fill("0")
    assert shown.locator("#evidence").inner_text() == ""


def test_runs_without_a_result_are_announced_and_listed_in_the_fold_out(shown: Page) -> None:
    assert "1 run has no result" in shown.locator("#verdict").inner_text()
    assert "out of memory" in shown.locator("#about").inner_text()
    assert shown.locator("main").bounding_box()["y"] < shown.locator("#about").bounding_box()["y"]  # type: ignore[index]


def test_on_a_narrow_screen_the_recommended_card_is_the_first(shown: Page) -> None:
    shown.set_viewport_size({"width": 390, "height": 844})
    tops = {card.get_attribute("data-roles"): (card.bounding_box() or {})["y"] for card in shown.locator(".card").all()}
    assert min(tops, key=lambda roles: tops[roles]) == "recommended"
    shown.wait_for_function("document.documentElement.scrollWidth == 390")  # charts follow the width of the window


def test_one_setting_for_all_three_has_one_card(sweep: Sweep) -> None:
    text = verdict(compute(gather([sweep(amounts=(0.5,), seeds=(0,))])))
    assert text.count("<article") == 1
    assert "<h2>Safest, recommended and smallest</h2>" in text


def test_confirmed_accuracies_are_beside_those_of_the_search(tmp_path: Path) -> None:
    for name, seed, val in (("0", 0, 0.98), ("confirmed/0/seed=4", 4, 0.95), ("confirmed/0/seed=5", 5, 0.97)):
        final = {"val_accuracy": val, "test_accuracy": val}
        fake_run(tmp_path / name, fake_fields(0.5, seed, digest=name, final=final))
    (tmp_path / "optimization_results.yaml").write_text("")
    text = verdict(compute(gather([tmp_path])))
    assert "with 2 new seeds: validation 96.00 ± 1.41 %, 2.00 points lower than searched; test 96.00 ± 1.41 %" in text


def test_names_from_files_are_escaped(tmp_path: Path) -> None:
    for number, name in enumerate((EVIL, "l1")):
        fake_run(tmp_path / str(number), fake_fields(0.5, 0, model=EVIL, dataset=EVIL), prune__criterion=name)
    values = compute(gather([tmp_path]))
    for text in (verdict(values), slider(values)):
        assert "<img" not in text
    assert "prune=&lt;img" in verdict(values)


def test_each_data_set_has_its_verdict(tmp_path: Path) -> None:
    for dataset in ("kmnist", "mnist"):
        fake_run(tmp_path / dataset, fake_fields(0.5, 0, dataset=dataset))
    text = verdict(compute(gather([tmp_path])))
    assert text.count('class="sentence"') == 2
    assert "kmnist: Keep 50&nbsp;%" in text
