import pytest
from fakes import TOTAL, fake_fields

from prunesweep.report.compute.costs import AXES, as_of_round, optimized
from prunesweep.results.objectives import SearchSettings


def costs(result: dict[str, object]) -> dict[str, float | None]:
    return {name: axis.cost(result) for name, axis in AXES.items()}


def history(*phases: str) -> list[dict[str, object]]:
    """Epochs of two seconds each. As in a gradual run of an older release, all rounds are 0."""
    return [{"phase": phase, "round": 0, "val_accuracy": 0.9, "seconds": 2.0} for phase in phases]


def test_the_costs_of_a_run() -> None:
    assert costs(fake_fields(0.5, 0)) == {
        "params_nonzero": TOTAL - 30_853,
        "compression": pytest.approx(2, rel=1e-3),
        "macs_nonzero": 200_000,
        "packed_bytes": None,
        "file_bytes": None,
        "latency_us": None,
        "finetuning_epochs": 2,
        "finetuning_seconds": 1.0,
    }


def test_the_costs_of_a_compact_network_and_of_an_empty_one() -> None:
    values = costs(fake_fields(1.0, 0, compact={"file_bytes": 7}))
    assert (values["file_bytes"], values["compression"], values["params_nonzero"]) == (7, None, 0)


def test_measured_costs_are_those_of_the_final_network_only() -> None:
    measured = {"packed_bytes": 900, "file_bytes": 8_000, "latency_us": 6.25}
    result = fake_fields(0.5, 0, **measured, compact={"file_bytes": 7})
    assert costs(result).items() >= measured.items()
    stage = costs(as_of_round(result, {"round": 1}))
    assert {stage[name] for name in measured} == {None}


@pytest.mark.parametrize(
    ("objectives", "axis"),
    [
        (["val_accuracy", "packed_bytes"], "packed_bytes"),
        (["latency_us", "file_bytes"], "latency_us"),
        (["val_accuracy", "param_reduction"], "params_nonzero"),
        (["val_loss", "compression"], "params_nonzero"),  # more is better: drawn the other way round
    ],
)
def test_the_first_view_shows_the_cost_that_a_search_minimizes(objectives: list[str], axis: str) -> None:
    assert optimized(SearchSettings(objectives).goals) == axis


@pytest.mark.parametrize(
    ("phases", "epochs"),
    [
        (["dense"] * 5 + ["ramp"] * 10 + ["finetune"] * 2, 12),  # gradual
        (["dense"] * 5 + ["ticket"] * 10 + ["control"] * 10, 20),  # lottery, control=reinit
        (["dense"] * 5, 0),
    ],
)
def test_all_epochs_after_the_dense_training_are_counted(phases: list[str], epochs: int) -> None:
    values = costs(fake_fields(0.5, 0, history=history(*phases)))
    assert (values["finetuning_epochs"], values["finetuning_seconds"]) == (epochs, 2.0 * epochs)


def test_an_earlier_round_costs_the_epochs_up_to_it() -> None:
    epochs = [{"phase": "ticket", "round": number, "val_accuracy": 0.9, "seconds": 2.0} for number in (1, 1, 2)]
    result = fake_fields(0.5, 0, history=history("dense") + epochs, compact={"file_bytes": 7})
    values = costs(as_of_round(result, {"round": 1, "params_nonzero": 50_000, "macs_nonzero": 9}))
    assert (values["params_nonzero"], values["macs_nonzero"], values["file_bytes"]) == (50_000, 9, None)
    assert (values["finetuning_epochs"], values["finetuning_seconds"]) == (2, 4.0)
