"""What prunesweep's training epoch is measured against: the bare loop, and the script that people write.

Both train the same network by the same optimizer on the same images; neither knows anything of prunesweep's masks.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

MEAN, STD = 0.1307, 0.3081
BATCH = 128


def sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4)


def bare_epoch(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Forward, backward, step over tensors in memory, nothing else; seconds."""
    optimizer = sgd(model)
    model.train()
    started = time.perf_counter()
    for batch in torch.randperm(len(labels)).split(BATCH):
        optimizer.zero_grad()
        cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()
    return time.perf_counter() - started


def script_loader(root: Path, examples: int, workers: int, *, train: bool = True) -> DataLoader:
    """Torchvision's MNIST with per-sample transforms, as in the tutorials."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
    dataset = datasets.MNIST(str(root), train=train, transform=transform)
    return DataLoader(Subset(dataset, range(examples)), batch_size=BATCH, shuffle=train, num_workers=workers)


def script_epoch(model: nn.Module, loader: DataLoader) -> float:
    """One epoch with the running loss that scripts print; seconds."""
    optimizer, loss_function = sgd(model), nn.CrossEntropyLoss()
    model.train()
    started, running = time.perf_counter(), 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        running += loss.item()
    return time.perf_counter() - started


def script_test(model: nn.Module, loader: DataLoader) -> float:
    """The test accuracy; seconds that it takes."""
    model.eval()
    started, correct = time.perf_counter(), 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(1) == labels).sum().item()
    return time.perf_counter() - started


def script_pruned(model: nn.Module, amount: float) -> nn.Module:
    """The network under torch's own reparametrisation: weight = weight_orig * mask, before every forward pass."""
    layers = [(module, "weight") for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=amount)
    return model
