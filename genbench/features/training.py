"""Trains the small network of `integers.py` in floats, and rounds it to whole numbers.

Training: cross-entropy, Adam, batches of 100, 4 epochs, a one-cycle rate that peaks at 3e-3.

Rounding: an activation h of layer l stands for q = h 2^f_l, a weight w for W = round(w 2^g_l).

    f_0 = 8, after w_1 was multiplied by 256 / 255, so that pixels are the whole numbers 0..255
    f_l = floor(log2(255 / h)), h the .9999 quantile of layer l's activations on training images
    g_l = floor(log2(127 / max |w|))
    b   = round(b 2^(g_l + f_(l-1)))        e_l = g_l + f_(l-1) - f_l
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genbench.features.checking import digest_of, fixed_rows
from genbench.features.doors import Labelled
from genbench.features.integers import (
    LAYERS,
    PADDING,
    SIZE,
    STRIDE,
    WIDTH,
    IntegerNet,
    packed,
)
from genbench.seeding import seeded

CHANNELS = (16, 32)
BATCH, EPOCHS, RATE = 100, 4, 3e-3
QUANTILE, LOOKED_AT = 0.9999, 2000  # of activations, on so many training images

Told = Callable[[int, int, float], None]  # epoch from 1, of how many, mean loss


def float_net(side: int, classes: int) -> nn.Sequential:
    """The network before it is rounded: images (n, 1, side, side) -> logits (n, classes)."""
    c1, c2 = CHANNELS
    return nn.Sequential(
        *(nn.Conv2d(1, c1, SIZE, STRIDE, PADDING), nn.ReLU()),
        *(nn.Conv2d(c1, c2, SIZE, STRIDE, PADDING), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(c2 * (side // 4) ** 2, WIDTH), nn.ReLU()),
        nn.Linear(WIDTH, classes),
    )


def trained(
    rows: Tensor, labels: Tensor, side: int, classes: int, told: Told, epochs: int = EPOCHS
) -> nn.Sequential:
    """The network after `epochs` passes over rows (n, d) in [0, 1] with labels int64 (n,)."""
    with seeded("features", side, classes, "train"):
        net = float_net(side, classes)
        steps = epochs * math.ceil(len(rows) / BATCH)
        adam = torch.optim.Adam(net.parameters(), lr=RATE)
        rate = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=steps)
        images = rows.reshape(-1, 1, side, side)
        for epoch in range(1, epochs + 1):
            losses = [_step(net, adam, rate, images[i], labels[i]) for i in _batches(len(rows))]
            told(epoch, epochs, sum(losses) / len(losses))
    return net.eval()


def _batches(n: int) -> list[Tensor]:
    return list(torch.randperm(n).split(BATCH))


def _step(
    net: nn.Module,
    adam: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
    images: Tensor,
    labels: Tensor,
) -> float:
    loss = nn.functional.cross_entropy(net(images), labels)
    adam.zero_grad()
    loss.backward()
    adam.step()
    rate.step()
    return loss.item()


def rounded(net: nn.Sequential, rows: Tensor, side: int, notes: str) -> bytes:
    """The file of the network in whole numbers; rows (n, d) are training images."""
    images = rows[:LOOKED_AT].reshape(-1, 1, side, side)
    f = [8, *(_exponent(255, h) for h in _quantiles(net, images))]
    layers: dict[str, tuple[np.ndarray, np.ndarray, int]] = {}
    linear = [part for part in net if isinstance(part, nn.Conv2d | nn.Linear)]
    for i, (name, part) in enumerate(zip(LAYERS, linear, strict=True)):
        w = part.weight.detach().flatten(1).double() * (256 / 255 if i == 0 else 1)
        g = _exponent(127, w.abs().max().item())
        b = part.bias.detach().double() * 2.0 ** (g + f[i])  # pyright: ignore[reportOptionalMemberAccess]
        e = g + f[i] - (f[i + 1] if i + 1 < len(f) else 0)
        layers[name] = ((w * 2.0**g).round().numpy(), b.round().numpy(), e)
    return packed(layers, notes)


def _quantiles(net: nn.Sequential, images: Tensor) -> list[float]:
    """The .9999 quantile of the activations after each ReLU."""
    found, h = [], images
    with torch.no_grad():
        for part in net:
            h = part(h)
            if isinstance(part, nn.ReLU):
                found.append(np.quantile(h.numpy(), QUANTILE).item())
    return found


def _exponent(most: int, value: float) -> int:
    """The greatest whole exponent with value 2^exponent <= most."""
    return math.floor(math.log2(most / value))


def made(features: Any, labelled: Labelled, digest: str, told: Told) -> tuple[bytes, str]:
    """The file of weights of a class such as `Digits`, trained on `labelled`; and how good it is.

    features: has `shape` (1, side, side), `classes`, `epochs` and the name of a `dataset`.
    digest: sha256, in hex, of the dataset's files, for the notes.
    """
    side, classes = features.shape[1], features.classes
    net = trained(labelled.train, labelled.train_labels, side, classes, told, features.epochs)
    plain = IntegerNet(rounded(net, labelled.train, side, ""), side)
    with torch.no_grad():
        floats = net(labelled.test.reshape(-1, 1, side, side))
    whole = plain.logits(plain.features(labelled.test))
    n, n_test = len(labelled.train), len(labelled.test)
    quality = (
        f"test accuracy {_accuracy(whole, labelled.test_labels)} "
        f"(as floats {_accuracy(floats, labelled.test_labels)}), {n:,} rows trained, {n_test:,} "
        f"tested, of {features.dataset} {digest[:10]}"
    )
    known = digest_of(plain.features(fixed_rows(features.shape)))
    notes = {"dataset": digest, "fixed rows": known, "quality": quality}
    return rounded(net, labelled.train, side, json.dumps(notes, sort_keys=True)), quality


def _accuracy(logits: Tensor, labels: Tensor) -> str:
    share = (logits.argmax(1) == labels).double().mean().item()
    return f"{share:.4f}".lstrip("0")
