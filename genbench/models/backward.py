"""Nets with a way back: their gradients, and moves along them, by hand or by autograd.

A net makes outputs y, (n, outputs), of rows x. From dy = ∂L/∂y of any loss L, `into` gives ∂L/∂x,
and then `move` moves the weights θ, whose velocity is v; both by the last len(dy) rows alone:

    ∂L/∂x = dy ∂y/∂x      ∂L/∂θ = Σ_i dy_i ∂y_i/∂θ      v <- momentum v - rate ∂L/∂θ      θ <- θ + v

Autograd does it for every net. By hand, affine layers take less time on a CPU: a gradient is summed
into its velocity by one matrix product, and one way back through D serves both losses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from genbench.models import layers
from genbench.precision import coarse_dtype

UNITS = 128  # whose weights move at a time: few enough that their velocities are still in cache
# what a net's dropouts and noises drew, the lowest first; None: nothing is dropped
Masks = Sequence[Tensor | None]
Velocity = Mapping[nn.Parameter, Tensor]
Above = Callable[[Tensor, Tensor, Tensor], Tensor]  # ∂L/∂h, a and h = f(a) -> ∂L/∂a
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}  # of products' factors


def draw_masks(net: nn.Sequential, n: int) -> Masks:
    """The masks of a net's dropouts, and what its layers of noise add, for n rows."""
    like = next(net.parameters())
    return [layer.draw(n, like) for layer in net if isinstance(layer, layers.RANDOM)]


def joined(first: Masks, then: Masks) -> Masks:
    """The masks of some rows, followed by those of others."""
    pairs = zip(first, then, strict=True)
    return [None if a is None or b is None else torch.cat([a, b]) for a, b in pairs]


def with_way_back(
    net: nn.Sequential, velocity: Velocity, longest: float, precision: str = "float32"
) -> ByHand | ByAutograd:
    """By hand where the net is fully connected, else by autograd.

    longest: unless it is 0, no vector of weights into a unit stays longer. precision: one of
    PRECISIONS, by hand only; raises ValueError for another than float32 by autograd.
    """
    if is_fully_connected(net):
        return ByHand(net, velocity, longest, precision)
    if precision != "float32":
        raise ValueError(f"only nets of affine layers take products in {precision}")
    return ByAutograd(net, velocity, longest)


def is_fully_connected(net: nn.Sequential) -> bool:
    """Whether it is affine layers, each perhaps below an activation or maxout and above a dropout
    or noise."""
    kinds = {nn.Linear: "a", **dict.fromkeys(layers.RANDOM, "d"), **dict.fromkeys(ABOVE, "f")}
    return bool(re.fullmatch("(d?af?)+", "".join(kinds.get(type(layer), "?") for layer in net)))


def _cut(p: Tensor, longest: float) -> None:
    if longest and p.dim() == 2:
        layers.limit_norms(p, longest)


# --- by autograd ---


class ByAutograd:
    """A net of any layers."""

    x: Tensor
    y: Tensor

    def __init__(self, net: nn.Sequential, velocity: Velocity, longest: float) -> None:
        self.net = net
        self.velocity = velocity
        self.longest = longest

    @torch.enable_grad()
    def forward(self, x: Tensor, masks: Masks = ()) -> Tensor:
        """y of rows x, whose dropouts have these masks."""
        self.x = x.detach().requires_grad_()
        self.y, left = self.x, iter(masks)
        for layer in self.net:
            draws = isinstance(layer, layers.RANDOM)
            self.y = layer.disturb(self.y, next(left)) if draws else layer(self.y)
        return self.y.detach()

    def into(self, dy: Tensor) -> Tensor:
        """∂L/∂x of the last len(dy) rows."""
        n = len(dy)
        (dx,) = torch.autograd.grad(self.y[-n:], self.x, dy, retain_graph=True)
        return dx[-n:]

    def move(self, dy: Tensor, rate: float, momentum: float) -> None:
        """The weights move by ∂L/∂θ; what was seen is of no more use."""
        parameters = list(self.net.parameters())
        gradients = torch.autograd.grad(self.y[-len(dy) :], parameters, dy)
        with torch.no_grad():
            for p, g in zip(parameters, gradients, strict=True):
                p.add_(self.velocity[p].mul_(momentum).sub_(g, alpha=rate))
                _cut(p, self.longest)


# --- by hand ---


def _identity(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    return dh


def _relu(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """∂L/∂a = dh [h > 0], where h is 0 or positive, so that [h > 0] is its sign."""
    return h.sign().mul_(dh)


def _sigmoid(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """∂L/∂a = dh h (1 - h)."""
    return (1 - h).mul_(h).mul_(dh)


def _tanh(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """∂L/∂a = dh (1 - h²)."""
    return h.square().neg_().add_(1).mul_(dh)


def _maxout(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """∂L/∂a_j = dh [a_j = h] / Σ_i [a_i = h]: pieces that tie have equal shares, as amax's do."""
    a = a.unflatten(1, (-1, h.shape[1]))
    largest = torch.eq(a, h.unsqueeze(1), out=torch.empty_like(a))  # 0 and 1 as numbers: faster
    return largest.mul_((dh / largest.sum(dim=1)).unsqueeze(1)).flatten(1)


ABOVE: dict[type[nn.Module], Above] = {
    nn.Identity: _identity,
    nn.ReLU: _relu,
    nn.Sigmoid: _sigmoid,
    nn.Tanh: _tanh,
    layers.Maxout: _maxout,
}


class Layer:
    """h = f(a), a = x Wᵀ + b, x = m h_below: m is a mask of dropout, f an activation or maxout.

    Above noise x = h_below + m instead. The factors of products are rounded to `precision`, their
    sums, the weights and the velocities stay in float32.
    """

    m: Tensor | None
    x: Tensor
    a: Tensor
    h: Tensor
    factor: Tensor  # W as a factor of products
    W: nn.Parameter
    b: nn.Parameter
    v_W: Tensor
    v_b: Tensor

    def __init__(
        self,
        affine: nn.Linear,
        f: nn.Module,
        random: layers.Dropout | layers.Noise | None,
        velocity: Velocity,
        precision: torch.dtype,
    ) -> None:
        self.W, self.b = affine.parameters()
        self.precision = precision
        self.v_W, self.v_b = velocity[self.W], velocity[self.b]
        self.f = f
        self.random = random

    def forward(self, below: Tensor, m: Tensor | None) -> Tensor:
        self.m, self.x = m, self.random.disturb(below, m) if self.random else below
        self.factor = self._rounded(self.W)
        product = torch.mm(self._rounded(self.x), self.factor.T).to(self.x.dtype)
        self.a = product.add_(self.b)  # addmm copies b first: slower
        self.h = self.f(self.a)
        return self.h

    def back(self, dh: Tensor) -> Tensor:
        """∂L/∂a."""
        n = len(dh)
        return ABOVE[type(self.f)](dh, self.a[-n:], self.h[-n:])

    def below(self, da: Tensor) -> Tensor:
        """∂L/∂h_below = m (da W); above noise da W."""
        dx = torch.mm(self._rounded(da), self.factor).to(da.dtype)
        if self.random is None or self.m is None:
            return dx
        return self.random.back(dx, self.m[-len(da) :])

    def move(self, da: Tensor, scale: Tensor | None, rate: float, momentum: float) -> None:
        """v <- momentum v - rate ∂L/∂θ, θ <- θ + v, where ∂L/∂W = (s da)ᵀ x and ∂L/∂b = (s da)ᵀ 1.

        s is the `scale` of each row, (n, 1); None: 1.
        """
        x = self.x[-len(da) :]
        s, sx = (x.new_ones(len(x), 1), x) if scale is None else (scale, scale * x)
        parts = (t.split(UNITS) for t in (self.W, self.v_W, self._rounded(da).T))
        sx = self._rounded(sx)
        for W, v_W, da_T in zip(*parts, strict=True):
            if sx.dtype == v_W.dtype:
                v_W.addmm_(da_T, sx, beta=momentum, alpha=-rate)
            else:
                v_W.mul_(momentum).sub_(torch.mm(da_T, sx), alpha=rate)
            W.add_(v_W)
        self.b.add_(self.v_b.addmv_(da.T, s[:, 0], beta=momentum, alpha=-rate))

    def _rounded(self, factor: Tensor) -> Tensor:
        """A factor of products as it is rounded, in the type in which this device is fastest."""
        if self.precision == torch.float32:
            return factor
        rounded = factor.to(self.precision)
        return (
            rounded if coarse_dtype(factor.device) == self.precision else rounded.to(factor.dtype)
        )


class ByHand:
    """A net of affine layers, each perhaps above dropout and below an activation or maxout.

    Where a row has one output y, as in D, ∂L/∂a = dy ∂y/∂a for every loss L. So ∂y/∂a is computed
    once, for `into` and `move`, and each scales it by its own dy.
    """

    def __init__(
        self,
        net: nn.Sequential,
        velocity: Velocity,
        longest: float,
        precision: str = "float32",
    ) -> None:
        self.layers: list[Layer] = list(_layers(net, velocity, PRECISIONS[precision]))
        self.longest = longest
        self.slopes: list[Tensor] = []

    @torch.no_grad()
    def forward(self, x: Tensor, masks: Masks = ()) -> Tensor:
        """y of rows x, whose dropouts have these masks."""
        self.slopes, left = [], iter(masks)
        for layer in self.layers:
            x = layer.forward(x, next(left) if layer.random else None)
        return x

    @torch.no_grad()
    def into(self, dy: Tensor) -> Tensor:
        """∂L/∂x of the last len(dy) rows."""
        (lowest, *_), scale = self._slopes(dy)
        dx = self.layers[0].below(lowest)
        return dx if scale is None else dx.mul_(scale)

    @torch.no_grad()
    def move(self, dy: Tensor, rate: float, momentum: float) -> None:
        """The weights move by ∂L/∂θ; what was seen is of no more use."""
        slopes, scale = self._slopes(dy)
        for layer, da in zip(self.layers, slopes, strict=True):
            layer.move(da, scale, rate, momentum)
            _cut(layer.W, self.longest)

    def _slopes(self, dy: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """∂L/∂a of all layers, the lowest first; or, where y is one output, ∂y/∂a and dy."""
        if dy.shape[1] > 1:
            return self._back(dy), None
        self.slopes = self.slopes or self._back(torch.ones_like(self.layers[-1].h))
        return [da[-len(dy) :] for da in self.slopes], dy

    def _back(self, dy: Tensor) -> list[Tensor]:
        """∂L/∂a of all layers, the lowest first, each from that of the layer above."""
        slopes = [self.layers[-1].back(dy)]
        for above, layer in pairwise(reversed(self.layers)):
            slopes.append(layer.back(above.below(slopes[-1])))
        return slopes[::-1]


def _layers(net: nn.Sequential, velocity: Velocity, precision: torch.dtype) -> Iterator[Layer]:
    """The affine layers of a net with what stands around each."""
    around = [nn.Identity(), *net, nn.Identity()]
    for below, affine, above in zip(around, around[1:], around[2:], strict=False):
        if isinstance(affine, nn.Linear):
            f = above if type(above) in ABOVE else nn.Identity()
            random = below if isinstance(below, layers.RANDOM) else None
            yield Layer(affine, f, random, velocity, precision)
