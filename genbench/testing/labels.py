"""What a model must keep that is given labels, is asked for labels, or tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from genbench.protocols import abilities
from genbench.running.labels import HIDDEN
from genbench.testing.claims import require, works
from genbench.testing.rows import Examples, made_up
from genbench.testing.trial import Trial, copied, equal

ROWS, HELD_OUT = 600, 200
ASKED = 100
LITTLE = "or too little training: hyperparameters for more of it may be given to check_model"


def label_claims(cls: Any, hyperparameters: Mapping[str, Any], tried_on: Examples) -> Iterator[str]:
    """The claims on labels, on made-up rows of two classes that lie far apart."""
    can = abilities(cls)
    examples = made_up(tried_on.shape, tried_on.range, ROWS, HELD_OUT)
    if "labelled" in can:
        trial = yield from _shown_claims(cls, hyperparameters, examples)
        if "classify" in can:
            yield from _classifying_claims(trial)
    elif "conditional" in can:
        trial = Trial(cls, hyperparameters, examples)
    else:
        return
    if "conditional" in can:
        yield from _asked_claims(trial)


# --- labels that it is given ---


def _shown_claims(cls: Any, hyperparameters: Mapping[str, Any], examples: Examples) -> Any:
    """Yields that what is shown counts and what is hidden does not; returns the whole trial.

    The model that sees half of the labels is trained before one sees all of them, and again after.
    """
    all_shown = examples.labels
    assert all_shown is not None
    half = torch.where(torch.arange(ROWS) % 2 == 0, all_shown, HIDDEN)
    with works(f"it trains where labels are hidden, {HIDDEN}"):
        blank = Trial(cls, hyperparameters, _with(examples, half))
    full = Trial(cls, hyperparameters, examples)
    losses = [loss for epoch in blank.epochs for loss in epoch.losses.values()]
    finite = bool(torch.tensor(losses, dtype=torch.float64).isfinite().all())
    yield require(finite, "its losses are finite where labels are hidden", f"got {losses}")
    swapped = copied(full.trained(full.train, 1 - all_shown))
    claim = "other labels give another model"
    yield require(not equal(swapped, full.state), claim, "the labels are ignored")
    sizes = [{k: tuple(v.shape) for k, v in t.state.items()} for t in (blank, full)]
    claim = "a hidden label is no class of its own"
    yield require(sizes[0] == sizes[1], claim, f"its state has the sizes {sizes[0]}, or {sizes[1]}")
    for label in (0, 1):
        taken = torch.where(half == HIDDEN, label, half)
        alike = equal(copied(full.trained(full.train, taken)), blank.state)
        claim = f"a hidden label, {HIDDEN}, is not taken for class {label}"
        yield require(not alike, claim, "the model is the same as if it were")
    again = copied(blank.trained(blank.train, half))
    claim = "it reads the labels that it is shown and no others"
    reason = "after a training that was shown all labels, the hidden ones count too"
    yield require(equal(again, blank.state), claim, reason)
    if "classify" in full.can:
        width = blank.model.classify(examples.valid).shape[1]
        yield require(width == 2, "classify has a column for each class that is shown", f"{width}")
    return full


def _with(examples: Examples, labels: Tensor) -> Examples:
    return Examples(**{**vars(examples), "labels": labels})


# --- labels that it tells ---


def _classifying_claims(trial: Trial) -> Iterator[str]:
    x, truth = trial.examples.valid, trial.examples.valid_labels
    assert truth is not None
    right = float((trial.model.classify(x).argmax(dim=1) == truth).float().mean())
    claim = "classify tells two classes that lie far apart"
    reason = f"it is right of {100 * right:.0f} % of rows: labels swapped, ignored, {LITTLE}"
    yield require(right > 0.6, claim, reason)


# --- labels that it is asked for ---


def _asked_claims(trial: Trial) -> Iterator[str]:
    asked = torch.arange(ASKED) % 2
    rows = trial.draw(trial.model, ASKED, asked)
    claim = "sample gives a row for each label that is asked for"
    yield require(len(rows) == ASKED, claim, f"got {len(rows)} for {ASKED}")
    of_one = [trial.draw(trial.model, ASKED, torch.full((ASKED,), label)) for label in (0, 1)]
    ignored = torch.equal(*of_one)
    yield require(not ignored, "other labels give other rows", "the labels are ignored")
    if trial.labels is None:
        return
    share = _near_own(trial, rows, asked)
    claim = "rows lie near the class that was asked for"
    reason = f"{100 * share:.0f} % lie nearer to it than to the other: labels swapped, {LITTLE}"
    yield require(share > 0.35, claim, reason)  # .5 less three standard errors of 100 rows
    in_blocks = asked.sort().values
    blocks = _near_own(trial, trial.draw(trial.model, ASKED, in_blocks), in_blocks)
    claim = "each row is of the label at its own place"
    reason = f"asked in turn {100 * share:.0f} % lie near their class, asked in blocks"
    yield require(share > blocks - 0.25, claim, f"{reason} {100 * blocks:.0f} %")


def _near_own(trial: Trial, rows: Tensor, asked: Tensor) -> float:
    """The share of rows that lie nearer to the mean of their own class than to the other's."""
    train, labels = trial.examples.train, trial.examples.labels
    assert labels is not None
    means = torch.stack([train[labels == label].mean(dim=0) for label in (0, 1)])
    return float((torch.cdist(rows, means).argmin(dim=1) == asked).float().mean())
