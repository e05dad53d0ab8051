"""Every page of the theory by its name, in the order in which a student should read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from genbench.records.store import Store
from genbench.theory.claims import Page
from genbench.theory.collapse import collapse
from genbench.theory.curves import curves
from genbench.theory.dirac import dirac
from genbench.theory.divergences import divergences
from genbench.theory.figure_1 import figure1
from genbench.theory.normal_500 import normal_500
from genbench.theory.optimal_discriminator import optimal_discriminator
from genbench.theory.saturation import saturation
from genbench.theory.simplex import simplex

PAGES: Mapping[str, Callable[[str, int], Page]] = {
    "divergences": divergences,
    "optimal_discriminator": optimal_discriminator,
    "figure1": figure1,
    "normal_500": normal_500,
    "simplex": simplex,
    "saturation": saturation,
    "curves": curves,
    "dirac": dirac,
    "collapse": collapse,
}


def page(name: str, preset: str, seed: int, store: Store | None = None) -> Page:
    """The page of a name; store: results whose trainings `curves` draws, None: it trains one."""
    if PAGES[name] is curves:
        return curves(preset, seed, store)
    return PAGES[name](preset, seed)
