import pytest

from prunesweep.results.published import published

TOTAL = {"lenet_300_100": 266_610, "lenet5_caffe": 431_080}


@pytest.mark.parametrize("model", TOTAL)
def test_every_figure_is_possible_and_has_a_source(model: str) -> None:
    rows = published(model, "mnist")
    assert len(rows) >= 12
    for row in rows:
        assert 0 < row.kept < 10
        assert (row.error is None) == (row.checked == "abstract")
        assert row.error is None or 0 < row.error < 3
        assert row.sd is None or 0 < row.sd < 1
        assert row.dense is None or 0 < row.dense < 3
        assert row.checked in ("scored", "read", "quoted", "abstract")
        assert row.epoch in ("test", "validation", "last", None)
        assert row.of in ("weights", "weights and biases", None)
        assert str(row.year) in row.source or row.source.endswith(f"{row.year}")


@pytest.mark.parametrize(("model", "nonzeros"), [("lenet_300_100", 4_988), ("lenet5_caffe", 3_993)])
def test_the_kept_percentage_agrees_with_the_count_in_the_published_weights(model: str, nonzeros: int) -> None:
    (surgery,) = [row for row in published(model, "mnist") if row.method == "DNS"]
    assert surgery.checked == "scored"
    assert surgery.kept / 100 * TOTAL[model] == pytest.approx(nonzeros, rel=0.005)


def test_there_are_no_published_results_for_other_networks_and_data_sets() -> None:
    assert published("lenet5", "mnist") == []
    assert published("lenet5_caffe", "mnist5k") == []
    assert published("sources", "mnist") == []
