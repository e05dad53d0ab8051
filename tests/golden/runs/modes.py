"""Runs of modes: of classes, of mixtures, what it refuses."""

from __future__ import annotations

from functools import partial

import torch

from genbench.metrics.modes import Modes, homogeneity

from ..fingerprints import Given, refusal
from . import _rows
from ._features import Features, drawn, given


class Mixture:
    centres = torch.tensor([[0.0, 0.0], [3.0, 0.0], [9.0, 9.0]])
    std = 0.5


def of_classes() -> Given:
    return given(Modes()(*drawn(), Features()))


def of_a_dropped_class() -> Given:
    samples, test = drawn()
    return given(Modes()(samples.clamp(max=0.4), test, Features()))


def of_a_mixture() -> Given:
    return given(Modes()(*drawn(d=2), Features(), Mixture()))


def what_tables_say() -> Given:
    one = torch.tensor([3.0, 0.0])
    signature = list(Modes.signature({"features": "digits"}, 256).values())
    return {"signature": signature, "one class": list(homogeneity(one, one))}


def refused() -> Given:
    samples, test = drawn(20, 20)
    calls = [
        partial(Modes(), samples, test),
        partial(Modes(), samples[:1], test, Features()),
        partial(Modes(), samples / 0, test, None, Mixture()),
    ]
    return {"errors": [refusal(call) for call in calls]}


TOLERANCE = 1e-6
RUNS = (of_classes, of_a_dropped_class, of_a_mixture, what_tables_say, refused, *_rows.READ)
