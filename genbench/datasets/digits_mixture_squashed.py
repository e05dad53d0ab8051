"""The world of digits through an invertible map of its pixels into (0, 1)."""

from __future__ import annotations

from genbench.datasets.digits_mixture import DigitsMixture


class DigitsMixtureSquashed(DigitsMixture):
    """The rows of `digits_mixture`, each pixel mapped: no divergence changes, coordinates do."""

    squash = True
    range: tuple[float, float] = (0.0, 1.0)
