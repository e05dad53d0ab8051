"""Twenty-five Gaussians on a square grid: how many modes does a model keep?"""

from __future__ import annotations

import numpy as np

from genbench.datasets._toys import Mixture

_TICKS = (-4.0, -2.0, 0.0, 2.0, 4.0)


class Grid(Mixture):
    """Spacing 2 on [-4, 4]², standard deviation .05 (VEEGAN and PacGAN's 2D-grid)."""

    shape: tuple[int, ...] = (2,)
    centres: np.ndarray = np.array([(x, y) for x in _TICKS for y in _TICKS])
    std: float = 0.05
    seed = 25
