# pyright: strict
"""The maximum mean discrepancy between samples and test rows, under a Gaussian kernel.

Conventions: n samples x and n test rows y, the smaller count, at most the first 10,000 of each, in
features; w is the median distance between the first 1,000 validation rows, never of test rows.
Gretton et al. (2012), the unbiased statistic, which can be negative:
    k(a, b) = exp(-|a - b|² / 2 w²),   h_ij = k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(x_j, y_i)
    MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean_{i,j} k(x_i, y_j)
stderr: over samples and test rows. With h_i the mean of h_ij over j, which has both terms of the
variance of a U-statistic, the second one twice too often,
    stderr² = 4 var(h_i) / n - 2 var(h_ij) / (n (n - 1))
and where that is no more than 0, the deviation of the permuted statistics.
p: the 2n labels permuted, 500 times; p = (1 + #{permuted >= MMD²}) / (1 + 500).

No kernel matrix is held: blocks of rows of it (64 MiB) are multiplied by all permutations at once
(40 MB), so that 10,000 against 10,000 take one pass. Kernels are float32, less the constant
exp(-1/2), which changes nothing but rounding; sums are float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._distances import BLOCK, sq_distances
from genbench.metrics._rows import MOST, Features, check_counts, featured, flatness, signed
from genbench.precision import float32_products
from genbench.protocols import Score

PERMUTATIONS = 500
CHOOSING = 1000  # validation rows that choose the bandwidth
LEAST = 10  # rows of each side
OFFSET = math.exp(-0.5)  # the kernel at its own bandwidth


class MMD:
    """The squared distance between mean embeddings of samples and test rows; 0 where they agree.

    Args:
        features: the registered name of what distances are taken between.
    """

    revision = 1
    unit = "MMD²"
    best = "low"
    orders: tuple[str, ...] = (
        *("shifted", "blurred", "binarised", "linear"),
        *("centroids", "covariance", "repeated", "noise"),
    )

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> MMD.signature({"features": "digits"}, 256)
        {'f': 'digits', 'most': '10000', 'kernel': 'gauss', 'w': 'median1000', 'n': 'equal'}
        """
        return signed(settings, kernel="gauss", w=f"median{CHOOSING}", n="equal")

    def __init__(self, features: str = "") -> None:
        self.features = features

    def __call__(self, samples: Tensor, valid: Tensor, test: Tensor, features: Features) -> Score:
        """samples (m, d), valid and test (n, d), features: rows to (n, w).

        Raises ValueError for fewer than 10 samples, test or validation rows, for features that are
        not finite, and where half the validation rows are equal.
        """
        n = min(len(samples), len(test), MOST)
        check_counts(LEAST, sample=len(samples), test=len(test), validation=len(valid))
        x, y = featured(features, samples, n), featured(features, test, n)
        w = bandwidth(featured(features, valid, CHOOSING))
        labels = _labels(n, x.device)
        sums = _summed(x, y, w, labels)
        found = sums.mmd2(n)
        value, permuted = found[0].item(), found[1:]
        p = (1 + int((permuted >= value).sum())) / (1 + len(permuted))
        variance = 4 * sums.h_mean.var().item() / n - 2 * sums.h_var / (n * (n - 1))
        stderr = math.sqrt(variance) if variance > 0 else permuted.std().item()
        how = "over samples and test rows, the bandwidth fixed"
        over = how if variance > 0 else "of statistics whose labels are permuted"
        notes = {
            "p by permutation": p,
            "bandwidth": w,
            "deviation of permuted": permuted.std().item(),
            "rows": {"samples": n, "test": n, "valid": min(len(valid), CHOOSING)},
        }
        flat = flatness(samples=x, test_rows=y)
        return Score(value, stderr, warnings=flat, notes=notes, over=over)


def bandwidth(rows: Tensor) -> float:
    """The median distance between two of the rows (n, w); raises ValueError where that is 0."""
    sq_dist = torch.cat([part for _, part in sq_distances(rows, rows)])
    i, j = torch.triu_indices(len(rows), len(rows), offset=1)
    w = sq_dist[i, j].double().quantile(0.5).sqrt().item()
    if not w > 0:
        raise ValueError(
            f"the bandwidth is the median distance of {len(rows):,} validation rows, got {w}: "
            "use features in which they differ"
        )
    return w


@dataclass(frozen=True)
class _Sums:
    """xx: uᵀ K u of each labelling u, K without its diagonal; ux: uᵀ K 1; total: 1ᵀ K 1, float64.

    h_mean: h_i, (n,). h_var: the variance of h_ij.
    """

    xx: Tensor
    ux: Tensor
    total: float
    h_mean: Tensor
    h_var: float

    def mmd2(self, n: int) -> Tensor:
        """The statistic of each labelling, by sums over pairs in one set, the other, and across.

        Pairs of equal index are across too: of 2n rows all but the diagonal are there.
        """
        yy = self.total - 2 * self.ux + self.xx
        return (self.xx + yy) / (n * (n - 1)) - 2 * (self.ux - self.xx) / n**2


def _labels(n: int, device: torch.device) -> Tensor:
    """Which rows of x_0, y_0, x_1, y_1 ... count as samples, (2n, 1 + PERMUTATIONS), float32."""
    first = torch.arange(2 * n) % 2 == 0
    orders = [torch.arange(2 * n), *(torch.randperm(2 * n) for _ in range(PERMUTATIONS))]
    return torch.stack([first[order] for order in orders], dim=1).float().to(device)


def _summed(x: Tensor, y: Tensor, w: float, labels: Tensor) -> _Sums:
    n = len(x)
    pooled = torch.stack([x, y], dim=1).flatten(0, 1)
    with_ones = torch.cat([labels, torch.ones_like(labels[:, :1])], dim=1)
    total = torch.zeros(with_ones.shape[1], dtype=torch.float64, device=x.device)
    ux, h_square = total.clone(), 0.0
    h_mean: list[Tensor] = []
    pairs = max(1, BLOCK // (4 * n))
    for part, sq_dist in sq_distances(pooled, pooled, block=2 * pairs * 2 * n):
        k = sq_dist.div_(-2 * w * w).exp_().sub_(OFFSET)
        own = torch.arange(part.start, part.stop, device=x.device)
        k[own - part.start, own] = 0
        with float32_products():
            products = (k @ with_ones).double()
        total += (with_ones[part] * products).sum(dim=0)
        ux += (with_ones[part] * products[:, -1:]).sum(dim=0)
        of_pairs = k.view(-1, 2, n, 2)
        h = of_pairs[:, 0, :, 0] + of_pairs[:, 1, :, 1]
        h -= of_pairs[:, 0, :, 1] + of_pairs[:, 1, :, 0]
        i = own[::2] // 2
        h[i - i[0], i] = 0
        h_mean.append(h.sum(dim=1, dtype=torch.float64) / (n - 1))
        h_square += h.square().sum(dtype=torch.float64).item()
    means = torch.cat(h_mean)
    h_var = h_square / (n * (n - 1)) - means.mean().item() ** 2
    return _Sums(total[:-1], ux[:-1], total[-1].item(), means, h_var)
