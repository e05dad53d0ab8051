"""Every figure that some results allow, and of the others the reason why they do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import DataError, UsageError
from genbench.figures import counts, intervals, sheets, trainings, widths
from genbench.figures.sheets import Beside, Sheet, Walks
from genbench.figures.speeds import speed
from genbench.figures.style import Absent, Drawn
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.running import restored
from genbench.samples import neighbours, pixels
from genbench.seeding import seeded
from genbench.tables.cells import Cell

Found = Sequence[tuple[str, Sequence[Cell]]]
Data = Callable[[str], Any]
NAMES = ("values", "speed", "sigma", "count", "epochs", "samples", "interpolation")


def every(
    found: Found, store: Store, references: Sequence[str], data: Data | None = None
) -> Iterator[Drawn]:
    """The figures that these results allow, in the order of NAMES, made one by one."""
    for figure in available(found, store, references, data):
        if isinstance(figure, Drawn):
            yield figure


def available(
    found: Found, store: Store, references: Sequence[str], data: Data | None = None
) -> Iterator[Drawn | Absent]:
    """Every figure, or why there is none.

    Args:
        found: titles and cells of the tables. references: names of untrained models.
        data: gives a dataset by its name; without it there are no pictures.
    """
    for name in NAMES:
        try:
            yield from named(name, found, store, references, data)
        except UsageError as error:
            yield Absent(name, str(error))


def named(
    name: str,
    found: Found,
    store: Store,
    references: Sequence[str],
    data: Data | None = None,
    count: int = sheets.COUNT,
) -> Iterator[Drawn | Absent]:
    """One kind of figure: a single one, or one for each row or dataset.

    Raises UsageError if the results allow none.
    """
    results = [result for _, cells in found for cell in cells for result in cell.results]
    if name == "values":
        yield intervals.values(found, references)
    elif name == "speed":
        records = {result.key: store.records(result) for result in results}
        yield speed(found, references, records)
    elif name == "sigma":
        yield widths.sigma(found, references)
    elif name == "count":
        yield counts.count(found, references)
    elif name == "epochs":
        yield trainings.epochs(found, references, _logs(results, store))
    elif name == "samples":
        yield from _sheets(found, store, data, count)
    else:
        yield from _interpolations(found, store, data)


def _logs(results: Sequence[Result], store: Store) -> dict[str, list[dict[str, Any]]]:
    """The log of each training, once, by the keys of the results that hang on it."""
    logs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    found = {}
    for result in results:
        log = store.events(result.run)
        same = logs.setdefault((result.dataset, result.model, result.seed, repr(log)), log)
        found[result.key] = same
    return found


# --- samples ---


def _sheets(found: Found, store: Store, data: Data | None, count: int) -> Iterator[Drawn | Absent]:
    """A sheet for each row on each dataset, datasets one after the other."""
    cells = _shown(found)
    taken: set[str] = set()
    for dataset in dict.fromkeys(result.dataset for _, result in cells):
        own = [(cell, result) for cell, result in cells if result.dataset == dataset]
        try:
            source = _source(dataset, data)
            train = _train(source, own[0][1])
        except UsageError as error:
            yield Absent(f"samples-{file_name(dataset)}", str(error))
            continue
        for cell, result in own:
            name = file_name("samples", dataset, cell.label, taken=taken)
            try:
                yield sheets.samples(_sheet(name, cell, result, store, source, train, count))
            except UsageError as error:
                yield Absent(name, str(error))


def _shown(found: Found) -> list[tuple[Cell, Result]]:
    """Each row with the first of its results that is done: its first seed, fold and sample set."""
    cells = [cell for _, own in found for cell in own]
    done = [(cell, [r for r in cell.results if r.status == "done"]) for cell in cells]
    shown = [(cell, results[0]) for cell, results in done if results]
    if not shown:
        raise UsageError("no result is done")
    return shown


def _source(dataset: str, data: Data | None) -> Any:
    """The dataset, sure to hold images; raises UsageError where it is not at hand."""
    if data is None:
        raise UsageError("no dataset is at hand, and it says what the shape of an image is")
    source = data(dataset)
    sheets.check_pictures(source.shape)
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
    kept = store.samples(result.run)
    if kept is None:
        raise UsageError(f"the store keeps no samples of {cell.label} on {cell.head}")
    every = pixels.as_scored(torch.from_numpy(kept[0][:count]), source.levels)
    shown = sheets.arranged(every.numpy(), count)
    pixel, tolerant = _beside(shown, train, source.shape)
    looked_at = shown if train is None else train[:1000].numpy()
    missing = [] if train is not None else ["training images: their files are not at hand"]
    return Sheet(
        name=name,
        label=cell.label,
        head=cell.head,
        shape=tuple(source.shape),
        tones=sheets.tones(source.range, looked_at),
        samples=shown,
        pixel=pixel,
        tolerant=tolerant,
        reach=neighbours.REACH,
        searched=0 if train is None else len(train),
        said=[*missing, *_said(cell, result)],
    )


def _said(cell: Cell, result: Result) -> list[str]:
    """Which of a row's samples these are, and whether a sample hangs on the one before it."""
    said = [f"seed {result.seed}, {result.kind} samples"]
    chains = result.details.get("sampling", {}).get("chains")
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


def _interpolations(found: Found, store: Store, data: Data | None) -> Iterator[Drawn | Absent]:
    """A figure for each dataset, of all its models that decode a latent z."""
    cells = _shown(found)
    able = {name: restored.can_interpolate(name) for name in {result.model for _, result in cells}}
    if not any(able.values()):
        raise UsageError(f"none of {', '.join(sorted(able))} decodes a latent z{_who_can()}")
    cells = [(cell, result) for cell, result in cells if able[result.model]]
    for dataset in dict.fromkeys(result.dataset for _, result in cells):
        own = [(cell, result) for cell, result in cells if result.dataset == dataset]
        name = file_name("interpolation", dataset)
        try:
            yield _interpolation(name, own, store, _source(dataset, data))
        except UsageError as error:
            yield Absent(name, str(error))


def _who_can() -> str:
    able = restored.able()
    listed = f"those that do: {', '.join(able)}" if able else "no registered model does"
    return f" (by `interpolate`); {listed}"


def _interpolation(
    name: str, cells: Sequence[tuple[Cell, Result]], store: Store, source: Any
) -> Drawn:
    walks, shape = [], tuple(source.shape)
    for cell, result in cells:
        model = restored.model(store, result, shape)
        with seeded(result.model, result.dataset, result.seed, "interpolate"):
            walks.append(Walks(cell.label, cell.head, walked(model)))
    images = np.concatenate([own.images.reshape(-1, own.images.shape[-1]) for own in walks])
    stale = [cell.label for cell, _ in cells if cell.stale]
    said = [f"weights of other code or recipes than the installed: {', '.join(stale)}"]
    tones = sheets.tones(source.range, images)
    return sheets.interpolation(name, walks, shape, tones, said if stale else [])


@torch.no_grad()
def walked(model: Any, walks: int = sheets.WALKS, steps: int = sheets.STEPS) -> np.ndarray:
    """What equal steps along straight lines between two draws of z become: (walks, steps, d)."""
    return model.interpolate(walks, steps).cpu().numpy().reshape(walks, steps, -1)


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
