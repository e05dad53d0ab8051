"""The layers and initialisations of the GAN paper's networks; weights are `(outputs, inputs)`.

Every layer takes and gives flat rows; convolutions fold them to (channels, height, width) inside.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, max_pool2d


class Dropout(nn.Module):
    """x m, rows of `units`, where each m is 0 with probability `rate`, else 1 / (1 - rate).

    As `nn.Dropout` in training, whose draws take a CPU four times as long.
    """

    def __init__(self, rate: float, units: int) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"a rate of dropout must be in [0, 1), got {rate}")
        self.rate = rate
        self.units = units

    def draw(self, n: int, like: Tensor) -> Tensor | None:
        """m for n rows, of the type and on the device of `like`; None where every m is 1."""
        if self.rate == 0:
            return None
        kept = torch.rand(n, self.units, dtype=like.dtype, device=like.device).ge_(self.rate)
        return kept.mul_(1 / (1 - self.rate))

    def disturb(self, x: Tensor, m: Tensor | None) -> Tensor:
        """x m; None: every m is 1."""
        return x if m is None else x * m

    def back(self, dy: Tensor, m: Tensor | None) -> Tensor:
        """∂L/∂x = m ∂L/∂y, in the memory of ∂L/∂y."""
        return dy if m is None else dy.mul_(m)

    def forward(self, x: Tensor) -> Tensor:
        return self.disturb(x, self.draw(len(x), x))


class Noise(nn.Module):
    """x + ε, rows of `units`, ε from N(0, deviation²), drawn anew for every row and unit."""

    def __init__(self, deviation: float, units: int) -> None:
        super().__init__()
        if deviation < 0:
            raise ValueError(f"a deviation of noise must be at least 0, got {deviation}")
        self.deviation = deviation
        self.units = units

    def draw(self, n: int, like: Tensor) -> Tensor | None:
        """ε for n rows, of the type and on the device of `like`."""
        return self.deviation * torch.randn(n, self.units, dtype=like.dtype, device=like.device)

    def disturb(self, x: Tensor, e: Tensor | None) -> Tensor:
        """x + ε; None: every ε is 0."""
        return x if e is None else x + e

    def back(self, dy: Tensor, e: Tensor | None) -> Tensor:
        """∂L/∂x = ∂L/∂y."""
        return dy

    def forward(self, x: Tensor) -> Tensor:
        return self.disturb(x, self.draw(len(x), x))


RANDOM = (Dropout, Noise)  # the layers that draw


class Maxout(nn.Module):
    """h_i = max_j a_ji, over `pieces` blocks of units: (n, pieces * units) -> (n, units)."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, a: Tensor) -> Tensor:
        return a.unflatten(1, (self.pieces, -1)).amax(dim=1)


class MaxoutConvolution(nn.Module):
    """h_c = max over each window of max_j (w_cj ⋆ x + b_cj): rows of `shape` -> rows of `outputs`.

    x is padded with zeros, w_cj from U(-width, width), ⋆ the cross-correlation, j one of `pieces`.
    Windows are `pool` wide, `stride` apart, and may be cut off at the far edges, as `windows` says.
    """

    outputs: tuple[int, ...]

    def __init__(
        self,
        shape: Sequence[int],
        channels: int,
        pieces: int,
        kernel: int,
        padding: int,
        pool: int,
        stride: int,
        width: float,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.padding = padding
        self.pool = pool
        self.stride = stride
        inputs, *sides = _maps(shape)
        self.outputs = (channels, *(windows(s, kernel, padding, pool, stride) for s in sides))
        self.weight: nn.Parameter = _uniform(channels * pieces, inputs, kernel, kernel, width=width)
        self.bias: nn.Parameter = nn.Parameter(torch.zeros(channels * pieces))
        self.maxout: Maxout = Maxout(pieces)

    def forward(self, x: Tensor) -> Tensor:
        a = conv2d(x.unflatten(1, self.shape), self.weight, self.bias, padding=self.padding)
        return max_pool2d(self.maxout(a), self.pool, self.stride, ceil_mode=True).flatten(1)


def windows(side: int, kernel: int, padding: int, pool: int, stride: int) -> int:
    """⌈(m - pool) / stride⌉ + 1 windows on a map of side m = side + 2 padding - kernel + 1.

    >>> windows(32, kernel=8, padding=4, pool=4, stride=2)  # m = 33
    16
    """
    m = side + 2 * padding - kernel + 1
    if not 1 <= stride <= pool <= m:
        raise ValueError(
            f"a convolution needs 1 <= stride <= pool <= {m}, the side of its map, "
            f"got stride {stride} and pool {pool}"
        )
    return math.ceil((m - pool) / stride) + 1


class TransposedConvolution(nn.Module):
    """y_c[p] = b_c[p] + Σ_k Σ_q w_kc[p - stride q] h_k[q]: rows of `inputs` units -> of `shape`.

    w from U(-width, width), 0 outside its `kernel`; b is 0 and untied: one for every c and p.
    The units are `channels` maps of places q, their sides those from which `spread` makes y's.
    """

    maps: tuple[int, ...]
    stride: int

    def __init__(
        self,
        inputs: int,
        shape: Sequence[int],
        channels: int,
        kernel: int,
        stride: int,
        width: float,
    ) -> None:
        super().__init__()
        outputs, *sides = _maps(shape)
        self.maps, self.stride = (channels, *(spread(s, kernel, stride) for s in sides)), stride
        if inputs != math.prod(self.maps):
            raise ValueError(
                f"a transposed convolution from {self.maps} to {tuple(shape)} needs "
                f"{math.prod(self.maps)} units below it, got {inputs}"
            )
        self.weight: nn.Parameter = _uniform(channels, outputs, kernel, kernel, width=width)
        self.bias: nn.Parameter = nn.Parameter(torch.zeros(math.prod(shape)))

    def forward(self, h: Tensor) -> Tensor:
        y = conv_transpose2d(h.unflatten(1, self.maps), self.weight, stride=self.stride)
        return y.flatten(1) + self.bias


def spread(side: int, kernel: int, stride: int) -> int:
    """The h for which stride (h - 1) + kernel = side.

    >>> spread(32, kernel=5, stride=3)
    10
    """
    h, rest = divmod(side - kernel, max(stride, 1))
    if rest or h < 0 or stride < 1:
        raise ValueError(
            f"no transposed convolution with kernel {kernel} and stride {stride} has a side "
            f"of {side}; {kernel}, {kernel + stride}, {kernel + 2 * stride}, ... are possible"
        )
    return h + 1


def _maps(shape: Sequence[int]) -> Sequence[int]:
    if len(shape) != 3:
        raise ValueError(f"a convolution needs a shape (channels, height, width), got {shape}")
    return shape


def _uniform(*size: int, width: float) -> nn.Parameter:
    return nn.Parameter(torch.empty(size).uniform_(-width, width))


def uniform(inputs: int, outputs: int, width: float, bias: float = 0.0) -> nn.Linear:
    """An affine layer with weights from U(-width, width) and every bias equal to `bias`."""
    layer = nn.Linear(inputs, outputs)
    nn.init.uniform_(layer.weight, -width, width)
    nn.init.constant_(layer.bias, bias)
    return layer


def sparse(inputs: int, outputs: int, nonzeros: int) -> nn.Linear:
    """An affine layer whose every output has `nonzeros` weights from N(0, 1); the rest are 0."""
    if nonzeros > inputs:
        raise ValueError(f"at most {inputs} weights of an output can be nonzero, got {nonzeros}")
    layer = uniform(inputs, outputs, 0.0)
    places = torch.rand(outputs, inputs).topk(nonzeros, dim=1).indices
    layer.weight.data.scatter_(1, places, torch.randn(outputs, nonzeros))
    return layer


def logit_of_marginals(x: Tensor) -> Tensor:
    """log m / (1 - m), m the mean of each column of `x`, clipped to [1e-7, 1 - 1e-7]: (d,)."""
    return x.mean(dim=0, dtype=torch.float64).clamp(1e-7, 1 - 1e-7).logit().to(x.dtype)


def limit_norms(weight: Tensor, longest: float) -> None:
    """In place: the incoming weights w of an output, of norm n, become w min(n, longest) / n."""
    norm = weight.norm(dim=1, keepdim=True)
    weight.mul_(norm.clamp(max=longest) / norm.clamp(min=1e-7))
