"""The paper's Figure 1, trained: p_data, p_g, D and D*, and how G maps z to x.

Data N(4, 1.25²), z from N(0, 1), G(z) = w z + b. Algorithm 1 by the same `fit` as in every table:

    for each step:  k times  D ascends V on a batch of rows and one of fakes
                    once     G descends its loss on a batch of fakes

Four moments: an early G and D; then D alone to its optimum, D -> D*; then G alone by one long step,
to where D says "data"; and the end, where p_g = p_data and D = ½. A D that ignores its input says ½
too, so the end is judged by a new D, trained alone against the final G, on draws that are new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.figures.panels import Line, Panel, Picture
from genbench.theory import laws, training
from genbench.theory.claims import Number, Page
from genbench.theory.recipes import Recipe, recipe_of

State = Mapping[str, Tensor]
SPAN = (-1.5, 9.5)  # of x in the panels
BINS = 200
_X = np.linspace(*SPAN, 331)
_Z = np.linspace(-2.4, 2.4, 13)
_SEED_Z = 20_000  # fakes that a p_g of a panel is smoothed from


@dataclass(frozen=True)
class Moment:
    """p_g, D and the map z -> x at one time, on the points of a panel."""

    title: str
    p_g: np.ndarray
    D: np.ndarray
    x_of_z: np.ndarray


@dataclass(frozen=True)
class End:
    """The final G and what judges it; jsd by a histogram, value of a D that was trained anew."""

    mean: float
    std: float
    jsd: float
    value: float


def moment(title: str, model: Any, z: Tensor) -> Moment:
    """What there is to see of a model; z: draws that p_g is smoothed from."""
    x = torch.from_numpy(_X).float()[:, None]
    fakes = model.decode(z).double().numpy()[:, 0]
    of_z = model.decode(torch.from_numpy(_Z).float()[:, None]).double().numpy()[:, 0]
    D = model.discriminate(x).double().sigmoid().numpy()
    return Moment(title, smoothed(fakes), D, of_z)


def smoothed(fakes: np.ndarray) -> np.ndarray:
    """A density on the panel's points: bins, smoothed by a Gaussian of four of them."""
    step = _X[1] - _X[0]
    edges = np.append(_X - step / 2, _X[-1] + step / 2)
    share = np.histogram(fakes, edges)[0] / (len(fakes) * step)
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 4) ** 2)
    return np.convolve(share, kernel / kernel.sum(), mode="same")


def jsd_by_histogram(fakes: np.ndarray, log_prob: Callable[[Tensor], Tensor]) -> float:
    """JSD of draws and a density, both as masses of bins; draws beyond them in the last ones."""
    low, high = -4.0, 12.0
    edges = np.linspace(low, high, BINS + 1)
    q = np.histogram(np.clip(fakes, low, high), edges)[0] / len(fakes)
    middles = torch.from_numpy((edges[1:] + edges[:-1]) / 2)[:, None]
    p = log_prob(middles).exp().numpy()
    return laws.jsd(p / p.sum(), q)


@dataclass(frozen=True)
class Training:
    """Moments of a training, one after each epoch, its states, and how it ended."""

    moments: Sequence[Moment]
    states: Sequence[State]
    rows: Tensor
    density: Any


def train(recipe: Recipe, stream: training.Stream) -> Training:
    source, rows = training.dataset(recipe["dataset"], recipe["rows"])
    model = training.built(recipe, 1, stream)
    z = training.drawn(model.prior, _SEED_Z, *stream, "z")
    moments, states = [moment("before training", model, z)], [training.state(model)]
    for epoch in training.trained(model, rows, stream):
        moments.append(moment(f"epoch {epoch.index} of {epoch.total}", model, z))
        states.append(training.state(model))
    return Training(moments, states, rows, source.density)


def judged(recipe: Recipe, judge: Recipe, done: Training, stream: training.Stream) -> End:
    """The final G by its draws, and by a D of its own on fresh rows and fakes."""
    final, n = done.states[-1], recipe["fresh"]
    model = training.built(recipe, 1, stream)
    model.load_state_dict(final)
    fakes = training.drawn(model.sample, n, *stream, "judged fakes")
    taught = training.drawn(done.density.draw, recipe["rows"], *stream, "rows of the judge")
    critic = training.retrained(judge, final, taught, (*stream, "judge"))
    rows = training.drawn(done.density.draw, n, *stream, "judged rows")
    exact = fakes.double()
    jsd = jsd_by_histogram(exact.numpy()[:, 0], done.density.log_prob)
    return End(float(exact.mean()), float(exact.std()), jsd, critic.value(rows, fakes))


def four_moments(done: Training, recipe: Recipe, stream: training.Stream) -> list[Moment]:
    """Early; after D's steps; after one long step of G, so that it can be seen; at the end."""
    anew = {"train.epoch": torch.zeros((), dtype=torch.int64)}
    z = training.drawn(lambda n: torch.randn(n, 1), _SEED_Z, *stream, "z")
    D_alone = training.built(recipe, 1, stream, k=training.NEVER, epochs=recipe["D_epochs"])
    D_alone.load_state_dict({**done.states[recipe["before"]], **anew})
    for _ in training.trained(D_alone, done.rows, (*stream, "D alone")):
        pass
    one = {"k": 1, "epochs": 1, "max_updates": 1, "rate": recipe["long_rate"]}
    G_moved = training.built(recipe, 1, stream, **one)
    G_moved.load_state_dict({**training.state(D_alone), **anew})
    for _ in training.trained(G_moved, done.rows, (*stream, "one step")):
        pass
    return [
        replace(done.moments[recipe["before"]], title="(a) before"),
        moment("(b) after D's steps", D_alone, z),
        moment("(c) after G's step", G_moved, z),
        replace(done.moments[-1], title="(d) at the end"),
    ]


def numbers(end: End, density: Any, judged: bool) -> list[Number]:
    """The end against the data; judged: whether it is long enough a training to be held to it."""
    mean, std = float(density.centres[0, 0]), density.std

    def number(what: str, value: float, aim: float, within: float) -> Number:
        return Number(what, value, aim if judged else None, within)

    return [
        number("mean of G(z)", end.mean, mean, 0.1),
        number("standard deviation of G(z)", end.std, std, 0.1),
        number("JSD by a histogram of fresh draws", end.jsd, 0.0, 0.01),
        number(
            "V of a new D, trained to its optimum, on fresh draws",
            end.value,
            laws.EQUILIBRIUM,
            0.02,
        ),
    ]


def figure1(preset: str, seed: int) -> Page:
    """Figure 1 of the paper."""
    recipe, stream = recipe_of("figure1", preset), ("theory", "figure 1", seed)
    done = train(recipe, stream)
    end = judged(recipe, recipe_of("optimal_discriminator", preset), done, stream)
    moments = four_moments(done, recipe, stream)
    panels = [_panel(one, done.density) for one in moments]
    return Page(
        "figure1",
        "Figure 1: a GAN on the line",
        [
            "D's steps bring D to D* = p_data / (p_data + p_g).",
            "G's step moves the fakes up D's slope, to where D says data.",
            "At the end p_g = p_data and D = ½ everywhere. A D that ignores its input says ½ too, "
            "so a new D was trained against the final G, and cannot tell its fakes either.",
        ],
        numbers(end, done.density, recipe["judged"]),
        [_picture(moments, panels, end)],
        [_frame(one, done.density) for one in done.moments],
    )


def _panel(one: Moment, density: Any) -> Panel:
    p = density.log_prob(torch.from_numpy(_X)[:, None]).exp().numpy()
    some = p + one.p_g > 2e-3
    D_star = np.where(some, p / np.where(some, p + one.p_g, 1.0), np.nan)
    low, high = SPAN
    places = low + (high - low) * (_Z - _Z[0]) / (_Z[-1] - _Z[0])
    lines = [
        Line("p_data", _X, p, "data"),
        Line("p_g", _X, one.p_g, "generator"),
        Line("D", _X, one.D, "critic"),
        Line("D*", _X, D_star, "optimum"),
    ]
    arrows = list(zip(places, one.x_of_z, strict=True))
    return Panel(one.title, "", "", lines, arrows=arrows, x_span=SPAN, y_span=(0, 1.02))


def _picture(moments: Sequence[Moment], panels: Sequence[Panel], end: End) -> Picture:
    middle = np.argmin(np.abs(_X - 4))
    words = "; ".join(
        f"{one.title}, p_g is about {one.x_of_z.mean():.2f} and D there "
        f"{np.interp(one.x_of_z.mean(), _X, one.D):.2f}, at 4 {one.D[middle]:.2f}"
        for one in moments
    )
    return Picture(
        "figure1",
        panels,
        f"Four moments of a GAN whose data are about 4, p_data, p_g, D and D*: {words}. The last "
        f"p_g has mean {end.mean:.2f} and deviation {end.std:.2f}, the data 4 and 1.25.",
        [
            "p_data black, dotted; p_g solid; D dashed; D* = p_data / (p_data + p_g) dash-dotted",
            "below: z, evenly spaced from -2.4 to 2.4, and by arrows the x = G(z) of each",
            "(c) one step of G, long enough to be seen; all else at the rates of the training",
        ],
        size=(3.7, 2.9),
    )


def _frame(one: Moment, density: Any) -> Picture:
    """The same panel at one moment of the training."""
    alt = f"p_data, p_g, D and D*, {one.title}"
    return Picture("figure1", [_panel(one, density)], alt, [], 1, (5.0, 3.6))
