"""The two training loops that prunesweep is compared with: the bare loop and a typical script.

Both train the same network with the same optimizer on the same images. Neither applies prunesweep's masks.
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
    """Train for one epoch on tensors in memory: forward, backward and optimizer step only. Return the seconds."""
    optimizer = sgd(model)
    model.train()
    started = time.perf_counter()
    for batch in torch.randperm(len(labels)).split(BATCH):
        optimizer.zero_grad()
        cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()
    return time.perf_counter() - started


def script_loader(root: Path, examples: int, workers: int, *, train: bool = True) -> DataLoader[list[Tensor]]:
    """Return a loader of torchvision's MNIST with per-sample transforms, as in PyTorch's tutorials."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
    dataset = datasets.MNIST(str(root), train=train, transform=transform)
    return DataLoader(Subset(dataset, range(examples)), batch_size=BATCH, shuffle=train, num_workers=workers)


def script_epoch(model: nn.Module, loader: DataLoader[list[Tensor]]) -> float:
    """Train for one epoch, reading the loss after each batch as scripts do to print it. Return the seconds."""
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


def script_test(model: nn.Module, loader: DataLoader[list[Tensor]]) -> float:
    """Measure the test accuracy. Return the seconds that this takes."""
    model.eval()
    started, correct = time.perf_counter(), 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (model(images).argmax(1) == labels).sum().item()
    return time.perf_counter() - started


def script_pruned(model: nn.Module, amount: float) -> nn.Module:
    """Prune `model` with `torch.nn.utils.prune`, which computes weight_orig * mask before every forward pass."""
    layers = [(module, "weight") for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=amount)
    return model
