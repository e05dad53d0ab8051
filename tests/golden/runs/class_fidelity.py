"""Runs of class fidelity: shares by class, and what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from genbench.metrics.class_fidelity import ClassFidelity
from genbench.protocols import Labels

from ..fingerprints import Given, refusal
from . import _rows
from ._features import Features, drawn, given
from ._labelled import in_turn


def _asked() -> tuple[Any, ...]:
    samples, test = drawn()
    labels = in_turn(len(test))
    return samples + 1, in_turn(len(samples)), test + 1, Labels(labels, labels, labels)


def shares() -> Given:
    return given(ClassFidelity("f")(*_asked(), Features()))


def what_tables_say_and_what_is_refused() -> Given:
    samples, *rest = _asked()
    calls = [
        partial(ClassFidelity(), samples, *rest, features=torch.nn.Identity()),
        partial(ClassFidelity(), samples[:0], *rest, features=Features()),
    ]
    signature = [*ClassFidelity.signature({}, None).values()]
    return {"signature": signature, "errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-6
RUNS = (shares, what_tables_say_and_what_is_refused, *_rows.READ)
