"""A small convolutional network in whole numbers, so that its features are the same everywhere.

The input is q_0 = floor(255 clip(x, 0, 1) + 1/2). Layer l = 1..3, of integer weights W in
-127..127, integer biases b and a shift e:

    a_l = W_l * q_(l-1) + b_l       l = 1, 2: 5x5, stride 2, padding 2; l = 3: all of the image
    q_l = min(255, floor(max(0, a_l) 2^-e_l + 1/2))

Features are q_3, (n, 64) whole numbers in 0..255; logits are W_4 q_3 + b_4, scaled by 2^-e_4.

A float32 sum of whole numbers is exact below 2^24, in whatever order. |a_1| and |a_2| stay below
it, which is checked; a_3 may pass it, so it is summed in float64. Convolutions are products with
the patches of an image, since other kernels (FFT, Winograd) round. Factors have at most 8 bits,
which TF32 and bfloat16 keep too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor
from torch.nn.functional import pad

from genbench.errors import DataError
from genbench.precision import float32_products

LAYERS = ("conv1", "conv2", "linear1", "linear2")
WIDTH = 64
SIZE, STRIDE, PADDING = 5, 2, 2
EXACT = 2**24  # whole numbers up to here are float32
CHUNK = 100  # images that are unfolded together: their patches stay in the cache


@dataclass(frozen=True)
class Layer:
    """weight (out, in) in -127..127; bias (out,), in units of the sums; the shift e.

    `in` counts places by row, by column, and channels last, as images lie in memory here; the
    file has channels first, as torch has.
    """

    weight: Tensor
    bias: Tensor
    shift: int


class IntegerNet:
    """The network of this file's head, for grey images of side `side`, a multiple of 4.

    digest: sha256, in hex, of the weights' file.
    Raises DataError for what is no such file.
    """

    layers: list[Layer]

    def __init__(self, content: bytes, side: int, where: object = "the weights") -> None:
        self.side = side
        self.digest: str = hashlib.sha256(content).hexdigest()
        try:
            self.layers = [_layer(load(content), name, n) for name, n in self._places()]
        except (SafetensorError, KeyError, ValueError) as error:
            raise DataError(f"{where} is no file of an integer network: {error}") from error
        wide = [layer.weight.shape[1] for layer in self.layers]
        out = [len(layer.weight) for layer in self.layers]
        if wide != [25, 25 * out[0], out[1] * (side // 4) ** 2, WIDTH] or out[2] != WIDTH:
            raise DataError(f"{where} is of a network of another shape: its layers take {wide}")
        for layer in self.layers[:2]:
            most = 255 * layer.weight.abs().sum(1) + layer.bias.abs()
            if most.max() >= EXACT:
                raise DataError(f"{where} has sums that float32 cannot hold: {int(most.max()):,}")
        self.classes: int = out[3]

    def _places(self) -> list[tuple[str, int]]:
        """How many places of the image each layer sees at once, by name."""
        return list(zip(LAYERS, (SIZE**2, SIZE**2, (self.side // 4) ** 2, 1), strict=True))

    def features(self, rows: Tensor) -> Tensor:
        """q_3, whole numbers in 0..255 as float32 (n, 64), of rows (n, d) in [0, 1].

        The type of `rows` is that of the first two layers' products, and changes nothing.
        """
        with float32_products():
            parts = [self._features(part) for part in rows.split(CHUNK)]
        return torch.cat(parts)

    def logits(self, features: Tensor) -> Tensor:
        """(W_4 q_3 + b_4) 2^-e_4, float32 (n, classes), of features (n, 64)."""
        layer = self.layers[3]
        return (_sums(layer, features.double()) * 2.0**-layer.shift).float()

    def _features(self, rows: Tensor) -> Tensor:
        first, second, third, _ = self.layers
        q = levels(rows).reshape(len(rows), self.side, self.side, 1)
        q = _convolved(second, _convolved(first, q)).flatten(1).double()
        return _scaled(_sums(third, q), third.shift).float()


def levels(rows: Tensor) -> Tensor:
    """q_0 = floor(255 clip(x, 0, 1) + 1/2), in float64 and then in the type of the rows."""
    return rows.double().clamp(0, 1).mul_(255).add_(0.5).floor_().to(rows.dtype)


def packed(layers: Mapping[str, tuple[np.ndarray, np.ndarray, int]], notes: str) -> bytes:
    """The file of weights (out, in), biases (out,) and shifts, by name of LAYERS."""
    arrays: dict[str, np.ndarray] = {}
    for name, (weight, bias, shift) in layers.items():
        arrays[f"{name}.weight"] = weight.astype(np.int8)
        arrays[f"{name}.bias"] = bias.astype(np.int32)
        arrays[f"{name}.shift"] = np.asarray([shift], np.int32)
    return save(arrays, {"notes": notes})


def notes_of(content: bytes) -> str:
    """The notes that `packed` was given; empty where there are none."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__", {}).get("notes", "")


def read_weights(path: Path) -> bytes:
    """What the file holds; raises DataError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _layer(arrays: Mapping[str, np.ndarray], name: str, places: int) -> Layer:
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    if weight.dtype != np.int8 or bias.dtype != np.int32 or weight.ndim != 2:
        raise ValueError(f"{name} is {weight.dtype} and {bias.dtype}, not int8 and int32")
    if bias.shape != (len(weight),) or abs(weight.astype(int)).max() > 127:
        raise ValueError(f"{name} has weights beyond 127, or {bias.shape} biases")
    if weight.shape[1] % places:
        raise ValueError(f"{name} is of another shape, {weight.shape}, for {places} places")
    last = torch.from_numpy(weight).unflatten(1, (-1, places)).transpose(1, 2).flatten(1)
    (shift,) = arrays[f"{name}.shift"].tolist()
    return Layer(last.float(), torch.from_numpy(bias).double(), shift)


def _convolved(layer: Layer, q: Tensor) -> Tensor:
    """q_l (n, side / 2, side / 2, out) of q_(l-1) (n, side, side, in)."""
    windows = pad(q, (0, 0, PADDING, PADDING, PADDING, PADDING))
    for axis in (1, 2):
        windows = windows.unfold(axis, SIZE, STRIDE)
    patches = windows.permute(0, 1, 2, 4, 5, 3)  # (n, side / 2, side / 2, 5, 5, in)
    q = _scaled(_sums(layer, patches.reshape(-1, layer.weight.shape[1])), layer.shift)
    return q.reshape(*patches.shape[:3], len(layer.bias))


def _sums(layer: Layer, q: Tensor) -> Tensor:
    """a = W q + b, (n, out), of q (n, in), in its type."""
    bias, weight = (part.to(q.device, q.dtype) for part in (layer.bias, layer.weight))
    return torch.addmm(bias, q, weight.T)


def _scaled(a: Tensor, shift: int) -> Tensor:
    """min(255, floor(max(0, a) 2^-shift + 1/2)), in place."""
    return a.mul_(2.0**-shift).add_(0.5).floor_().clamp_(0, 255)
