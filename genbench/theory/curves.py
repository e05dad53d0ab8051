"""D(x) and D(G(z)) over training, towards 1/2, and V towards -log 4, from what a GAN recorded.

Each epoch of a training keeps the means of D over its rows and fakes, and L_D = -V / 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from genbench.figures.panels import Line, Panel, Picture
from genbench.records.names import label
from genbench.records.store import Store
from genbench.theory import laws, training
from genbench.theory.claims import Number, Page
from genbench.theory.recipes import Recipe, recipe_of

OF_DATA, OF_FAKES, LOSS = "D(x)", "D(G(z))", "discriminator"  # what an epoch records
Losses = Mapping[int, Mapping[str, float]]  # by epoch


@dataclass(frozen=True)
class Curves:
    """What D said in each epoch of one training."""

    title: str
    losses: Losses

    def of(self, name: str) -> list[float]:
        return [self.losses[epoch][name] for epoch in sorted(self.losses)]

    @property
    def values(self) -> list[float]:
        """V = -2 L_D."""
        return [-2 * loss for loss in self.of(LOSS)]


def recorded(store: Store) -> Iterator[Curves]:
    """Each training of a store that recorded what D said; of results that share one, the first."""
    seen: set[tuple[str, str]] = set()
    for result in store:
        training_of = result.model, result.run.fit_key
        if result.status != "done" or training_of in seen:
            continue
        seen.add(training_of)
        events = [event for event in store.events(result.run) if "epoch" in event]
        losses = {event["epoch"]: event["losses"] for event in events}
        if len(losses) > 1 and all(OF_DATA in one and LOSS in one for one in losses.values()):
            title = f"{label(result)} on {result.dataset}, seed {result.seed}"
            yield Curves(title, losses)


def live(recipe: Recipe, seed: int) -> Curves:
    """Those of a training that is made now."""
    _, rows = training.dataset(recipe["dataset"], recipe["rows"])
    stream = ("theory", "curves", seed)
    model = training.built(recipe, rows.shape[1], stream)
    losses = {e.index: e.losses for e in training.trained(model, rows, stream)}
    return Curves(f"{recipe['trains']} on {recipe['dataset']}, trained now", losses)


def numbers(found: Sequence[Curves], judged: bool) -> list[Number]:
    claims = []
    for one in found:
        ends = [
            (OF_DATA, one.of(OF_DATA)[-1], 0.5),
            (OF_FAKES, one.of(OF_FAKES)[-1], 0.5),
            ("V", one.values[-1], laws.EQUILIBRIUM),
        ]
        for name, value, aim in ends:
            what = f"{name} in the last epoch: {one.title}"
            claims.append(Number(what, value, aim if judged else None, 0.02))
    return claims


def curves(preset: str, seed: int, store: Store | None = None) -> Page:
    """Of every training of a store that recorded it, or else of one that is made now."""
    recipe = recipe_of("curves", preset)
    stored = list(recorded(store)) if store is not None else []
    found = stored or [live(recipe, seed)]
    return Page(
        "curves",
        "What D says while it trains",
        [
            "Where G wins D(x) and D(G(z)) meet at a half and V at -log 4 = -1.386.",
            "They meet there too if D learns nothing: the curves alone are no proof.",
        ],
        numbers(found, judged=bool(recipe["judged"]) and not stored),
        [_picture(found)],
    )


def _picture(found: Sequence[Curves]) -> Picture:
    panels = []
    for one in found:
        epochs = sorted(one.losses)
        means = [
            Line("mean of D(x)", epochs, one.of(OF_DATA), "data"),
            Line("mean of D(G(z))", epochs, one.of(OF_FAKES), "generator"),
        ]
        value = [Line("V", epochs, one.values, "critic")]
        panels += [
            Panel(one.title, "epoch", "mean of D", means, [], [(0.5, "½")], y_span=(0, 1)),
            Panel("V = -2 L_D", "epoch", "nats", value, [], [(laws.EQUILIBRIUM, "-log 4")]),
        ]
    words = "; ".join(
        f"{one.title}: D(x) from {one.of(OF_DATA)[0]:.2f} to {one.of(OF_DATA)[-1]:.2f}, D(G(z)) "
        f"from {one.of(OF_FAKES)[0]:.2f} to {one.of(OF_FAKES)[-1]:.2f}, V ends at "
        f"{one.values[-1]:.3f}"
        for one in found
    )
    return Picture(
        "theory-curves",
        panels,
        f"{words}.",
        [
            "left: means of D over the rows and the fakes of an epoch, as D trained, dropout on",
            "right: V = -2 L_D; the line is -log 4, V where D can tell nothing",
        ],
        size=(4.2, 2.6),
    )
