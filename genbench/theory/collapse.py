"""The Helvetica scenario: G trained too much against D puts many z on the same x.

A mode of a toy is kept if at least a quarter of its share of the samples lies near its centre:
within a quarter of the way to the nearest other centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.figures.panels import Dots, Line, Panel, Picture
from genbench.seeding import seeded
from genbench.theory import training
from genbench.theory.algorithm_1 import Game
from genbench.theory.claims import Number, Page
from genbench.theory.recipes import Recipe, recipe_of

SAMPLES = 2000


def modes_kept(samples: Tensor, centres: Tensor) -> int:
    """How many of the centres (k, d) have at least a quarter of n / k of n samples near them."""
    apart = torch.cdist(centres, centres).fill_diagonal_(torch.inf).min()
    distances = torch.cdist(samples.double(), centres)
    nearest, at = distances.min(dim=1)
    near = at[nearest <= apart / 4]
    counts = torch.bincount(near, minlength=len(centres))
    return int((counts >= len(samples) / len(centres) / 4).sum())


@dataclass(frozen=True)
class Run:
    """One way to play on one toy: modes kept after each epoch, and the samples at the end."""

    way: str
    dataset: str
    modes: Sequence[int]
    samples: Tensor
    centres: Tensor

    @property
    def late(self) -> float:
        """Modes kept, the mean over the last half of the epochs."""
        last = self.modes[len(self.modes) // 2 :]
        return sum(last) / len(last)


def play(recipe: Recipe, way: Mapping[str, float], dataset: str, seed: int) -> Run:
    source, rows = training.dataset(dataset, recipe["rows"])
    centres = source.density.centres
    own = {key: value for key, value in way.items() if key != "name"}
    stream = ("theory", "collapse", dataset, str(way["name"]), seed)
    with seeded(*stream, "build"):
        game = Game(rows.shape[1], **{**recipe.model, **own})
    scale = training.scale_of(rows)
    modes, samples = [0], rows[:0]
    for _ in training.trained(game, scale(rows), stream):
        samples = scale.back(training.drawn(game.sample, SAMPLES, *stream, len(modes)))
        modes.append(modes_kept(samples, centres))
    return Run(str(way["name"]), dataset, modes, samples, centres)


def numbers(runs: Sequence[Run], judged: bool) -> list[Number]:
    """Modes of each way of playing; too much of G should keep fewer than as much as the paper."""
    claims = []
    for run in runs:
        what = f"modes of {len(run.centres)} kept on {run.dataset}, last half: {run.way}"
        claims.append(Number(what, run.late))
    for dataset in dict.fromkeys(run.dataset for run in runs):
        paper, too_much, *_ = (run for run in runs if run.dataset == dataset)
        fewer = float(too_much.late < paper.late)
        what = f"{dataset}: {too_much.way} keeps fewer modes than {paper.way}: 1 is yes"
        claims.append(Number(what, fewer, 1.0 if judged else None))
    return claims


def collapse(preset: str, seed: int) -> Page:
    """Modes over time, and what k, noise and more dimensions of z do."""
    recipe = recipe_of("collapse", preset)
    runs = [play(recipe, way, data, seed) for data in recipe["datasets"] for way in recipe["ways"]]
    return Page(
        "collapse",
        "The Helvetica scenario",
        [
            "Where G moves many times against a D that stands still, it goes to where that D is "
            "greatest, and modes are lost.",
            "More steps of D, noise on what D sees, or more dimensions of z: how many modes each "
            "keeps is a measurement of these small nets, not a law.",
        ],
        numbers(runs, recipe["judged"]),
        [_over_time(runs), _samples(runs)],
    )


def _over_time(runs: Sequence[Run]) -> Picture:
    datasets = dict.fromkeys(run.dataset for run in runs)
    panels = []
    for dataset in datasets:
        own = [run for run in runs if run.dataset == dataset]
        most = len(own[0].centres)
        lines = [Line(r.way, range(len(r.modes)), r.modes, i) for i, r in enumerate(own)]
        panels.append(
            Panel(
                dataset,
                "epoch",
                "modes kept",
                lines,
                [],
                [(most, "all")],
                y_span=(-0.3, 1.08 * most),
            )
        )
    words = "; ".join(f"{r.dataset}, {r.way}: {r.late:.1f} of {len(r.centres)}" for r in runs)
    return Picture(
        "collapse",
        panels,
        f"Modes kept, mean over the last half of training. {words}.",
        [
            "a mode is kept if a quarter of its share of 2,000 samples lies near its centre, "
            "within a quarter of the way to the next",
        ],
        size=(4.4, 3.2),
    )


def _samples(runs: Sequence[Run]) -> Picture:
    panels = []
    for run in runs:
        x, y = run.samples[:600].T.tolist()
        across, up = run.centres.T.tolist()
        centres = Dots("", across, up, "data")
        panels.append(
            Panel(
                f"{run.dataset}: {run.way}",
                "",
                "",
                [],
                [Dots("", x, y, "generator"), centres],
                square=True,
            )
        )
    return Picture(
        "collapse-samples",
        panels,
        "Samples at the end of training, one panel for each way of playing and toy: with too much "
        "of G they lie on few of the centres.",
        ["triangles: 600 samples at the end of training; black: the centres of the data's modes"],
        across=max(1, len(runs) // len({run.dataset for run in runs})),
        size=(2.5, 2.6),
    )
