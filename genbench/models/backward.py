"""Gradients of a net, and the moves along them: by hand where it is fully connected, or autograd's.

A net makes outputs y, (n, outputs), of rows x. From dy = ∂L/∂y of any loss L, `into` gives ∂L/∂x
and `move` moves the weights θ, whose velocity is v:

    ∂L/∂x = dy ∂y/∂x      ∂L/∂θ = Σ_i dy_i ∂y_i/∂θ      v <- momentum v - rate ∂L/∂θ      θ <- θ + v
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from genbench.models import layers

Masks = Sequence[Tensor | None]  # of a net's dropouts, lowest first; None: nothing is dropped
Velocity = Mapping[nn.Parameter, Tensor]


def masks(net: nn.Sequential, n: int) -> Masks:
    """Draws the masks of a net's dropouts for n rows."""
    like = next(net.parameters())
    return [layer.mask(n, like) for layer in net if isinstance(layer, layers.Dropout)]


def joined(first: Masks, then: Masks) -> Masks:
    """The masks of some rows, followed by those of others."""
    pairs = zip(first, then, strict=True)
    return [None if a is None or b is None else torch.cat([a, b]) for a, b in pairs]


Differentiable = "ByHand | ByAutograd"

def differentiable(net: nn.Sequential, velocity: Velocity, longest: float) -> ByHand | ByAutograd:
    """The net with its way back; weights are cut to `longest` as `layers.limit_norms` does, 0: not."""
    by_hand = all(isinstance(layer, (nn.Linear, layers.Dropout, *BACK)) for layer in net)
    return (ByHand if by_hand else ByAutograd)(net, velocity, longest)


def limit(weight: Tensor, longest: float) -> None:
    if longest and weight.dim() == 2:
        layers.limit_norms(weight, longest)


def _back_identity(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    return dh


def _back_relu(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """da = dh [h > 0], and [h > 0] is the sign of an h that is not negative."""
    return h.sign().mul_(dh)


def _back_sigmoid(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """da = dh h (1 - h)."""
    return (1 - h).mul_(h).mul_(dh)


def _back_maxout(dh: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """da_j = dh [a_j = h] / Σ_i [a_i = h]: equal pieces share the slope."""
    a = a.unflatten(1, (-1, h.shape[1]))
    largest = torch.eq(a, h.unsqueeze(1), out=torch.empty_like(a))
    return largest.mul_((dh / largest.sum(dim=1)).unsqueeze(1)).flatten(1)


BACK: dict[type[nn.Module], Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    nn.Identity: _back_identity,
    nn.ReLU: _back_relu,
    nn.Sigmoid: _back_sigmoid,
    layers.Maxout: _back_maxout,
}


class Layer:
    """h = f(a), a = x Wᵀ + b, x = m h_below, where m is a mask of dropout, of rows seen last."""

    x: Tensor
    a: Tensor
    h: Tensor
    m: Tensor | None

    def __init__(self, affine: nn.Linear, f: nn.Module, velocity: Velocity) -> None:
        self.W, self.b, self.f = affine.weight, affine.bias, f
        self.v_W, self.v_b = velocity[affine.weight], velocity[affine.bias]

    def forward(self, h: Tensor, m: Tensor | None) -> Tensor:
        self.m = m
        self.x = h if m is None else h * m
        self.a = torch.addmm(self.b, self.x, self.W.T)
        self.h = self.f(self.a)
        return self.h

    def back(self, dh: Tensor) -> Tensor:
        """∂L/∂a."""
        return BACK[type(self.f)](dh, self.a, self.h)

    def below(self, da: Tensor) -> Tensor:
        """∂L/∂h_below = m (da W), of the last len(da) rows."""
        dx = da @ self.W
        return dx if self.m is None else dx.mul_(self.m[-len(da) :])

    def move(self, da: Tensor, scale: Tensor, rate: float, momentum: float, longest: float) -> None:
        """∂L/∂W = daᵀ x, ∂L/∂b = Σ_i da_i, each row da_i times its scale."""
        self.v_W.addmm_(da.T, self.x * scale, beta=momentum, alpha=-rate)
        self.v_b.addmv_(da.T, scale[:, 0], beta=momentum, alpha=-rate)
        self.W.add_(self.v_W)
        self.b.add_(self.v_b)
        limit(self.W, longest)


class ByHand:
    """Affine layers, each perhaps with dropout below it and an activation or maxout above it.

    Where a row has one output y_i, the slopes of every loss are multiples dy_i of those of y_i,
    which are found once for `into` and `move` alike.
    """

    def __init__(self, net: nn.Sequential, velocity: Velocity, longest: float) -> None:
        self.layers, self.longest, self.slopes = [], longest, []
        self.drops = []
        for i, layer in enumerate(net):
            if isinstance(layer, nn.Linear):
                above = net[i + 1] if i + 1 < len(net) and type(net[i + 1]) in BACK else nn.Identity()
                self.layers.append(Layer(layer, above, velocity))
                self.drops.append(i > 0 and isinstance(net[i - 1], layers.Dropout))

    @torch.no_grad()
    def forward(self, x: Tensor, masks: Masks = ()) -> Tensor:
        self.slopes = []
        left = iter(masks)
        for layer, drops in zip(self.layers, self.drops, strict=True):
            x = layer.forward(x, next(left) if drops else None)
        return x

    def _back(self, dy: Tensor) -> None:
        """∂L/∂a of every layer, lowest last."""
        *below, lowest = reversed(self.layers)
        for layer in below:
            self.slopes.append(layer.back(dy))
            dy = layer.below(self.slopes[-1])
        self.slopes.append(lowest.back(dy))

    def _scaled(self, dy: Tensor) -> Tensor:
        """(n, 1): what the slopes of each row have to be multiplied by."""
        one = dy.shape[1] == 1
        if not self.slopes:
            self._back(torch.ones_like(self.layers[-1].h) if one else dy)
        return dy if one else dy.new_ones(len(dy), 1)

    @torch.no_grad()
    def into(self, dy: Tensor) -> Tensor:
        scale = self._scaled(dy)
        return self.layers[0].below(self.slopes[-1][-len(dy) :]) * scale

    @torch.no_grad()
    def move(self, dy: Tensor, rate: float, momentum: float) -> None:
        scale = self._scaled(dy)
        for layer, da in zip(reversed(self.layers), self.slopes, strict=True):
            layer.move(da, scale, rate, momentum, self.longest)


class ByAutograd:
    """Any net."""

    x: Tensor
    y: Tensor

    def __init__(self, net: nn.Sequential, velocity: Velocity, longest: float) -> None:
        self.net, self.velocity, self.longest = net, velocity, longest

    @torch.enable_grad()
    def forward(self, x: Tensor, masks: Masks = ()) -> Tensor:
        self.x, left = x.detach().requires_grad_(), iter(masks)
        self.y = self.x
        for layer in self.net:
            if isinstance(layer, layers.Dropout):
                m = next(left)
                self.y = self.y if m is None else self.y * m
            else:
                self.y = layer(self.y)
        return self.y.detach()

    def into(self, dy: Tensor) -> Tensor:
        (dx,) = torch.autograd.grad(self.y[-len(dy) :], self.x, dy, retain_graph=True)
        return dx[-len(dy) :]

    def move(self, dy: Tensor, rate: float, momentum: float) -> None:
        gradients = torch.autograd.grad(self.y, list(self.net.parameters()), dy)
        with torch.no_grad():
            for p, g in zip(self.net.parameters(), gradients, strict=True):
                p.add_(self.velocity[p].mul_(momentum).sub_(g, alpha=rate))
                limit(p, self.longest)
