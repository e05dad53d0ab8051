"""N(500, 5²) from z of N(0, 1): 5 z + 500 or 500 - 5 z is right, and a naive start never moves.

G starts near 0, a hundred deviations from the data. D tells them apart at once, with any slope, so
D(G(z)) = 0 and log(1 - D(G(z))) is flat: G's gradient is D(G(z)) times D's slope, nothing. The cure
is scale: with y = (x - mean) / deviation of the training rows, G starts on top of the data. What is
learnt in y is mapped back by x = mean + deviation y; neither D* nor JSD changes by such a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from genbench.figures.panels import Line, Panel, Picture
from genbench.protocols import Epoch
from genbench.theory import laws, training
from genbench.theory.claims import Number, Page
from genbench.theory.laws import Normal
from genbench.theory.recipes import Recipe, recipe_of
from genbench.theory.training import Scale

DATA = Normal(500, 5)
SAME = Scale(0.0, 1.0)
PERFECT = ((5.0, 500.0), (-5.0, 500.0))  # w and b of w z + b
_DRAWS = 20_000


@dataclass(frozen=True)
class Training:
    """Means of G(z) and what D said by epoch, and fresh draws at the end, in the data's units."""

    means: Sequence[float]
    epochs: Sequence[Epoch]
    draws: Tensor

    def said(self, name: str) -> list[float]:
        """What was recorded of each epoch under a name."""
        return [epoch.losses[name] for epoch in self.epochs]


def train(recipe: Recipe, scale: Scale, stream: training.Stream, **changes: object) -> Training:
    """The same GAN on scale(x)."""
    _, rows = training.dataset(recipe["dataset"], recipe["rows"])
    model = training.built(recipe, 1, stream, **changes)
    z = training.drawn(model.prior, _DRAWS, *stream, "z")
    means, epochs = [float(scale.back(model.decode(z)).mean())], []
    for epoch in training.trained(model, scale(rows), stream):
        means.append(float(scale.back(model.decode(z)).mean()))
        epochs.append(epoch)
    draws = scale.back(training.drawn(model.sample, recipe["fresh"], *stream, "end").double())
    return Training(means, epochs, draws)


def perfect() -> list[Number]:
    """C(G) of both answers: -log 4, as no other value is."""
    found = []
    for w, b in PERFECT:
        x, weights = laws.line(DATA)
        of_G = laws.log_normal(x, b, w)  # w² is what counts: a minus changes nothing
        cost = laws.cost(DATA.log_density(x), of_G, weights)
        found.append(Number(f"C(G) of {w:g} z + {b:g}", cost, laws.EQUILIBRIUM, 1e-5))
    return found


def numbers(naive: Training, scaled: Training, judged: bool) -> list[Number]:
    def number(what: str, value: float, aim: float, within: float) -> Number:
        return Number(what, value, aim if judged else None, within)

    moved = abs(naive.means[-1] - naive.means[0]) / abs(DATA.mean - naive.means[0])
    last = naive.said("D(x)")[-1], naive.said("D(G(z))")[-1]
    return [
        *perfect(),
        number("naive start: share of the way to 500 that the mean went", moved, 0.0, 0.02),
        number("naive start: D(x) in the last epoch", last[0], 1.0, 0.05),
        number("naive start: D(G(z)) in the last epoch", last[1], 0.0, 0.05),
        number("scaled: mean of G(z)", float(scaled.draws.mean()), DATA.mean, 0.1),
        number("scaled: standard deviation of G(z)", float(scaled.draws.std()), DATA.std, 0.1),
    ]


def normal_500(preset: str, seed: int) -> Page:
    """The seeds' own example."""
    recipe, stream = recipe_of("normal_500", preset), ("theory", "normal 500", seed)
    _, rows = training.dataset(recipe["dataset"], recipe["rows"])
    few = min(recipe["naive_epochs"], recipe.model["epochs"])
    own = {"generator_loss": recipe["naive_loss"], "rate": recipe["naive_rate"], "epochs": few}
    naive = train(recipe, SAME, (*stream, "naive"), **own)
    scaled = train(recipe, training.scale_of(rows), stream)
    return Page(
        "normal_500",
        "N(500, 5²): a matter of scale",
        [
            "Two generators are perfect, 5 z + 500 and 500 - 5 z: the law of z has no sign.",
            "On raw rows D is sure at once, log(1 - D(G(z))) is flat, and G stays near 0.",
            "On rows less their mean, by their deviation, the same nets arrive.",
        ],
        numbers(naive, scaled, recipe["judged"]),
        [_picture(naive, scaled)],
    )


def _picture(naive: Training, scaled: Training) -> Picture:
    x = np.linspace(480, 520, 161)
    p = np.exp(DATA.log_density(x))
    heights, edges = np.histogram(scaled.draws.numpy()[:, 0], 60, (480, 520), density=True)
    ways = (("raw rows", naive, 1), ("scaled rows", scaled, 0))
    paths = [Line(name, range(len(t.means)), t.means, i) for name, t, i in ways]
    D_panels = [
        Panel(
            f"What D says, {name}",
            "epoch",
            "mean of D",
            [
                Line("D(x)", range(1, len(t.epochs) + 1), t.said("D(x)"), "data"),
                Line("D(G(z))", range(1, len(t.epochs) + 1), t.said("D(G(z))"), "generator"),
            ],
            [],
            [(0.5, "½")],
            y_span=(-0.03, 1.03),
        )
        for name, t, _ in ways
    ]
    end = Panel(
        "The end, scaled rows",
        "x",
        "density",
        [
            Line("p_data", x, p, "data"),
            Line("p_g", (edges[1:] + edges[:-1]) / 2, heights, "generator"),
        ],
    )
    mean, std = float(scaled.draws.mean()), float(scaled.draws.std())
    return Picture(
        "normal_500",
        [Panel("Mean of G(z)", "epoch", "x", paths, [], [(500, "500")]), *D_panels, end],
        f"On raw rows the mean of G(z) ends at {naive.means[-1]:.1f}, D(x) at "
        f"{naive.said('D(x)')[-1]:.2f} and D(G(z)) at {naive.said('D(G(z))')[-1]:.2f}. On scaled "
        f"rows mean and deviation end at {mean:.2f} and {std:.2f}, D(x) at "
        f"{scaled.said('D(x)')[-1]:.2f}.",
        [
            "the same nets; raw: rows as they are, G descends log(1 - D), at a rate of 0.03, as D "
            "may overflow at 0.1; scaled: rows less their mean, by their deviation, -log D",
        ],
        size=(3.7, 2.6),
    )
