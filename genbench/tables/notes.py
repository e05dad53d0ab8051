"""The sentences under a table: what each number means, how it came about, what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from genbench.defaults import DEFAULTS
from genbench.protocols import BY_SAMPLES, better
from genbench.records.names import judge
from genbench.records.observed import Tuned
from genbench.records.run import Result
from genbench.tables import biases, dependence, speed
from genbench.tables.cells import ONE, OVER, SCORES, SETS, UNMET, Cell, best, lacks_real
from genbench.tables.frames import noted, rows
from genbench.tables.speed import Layout
from genbench.words import decimals, several, shortened

NOTED = 8  # of what a metric noted, how much stands under a table
UNIT, BEST, OTHER = "unit", "best", "other"  # what a note is about


@dataclass(frozen=True)
class Note:
    """A sentence under a table: on the UNIT and the errors, on what is marked BEST, or OTHER."""

    text: str
    about: str = OTHER


def under_table(
    found: Sequence[Cell],
    references: Sequence[str],
    further: Sequence[str] = (),
    layout: Layout = SCORES,
) -> list[str]:
    """The texts of all notes, each once."""
    return [note.text for note in of_table(found, references, further, layout)]


def of_table(
    found: Sequence[Cell],
    references: Sequence[str],
    further: Sequence[str] = (),
    layout: Layout = SCORES,
    folder_of: Callable[[Result], Path] | None = None,
) -> list[Note]:
    """All notes, each once; `further` ones, such as those of `on_centroids`, among them."""
    marked = "ll" in layout.columns and best(found, references)
    notes = [
        *(Note(line, UNIT) for line in [*_errors(found), *_bounds(found)]),
        *map(Note, [*_whose(found, folder_of), *_about_rows(found, references)]),
        *([Note(_MARKED, BEST)] if marked else []),
        *(Note(line, BEST) for line in _unmarked(found, layout)),
        *map(Note, [*speed.notes(rows(found), layout), *further]),
        *(Note(line, UNIT) for line in dependence.notes(found)),
        *(Note(line) for line in biases.notes(found, references)),
        *(Note(line) for line in biases.at_real_count(found)),
        *map(Note, _published(found)),
    ]
    return list(dict.fromkeys(notes))


_MARKED = "bold: trained rows that no other of them is shown to beat (Welch's t over seeds, Holm)"


def _unmarked(found: Sequence[Cell], layout: Layout) -> list[str]:
    """Of which metrics nothing can be the best, and why."""
    lacking = lacks_real(found) if "ll" in layout.columns else []
    why = f"{better('real')}, and there is no row {DEFAULTS.real} here"
    return [f"nothing is bold by {name}: {why}" for name in lacking]


def _whose(found: Sequence[Cell], folder_of: Callable[[Result], Path] | None) -> list[str]:
    """Which rows are in which folder of results, where they are in several."""
    if folder_of is None:
        return []
    places: dict[Path, dict[str, None]] = {}
    for cell in found:
        for result in cell.results:
            if not result.run.source:  # of which a note says more
                places.setdefault(folder_of(result), {})[cell.label] = None
    if len(places) < 2:
        return []
    return [f"from {_from_here(place)}: {', '.join(rows)}" for place, rows in places.items()]


def _from_here(place: Path) -> Path:
    """A folder as one would type it."""
    here = Path.cwd()
    return place.relative_to(here) if place.is_relative_to(here) else place


def _about_rows(found: Sequence[Cell], references: Sequence[str]) -> list[str]:
    """Which rows are references, how each number came about, and what is wrong with it."""
    lines = []
    shown = {cell.results[0].model for cell in found}
    beside = [name for name in references if name in shown]
    if beside:
        lines.append(f"{', '.join(beside)}: reference rows, untrained; no floor, no ceiling")
    lines += _protocols([cell for cell in found if cell.value is not None])
    reasons = [r.error for cell in found for r in cell.results if r.status == "unmet"]
    lines += [f"{UNMET}: {reason}" for reason in dict.fromkeys(reasons)]
    lines += [line for cell in found for line in _warnings(cell)]
    lines += [
        f"{cell.label} on {cell.head} was made by another code or recipe than the installed one"
        for cell in found
        if cell.stale
    ]
    return lines + [f"{cell.label} on {cell.head}: {text}" for cell in found for text in cell.older]


def _published(found: Sequence[Cell]) -> list[str]:
    """The source of each published value, and why a verdict stands beside it."""
    lines = []
    for cell in found:
        if cell.published:
            source = cell.published.source
            lines.append(f"published {cell.results[0].model} on {cell.head}: {source}")
        if cell.verdict:
            lines.append(f"{cell.label} on {cell.head}, {cell.verdict}: {cell.why}")
    return lines


def _errors(found: Sequence[Cell]) -> list[str]:
    """The unit of each metric, and over whom each ± is; by row where that differs."""
    metrics: dict[str, dict[str, list[str]]] = {}
    for cell in found:
        first = cell.results[0]
        if cell.value is not None:
            unit = f" in {shortened(first.unit)}" if first.unit else ""
            over = f"± {_over(cell)}" if cell.over else first.over or OVER[cell.over]
            line = f"{judge(first)}{unit}, {better(first.best)}; {over}"
            metrics.setdefault(judge(first), {}).setdefault(line, []).append(cell.label)
    return [
        f"{line} ({', '.join(dict.fromkeys(labels))})" if len(kinds) > 1 else line
        for kinds in metrics.values()
        for line, labels in kinds.items()
    ]


SIGNS = {
    ">=": "what the column is named for is at least this value, in expectation",
    "<=": "what the column is named for is at most this value, in expectation",
    "~": "on which side of the value it lies is not known",
}


def _bounds(found: Sequence[Cell]) -> list[str]:
    """What each sign before a value means; rows are ordered only where their bounds order them."""
    signs = {cell.bound for cell in found if cell.value is not None}
    return [f"{sign}: {text}" for sign, text in SIGNS.items() if sign in signs]


def _over(cell: Cell) -> str:
    """Whose standard error is shown: as the metric says it, where it is that of its scores."""
    own, more = cell.results[0].over, {ONE: "", SETS: ", and over the sample sets of one training"}
    return (
        f"standard error {own}{more[cell.over]}" if own and cell.over in more else OVER[cell.over]
    )


def _warnings(cell: Cell) -> list[str]:
    """What went wrong in a row: of warnings that differ in numbers only, the first and how many."""
    kinds: dict[str, list[str]] = {}
    for result in cell.results:
        where = f"{cell.label} on {cell.head}, seed {result.seed}"
        where += f", fold {result.fold}" if result.folds > 1 else ""
        where += f", sample set {result.sample_set}" if result.sample_set else ""
        said = [f": {text}" for text in result.warnings]
        said += [f" failed: {result.error}"] if result.status == "failed" else []
        said += [": training was cut by the time budget"] if result.cut else []
        for text in said:
            kinds.setdefault(re.sub(r"\d+", "", text), []).append(where + text)
    more = {kind: f" (and {len(found) - 1} more like it)" for kind, found in kinds.items()}
    return [found[0] + (more[kind] if found[1:] else "") for kind, found in kinds.items()]


def _protocols(found: Sequence[Cell]) -> list[str]:
    """How each number came about; of a row's further metrics what was not said of its first."""
    said: dict[tuple[str, str], set[str]] = {}
    lines = []
    for cell in found:
        before = said.setdefault((cell.label, cell.data), set())
        count, own, parts, further = _counted(cell), _noted(cell), _training(cell), _drawing(cell)
        new = [part for part in parts if part not in before]
        if before and not (own or new or _with_fewer(cell)):
            continue  # what there is to say was said of the row's first metric
        listed = [", ".join([*count, *own, *new]), _with_fewer(cell)]
        listed += [part for part in further if part not in before]
        before |= {*parts, *further}
        lines.append(f"{cell.label} on {cell.head}: {'; '.join(part for part in listed if part)}")
    return lines


def _counted(cell: Cell) -> list[str]:
    """Of how many seeds, sample sets and folds."""
    first = cell.results[0]
    parts = [f"preset {first.preset}", f"seed {several(r.seed for r in cell.results)}"]
    sets = [len({r.sample_set for r in cell.results if r.seed == seed}) for seed in cell.by_seed]
    parts += [f"{several(sets)} sample sets"] if max(sets, default=1) > 1 else []
    return [*parts, f"{first.folds} folds"] if first.folds > 1 else parts


def _noted(cell: Cell) -> list[str]:
    """The first things that the metric noted, and how many more there are."""
    every = [f"{name} {said}" for name, said in noted(cell).items()]
    more = [f"{len(every) - NOTED} more in csv and json"] if len(every) > NOTED else []
    return every[:NOTED] + more


def _training(cell: Cell) -> list[str]:
    """What was scored, and how it was trained."""
    parts, first = [], cell.results[0]
    scored = several(result.scored for result in cell.results)
    distinct = _span([result.distinct for result in cell.results])
    kinds = several(result.kind for result in cell.results)
    parts += [f"{scored} samples, {distinct} distinct ({kinds})"] if first.run.draws else []
    trainings = [result.training for result in cell.results]
    if any(training.epochs for training in trainings):
        chosen = several(training.epoch for training in trainings)
        made = several(training.epochs for training in trainings)
        parts.append(f"epoch {chosen} of {made} made")
    if first.run.source:
        about = [first.run.source.get(name, "") for name in ("file", "source", "date")]
        parts.append(f"samples brought: {', '.join(filter(None, about))}")
    if first.recipe.get("uses_validation"):
        parts.append("validation rows took part in training")
    return parts


def _drawing(cell: Cell) -> list[str]:
    """How a chain sampled and mixed."""
    return [_sampling(cell), _tuned(cell), _mixing(cell)]


def _with_fewer(cell: Cell) -> str:
    """What parts of the samples score, mean over the results: "74.8 with 2500, 92.9 with 5000"."""
    found = [result.curves.get(BY_SAMPLES, [])[:-1] for result in cell.results]
    points = [list(zip(*point, strict=True)) for point in zip(*found, strict=False)]
    places = decimals(value for _, values in points for value in values)
    said = (f"{fmean(values):.{places}f} with {counts[0]:.0f}" for counts, values in points)
    return ", ".join(said)


def _sampling(cell: Cell) -> str:
    """The hyperparameters that only sampling reads: "1000 chains, start noise, burn-in 100"."""
    found: dict[str, list[Any]] = {}
    for result in cell.results:
        tuned = result.tuned.name if result.tuned else None
        for name, value in result.sampling.items():
            if name != tuned and value is not None and value is not False:
                found.setdefault(name, []).append(value)
    return ", ".join(_setting(name, values) for name, values in found.items())


def _setting(name: str, values: Sequence[Any]) -> str:
    """A plural counts, any other name has a value: "1000 chains", "burn-in 100"."""
    counts = name.endswith("s") and all(type(value) is int for value in values)
    name, shown = name.replace("_", "-"), several(map(_plain, values))
    return f"{shown} {name}" if counts else f"{name} {shown}"


def _tuned(cell: Cell) -> str:
    """What was chosen, and of what: "noise 0.5 chosen of 0.1, 0.5, 1"; and if it is at an end."""
    found = [result.tuned for result in cell.results if result.tuned]
    if not found:
        return ""
    chosen = several(_plain(tuned.value) for tuned in found)
    tried = several(_plain(value) for tuned in found for value, _ in tuned.curve)
    edge = (
        ", at the end of its list: a better one may lie outside" if any(map(_ends, found)) else ""
    )
    return f"{several(t.name for t in found)} {chosen} chosen of {tried}{edge}"


def _ends(tuned: Tuned) -> bool:
    """Whether the greatest or the least of three numbers or more was chosen."""
    values = [value for value, _ in tuned.curve]
    numbers = all(isinstance(value, int | float) for value in values)
    return numbers and len(values) > 2 and tuned.value in (min(values), max(values))


def _mixing(cell: Cell) -> str:
    """How chains mixed and what samples are near to, each number once; unknown ones left out."""
    found = [result.mixing for result in cell.results if result.mixing]

    def of(name: str, phrase: str, scale: float = 1) -> list[str]:
        every = [getattr(mixing, name) for mixing in found]
        values = [value for value in every if value is not None]
        return [f"{_span([scale * v for v in values])} {phrase}"] if values else []

    parts = of("class_transitions_per_100_steps", "class transitions per 100 steps")
    near = [f"{_span([m.distinct_nearest for m in found])} distinct nearest training images"]
    near += of("near_copies", "% near-copies", scale=100)
    near += _classes([mixing.classes for mixing in found if mixing.classes])
    looked_at = several(mixing.looked_at for mixing in found)
    return f"{', '.join([*parts, *near])} among {looked_at} samples" if found else ""


def _classes(found: Sequence[Mapping[str, float]]) -> list[str]:
    """How many classes the nearest images are of, the rarest and the most frequent, in the mean."""
    names = dict.fromkeys(name for shares in found for name in shares)
    mean = {name: fmean(shares.get(name, 0.0) for shares in found) for name in names}
    if len(mean) < 2:
        return [f"all of class {name}" for name in mean]
    ends = (min(mean, key=mean.__getitem__), max(mean, key=mean.__getitem__))
    return [f"{len(mean)} classes ({' to '.join(f'{n}: {100 * mean[n]:.3g} %' for n in ends)})"]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _span(values: Sequence[Any]) -> str:
    """One value, or the least and the greatest: "7", "5 to 9"."""
    shown = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in values]
    if len(set(shown)) <= 1 or any(isinstance(value, str) for value in values):
        return several(shown)
    return f"{shown[values.index(min(values))]} to {shown[values.index(max(values))]}"
