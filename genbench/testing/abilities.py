"""What a model must keep of each method that it has beside `fit` and `sample`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import torch
from torch import Tensor

from genbench.protocols import Boltzmann
from genbench.seeding import seeded
from genbench.testing.claims import require, works
from genbench.testing.likelihoods import likelihood_claims
from genbench.testing.trial import Trial, copied, equal

N = 5  # rows that a method is given, or asked for
LINES, STEPS = 3, 4
Call = Callable[[Any, Tensor, Tensor], Tensor]  # of a model, x and what of it is known


def ability_claims(trial: Trial) -> Iterator[str]:
    """Of each method: what it gives, that it changes nothing, and that finished weights will do."""
    shape = trial.shape
    if "decode" in trial.can:
        codes, claim = trial.can & {"encode", "prior"}, f"decode has codes, {shape}"
        yield require(bool(codes), claim, "the model has neither encode nor prior")
    given = {}
    for name, call in _calls(trial.can).items():
        x, known = _rows(trial)
        with works(f"{name} works, {shape}"):
            given[name] = called(trial.model, call, x, known)
        yield from _form_claims(trial, name, given[name])
        alone = all(map(torch.equal, (x, known), _rows(trial)))
        yield require(alone, f"{name} leaves its input alone, {shape}", "it changed rows")
        unchanged = equal(copied(trial.model), trial.state)
        claim = f"{name} changes nothing in the model, {shape}"
        yield require(unchanged, claim, "its state is another afterwards")
        claim = f"the weights without `train.` are all that {name} needs, {shape}"
        with works(claim):
            again = called(trial.finished(), call, x, known)
        same = torch.equal(again, given[name])
        yield require(same, claim, "after they were loaded it gives something else")
    if {"encode", "prior"} <= trial.can:
        widths = given["encode"].shape[1], given["prior"].shape[1]
        claim = f"encode and prior give codes of one width, {shape}"
        yield require(widths[0] == widths[1], claim, f"{widths[0]} and {widths[1]}")
    yield from likelihood_claims(trial, _rows(trial)[0])
    if "represent_initial" in trial.can:
        yield from _initial_claims(trial, given)
    if "inpaint" in trial.can:
        yield from _inpainting_claims(trial, given["inpaint"])


def called(model: Any, call: Call, x: Tensor, known: Tensor) -> Tensor:
    """What a method gives, seeded, whatever was drawn before."""
    with seeded("ability"):
        return call(model, x, known).detach()


def _rows(trial: Trial) -> tuple[Tensor, Tensor]:
    """The first rows, those of binary models of 0 and 1; and every other entry of them."""
    x = trial.examples.train[:N].clone()
    known = torch.arange(x.shape[1]).expand(N, -1) % 2 == 0
    return x if trial.kind == "mean" else (x > x.mean()).float(), known


def _calls(can: AbstractSet[str]) -> dict[str, Call]:
    """By what it is: each thing that a model can do, done once."""
    every: dict[str, Call] = {
        "log_prob": lambda model, x, known: model.log_prob(x),
        "classify": lambda model, x, known: model.classify(x),
        "classify_control": lambda model, x, known: model.classify_control(x),
        "discriminate": lambda model, x, known: model.discriminate(x),
        "encode": lambda model, x, known: model.encode(x),
        "decode(encode(x))": lambda model, x, known: model.decode(model.encode(x)),
        "prior": lambda model, x, known: model.prior(N),
        "decode(prior(n))": lambda model, x, known: model.decode(model.prior(N)),
        "code(prior(n))": lambda model, x, known: model.code(model.prior(N)),
        "posterior": lambda model, x, known: torch.cat(model.posterior(x), dim=1),
        "represent": lambda model, x, known: model.represent(x),
        "represent_initial": lambda model, x, known: model.represent_initial(x),
        "boltzmann": lambda model, x, known: _flat(model.boltzmann()),
        "inpaint": lambda model, x, known: model.inpaint(x, known),
        "interpolate": lambda model, x, known: model.interpolate(LINES, STEPS),
    }
    words = {name: set(re.findall(r"[a-z_]{2,}", name)) for name in every}
    return {name: call for name, call in every.items() if words[name] <= can}


def _flat(machine: Boltzmann) -> Tensor:
    return torch.cat([part.flatten() for part in (*machine.weights, *machine.biases)])


def _form_claims(trial: Trial, name: str, given: Any) -> Iterator[str]:
    d = math.prod(trial.shape)
    classes = trial.examples.classes if trial.labels is not None else "classes"
    forms: dict[str, tuple[int | str, ...]] = {
        "log_prob": (N,),
        "discriminate": (N,),
        "encode": (N, "codes"),
        "prior": (N, "codes"),
        "code(prior(n))": (N, "codes"),
        "posterior": (N, "means and deviations"),
        "represent": (N, "features"),
        "represent_initial": (N, "features"),
        "boltzmann": ("weights and biases",),
        "classify": (N, classes),
        "classify_control": (N, classes),
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
    told = f"; the labels are 0 to {trial.examples.classes - 1}" if trial.labels is not None else ""
    reason = f"got {got}, {given.dtype}{told if name.startswith('classify') else ''}"
    yield require(fits and given.is_floating_point(), what, reason)
    finite = bool(given.isfinite().all())
    yield require(finite, f"{name} is finite, {trial.shape}", "NaN or infinity")


def _initial_claims(trial: Trial, given: Mapping[str, Tensor]) -> Iterator[str]:
    """Of an encoder as it was before training: it is another one, and no epoch moves it."""
    claim, can = f"represent_initial has a represent, {trial.shape}", "represent" in trial.can
    yield require(can, claim, "the model has none")
    initial, own = given["represent_initial"], given["represent"]
    claim = f"represent_initial is as wide as represent, {trial.shape}"
    yield require(initial.shape == own.shape, claim, f"{initial.shape[1]} and {own.shape[1]}")
    claim = f"represent_initial is not the trained encoder, {trial.shape}"
    yield require(not torch.equal(initial, own), claim, "both give the same features")
    younger = trial.build()
    younger.load_state_dict({k: v.clone() for k, v in trial.states[0].items()})
    then = called(younger, _calls(trial.can)["represent_initial"], *_rows(trial))
    claim = f"represent_initial is the same after every epoch, {trial.shape}"
    yield require(torch.equal(then, initial), claim, "after the first epoch it was another")


def _inpainting_claims(trial: Trial, given: Tensor) -> Iterator[str]:
    x, known = _rows(trial)
    kept = torch.equal(given[known], x[known])
    yield require(kept, f"inpaint keeps the known entries, {trial.shape}", "it changed some")
    least, most = float(given.min()), float(given.max())
    low, high = trial.examples.range
    inside = least >= low and most <= high
    claim = f"inpaint stays in the data's range, {trial.shape}"
    yield require(inside, claim, f"from {least} to {most}; the data lie in [{low:g}, {high:g}]")
    elsewhere = torch.where(known, x, trial.examples.other[:N].to(x))
    again = called(trial.model, _calls(trial.can)["inpaint"], elsewhere, known)
    claim = f"inpaint reads the known entries only, {trial.shape}"
    yield require(torch.equal(again, given), claim, "other values below the gaps, other rows")
