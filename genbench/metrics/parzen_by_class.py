# pyright: strict
"""Parzen-window log-likelihood of test rows under the samples of their own class.

    log p(x | y) = log 1/m_y Σ_j N(x; mu_j, sigma_y² I)     over the m_y samples asked for class y
    value = mean over test rows x of class y of log p(x | y), nats; stderr = std / √n
Each class is scored by the paper's protocol alone: sigma_y is chosen on its own validation rows, at
most 1,000, of ten from .1 to 1.

Pooled, the same samples score log p(x) under a tenth of the weight each, where there are ten
classes alike: by log p(x | y) - log p(x) = log p(y | x) - log p(y), a row whose class is certain
gains log 10 = 2.3 nats, and loses wherever the samples of its class lie elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.metrics._rows import check_count
from genbench.metrics.parzen import Parzen
from genbench.protocols import JSON, Labels, Points, Score


class ParzenByClass:
    """The mean log-likelihood of test rows, each under the samples of its own class."""

    revision = 1
    unit = "nats"
    best = "high"
    orders: tuple[str, ...] = ()

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names: as of Parzen's default settings.

        >>> ParzenByClass.signature({}, 256)["sigma"]
        'grid10'
        """
        return Parzen.signature({}, levels)

    def __call__(
        self, samples: Tensor, sample_labels: Tensor, valid: Tensor, test: Tensor, labels: Labels
    ) -> Score:
        """samples (m, d), sample_labels int64 (m,), valid and test (n, d).

        Raises ValueError for a class of test rows without samples or validation rows.
        """
        log_p = torch.zeros(len(test), dtype=torch.float64)
        by_class: list[tuple[float, float]] = []
        sigmas: dict[str, JSON] = {}
        warnings: list[str] = []
        for y in range(int(labels.test.max()) + 1):
            of_y = labels.test == y
            if not bool(of_y.any()):
                continue
            drawn, choosing = samples[sample_labels == y], valid[labels.valid == y]
            check_count(len(drawn), 1, f"samples of class {y}", "its likelihood")
            check_count(len(choosing), 1, f"validation rows of class {y}", "its width")
            found = Parzen()(drawn, choosing, test[of_y])
            assert found.per_example is not None
            log_p[of_y.cpu()] = found.per_example
            by_class.append((float(y), found.value))
            sigmas[str(y)] = found.notes["sigma"]
            warnings += [f"class {y}: {warning}" for warning in found.warnings]
        hardest = min(by_class, key=lambda point: point[1])
        notes: dict[str, JSON] = {
            "lowest class": int(hardest[0]),
            "its nats": hardest[1],
            "sigma": sigmas,
            "by class": {str(int(y)): value for y, value in by_class},
        }
        curves: dict[str, Points] = {"nats by class": by_class}
        stderr = log_p.std(correction=0).item() / math.sqrt(len(log_p))
        return Score(log_p.mean().item(), stderr, log_p, curves, warnings, notes)
