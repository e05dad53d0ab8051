"""What a model must keep of each method that it has beside `fit` and `sample`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from genbench.seeding import seeded
from genbench.testing.claims import require, works
from genbench.testing.trial import Trial, copied, equal

N = 5  # rows that a method is given, or asked for
LINES, STEPS = 3, 4
Call = Callable[[Any], Tensor]


def ability_claims(trial: Trial) -> Iterator[str]:
    """Of each method: what it gives, that it changes nothing, and that finished weights will do."""
    if "decode" in trial.can:
        codes = trial.can & {"encode", "prior"}
        yield require(bool(codes), "decode has codes", "the model has neither encode nor prior")
    x, known = _rows(trial), torch.arange(math.prod(trial.shape)).expand(N, -1) % 2 == 0
    untouched, finished = (x.clone(), known.clone()), trial.finished()
    given = {}
    for name, call in _calls(trial, x, known).items():
        with works(f"{name} works, {trial.shape}"):
            given[name] = called(trial.model, call)
        yield from _form_claims(trial, name, given[name])
        claim = f"the weights without `train.` are all that {name} needs, {trial.shape}"
        with works(claim):
            again = called(finished, call)
        same = torch.equal(again, given[name])
        yield require(same, claim, "after they were loaded it gives something else")
    alone = torch.equal(x, untouched[0]) and torch.equal(known, untouched[1])
    claim = f"what else it can do leaves its input alone, {trial.shape}"
    yield require(alone, claim, "it changed rows that it was given")
    unchanged = equal(copied(trial.model), trial.state)
    claim = f"what else it can do changes nothing in the model, {trial.shape}"
    yield require(unchanged, claim, "the state is another")
    if {"encode", "prior"} <= trial.can:
        widths = given["encode"].shape[1], given["prior"].shape[1]
        claim = f"encode and prior give codes of one width, {trial.shape}"
        yield require(widths[0] == widths[1], claim, f"{widths[0]} and {widths[1]}")
    if "inpaint" in trial.can:
        yield from _inpainting_claims(trial, x, known, given["inpaint"])


def called(model: Any, call: Call) -> Tensor:
    """What a method gives, seeded, whatever was drawn before."""
    with seeded("ability"):
        return call(model).detach()


def _rows(trial: Trial) -> Tensor:
    """The first rows; those of binary models are of 0 and 1."""
    x = trial.examples.train[:N].clone()
    return x if trial.kind == "mean" else (x > x.mean()).float()


def _calls(trial: Trial, x: Tensor, known: Tensor) -> dict[str, Call]:
    """By what it is: each thing that the model can do, done once."""
    every: dict[str, Call] = {
        "log_prob": lambda model: model.log_prob(x),
        "classify": lambda model: model.classify(x),
        "discriminate": lambda model: model.discriminate(x),
        "encode": lambda model: model.encode(x),
        "prior": lambda model: model.prior(N),
        "inpaint": lambda model: model.inpaint(x, known),
        "interpolate": lambda model: model.interpolate(LINES, STEPS),
    }
    every = {name: call for name, call in every.items() if name in trial.can}
    if {"decode", "encode"} <= trial.can:
        every["decode(encode(x))"] = lambda model: model.decode(model.encode(x))
    if {"decode", "prior"} <= trial.can:
        every["decode(prior(n))"] = lambda model: model.decode(model.prior(N))
    return every


def _form_claims(trial: Trial, name: str, given: Any) -> Iterator[str]:
    d = math.prod(trial.shape)
    forms: dict[str, tuple[int | str, ...]] = {
        "log_prob": (N,),
        "discriminate": (N,),
        "encode": (N, "codes"),
        "prior": (N, "codes"),
        "classify": (N, trial.examples.classes if trial.labels is not None else "classes"),
        "interpolate": (LINES * STEPS, d),
    }
    form = forms.get(name, (N, d))
    got = tuple(given.shape)
    fits = len(got) == len(form) and all(
        have == want if isinstance(want, int) else have > 0
        for have, want in zip(got, form, strict=True)
    )
    words = f"({', '.join(map(str, form))}{',' if len(form) == 1 else ''})"
    what = f"{name} gives {words}, {trial.shape}"
    yield require(fits and given.is_floating_point(), what, f"got {got}, {given.dtype}")
    finite = bool(given.isfinite().all())
    yield require(finite, f"{name} is finite, {trial.shape}", "NaN or infinity")


def _inpainting_claims(trial: Trial, x: Tensor, known: Tensor, given: Tensor) -> Iterator[str]:
    kept = torch.equal(given[known], x[known])
    yield require(kept, f"inpaint keeps the known entries, {trial.shape}", "it changed some")
    least, most = float(given.min()), float(given.max())
    low, high = trial.examples.range
    inside = least >= low and most <= high
    claim = f"inpaint stays in the data's range, {trial.shape}"
    yield require(inside, claim, f"from {least} to {most}; the data lie in [{low:g}, {high:g}]")
    else_where = torch.where(known, x, trial.examples.other[:N].to(x))
    again = called(trial.model, lambda model: model.inpaint(else_where, known))
    claim = f"inpaint reads the known entries only, {trial.shape}"
    yield require(torch.equal(again, given), claim, "other values below the gaps, other rows")
