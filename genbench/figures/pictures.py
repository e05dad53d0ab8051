"""Pictures of results: the samples that are kept, the images along lines in z of kept weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import DataError, UsageError
from genbench.figures import images, sheets, toys, walks
from genbench.figures.sheets import Beside, Sheet
from genbench.figures.style import Absent, Drawn
from genbench.figures.toys import Toy
from genbench.figures.walks import STEPS, WALKS, Walks
from genbench.protocols import abilities
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.samples import neighbours, pixels
from genbench.seeding import seeded
from genbench.tables.cells import Cell

Found = Sequence[tuple[str, Sequence[Cell]]]  # titles and cells of tables


@dataclass(frozen=True)
class Sources:
    """What pictures need beside stored results.

    data: a dataset by its name. model: the trained model of a result, for images of a shape.
    decoders: the names of the models that have `interpolate`. All may raise UsageError.
    """

    data: Callable[[str], Any]
    model: Callable[[Result, tuple[int, ...]], Any]
    decoders: Callable[[], Sequence[str]]


def sheets_of(
    found: Found, store: Store, sources: Sources | None, count: int
) -> Iterator[Drawn | Absent]:
    """A sheet for each row on each dataset, datasets one after the other; of toys their points."""
    cells = each_drawn(found)
    taken: set[str] = set()
    for dataset in dict.fromkeys(result.dataset for _, result in cells):
        own = [(cell, result) for cell, result in cells if result.dataset == dataset]
        try:
            source = _source(dataset, sources, toys.is_toy)
            train = _train(source, own[0][1])
        except (UsageError, DataError) as error:
            yield Absent(f"samples-{file_name(dataset)}", str(error))
            continue
        for cell, result in own:
            name = file_name("samples", dataset, cell.label, taken=taken)
            try:
                if toys.is_toy(source.shape):
                    critic = _critic(result, tuple(source.shape), sources)
                    yield toys.toy(_toy(name, cell, result, store, train, critic))
                else:
                    yield sheets.samples(_sheet(name, cell, result, store, source, train, count))
            except UsageError as error:
                yield Absent(name, str(error))


def each_drawn(found: Found) -> list[tuple[Cell, Result]]:
    """Each row with the result whose samples are shown of it; raises UsageError for none."""
    return _each_once(_shown(found, lambda r: r.run.draws), lambda r: r.run.sample_key)


def _shown(
    found: Found, is_of_use: Callable[[Result], bool] = lambda result: True
) -> list[tuple[Cell, Result]]:
    """Each row with the first of its results that is done: its first seed, fold and sample set."""
    cells = [cell for _, own in found for cell in own]
    done = [(c, [r for r in c.results if r.status == "done" and is_of_use(r)]) for c in cells]
    shown = [(cell, results[0]) for cell, results in done if results]
    if not shown:
        raise UsageError("no result is done")
    return shown


def _each_once(
    cells: Sequence[tuple[Cell, Result]], key: Callable[[Result], str]
) -> list[tuple[Cell, Result]]:
    """Without the rows that show what another, scored by another metric, has shown."""
    first: dict[tuple[str, str, str], tuple[Cell, Result]] = {}
    for cell, result in cells:
        first.setdefault((result.dataset, result.model, key(result)), (cell, result))
    return [*first.values()]


def _source(
    dataset: str, sources: Sources | None, also: Callable[[Sequence[int]], bool] | None = None
) -> Any:
    """The dataset, sure to hold images; raises UsageError where it is not at hand.

    also: says of a shape whether other rows of this shape will do.
    """
    if sources is None:
        raise UsageError("no dataset is at hand, and it says what the shape of an image is")
    source = sources.data(dataset)
    if also is None or not also(source.shape):
        images.check_pictures(source.shape)
    return source


def _train(source: Any, result: Result) -> Tensor | None:
    """The training rows, or None where the files are not here; UsageError for other files."""
    try:
        if source.digest != result.digest:
            raise UsageError(
                f"the files of {result.dataset} here are not those that the results are of"
            )
        return source.split(result.fold).train
    except DataError:
        return None


def _sheet(
    name: str,
    cell: Cell,
    result: Result,
    store: Store,
    source: Any,
    train: Tensor | None,
    count: int,
) -> Sheet:
    """The data of a sheet; raises UsageError where the samples are not kept."""
    kept, labels = _kept(cell, result, store), store.sample_labels(result.run)
    if labels is None:
        arranged, classes = sheets.arranged(kept, count), []
    else:
        arranged, classes = sheets.by_class(kept, labels, count)
    shown = pixels.as_scored(torch.from_numpy(arranged), source.levels).numpy()
    pixel, tolerant = _beside(shown, train, source.shape)
    looked_at = shown if train is None else train[:1000].numpy()
    missing = [] if train is not None else ["training images: their files are not at hand"]
    return Sheet(
        name=name,
        label=cell.label,
        head=cell.head,
        shape=tuple(source.shape),
        tones=images.tones(source.range, looked_at),
        samples=shown,
        pixel=pixel,
        tolerant=tolerant,
        reach=neighbours.REACH,
        searched=0 if train is None else len(train),
        classes=classes,
        said=[*missing, *_said(cell, result)],
    )


def _kept(cell: Cell, result: Result, store: Store) -> np.ndarray:
    """The samples (m, d) of a result; raises UsageError where they are not kept."""
    kept = store.samples(result.run)
    if kept is None:
        raise UsageError(f"the store keeps no samples of {cell.label} on {cell.head}")
    return kept[0]


def _toy(
    name: str,
    cell: Cell,
    result: Result,
    store: Store,
    train: Tensor | None,
    critic: Callable[[np.ndarray], np.ndarray] | None,
) -> Toy:
    rows = None if train is None else train.numpy()
    samples, said = _kept(cell, result, store), _said(cell, result)
    return Toy(name, cell.label, cell.head, samples, rows, critic, said)


def _critic(
    result: Result, shape: tuple[int, ...], sources: Sources | None
) -> Callable[[np.ndarray], np.ndarray] | None:
    """D(x) of a trained model that discriminates and whose weights are kept, or None."""
    if sources is None:
        return None
    try:
        model = sources.model(result, shape)
        if "discriminate" not in abilities(type(model)):
            return None
        model.discriminate(torch.zeros(1, *shape))
    except (UsageError, RuntimeError):  # no weights, or weights without D, as they once were
        return None
    return lambda rows: model.discriminate(torch.from_numpy(rows).float()).sigmoid().numpy()


def _said(cell: Cell, result: Result) -> list[str]:
    """Which of a row's samples these are, and whether a sample hangs on the one before it."""
    said = [f"seed {result.seed}, {result.kind} samples"]
    chains = result.sampling.get("chains")
    if chains:
        said.append(f"the samples are the states of {chains} Markov chains, step by step")
    if cell.stale:
        said.append("by another code or recipe than the installed one")
    return said


def _beside(
    shown: np.ndarray, train: Tensor | None, shape: Sequence[int]
) -> tuple[Beside | None, Beside | None]:
    """The training images nearest to the last sample of each row, by pixels and with shifts."""
    if train is None:
        return None, None
    last = torch.from_numpy(np.ascontiguousarray(shown[:, -1]))
    reach = min(neighbours.REACH, min(shape[1:]) - 1)
    by_pixels = neighbours.nearest(last, train, shape)
    tolerant = neighbours.nearest(last, train, shape, reach)
    shifts = [(down, right) for down, right in tolerant.shifts.tolist()]
    return (
        Beside(train[by_pixels.rows].numpy(), by_pixels.distances.tolist()),
        Beside(train[tolerant.rows].numpy(), tolerant.distances.tolist(), shifts),
    )


# --- interpolations ---


def interpolations(found: Found, sources: Sources | None) -> Iterator[Drawn | Absent]:
    """A figure for each dataset, of all its models that decode a latent z."""
    cells = _each_once(_shown(found), lambda result: result.run.fit_key)
    names = {result.model for _, result in cells}
    able = sources.decoders() if sources else ()
    if sources is None or not names & {*able}:
        listed = f"those that do: {', '.join(able)}" if able else "no registered model does"
        who = f"none of {', '.join(sorted(names))} decodes a latent z"
        raise UsageError(f"{who} (by `interpolate`); {listed}")
    cells = [(cell, result) for cell, result in cells if result.model in able]
    for dataset in dict.fromkeys(result.dataset for _, result in cells):
        own = [(cell, result) for cell, result in cells if result.dataset == dataset]
        name = file_name("interpolation", dataset)
        try:
            yield _interpolation(name, own, _source(dataset, sources), sources)
        except (UsageError, DataError) as error:
            yield Absent(name, str(error))


def _interpolation(
    name: str, cells: Sequence[tuple[Cell, Result]], source: Any, sources: Sources
) -> Drawn:
    found, shape = [], tuple(source.shape)
    for cell, result in cells:
        model = sources.model(result, shape)
        with seeded(result.model, result.dataset, result.seed, "interpolate"):
            found.append(Walks(cell.label, cell.head, walked(model)))
    every = np.concatenate([own.images.reshape(-1, own.images.shape[-1]) for own in found])
    stale = [cell.label for cell, _ in cells if cell.stale]
    said = [f"weights of other code or recipes than the installed: {', '.join(stale)}"]
    tones = images.tones(source.range, every)
    return walks.interpolation(name, found, shape, tones, said if stale else [])


@torch.no_grad()
def walked(model: Any, count: int = WALKS, steps: int = STEPS) -> np.ndarray:
    """What equal steps along straight lines between two draws of z become: (walks, steps, d)."""
    return model.interpolate(count, steps).cpu().numpy().reshape(count, steps, -1)


# --- names ---


def file_name(*parts: str, taken: set[str] | None = None) -> str:
    """A name for a file of any texts: letters, digits, dots; numbered where it is taken.

    >>> file_name("samples", "../<b>", "gan [quick]")
    'samples-b-gan-quick'
    """
    safe = (re.sub(r"[^A-Za-z0-9_.]+", "-", part).strip("-.")[:60] for part in parts)
    wanted = name = "-".join(part for part in safe if part)
    number = 2
    while taken is not None and name in taken:
        name, number = f"{wanted}-{number}", number + 1
    if taken is not None:
        taken.add(name)
    return name
