"""Trained models beside a ladder: a column each, rows for KL and every metric; notes below."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genbench.records.run import Result
from genbench.words import MISSING, three_digits, value_and_error
from genbench.worlds.judging import wording
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.places import Place, Placed, Places
from genbench.worlds.judging.trained import KL

Command = Callable[[Result], str]


def title(board: Board) -> str:
    return f"Trained models on {board.world}, beside its ladder, {board.samples:,} rows"


def frame(board: Board, places: Places) -> pd.DataFrame:
    """A column for each model; every cell a text."""
    shown = {f"innocent rungs before it, of {innocent(board)}": _heads(board)}
    for one in places.models:
        by_kl = _cell(one.by_kl, one.kl.bound if one.kl else "")
        own = [_kl(one.kl), by_kl]
        shown[one.model.name] = own + [_cell(one.by.get(g.metric)) for g in board.ranked]
    return pd.DataFrame(shown)


def innocent(board: Board) -> int:
    """How many rungs copy no training row, the truth among them."""
    return int((~board.truths.copies).sum())


def _heads(board: Board) -> list[str]:
    return ["KL, nats", "by KL", *(f"by {grade.metric}" for grade in board.ranked)]


def _kl(known: KL | None) -> str:
    return MISSING if known is None else value_and_error(known.value, known.error, known.bound)


def _cell(place: Place | None, bound: str = "") -> str:
    """ "93, like blur_0.5 (75)"; after the sign of a bound, where there is one."""
    if place is None:
        return MISSING
    kl = "infinite" if math.isinf(place.beside_kl) else three_digits(place.beside_kl)
    return f"{bound} {place.better}, like {place.beside} ({kl})".lstrip()


def numbers(board: Board, places: Places) -> pd.DataFrame:
    """A line for each model and metric, numbers unrounded; their last columns the board lacks."""
    lines: list[dict[str, Any]] = []
    for one in places.models:
        known = one.kl
        about = {"world": board.world, "samples": board.samples}
        model: dict[str, Any] = {"model": one.model.name, "sets": one.sets}
        model |= {"innocent": innocent(board)}
        kl = {"kl": known and known.value, "kl_error": known and known.error}
        kl |= {"kl_bound": known.bound if known else ""}
        values = {metric: float(np.mean(of)) for metric, of in one.values.items()}
        values |= {"kl": known.value} if known else {}
        for metric, place in {"kl": one.by_kl, **one.by}.items():
            if place is not None:
                of = {"metric": metric, **model, "value": values[metric]}
                lines.append({**about, **of, **vars(place), **kl})
    return pd.DataFrame(lines)


def notes(board: Board, places: Places, command: Command) -> list[str]:
    """How to read the table, of which runs it is, and what is not in it."""
    models = places.models
    example = next((place for one in models for place in one.by.values()), None)
    lines = [
        "each model is scored as a rung is: beside the same training rows and, by the number of a "
        "set, the same test rows",
        *_example(example, board),
        f"innocent: of the {len(board.truths.names)} rungs those that copy no training row, the "
        "truth among them; a model that copies is like none of them",
        *_about_kl(models),
        *_sets(models, board),
        *_chains(models),
        *_unseen(places),
    ]
    for one in models:
        lines += [f"no place of {one.model.name} by {m}: {why}" for m, why in one.refused.items()]
    shown = {one.model.name for one in models}
    lines += [
        f"not shown: {one.name}, of which only {one.result.scored:,} rows are kept"
        for one in places.found.models
        if one.name not in shown
    ]
    return lines + [unkept(result, command) for result in places.found.unkept]


def unkept(result: Result, command: Command) -> str:
    """Of a run whose samples are not kept, what would make them."""
    name = f"{result.model}, preset {result.preset}, seed {result.seed}"
    if not result.run.draws:
        return f"not shown: {name}, which drew no samples; `{command(result)}` makes some"
    return f"not shown: {name}, whose samples are not kept; `{command(result)}` makes them"


def _example(place: Place | None, board: Board) -> list[str]:
    if place is None:
        return []
    return [
        f"{_cell(place)}: the metric prefers {place.better} of the {innocent(board)} innocent "
        f"rungs to the model; of all of them {place.beside} has the value nearest to the model's, "
        f"and lies {wording.nats(place.beside_kl)} (KL) from the truth",
        f"places are of means, of a rung's over {wording.sets(board.sets)}: noise decides between "
        "rungs that are close together",
    ]


def _about_kl(models: Sequence[Placed]) -> list[str]:
    by: dict[str, list[str]] = {}
    for one in models:
        by.setdefault(one.kl.metric if one.kl else "", []).append(one.model.name)
    told = ", ".join(f"{m} of {', '.join(names)}" for m, names in by.items() if m)
    unknown = by.get("", [])
    lines = [
        "KL: the mean of log p - log q over the world's test rows, p the world's density, log q by "
        f"{told}; ± is one standard error over test rows"
    ]
    lines = lines if told else []
    signs = {one.kl.bound for one in models if one.kl}
    lines += ["<=: log q is bounded from below, so KL is at most this"] if "<=" in signs else []
    lines += [">=: log q is bounded from above, so KL is at least this"] if ">=" in signs else []
    if unknown:
        lines.append(f"KL is not known of {', '.join(unknown)}: no log-likelihood is kept of them")
    return lines


def _sets(models: Sequence[Placed], board: Board) -> list[str]:
    """How many sets of which rows, of models that are alike in it together."""
    by: dict[str, list[str]] = {}
    for one in models:
        result = one.model.result
        many = wording.sets(one.sets)
        of = f"{many} of {board.samples:,} from {result.scored:,} kept rows, in random order"
        of += ", no row in two of them" if one.sets > 1 else ""
        alike = f"preset {result.preset}, seed {result.seed}: {of}"
        by.setdefault(alike, []).append(one.model.name)
    return [f"{', '.join(names)}, {alike}" for alike, names in by.items()]


def _unseen(places: Places) -> list[str]:
    if places.shown == places.train:
        return []
    return [
        f"metrics are shown the first {places.shown:,} of {places.train:,} training rows: that a "
        "model copies others they do not see"
    ]


def _chains(models: Sequence[Placed]) -> list[str]:
    chains = [one.model.name for one in models if "chains" in one.model.result.sampling]
    if not chains:
        return []
    return [
        f"{', '.join(chains)}: rows of Markov chains are not independent, so that a set says less "
        "than as many rows of a rung"
    ]
