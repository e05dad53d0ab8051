"""Ways to compute one number: the Gaussian-window log-likelihood of rows x under samples mu.

    LL(x) = log Σ_j exp(-|x - mu_j|² / 2 sigma²) - log m - d log(sigma √(2 pi))

Each contender is a function `(samples, x, sigma) -> ll` of float32 tensors `(m, d)` and `(n, d)` on
the CPU, written as users of its library would write it. Some take `chunk`, the rows of x that are
scored at once; the fastest of a few is theirs. A library is imported when its contender is called.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench import log_likelihood

DIFFERENCES = 80_000_000  # numbers in one difference tensor: 10 rows against 10,000 of d = 784
ROWS = 1000  # rows of x at once, where no choice is offered


@dataclass(frozen=True)
class Contender:
    """A function, what it does, and what may be expected of it.

    needs: modules that must be there.
    error: the greatest error of a row in nats, for images in [0, 1] at d = 784 and sigma >= 0.1;
        None where none can be promised.
    chunks: the values of `chunk` that are tried.
    quick: whether it is run on every case, and not on the first alone.
    estimates: False for a floor, which returns no log-likelihood.
    """

    score: Callable[..., Tensor]
    what: str
    error: float | None
    needs: tuple[str, ...] = ()
    chunks: tuple[int, ...] = ()
    quick: bool = False
    estimates: bool = True

    def missing(self) -> list[str]:
        """The modules that it needs and that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]


def _log_norm(samples: Tensor, sigma: float) -> float:
    m, d = samples.shape
    return math.log(m) + d * math.log(sigma * math.sqrt(2 * math.pi))


def genbench(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    return log_likelihood(samples, x, sigma)


def jax_fused(samples: Tensor, x: Tensor, sigma: float, chunk: int = ROWS) -> Tensor:
    log_sum_exp = _jax_log_sum_exp(chunk)(samples.numpy(), x.numpy(), -0.5 / sigma**2)
    return torch.from_numpy(np.array(log_sum_exp)) - _log_norm(samples, sigma)


@cache
def _jax_log_sum_exp(chunk: int) -> Callable[..., Any]:
    """One compiled program: products, norms and sums of exponentials, `chunk` rows at a time."""
    import jax
    from jax import numpy as jnp

    @jax.jit
    def log_sum_exp(mu, x, rate):
        sq_mu = (mu**2).sum(axis=1)

        def block(rows):
            sq_dist = (rows**2).sum(axis=1)[:, None] + sq_mu - 2 * (rows @ mu.T)
            return jax.nn.logsumexp(rate * sq_dist, axis=1)

        n, d = x.shape
        blocks = -(-n // chunk)
        padded = jnp.pad(x, ((0, blocks * chunk - n), (0, 0)))
        return jax.lax.map(block, padded.reshape(blocks, chunk, d)).reshape(-1)[:n]

    return log_sum_exp


def torch_gram(samples: Tensor, x: Tensor, sigma: float, chunk: int = ROWS) -> Tensor:
    sq_mu, log_sums = samples.square().sum(dim=1), []
    for rows in x.split(chunk):
        sq_dist = torch.addmm(sq_mu, rows, samples.T, alpha=-2)
        sq_dist += rows.square().sum(dim=1, keepdim=True)
        log_sums.append(torch.logsumexp(sq_dist.mul_(-0.5 / sigma**2), dim=1))
    return torch.cat(log_sums) - _log_norm(samples, sigma)


def torch_cdist(samples: Tensor, x: Tensor, sigma: float, chunk: int = ROWS) -> Tensor:
    sq_dists = (torch.cdist(rows, samples).square_() for rows in x.split(chunk))
    log_sums = [torch.logsumexp(sq_dist.mul_(-0.5 / sigma**2), dim=1) for sq_dist in sq_dists]
    return torch.cat(log_sums) - _log_norm(samples, sigma)


def torch_product(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    return (x @ samples.T)[:, 0].clone()  # so that the 400 MB are not kept


def keops(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    os.environ["KEOPS_VERBOSE"] = "0"  # or it writes to stdout
    from pykeops.torch import LazyTensor

    rate = LazyTensor(torch.tensor([-0.5 / sigma**2]))
    exponent = ((LazyTensor(x[:, None]) - LazyTensor(samples[None])) ** 2).sum(-1) * rate
    return exponent.logsumexp(dim=1)[:, 0] - _log_norm(samples, sigma)


def sklearn_default(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    return _kernel_density(samples, x, sigma, leaf_size=40)


def sklearn_one_leaf(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    return _kernel_density(samples, x, sigma, leaf_size=len(samples))


def _kernel_density(samples: Tensor, x: Tensor, sigma: float, leaf_size: int) -> Tensor:
    from sklearn.neighbors import KernelDensity

    model = KernelDensity(bandwidth=sigma, leaf_size=leaf_size).fit(samples.numpy())
    return torch.from_numpy(model.score_samples(x.numpy()))


def scipy_logsumexp(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    from scipy.special import logsumexp
    from sklearn.metrics.pairwise import euclidean_distances

    mu, rate = samples.numpy(), -0.5 / sigma**2
    blocks = (euclidean_distances(rows.numpy(), mu, squared=True) for rows in x.split(ROWS))
    log_sums = np.concatenate([logsumexp(rate * sq_dist, axis=1) for sq_dist in blocks])
    return torch.from_numpy(log_sums) - _log_norm(samples, sigma)


def differences_2014(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    """As Breuleux et al. 2011 and Goodfellow et al. 2014: all differences, then the log-mean."""
    batch, log_means = max(1, DIFFERENCES // samples.numel()), []
    for rows in x.split(batch):
        exponent = ((rows[:, None] - samples) / sigma).square_().sum(dim=2).mul_(-0.5)
        peak = exponent.amax(dim=1, keepdim=True)
        log_means.append(peak[:, 0] + (exponent - peak).exp_().mean(dim=1).log())
    return torch.cat(log_means) - samples.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))


CONTENDERS = {
    "genbench": Contender(genbench, "this project's estimator", error=0.01, quick=True),
    "jax": Contender(
        jax_fused,
        "distances and logsumexp in one jit, lax.map over rows",
        error=0.05,
        needs=("jax",),
        chunks=(50, 100, 250, 500, 1000, 2500, 10_000),
        quick=True,
    ),
    "torch_gram": Contender(
        torch_gram, "addmm, then logsumexp", error=0.05, chunks=(250, 500, 1000, 2500), quick=True
    ),
    "torch_product": Contender(
        torch_product,
        "x @ samples.T alone: a floor, no estimator",
        error=None,
        quick=True,
        estimates=False,
    ),
    "torch_cdist": Contender(
        torch_cdist, "cdist, then logsumexp", error=0.05, chunks=(250, 500, 1000, 2500)
    ),
    "scipy": Contender(
        scipy_logsumexp,
        "scikit-learn's euclidean_distances, then scipy's logsumexp",
        error=0.05,
        needs=("scipy", "sklearn"),
    ),
    "keops": Contender(
        keops, "LazyTensor, logsumexp; compilation not counted", error=0.02, needs=("pykeops",)
    ),
    "sklearn_default": Contender(
        sklearn_default, "KernelDensity(leaf_size=40)", error=None, needs=("sklearn",)
    ),
    "sklearn_one_leaf": Contender(
        sklearn_one_leaf, "KernelDensity(leaf_size=n)", error=1e-6, needs=("sklearn",)
    ),
    "differences_2014": Contender(
        differences_2014, "the 2014 formulation: all differences in torch, float32", error=0.02
    ),
}


def truth(samples: Tensor, x: Tensor, sigma: float) -> Tensor:
    """The definition in float64, from differences: slow, for a few rows of x."""
    mu, rate = samples.double(), -0.5 / sigma**2
    sq_dist = torch.stack(
        [
            torch.cat([(block - row).square_().sum(dim=1) for block in mu.split(ROWS)])
            for row in x.double()
        ]
    )
    return torch.logsumexp(rate * sq_dist, dim=1) - _log_norm(samples, sigma)
