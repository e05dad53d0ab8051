"""Runs of the exact log-likelihood: of machines, masses and densities; and what it refuses."""

from __future__ import annotations

import torch

from genbench.likelihood import enumeration
from genbench.metrics.log_likelihood import LogLikelihood
from genbench.protocols import Boltzmann, Score

from ..fingerprints import Given, refusal
from ._observations import OBSERVED

BINARY = torch.tensor([[0.0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]])
GREYS = torch.tensor([[0, 17, 255], [128, 3, 90]]) / 255


class _Machine:
    def __init__(self, *widths: int) -> None:
        self.widths = widths

    def boltzmann(self) -> Boltzmann:
        pairs = zip(self.widths, self.widths[1:], strict=False)
        weights = [torch.arange(n * m).sin().reshape(n, m) for n, m in pairs]
        return Boltzmann(tuple(weights), tuple(torch.arange(n).cos() for n in self.widths))


class _Normal:
    samples = "mean"

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        return -x.square().sum(dim=1) / 2


class _Coins(_Normal):
    samples = "binary"


def machines() -> Given:
    found = [LogLikelihood()(_Machine(*widths), BINARY) for widths in ((3, 2), (3, 4, 2))]
    machine = _Machine(3, 2, 3, 2).boltzmann()
    sums = [enumeration.log_partition(machine, over) for over in ("smaller", "even", "odd")]
    return {"scores": [n for score in found for n in _numbers(score)], "log Z": sums}


def models() -> Given:
    asked = [(_Normal(), GREYS), (_Normal(), GREYS / 2), (_Coins(), BINARY), (_Coins(), BINARY[:1])]
    found = [LogLikelihood()(*one) for one in asked]
    signatures = [LogLikelihood.signature({}, levels) for levels in (None, 2, 256)]
    said = [value for signature in signatures for value in signature.values()]
    return {"scores": [n for score in found for n in _numbers(score)], "signatures": said}


def refusals() -> Given:
    wide = _Machine(26, 26)
    weights = _Machine(3, 2).boltzmann().weights
    odd = Boltzmann(weights, (torch.zeros(2), torch.zeros(3)))
    calls = [
        lambda: LogLikelihood("other"),
        lambda: LogLikelihood()(_Machine(3, 2), GREYS),
        lambda: LogLikelihood()(wide, torch.zeros(1, 26)),
        lambda: LogLikelihood()(_Normal(), BINARY),
        lambda: enumeration.log_partition(wide.boltzmann()),
        lambda: enumeration.log_partition(odd),
    ]
    return {"errors": [refusal(call) for call in calls]}


def _numbers(score: Score) -> list[float | str]:
    stderr = "none" if score.stderr is None else score.stderr
    return [score.value, stderr, *map(str, score.notes.values())]


TOLERANCE = 1e-6  # of logs of sums of float64
RUNS = (machines, models, refusals, *OBSERVED)
