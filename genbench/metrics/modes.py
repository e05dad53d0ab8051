"""Which kinds of rows a generator draws, and how often: classes of a net, or modes of a mixture.

    KL(p ‖ q) = sum_c p_c log(p_c / q_c)     nats, 0 at best
p_c is the share of samples in class c: that of the greatest logit of the features' own classifier,
and q_c the share of test rows by the same classifier, whose mistakes so are on both sides. Where
the dataset's density is a mixture of round Gaussians, c is the nearest centre, and q_c is 1 / C.
All samples and all test rows are read. Of equal distributions KL is about
    (C - 1) / 2 (1 / m + 1 / n)
for m samples and n test rows, which the notes name. A class that lacks test rows counts as half a
row.

Standard error over samples, q held fixed, with s = sum_c p_c log²(p_c / q_c) - KL²:
    var = (s - (C - 1) / m) / m + (C - 1) / (2 m²)
where the last term remains at p = q and the first is at least 0.

A classifier sorts whatever it is given: blur and noise go unseen where they leave classes alone.
On mixtures a sample within three standard deviations of its centre is of high quality, and a
centre with one such sample is hit: Srivastava et al. 2017, arXiv 1705.07761; Lin et al. 2018,
1712.04086.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from scipy import stats
from torch import Tensor

from genbench.metrics._rows import check_count, in_blocks
from genbench.protocols import JSON, Points, Score

NEAR = 3  # standard deviations within which a sample is of high quality
OVER = "over samples, the test rows held fixed"


@dataclass(frozen=True)
class Shares:
    """Rows in each class, float64 (C,)."""

    counts: Tensor

    @property
    def total(self) -> float:
        return float(self.counts.sum())

    @property
    def shares(self) -> Tensor:
        return self.counts / self.total

    @property
    def entropy(self) -> float:
        """-sum p log p, nats."""
        return -float(torch.xlogy(self.shares, self.shares).sum())


class Modes:
    """KL of the samples' classes to those of the test rows, or of the modes that they hit.

    Args:
        features: the name of the features, for the record: the metric is handed them.
    """

    revision = 1
    unit = "nats"
    best = "low"
    orders: tuple[str, ...] = ("repeated", "noise")

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> Modes.signature({"features": "digits"}, 256)
        {'f': 'digits', 'kl': 'to-test', 'most': 'all'}
        """
        name = str(settings.get("features", "")) or "default"
        return {"f": name, "kl": "to-test", "most": "all"}

    def __init__(self, features: str = "") -> None:
        self.features = features

    @staticmethod
    def unmet(features: Any, density: Any) -> str:
        """Why there is nothing to count; empty where there is."""
        if _is_mixture(density) or callable(getattr(features, "classify", None)):
            return ""
        return (
            "modes are classes of a net or centres of a mixture; these features have no classes "
            "and the dataset no such density: choose features that have classes"
        )

    def __call__(
        self, samples: Tensor, test: Tensor, features: Any = None, density: Any = None
    ) -> Score:
        """value = KL; stderr over samples.

        Raises ValueError where the features have no classes and the density no centres, for fewer
        than two samples, and for rows or logits that are no finite numbers.
        """
        check_count(len(samples), 2, "samples", "a histogram")
        if _is_mixture(density):
            return _of_mixture(samples, density.centres, float(density.std))
        if lack := self.unmet(features, density):
            raise ValueError(lack)
        classify = features.classify
        check_count(len(test), 2, "test rows", "a histogram")
        return _of_classes(samples, test, cast("Callable[[Tensor], Tensor]", classify))


def _is_mixture(density: Any) -> bool:
    return hasattr(density, "centres") and hasattr(density, "std")


def divergence(p: Tensor, q: Tensor) -> float:
    """sum p log(p / q), nats, of shares (C,); 0 log 0 is 0."""
    return float((torch.xlogy(p, p) - torch.xlogy(p, q)).sum())


def stderr(p: Tensor, q: Tensor, m: float) -> float:
    """Of the divergence of m rows' shares p to fixed q."""
    c, logs = len(p), (p.clamp_min(1e-300) / q).log()
    s = float((p * logs.square()).sum()) - divergence(p, q) ** 2
    return math.sqrt(max(0.0, s - (c - 1) / m) / m + (c - 1) / (2 * m**2))


def _of_classes(samples: Tensor, test: Tensor, classify: Callable[[Tensor], Tensor]) -> Score:
    fake, real = (
        Shares(_counted(classify, rows, what))
        for rows, what in ((samples, "samples"), (test, "test rows"))
    )
    q = real.counts.clamp_min(0.5) / real.counts.clamp_min(0.5).sum()
    c, rarest = len(q), int(fake.counts.argmin())
    chi_square, p = homogeneity(fake.counts, real.counts)
    notes: dict[str, JSON] = {
        "of equal distributions": (c - 1) / 2 * (1 / fake.total + 1 / real.total),
        "entropy": fake.entropy,
        "entropy of test rows": real.entropy,
        "rarest class": rarest,
        "its share": float(fake.shares[rarest]),
        "chi-square": chi_square,
        "p": p,
    }
    curves: dict[str, Points] = {
        "share by class: samples": _points(fake),
        "share by class: test rows": _points(real),
    }
    missing = [
        f"no sample is of class {i}, {int(n):,} of {real.total:,.0f} test rows are"
        for i, n in enumerate(real.counts.tolist())
        if n > 0 and fake.counts[i] == 0
    ]
    value, error = divergence(fake.shares, q), stderr(fake.shares, q, fake.total)
    return Score(value, error, None, curves, missing, notes, OVER)


def _of_mixture(samples: Tensor, centres: Tensor, std: float) -> Score:
    counts = torch.zeros(len(centres), dtype=torch.float64)
    near = torch.zeros(len(centres), dtype=torch.int64)
    for block in in_blocks(lambda rows: rows.double().cpu(), samples, "samples"):
        distance, which = torch.cdist(block, centres.cpu().double()).min(dim=1)
        counts += torch.bincount(which, minlength=len(centres))
        near += torch.bincount(which[distance <= NEAR * std], minlength=len(centres))
    fake, c = Shares(counts), len(centres)
    hit, q = int((near > 0).sum()), torch.full_like(counts, 1 / c)
    notes: dict[str, JSON] = {
        "of equal distributions": (c - 1) / (2 * fake.total),
        "modes hit": hit,
        "modes": c,
        "share of high quality": int(near.sum()) / fake.total,
        "entropy": fake.entropy,
    }
    missed = f"{c - hit} of {c} modes have no sample within {NEAR} standard deviations"
    value, error = divergence(fake.shares, q), stderr(fake.shares, q, fake.total)
    curves: dict[str, Points] = {"share by mode: samples": _points(fake)}
    return Score(value, error, None, curves, [missed] if hit < c else [], notes, "over samples")


def homogeneity(one: Tensor, other: Tensor) -> tuple[float, float]:
    """Pearson's chi-square of two histograms (C,), and its p, for independent rows."""
    both = torch.stack([one, other])[:, (one + other) > 0].numpy()
    if both.shape[1] < 2:
        return 0.0, 1.0
    found: Any = stats.chi2_contingency(both, correction=False)
    return float(found.statistic), float(found.pvalue)


def _counted(classify: Callable[[Tensor], Tensor], rows: Tensor, what: str) -> Tensor:
    """How many rows (n, d) the classifier puts into each class, float64 (C,)."""
    found = [
        torch.bincount(logits.argmax(dim=1).cpu(), minlength=logits.shape[1])
        for logits in in_blocks(classify, rows, what)
    ]
    return torch.stack(found).sum(dim=0).double()


def _points(of: Shares) -> list[tuple[float, float]]:
    return [(float(i), share) for i, share in enumerate(of.shares.tolist())]
