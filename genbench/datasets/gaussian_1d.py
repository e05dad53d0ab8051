"""One Gaussian on the line: the distribution of the GAN paper's Figure 1, with numbers."""

from __future__ import annotations

import numpy as np

from genbench.datasets._toys import Mixture


class Gaussian1D(Mixture):
    """N(4, 1.25²), as in devnag/pytorch-generative-adversarial-networks."""

    shape: tuple[int, ...] = (1,)
    centres: np.ndarray = np.array([[4.0]])
    std: float = 1.25
    seed = 1
