# pyright: strict
"""log p(x|t) of rows x, where a decoder answers means m(t) for standard normal codes t.

    gaussian              -|x - m|² / 2v - d/2 log 2πv, a density
    bernoulli             sum x log m + (1 - x) log(1 - m), of x in {0, 1}: a log mass
    continuous_bernoulli  the same + sum log C(m), of x in [0, 1]: a density
    C(m) = 2 atanh(1 - 2m) / (1 - 2m), and 2 at m = 1/2 (Loaiza-Ganem & Cunningham 2019)
A Bernoulli's formula on greys is a cross entropy and no density, since it does not integrate to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.precision import products_in

KINDS = ("gaussian", "bernoulli", "continuous_bernoulli")
COMMON = 0.025  # v at which every decoder can be scored, beside its own
NEAREST = 1e-7  # of a mean to 0 or 1, where its logarithm is taken
FLAT = 1e-3  # |1 - 2m| below which log C is a series


@dataclass(frozen=True)
class Decoder:
    """p(t) = N(0, I) in `width` dimensions, and rows given t.

    means: t (n, width) -> (n, d), through which gradients flow. kind: one of KINDS. slopes: of the
    products that ∂ log p(x|t) / ∂t is made of; `precision.coarse_dtype` makes sampling faster, and
    no less right (see `hmc`). Values are made of float32 products.
    """

    means: Callable[[Tensor], Tensor]
    width: int
    kind: str = "gaussian"
    slopes: torch.dtype = torch.float32

    @property
    def has_variance(self) -> bool:
        return self.kind == "gaussian"


def decoder_of(model: Any, rows: Tensor) -> Decoder:
    """What a model with `code` and `decode` says of such rows (n, d).

    A model that names no `observation` is scored as Gaussian, of binary rows as Bernoulli. Raises
    ValueError where the observation is none of KINDS, or would make a density of binary rows, or
    a mass of others.
    """
    binary = is_binary(rows)
    kind = getattr(model, "observation", "bernoulli" if binary else "gaussian")
    if kind not in KINDS:
        raise ValueError(f"a model's observation must be one of {', '.join(KINDS)}, got {kind!r}")
    if binary and kind != "bernoulli":
        raise ValueError(
            f"the rows are binary, and the model observes them as {kind}: a density, which is not "
            "comparable with log masses of such rows; train the model with a Bernoulli decoder"
        )
    if kind == "bernoulli" and not binary:
        raise ValueError(
            "the model observes rows as bernoulli, and these are not binary: of greys that is a "
            "cross entropy and no density; use binary data or a continuous_bernoulli decoder"
        )
    width = model.prior(1).shape[1]
    return Decoder(lambda t: model.decode(model.code(t)), width, kind)


def is_binary(rows: Tensor) -> bool:
    """Whether all entries are 0 or 1."""
    return bool(((rows == 0) | (rows == 1)).all())


def log_prob(
    kind: str, x: Tensor, m: Tensor, v: Tensor | float, dtype: torch.dtype = torch.float64
) -> Tensor:
    """log p(x|t), (..., n), of rows x (n, d) and means m (..., n, d).

    v: a variance, or one for each row (n,); only of "gaussian". dtype: of the sums.
    """
    x, m = x.to(dtype), m.to(dtype)
    if kind == "gaussian":
        v = torch.as_tensor(v, dtype=torch.float64, device=m.device)
        constant = m.shape[-1] / 2 * (2 * math.pi * v).log()
        return (x - m).square().sum(dim=-1) / (-2 * v) - constant
    m = m.clamp(NEAREST, 1 - NEAREST)
    terms = x * m.log() + (1 - x) * torch.log1p(-m)
    return (terms + _log_C(m) if kind == "continuous_bernoulli" else terms).sum(dim=-1)


def drawn(kind: str, m: Tensor, v: float) -> Tensor:
    """Rows x ~ p(x|t), (n, d), float32, of means m (n, d)."""
    if kind == "gaussian":
        return m + math.sqrt(v) * torch.randn_like(m)
    if kind == "bernoulli":
        return torch.bernoulli(m)
    u = torch.rand_like(m, dtype=torch.float64)
    m = m.double().clamp(NEAREST, 1 - NEAREST)
    return _inverse(m, u).to(torch.float32)


def expected(kind: str, m: Tensor) -> Tensor:
    """E[x|t], (n, d), of means m (n, d): m itself but of a continuous Bernoulli.

    There it is m / (2m - 1) + 1 / (2 atanh(1 - 2m)), and 1/2 - w/6 near w = 1 - 2m = 0.
    """
    if kind != "continuous_bernoulli":
        return m
    w = 1 - 2 * m.double().clamp(NEAREST, 1 - NEAREST)
    near = w.abs() < FLAT
    safe = torch.where(near, torch.full_like(w, 0.5), w)
    exact = (safe - 1) / (2 * safe) + 1 / (2 * torch.atanh(safe))
    return torch.where(near, 0.5 - w / 6, exact).to(m)


def _log_C(m: Tensor) -> Tensor:
    """log(2 atanh(w) / w), w = 1 - 2m; log 2 + w²/3 + 13 w⁴/90 near w = 0."""
    w = 1 - 2 * m
    near = w.abs() < FLAT
    safe = torch.where(near, torch.full_like(w, 0.5), w)
    series = math.log(2) + w.square() / 3 + 13 * w.pow(4) / 90
    return torch.where(near, series, (2 * torch.atanh(safe) / safe).log())


def _inverse(m: Tensor, u: Tensor) -> Tensor:
    """The u-quantile of a continuous Bernoulli: F(x) = (m^x (1 - m)^(1 - x) + m - 1) / (2m - 1)."""
    near = (1 - 2 * m).abs() < FLAT
    safe = torch.where(near, torch.full_like(m, 0.25), m)
    quantile = (torch.log1p(u * (2 * safe - 1) / (1 - safe))) / torch.logit(safe)
    return torch.where(near, u, quantile)


class OfRows:
    """ℓ(t) = log p(x|t) and ∂ℓ/∂t, of n rows x and chains t (m n, c): chain by chain, all rows.

    v: a variance, or one for each row, float64 (n,).
    """

    def __init__(self, decoder: Decoder, x: Tensor, v: Tensor | float = 0.0) -> None:
        self.decoder = decoder
        self.x = x
        self.v = v

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """float64 (m n,) and (m n, c); raises ValueError where the means do not depend on t."""
        if self.decoder.slopes == torch.float32:
            return self._both(t)
        with torch.no_grad():
            return self.value(t), self.slope(t)

    def slope(self, t: Tensor) -> Tensor:
        """∂ℓ/∂t, (m n, c), of products in the decoder's `slopes`."""
        if self.decoder.slopes == torch.float32:
            return self._both(t)[1]
        with products_in(self.decoder.slopes, t.device):
            return self._both(t, torch.float32)[1]

    def _both(self, t: Tensor, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        t = t.detach().requires_grad_()
        with torch.enable_grad():
            value = self.value(t, dtype)
            if not value.requires_grad:
                raise ValueError(
                    "the model's decode(code(t)) has no gradient with respect to t: let decode "
                    "compute with gradients where z.requires_grad"
                )
            (slope,) = torch.autograd.grad(value.sum(), t)
        return value.detach(), slope

    def value(self, t: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
        """ℓ(t), (m n,); dtype: of its sums."""
        means = self.decoder.means(t)
        by_chain = means.view(-1, len(self.x), means.shape[1])
        return log_prob(self.decoder.kind, self.x, by_chain, self.v, dtype).flatten()
