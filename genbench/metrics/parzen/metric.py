"""The paper's protocol: sigma chosen on validation rows, then the mean over all test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genbench.metrics.parzen.certificate import certify
from genbench.metrics.parzen.estimator import MEMORY, Windows, check_limits, check_sigma
from genbench.protocols import BY_SAMPLES, JSON, Points, Score

BETWEEN = 7  # widths tried around the best one of a grid
ROUNDS = 3  # of them, to refine: the last step is half a percent of the paper's grid
NOTICED = 1.0  # nats by which a width between the points of a grid must be better
BY_SIGMA = "validation score by sigma"
SHARES = (4, 2)  # the score is given for every 4th and every 2nd sample too

Curve = list[tuple[float, float]]
Count = tuple[int, float, float]  # samples, the sigma that was chosen for them, their score


class Tried(NamedTuple):
    """The widths that were tried on validation rows: of the grid, between its points, the chosen.

    valid: the mean on the validation rows at the chosen width, None where there are none.
    """

    grid: Curve
    between: Curve
    chosen: float
    valid: float | None


def validation_curve(samples: Tensor, valid: Tensor, grid: Sequence[float]) -> Curve:
    """(sigma, mean LL on `valid`) for each sigma of the grid, in its order."""
    return _curve(Windows(samples), valid, check_sigma(grid))


def select_sigma(samples: Tensor, valid: Tensor, grid: Sequence[float]) -> float:
    """The sigma of the grid with the greatest mean LL on `valid`; of equals the least."""
    return _best(validation_curve(samples, valid, grid))[0]


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
        self.scale, self.threshold = scale, threshold
        self.sigma, self.n_valid, self.refines = sigma, n_valid, sigma_search == "refine"
        self.precision, self.memory = precision, memory
        ends = math.log10(grid_start), math.log10(grid_stop)
        self.grid: list[float] = torch.logspace(*ends, grid_size, dtype=torch.float64).tolist()

    def __call__(self, samples: Tensor, valid: Tensor, test: Tensor) -> Score:
        """value = mean LL(test); stderr = std / √n_test, with n in the variance, as parzen_ll.py.

        Raises ValueError where there are no validation rows to choose sigma on, and
        CertificateError where recomputed rows do not confirm the value.
        """
        if self.threshold is not None:
            samples = (samples >= self.threshold).to(samples.dtype)
        choosing = valid[: self.n_valid]
        if self.scale != 1:
            samples, choosing, test = (self.scale * rows for rows in (samples, choosing, test))
        if self.sigma is None and len(choosing) == 0:
            raise ValueError("sigma is chosen on validation rows, got none: fix it with sigma=")
        windows = Windows(samples, self.precision, self.memory)
        curve, between = self._tried(windows, choosing, ROUNDS if self.refines else 1)
        sigma, mean_valid = self._chosen(curve, between)
        scored = windows.score(test, [sigma])
        ll = scored.log_likelihood[0]
        exact = scored.in_float64
        certificate = certify(samples, test, sigma, ll, scored.looked_at, exact)
        value = ll.mean().item()
        tried = Tried(curve, between, sigma, mean_valid)
        counts = [*self._by_count(samples, choosing, test), (len(samples), sigma, value)]
        notes = {
            **_noted(tried, value, counts, len(choosing), len(test)),
            "certificate": {**certificate, "dropped": scored.dropped, "how": list(scored.how)},
            "effective": _spread(scored.effective[0]),
        }
        stderr = ll.std(correction=0).item() / math.sqrt(len(test))
        warnings = self._warnings(sigma, curve, between)
        return Score(value, stderr, ll.cpu(), drawn_curves(tried, counts), warnings, notes)

    def _tried(self, windows: Windows, choosing: Tensor, rounds: int) -> tuple[Curve, Curve]:
        """The curve on the grid, and between its points around the best one."""
        if len(choosing) == 0:
            return [], []
        grid = self.grid if self.sigma is None else [float(self.sigma)]
        curve = _curve(windows, choosing, grid)
        return curve, _between(windows, choosing, curve, rounds)

    def _chosen(self, curve: Curve, between: Curve) -> tuple[float, float | None]:
        """The width and its mean on the validation rows, where there are any."""
        if not curve:
            assert self.sigma is not None
            return float(self.sigma), None
        return _best(curve + between if self.refines else curve)

    def _by_count(self, samples: Tensor, choosing: Tensor, test: Tensor) -> list[Count]:
        """(m, sigma, value) of strided parts of the samples, the width chosen anew for each."""
        found = []
        for stride in SHARES:
            if len(samples) >= 2 * stride:
                windows = Windows(samples[::stride], self.precision, self.memory)
                tried = self._tried(windows, choosing, ROUNDS if self.refines else 0)
                sigma, _ = self._chosen(*tried)
                mean = windows.score(test, [sigma]).log_likelihood.mean().item()
                found.append((len(windows.samples), sigma, mean))
        return found

    def _warnings(self, sigma: float, curve: Curve, between: Curve) -> list[str]:
        if self.sigma is not None or len(self.grid) == 1:
            return []
        found = []
        if not min(self.grid) < sigma < max(self.grid):
            ends = f"{min(self.grid):.4g} to {max(self.grid):.4g}"
            edge = f"sigma {sigma:.4g} is at the edge of its grid ({ends})"
            found.append(f"{edge}: a better one may lie outside")
        better = _best(curve + between)
        gain = better[1] - _best(curve)[1]
        if self.refines or gain < NOTICED:
            return found
        return [
            *found,
            f"the grid of sigma is coarse: {better[0]:.4g}, between its points, is {gain:.1f} nats "
            f"better than {sigma:.4g} on the validation rows (sigma_search=refine takes it)",
        ]


def drawn_curves(tried: Tried, counts: Sequence[Count]) -> dict[str, Points]:
    """What a figure draws of a score: validation rows by sigma, test rows by number of samples."""
    found: dict[str, Points] = {BY_SAMPLES: [(m, value) for m, _, value in counts]}
    if len(tried.grid) > 1 and tried.valid is not None:
        found[f"{BY_SIGMA}: grid"] = tried.grid
        found[f"{BY_SIGMA}: chosen"] = [(tried.chosen, tried.valid)]
    if tried.between:
        found[f"{BY_SIGMA}: between its points"] = tried.between
    return found


def _noted(
    tried: Tried, value: float, counts: Sequence[Count], n_valid: int, n_test: int
) -> dict[str, JSON]:
    """The width, how it did on the validation rows, and the rows that there were."""
    valid = tried.valid
    return {
        "sigma": tried.chosen,
        "validation": {"mean": valid, "gap": None if valid is None else valid - value},
        "sigma by samples": {str(m): sigma for m, sigma, _ in counts},
        "rows": {"samples": counts[-1][0], "valid": n_valid, "test": n_test},
    }


def _curve(windows: Windows, valid: Tensor, grid: Sequence[float]) -> Curve:
    means = windows.score(valid, grid).log_likelihood.mean(dim=1).tolist()
    return list(zip(map(float, grid), means, strict=True))


def _best(curve: Curve) -> tuple[float, float]:
    return max(curve, key=lambda point: (point[1], -point[0]))


def _between(windows: Windows, valid: Tensor, curve: Curve, rounds: int) -> Curve:
    """Points between the best of the curve and its neighbours, nearer to it in each round."""
    found = sorted(curve)
    for _ in range(rounds):
        best = found.index(_best(found))
        low, high = found[max(best - 1, 0)][0], found[min(best + 1, len(found) - 1)][0]
        ends = math.log(low), math.log(high)
        steps = torch.linspace(*ends, BETWEEN + 2, dtype=torch.float64)[1:-1].exp().tolist()
        new = [sigma for sigma in steps if all(abs(sigma / s - 1) > 1e-9 for s, _ in found)]
        if not new:
            break
        found = sorted(found + _curve(windows, valid, new))
    return [point for point in found if point not in curve]


def _spread(values: Tensor) -> dict[str, float]:
    least, median, greatest = values.min(), values.median(), values.max()
    return {"least": least.item(), "median": median.item(), "greatest": greatest.item()}
