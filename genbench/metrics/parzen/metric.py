"""The paper's protocol: sigma chosen on validation rows, then the mean over all test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genbench.metrics.parzen.certificate import certify
from genbench.metrics.parzen.choosing import Curve, Tried, best, best_of_grid, refined
from genbench.metrics.parzen.estimator import AT_ONCE, MEMORY, Windows, check_limits, check_sigma
from genbench.metrics.parzen.grid import COLUMN, VALID, Block, Grid, Packed, Spread, packed
from genbench.protocols import BY_SAMPLES, JSON, Points, Score

ROUNDS = 3  # of widths between points, to refine: the last step is .5 % of the paper's grid
NOTICED = 1.0  # nats by which a width between the points of a grid must be better
BY_SIGMA = "validation score by sigma"
NOT_COMPUTED = "sigma not computed, validation score at most"
STRIDES = (4, 2)  # the score is given by every 4th and every 2nd sample too

Count = tuple[int, float, float]  # samples, the sigma that was chosen for them, their score


def validation_curve(samples: Tensor, valid: Tensor, grid: Sequence[float]) -> Curve:
    """(sigma, mean LL on `valid`) for each sigma of the grid, in its order."""
    sigmas = check_sigma(grid)
    means = Windows(samples).score(valid, sigmas).log_likelihood.mean(dim=1).tolist()
    return list(zip(sigmas, means, strict=True))


def select_sigma(samples: Tensor, valid: Tensor, grid: Sequence[float]) -> float:
    """The sigma of the grid with the greatest mean LL on `valid`; of equals the least."""
    (tried,) = best_of_grid(Windows(samples), valid, check_sigma(grid))
    return tried.best[0]


class Parzen:
    """Mean Parzen log-likelihood of the test rows, in nats.

    Args:
        sigma: a fixed width; None chooses it on the first `n_valid` validation rows.
        grid_start, grid_stop, grid_size: the widths tried, evenly spaced in logs.
        n_valid: how many validation rows choose; all, where there are fewer.
        sigma_search: "grid" takes the best width of the grid, as the paper did; "refine" goes on
            between the best and its neighbours.
        scale: multiplies samples and data first: 255/256 makes pixels k/256 of k/255.
        threshold: None, or what makes binary samples of means: 1 from it on, else 0.
        precision: "auto" or "float64", see `log_likelihood`.
        memory: bytes beyond the inputs.
    """

    revision = 1
    unit = "nats"
    best = "high"
    at_once: tuple[int, int] = AT_ONCE, COLUMN  # test rows and samples of a block of a large score
    spread: Spread | None = None  # who computes its blocks

    @staticmethod
    def protocols(levels: int | None, kind: str) -> dict[str, dict[str, Any]]:
        """Other settings for samples of a kind, of pixels k / (levels - 1): by name."""
        found: dict[str, dict[str, Any]] = {
            "sigma refined": {"sigma_search": "refine"},
            "sigma .2": {"sigma": 0.2},
        }
        if levels is not None:
            found[f"pixels k/{levels}"] = {"scale": (levels - 1) / levels}
            if kind == "mean":
                found["thresholded"] = {"threshold": 0.5}
        return found

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What of all its settings a table's signature names, for pixels of k / (levels - 1).

        >>> Parzen.signature({"grid_size": 10, "n_valid": 1000, "sigma_search": "refine"}, 256)
        {'scale': '255', 'sigma': 'refine10', 'v': 'first1000', 'prec': 'auto'}
        """
        said = vars(Parzen(**settings))
        ends = (min(said["grid"]), max(said["grid"]))
        search = f"{'refine' if said['refines'] else 'grid'}{len(said['grid'])}"
        if not math.isclose(ends[0], 0.1) or not math.isclose(ends[1], 1.0):
            search += f"from{ends[0]:g}to{ends[1]:g}"
        fixed = said["sigma"] is not None
        parts = {
            "scale": f"x{said['scale']:g}"
            if levels is None
            else f"{(levels - 1) / said['scale']:g}",
            "sigma": f"fixed{said['sigma']:g}" if fixed else search,
            "v": "none" if fixed else f"first{said['n_valid']}",
            "prec": said["precision"],
        }
        cut = said["threshold"]
        return parts if cut is None else {**parts, "threshold": f"{cut:g}"}

    def __init__(
        self,
        sigma: float | None = None,
        grid_start: float = 0.1,
        grid_stop: float = 1.0,
        grid_size: int = 10,
        n_valid: int = 1000,
        sigma_search: str = "grid",
        scale: float = 1.0,
        threshold: float | None = None,
        precision: str = "auto",
        memory: int = MEMORY,
    ) -> None:
        if sigma is not None:
            check_sigma(sigma)
        if not (0 < grid_start <= grid_stop < math.inf and grid_size >= 1):
            got = f"{grid_size} from {grid_start} to {grid_stop}"
            raise ValueError(f"the grid must have 0 < start <= stop and a size >= 1, got {got}")
        if n_valid < 1:
            raise ValueError(f"n_valid must be at least 1, got {n_valid}")
        if sigma_search not in ("grid", "refine"):
            raise ValueError(f"sigma_search must be 'grid' or 'refine', got {sigma_search!r}")
        if sigma is not None and sigma_search == "refine":
            raise ValueError(f"sigma_search='refine' chooses sigma, and sigma={sigma} fixes it")
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be a number above 0, got {scale}")
        if threshold is not None and not math.isfinite(threshold):
            raise ValueError(f"threshold must be a finite number or None, got {threshold}")
        check_limits(precision, memory)
        self.scale = scale
        self.threshold = threshold
        self.sigma = sigma
        self.n_valid = n_valid
        self.refines: bool = sigma_search == "refine"
        self.precision = precision
        self.memory = memory
        ends = math.log10(grid_start), math.log10(grid_stop)
        self.grid: list[float] = torch.logspace(*ends, grid_size, dtype=torch.float64).tolist()

    def __call__(self, samples: Tensor, valid: Tensor, test: Tensor) -> Score:
        """value = mean LL(test); stderr = std / √n_test, with n in the variance, as parzen_ll.py.

        Raises ValueError where there are no validation rows to choose sigma on, and
        CertificateError where recomputed rows do not confirm the value.
        """
        samples, choosing, test = self._treated(samples, valid, test)
        if self.sigma is None and len(choosing) == 0:
            raise ValueError("sigma is chosen on validation rows, got none: fix it with sigma=")
        windows = self._windows(samples, test)
        tried = self._tried(windows, choosing)
        chosen = [self._chosen(one) for one in tried]
        by_count = windows.score_by_count(test, [[sigma] for sigma, _ in chosen])
        means = [scored.log_likelihood.mean().item() for scored in by_count]
        sigmas = [sigma for sigma, _ in chosen]
        counts = list(zip(windows.counts, sigmas, means, strict=True))
        (sigma, mean_valid), scored, value = chosen[-1], by_count[-1], means[-1]
        ll, exact = scored.log_likelihood[0], scored.in_float64
        certificate = certify(samples, test, sigma, ll, scored.looked_at, exact)
        notes = {
            **_noted(mean_valid, counts, len(choosing), len(test)),
            **_not_computed(tried[-1]),
            "certificate": {**certificate, "dropped": scored.dropped, "how": list(scored.how)},
            "effective": _spread(scored.effective[0]),
        }
        stderr = ll.std(correction=0).item() / math.sqrt(len(test))
        curves = drawn_curves(tried[-1], chosen[-1], counts)
        return Score(value, stderr, ll.cpu(), curves, self._warnings(sigma, tried[-1]), notes)

    def part(
        self, block: Mapping[str, Any], samples: Tensor, valid: Tensor, test: Tensor
    ) -> Packed:
        """A block that `spread` was given, of the same rows as the score: tensors, and a note."""
        samples, choosing, test = self._treated(samples, valid, test)
        of = Block(**block)
        rows = (choosing if of.of == VALID else test)[slice(*of.rows)]
        limits = self.precision, self.memory
        windows = Windows(samples, *limits, strides=STRIDES, checked=True)
        return packed(windows.block(rows, (of.samples[0], of.samples[1]), of.sigmas))

    def _treated(
        self, samples: Tensor, valid: Tensor, test: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Samples, the validation rows that choose and test rows, by threshold and scale."""
        if self.threshold is not None:
            samples = (samples >= self.threshold).to(samples.dtype)
        choosing = valid[: self.n_valid]
        if self.scale != 1:
            samples, choosing, test = (self.scale * rows for rows in (samples, choosing, test))
        return samples, choosing, test

    def _windows(self, samples: Tensor, test: Tensor) -> Windows:
        """Of a grid of blocks, where test rows or samples are more than one has."""
        limits, grid = (self.precision, self.memory), self.at_once
        if len(test) <= grid[0] and len(samples) <= grid[1]:
            return Windows(samples, *limits, strides=STRIDES)
        if self.spread is None:
            return Windows(samples, *limits, strides=STRIDES, grid=grid)
        return Grid(samples, test, self.spread, grid, *limits, STRIDES)

    def _tried(self, windows: Windows, choosing: Tensor) -> list[Tried]:
        """For each count, the grid, and widths between its points around the best one.

        Without refining the latter are for the warning of a coarse grid, of all samples only.
        """
        if len(choosing) == 0:
            return [Tried([])] * len(windows.counts)
        grid = self.grid if self.sigma is None else [float(self.sigma)]
        tried = best_of_grid(windows, choosing, grid)
        fewer = ROUNDS if self.refines else 0
        return refined(windows, choosing, tried, [fewer] * (len(tried) - 1) + [max(fewer, 1)])

    def _chosen(self, tried: Tried) -> tuple[float, float | None]:
        """The width and its mean on the validation rows, where there are any."""
        if not tried.grid:
            assert self.sigma is not None
            return float(self.sigma), None
        return tried.best if self.refines else best(tried.grid)

    def _warnings(self, sigma: float, tried: Tried) -> list[str]:
        if self.sigma is not None or len(self.grid) == 1:
            return []
        found = []
        if not min(self.grid) < sigma < max(self.grid):
            ends = f"{min(self.grid):.4g} to {max(self.grid):.4g}"
            edge = f"sigma {sigma:.4g} is at the edge of its grid ({ends})"
            found.append(f"{edge}: a better one may lie outside")
        better = tried.best
        gain = better[1] - best(tried.grid)[1]
        if self.refines or gain < NOTICED:
            return found
        return [
            *found,
            f"the grid of sigma is coarse: {better[0]:.4g}, between its points, is {gain:.1f} nats "
            f"better than {sigma:.4g} on the validation rows (sigma_search=refine takes it)",
        ]


def drawn_curves(
    tried: Tried, chosen: tuple[float, float | None], counts: Sequence[Count]
) -> dict[str, Points]:
    """What a figure draws of a score: validation rows by sigma, test rows by number of samples.

    Widths that were not computed have no point.
    """
    found: dict[str, Points] = {BY_SAMPLES: [(m, value) for m, _, value in counts]}
    sigma, mean = chosen
    if len(tried.grid) > 1 and mean is not None:
        found[f"{BY_SIGMA}: grid"] = tried.grid
        found[f"{BY_SIGMA}: chosen"] = [(sigma, mean)]
    if tried.between:
        found[f"{BY_SIGMA}: between its points"] = tried.between
    return found


def _noted(
    valid: float | None, counts: Sequence[Count], n_valid: int, n_test: int
) -> dict[str, JSON]:
    """The width, how it did on the validation rows, and the rows that there were."""
    m, chosen, value = counts[-1]
    return {
        "sigma": chosen,
        "validation": {"mean": valid, "gap": None if valid is None else valid - value},
        "sigma by samples": {str(m): sigma for m, sigma, _ in counts},
        "rows": {"samples": m, "valid": n_valid, "test": n_test},
    }


def _not_computed(tried: Tried) -> dict[str, JSON]:
    """The widths of the grid that cannot be the best, and the bound that says so."""
    return {NOT_COMPUTED: {f"{s:.4g}": most for s, most in tried.beaten}} if tried.beaten else {}


def _spread(values: Tensor) -> dict[str, float]:
    least, median, greatest = values.min(), values.median(), values.max()
    return {"least": least.item(), "median": median.item(), "greatest": greatest.item()}
