"""Eight Gaussians on a circle: how many modes does a model keep?"""

from __future__ import annotations

import numpy as np

from genbench.datasets._toys import Mixture

_ANGLES = 2 * np.pi * np.arange(8) / 8


class Ring(Mixture):
    """Radius 1, standard deviation .01 (VEEGAN and PacGAN's 2D-ring)."""

    shape: tuple[int, ...] = (2,)
    centres: np.ndarray = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
    std: float = 0.01
    seed = 8
