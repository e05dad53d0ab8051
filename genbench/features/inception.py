"""The network of the Fréchet Inception Distance, of weights that the user brings.

Heusel et al. 2017 compute FID in the 2048 pooled activations of TensorFlow's Inception of
2015-12-05 (Szegedy et al. 2016). Papers use its weights as one file, which is brought by
`genbench features import inception FILE`. Before the network an image is

    k = floor(255 clip(x, 0, 1) + 1/2),  resized to 299 x 299 as TensorFlow 1 does,  (k - 128) / 128

and a grey one is three times the same. Resizing takes pixel i of 299 at s = i in / 299, from
floor(s) and the next, without the half pixel that later versions shift by; so does this file.

    x -> relu(gamma (W * x - mean) / sqrt(variance + .001) + beta)    each convolution

Float sums differ in their last digits between machines, so these features do too, by about 1e-6.
On images that are not the canonical files (JPEG copies) values are not comparable with papers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, linear, max_pool2d

from genbench.errors import DataError, UsageError
from genbench.features.bringing import NAME, brought
from genbench.features.doors import check_rows
from genbench.features.integers import levels, read_weights
from genbench.precision import float32_products

SIDE, EPSILON = 299, 1e-3
CHUNK = 20  # images at once: 110 MB of activations
FOLDER, FILE = "inception", "inception-2015-12-05.safetensors"

Weights = Mapping[str, Tensor]
Branch = tuple[str | tuple[str, str], ...]

# the convolutions of a block's branches, by name, in the order of their outputs; the last two of
# (a, b) see the same input side by side
STEM = ("1a_3x3", "2a_3x3", "2b_3x3", "pool", "3b_1x1", "4a_3x3", "pool")
VALID = ("1a_3x3", "2a_3x3", "4a_3x3")  # without padding; the others keep the image's size
A = (("1x1",), ("5x5_1", "5x5_2"), ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"))
B = (("3x3",), ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"))
C = (("1x1",), ("7x7_1", "7x7_2", "7x7_3"), tuple(f"7x7dbl_{i}" for i in range(1, 6)))
D = (("3x3_1", "3x3_2"), tuple(f"7x7x3_{i}" for i in range(1, 5)))
E = (
    ("1x1",),
    ("3x3_1", ("3x3_2a", "3x3_2b")),
    ("3x3dbl_1", "3x3dbl_2", ("3x3dbl_3a", "3x3dbl_3b")),
)
HALVING = (B, D)  # their last convolutions have stride 2 and no padding
BLOCKS: dict[str, tuple[Branch, ...]]
BLOCKS = {"5b": A, "5c": A, "5d": A, "6a": B, "6b": C, "6c": C, "6d": C, "6e": C}
BLOCKS |= {"7a": D, "7b": E, "7c": E}
MAX_POOLED = ("7c",)  # where the others average; so it is in the network of 2015


class Inception:
    """2048 pooled activations, float32 (n, 2048), of colour or grey images in [0, 1].

    Raises UsageError where the data folder has no weights, or rows are no images.
    """

    revision = 1
    shape: tuple[int, ...] = (3, 32, 32)
    width = 2048
    takes = "colour or grey images in [0, 1]"
    quality = "the network of FID; not comparable with papers on files that are not canonical"

    def __init__(self, shape: Sequence[int], data_dir: Path) -> None:
        if len(shape) != 3 or shape[0] not in (1, 3):
            raise UsageError(
                f"features 'inception' takes images (1 or 3, height, width), not rows of shape "
                f"{'x'.join(map(str, shape))}: take features=pixels, or pca64"
            )
        path = self.place(Path(data_dir))
        if not path.is_file():
            raise UsageError(
                f"features 'inception' need {path}: bring the file of papers, {NAME}, and call "
                f"`genbench features import inception FILE --data-dir {data_dir}`"
            )
        self._image, content = tuple(shape), read_weights(path)
        self.digest: str = hashlib.sha256(content).hexdigest()
        self._weights = read(content, path)

    def __call__(self, rows: Tensor) -> Tensor:
        """Features (n, 2048) of rows (n, d); raises ValueError for rows of another shape."""
        check_rows(rows, math.prod(self._image))
        weights = {name: part.to(rows.device) for name, part in self._weights.items()}
        with torch.no_grad(), float32_products():
            parts = (levels(part.float()).reshape(-1, *self._image) for part in rows.split(CHUNK))
            return torch.cat([pooled(weights, prepared(k)) for k in parts])

    def head(self, features: Tensor) -> Tensor:
        """Logits (n, 1008) of features (n, 2048): ImageNet's classes, from the second on."""
        weight, bias = (self._weights[f"fc.{name}"] for name in ("weight", "bias"))
        return linear(features, weight.to(features.device), bias.to(features.device))

    def classify(self, rows: Tensor) -> Tensor:
        """Logits (n, 1008) of rows (n, d)."""
        return self.head(self(rows))

    @staticmethod
    def brought(path: Path) -> bytes:
        """The weights of the file that papers use; raises DataError for another."""
        content = brought(path)
        read(content, path)
        return content

    @staticmethod
    def place(data_dir: Path, digest: str = "") -> Path:
        """Where the weights are kept."""
        return data_dir / FOLDER / FILE


def read(content: bytes, where: object) -> dict[str, Tensor]:
    """The weights by name; raises DataError for a file of anything else."""
    try:
        weights = load(content)
    except SafetensorError as error:
        raise DataError(f"{where} is damaged: import the weights again ({error})") from error
    lacking = sorted({"fc.weight", "fc.bias", *_conv_weights()} - weights.keys())
    if lacking:
        raise DataError(f"{where} is no file of Inception's weights: it lacks {lacking[0]}")
    return weights


def prepared(k: Tensor) -> Tensor:
    """(k - 128) / 128 of images (n, 1 or 3, h, w) of levels k, resized, as (n, 3, 299, 299)."""
    return ((resized(k) - 128) / 128).expand(-1, 3, -1, -1)


def resized(k: Tensor) -> Tensor:
    """Bilinear, s = i in / 299 along each axis: first along the rows, then between them."""
    for axis in (3, 2):
        n = k.shape[axis]
        s = torch.arange(SIDE, device=k.device) * torch.tensor(n / SIDE, dtype=torch.float32)
        low = s.long()
        share = (s - low).reshape((-1, 1) if axis == 2 else (-1,))
        first, second = (k.index_select(axis, i) for i in (low, (low + 1).clamp_max(n - 1)))
        k = first + (second - first) * share
    return k


def pooled(weights: Weights, x: Tensor) -> Tensor:
    """Means over the image of the last block's 2048 channels, (n, 2048), of (n, 3, 299, 299)."""
    for name in STEM:
        if name == "pool":
            x = max_pool2d(x, 3, stride=2)
        else:
            stride = 2 if name == STEM[0] else 1
            x = _conv(weights, f"Conv2d_{name}", x, stride, same=name not in VALID)
    for name, branches in BLOCKS.items():
        x = _block(weights, name, branches, x)
    return x.mean((2, 3))


def _block(weights: Weights, name: str, branches: tuple[Branch, ...], x: Tensor) -> Tensor:
    """What a block's branches make of x, channels after channels; the last one pools."""
    found = [_branch(weights, f"Mixed_{name}.branch", b, x, branches in HALVING) for b in branches]
    if branches in HALVING:
        return torch.cat([*found, max_pool2d(x, 3, stride=2)], 1)
    if name in MAX_POOLED:
        around = max_pool2d(x, 3, stride=1, padding=1)
    else:
        around = avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    return torch.cat([*found, _conv(weights, f"Mixed_{name}.branch_pool", around)], 1)


def _branch(weights: Weights, prefix: str, names: Branch, x: Tensor, halves: bool) -> Tensor:
    """One convolution after the other; a pair of names is two of them side by side."""
    for i, name in enumerate(names):
        if isinstance(name, tuple):
            x = torch.cat([_conv(weights, prefix + one, x) for one in name], 1)
        elif halves and i == len(names) - 1:
            x = _conv(weights, prefix + name, x, stride=2, same=False)
        else:
            x = _conv(weights, prefix + name, x)
    return x


def _conv(weights: Weights, name: str, x: Tensor, stride: int = 1, same: bool = True) -> Tensor:
    """relu(gamma (W * x - mean) / sqrt(variance + .001) + beta)."""
    weight = weights[f"{name}.conv.weight"]
    padding = tuple(side // 2 for side in weight.shape[2:]) if same else 0
    about = ("running_mean", "running_var", "weight", "bias")
    mean, variance, gamma, beta = (weights[f"{name}.bn.{part}"] for part in about)
    a = conv2d(x, weight, stride=stride, padding=padding)
    return batch_norm(a, mean, variance, gamma, beta, eps=EPSILON).relu_()


def _conv_weights() -> list[str]:
    """The names of all convolutions' weights."""
    names = [f"Conv2d_{name}" for name in STEM if name != "pool"]
    for block, branches in BLOCKS.items():
        flat = [one for b in branches for n in b for one in (n if isinstance(n, tuple) else (n,))]
        pool = [] if branches in HALVING else ["_pool"]
        names += [f"Mixed_{block}.branch{name}" for name in [*flat, *pool]]
    return [f"{name}.conv.weight" for name in names]
