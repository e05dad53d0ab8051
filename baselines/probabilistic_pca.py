"""Probabilistic principal component analysis (Tipping & Bishop 1999), fitted in closed form.

x = mean + W z + ε, z ~ N(0, I), ε ~ N(0, s² I), so that p(x) = N(x; mean, W Wᵀ + s² I). It is the
decoder whose log p(x) and whose codes given x are known, so that every bound of a likelihood can be
held against the truth. The columns of W are orthogonal: M = Wᵀ W + s² I is diagonal, and so is the
covariance of z given x, which `posterior` states exactly.
"""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from genbench.protocols import Epoch

CHUNK = 1000  # rows at a time


def covariance(x: Tensor, mean: Tensor) -> Tensor:
    """E[(x - mean)(x - mean)ᵀ] over the rows of `x`, float64 (d, d)."""
    sums = mean.new_zeros(len(mean), len(mean))
    for rows in x.split(CHUNK):
        centred = rows - mean
        sums += centred.T @ centred
    return sums / len(x)


def fitted(S: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The maximum of the likelihood for a covariance S (d, d): W (d, k), and s².

    With λ_1 >= .. >= λ_d the eigenvalues of S and V its eigenvectors: s² is the mean of the d - k
    least, W = V_k (Λ_k - s² I)^½, the largest entry of each column positive. Where S is singular,
    s² is the rounding of float64, so that there is a density.
    """
    values, vectors = torch.linalg.eigh(S)
    values, vectors = values.flip(0), vectors.flip(1)[:, :k]
    variance = values[k:].mean().clamp(min=len(S) * torch.finfo(S.dtype).eps * float(values[0]))
    largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
    return vectors * largest.sign() * (values[:k] - variance).clamp(min=0).sqrt(), variance


class ProbabilisticPCA:
    """`components` principal axes, at most d - 1, and noise of one variance in all directions.

    clip: whether samples, the noise among them, are clipped to [0, 1].
    """

    revision = 1
    samples = "mean"
    sampling = ("clip",)
    observation = "gaussian"

    def __init__(self, shape: tuple[int, ...], components: int, clip: bool = True) -> None:
        if components < 1:
            raise ValueError(f"components must be at least 1, got {components}")
        d = math.prod(shape)
        self.clip = clip
        self.mean = torch.zeros(d, dtype=torch.float64)
        self.W = torch.zeros(d, min(components, d - 1), dtype=torch.float64)
        self.s2 = torch.ones((), dtype=torch.float64)
        self.epoch = torch.zeros((), dtype=torch.int64)

    @property
    def variance(self) -> float:
        """s², of a row given its code."""
        return float(self.s2)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        if self.epoch == 0:
            self.mean.copy_(train.mean(dim=0, dtype=torch.float64))
            W, s2 = fitted(covariance(train, self.mean), self.W.shape[1])
            self.W.copy_(W)
            self.s2.copy_(s2)
            self.epoch.fill_(1)
            yield Epoch(1, 1, {"negative log-likelihood": -float(self.log_prob(train).mean())})

    def log_prob(self, x: Tensor) -> Tensor:
        """log N(x; mean, W Wᵀ + s² I), nats, float64 (n,), of rows x (n, d).

        |W Wᵀ + s² I| = |M| s^(2 (d - k)), and (x - mean)ᵀ (W Wᵀ + s² I)⁻¹ (x - mean)
        = (‖x - mean‖² - Σ_j (w_jᵀ (x - mean))² / M_jj) / s².
        """
        M, (d, k) = self._M(), self.W.shape
        log_det = M.log().sum() + (d - k) * self.s2.log()
        centred = x - self.mean
        on_axes = ((centred @ self.W).square() / M).sum(dim=1)
        sq_dist = (centred.square().sum(dim=1) - on_axes) / self.s2
        return -(sq_dist + log_det + d * math.log(2 * math.pi)) / 2

    def _M(self) -> Tensor:
        """The diagonal of M = Wᵀ W + s² I, (k,)."""
        return self.W.square().sum(dim=0) + self.s2

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means M⁻¹ Wᵀ (x - mean) and deviations s M^-½ of the codes of rows x, (n, k) each."""
        M = self._M()
        means = (x - self.mean) @ self.W / M
        return means.to(x), (self.s2 / M).sqrt().expand_as(means).to(x)

    def encode(self, x: Tensor) -> Tensor:
        """The likeliest code of each row, (n, k)."""
        return self.posterior(x)[0]

    def prior(self, n: int) -> Tensor:
        """n draws of z, (n, k)."""
        return self.W.new_empty(n, self.W.shape[1], dtype=torch.get_default_dtype()).normal_()

    def code(self, t: Tensor) -> Tensor:
        """The prior is the standard normal: t itself."""
        return t

    def decode(self, z: Tensor) -> Tensor:
        """mean + W z, (n, d)."""
        return self.mean.to(z) + z @ self.W.T.to(z)

    def sample(self, n: int) -> Tensor:
        x = self.decode(self.prior(n))
        x += self.s2.sqrt().to(x) * torch.randn_like(x)
        return x.clamp(0, 1) if self.clip else x

    def state_dict(self) -> dict[str, Tensor]:
        kept = {"mean": self.mean, "W": self.W, "variance": self.s2}
        return {**kept, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.mean.copy_(state["mean"])
        self.W.copy_(state["W"])
        self.s2.copy_(state["variance"])
        self.epoch.copy_(state.get("train.epoch", torch.tensor(1)))
