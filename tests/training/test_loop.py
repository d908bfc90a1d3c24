import pytest
import torch
from torch import nn

from prunesweep.chain.seeding import generator_of
from prunesweep.data.datasets import Split
from prunesweep.training.loop import evaluate, shuffled, train_batches
from prunesweep.training.optimizers import build
from prunesweep.training.settings import SGD, Adam, AdamW, Optimizer


def problem(examples: int = 10) -> tuple[nn.Module, Split]:
    generator = generator_of(0)
    model = nn.Linear(4, 3)
    model.weight.data = torch.randn(3, 4, generator=generator)
    model.bias.data.zero_()
    images = torch.randn(examples, 4, generator=generator)
    return model, Split(images, torch.arange(examples) % 3)


def train_epoch(
    model: nn.Module,
    split: Split,
    optimizer: torch.optim.Optimizer,
    masks: dict[str, torch.Tensor],
    batch_size: int,
    generator: torch.Generator,
) -> float:
    return train_batches(model, split, optimizer, masks, shuffled(split, batch_size, generator)) / len(split)


def test_each_example_is_in_exactly_one_batch() -> None:
    _, split = problem(10)
    batches = shuffled(split, 4, generator_of(0))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert torch.cat(batches).tolist() != list(range(10))
    assert sorted(torch.cat(batches).tolist()) == list(range(10))


def test_evaluation_covers_every_example(monkeypatch: pytest.MonkeyPatch) -> None:
    model, split = problem(10)
    logits = model(split.images)
    loss = nn.functional.cross_entropy(logits, split.labels).item()
    correct = (logits.argmax(1) == split.labels).float().mean().item()
    monkeypatch.setattr("prunesweep.training.loop.EVALUATION_BATCH", 4)  # 4 + 4 + 2
    score = evaluate(model, split)
    assert score.loss == pytest.approx(loss)
    assert score.accuracy == pytest.approx(correct)


def test_the_training_loss_weights_a_shorter_batch_by_its_size() -> None:
    model, split = problem(10)
    expected = nn.functional.cross_entropy(model(split.images), split.labels).item()
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    assert train_epoch(model, split, still, {}, 4, generator_of(0)) == pytest.approx(expected)


def test_a_batch_size_above_the_size_of_the_split_gives_one_batch() -> None:
    results = []
    for batch_size in (10, 10_000):
        model, split = problem(10)
        train_epoch(model, split, torch.optim.SGD(model.parameters(), lr=0.1), {}, batch_size, generator_of(0))
        results.append(model.weight.detach().clone())
    assert torch.equal(*results)


def test_one_update_by_hand() -> None:
    model, split = problem(6)
    before = model.weight.detach().clone()
    nn.functional.cross_entropy(model(split.images), split.labels).backward()
    gradient = model.weight.grad
    assert gradient is not None
    optimizer = build(SGD(momentum=0.0, nesterov=False, weight_decay=0.1), model.parameters(), 0.5)
    train_epoch(model, split, optimizer, {}, 6, generator_of(0))
    assert torch.allclose(model.weight, before - 0.5 * (gradient + 0.1 * before))


def test_the_gradients_can_be_changed_before_each_optimizer_step() -> None:
    model, split = problem(6)
    before = model.weight.detach().clone()
    calls = []

    def only_the_first_row() -> None:
        calls.append(model.weight.grad is not None)
        model.weight.grad[1:] = 0  # type: ignore[index]

    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    train_batches(model, split, optimizer, {}, shuffled(split, 2, generator_of(0)), before_step=only_the_first_row)
    assert calls == [True] * 3
    assert torch.equal(model.weight[1:], before[1:])
    assert not torch.equal(model.weight[0], before[0])


def test_the_weights_can_be_changed_after_each_optimizer_step() -> None:
    model, split = problem(6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    batches = shuffled(split, 2, generator_of(0))
    train_batches(model, split, optimizer, {}, batches, after_step=lambda: model.weight.data.fill_(7))
    assert (model.weight == 7).all()


def test_another_objective_takes_the_place_of_the_cross_entropy() -> None:
    model, split = problem(6)
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    batches = shuffled(split, 4, generator_of(0))
    total = train_batches(model, split, still, {}, batches, objective=lambda *_: model.bias.sum() + 2)
    assert total == 12


SETTINGS = [
    SGD(momentum=0.9, weight_decay=0.1),
    SGD(momentum=0.9, nesterov=False, weight_decay=0.1),
    Adam(weight_decay=0.1),
    AdamW(weight_decay=0.1),
]


@pytest.mark.parametrize(
    "optimizer",
    SETTINGS,
    ids=lambda optimizer: f"{optimizer.name}-{optimizer.nesterov if isinstance(optimizer, SGD) else ''}",
)
def test_masked_weights_stay_exactly_zero(optimizer: Optimizer) -> None:
    model, split = problem(30)
    mask = torch.tensor([[True, False, True, False]] * 3)
    model.weight.data.masked_fill_(~mask, 0)
    built = build(optimizer, model.parameters(), 0.1)
    before = model.weight.detach().clone()
    for epoch in range(3):
        train_epoch(model, split, built, {"weight": mask}, 7, generator_of(epoch))
        assert (model.weight[~mask] == 0).all()
    assert (model.weight[mask] != before[mask]).all(), "kept weights are trained"


@pytest.mark.parametrize("optimizer", SETTINGS[:3:2], ids=["sgd", "adam"])
def test_masked_gradients_train_as_torchs_own_reparametrization(optimizer: Optimizer) -> None:
    from torch.nn.utils.prune import custom_from_mask

    mask = torch.tensor([[True, False, True, False]] * 3)
    ours, split = problem(30)
    ours.weight.data.masked_fill_(~mask, 0)
    train_epoch(ours, split, build(optimizer, ours.parameters(), 0.1), {"weight": mask}, 7, generator_of(0))
    theirs, _ = problem(30)
    custom_from_mask(theirs, "weight", mask)
    parameters = [theirs.weight_orig, theirs.bias]
    train_epoch(theirs, split, build(optimizer, parameters, 0.1), {}, 7, generator_of(0))
    theirs(split.images)  # the hook computes weight = weight_orig * mask
    assert torch.equal(ours.weight, theirs.weight)
    assert torch.equal(ours.bias, theirs.bias)


@pytest.mark.parametrize("optimizer", SETTINGS, ids=lambda optimizer: optimizer.name)
def test_channels_last_convolutions_are_masked_and_updated_as_contiguous_ones(optimizer: Optimizer) -> None:
    generator = generator_of(0)
    split = Split(torch.randn(12, 5, 5, 3, generator=generator).permute(0, 3, 1, 2), torch.arange(12) % 8)
    mask = torch.rand(8, 3, 5, 5, generator=generator) < 0.5
    start = torch.randn(8, 3, 5, 5, generator=generator) * mask
    results = []
    for layout in (torch.channels_last, torch.contiguous_format):
        model = nn.Sequential(nn.Conv2d(3, 8, 5, bias=False), nn.Flatten())
        model[0].weight.data.copy_(start)
        model.to(memory_format=layout)  # type: ignore[call-overload]
        built = build(optimizer, model.parameters(), 0.01)
        for epoch in range(2):
            train_epoch(model, split, built, {"0.weight": mask}, 5, generator_of(epoch))
        results.append(model[0].weight.detach())
    assert torch.allclose(*results, atol=1e-4)
    assert all((weight[~mask] == 0).all() for weight in results)
    assert ((results[0] - start)[mask] != 0).all()
