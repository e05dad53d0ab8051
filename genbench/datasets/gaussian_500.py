"""One Gaussian far from the origin: a generator must learn a scale it does not start with."""

from __future__ import annotations

import numpy as np

from genbench.datasets._toys import Mixture


class Gaussian500(Mixture):
    """N(500, 5²) on the line; the perfect generator of it is 5 z + 500 with z from N(0, 1)."""

    shape: tuple[int, ...] = (1,)
    centres: np.ndarray = np.array([[500.0]])
    std: float = 5.0
    seed = 500
