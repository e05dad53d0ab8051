# pyright: strict
"""How well labels can be read off what a model's encoder makes of rows.

Conventions: f(x) is `represent` of the model, its own features of rows, or else `encode`. The
training rows whose label the model was shown are the reference, all test rows the queries, and
distances Euclidean. A row is right where its nearest neighbour has its label,
    right_i = [y of argmin_j |f(x_i) - f(x_j)| is y_i],   value = 100 mean_i right_i
Beside it stands the same of pixels, and of the encoder as it was before training, where the model
gives that: features of random weights tell digits apart too. Those differences are paired,
    d_i = right_i - right_i of the other,   stderr = 100 std(d_i) / √n
linear probe: 100 times the share that a logistic regression on f, centred and scaled by one number,
gets right. It minimises the mean cross entropy and 1e-4 |W|² / 2, in 100 steps of L-BFGS from 0.
stderr: over test rows.

Source: Donahue, Krähenbühl & Darrell 2017, Table 1, there on the last hidden layer of E.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from genbench.metrics._distances import nearest
from genbench.metrics._rows import check_counts, featured
from genbench.precision import float32_products
from genbench.protocols import JSON, Labels, Score

STEPS, PENALTY = 100, 1e-4  # of the probe
INITIAL = "the initial encoder"
Encoder = Callable[[Tensor], Tensor]


class Representation:
    """The share of test rows, in %, that have the label of their nearest training row."""

    revision = 1
    unit = "% right"
    best = "high"
    requires: tuple[str, ...] = ("represent or encode",)

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> Representation.signature({}, 256)
        {'k': '1', 'l': '2'}
        """
        return {"k": "1", "l": "2"}

    def __call__(self, model: Any, train: Tensor, test: Tensor, labels: Labels) -> Score:
        """train and test (n, d).

        Raises ValueError for fewer than 2 rows of either kind with a label, and for features that
        are not finite.
        """
        shown = labels.train >= 0
        known, y = train[shown], labels.train[shown]
        check_counts(2, training=len(known), test=len(test))
        right: dict[str, Tensor] = {}
        probes: dict[str, JSON] = {}
        for name, encoder in encoders(model).items():
            with torch.no_grad():
                f, queries = featured(encoder, known), featured(encoder, test)
            neighbours = nearest(queries, f, 1)[1][:, 0]
            right[name] = 100 * (y[neighbours] == labels.test).double()
            probes[name] = (100 * (probed(f, y, queries) == labels.test).double()).mean().item()
        own = right.pop("encoder")
        beside = {name: _paired(own, other) for name, other in right.items()}
        notes = {
            **{f"of {name}": other.mean().item() for name, other in right.items()},
            **{f"less that of {name}": pair for name, pair in beside.items()},
            "linear probe": probes,
            "rows": {"train": len(known), "test": len(test)},
        }
        stderr = own.std().item() / math.sqrt(len(own))
        said = _no_better(beside[INITIAL]) if INITIAL in beside else []
        return Score(own.mean().item(), stderr, own.cpu(), notes=notes, warnings=said)


def encoders(model: Any) -> dict[str, Encoder]:
    """By name: what makes features of rows, the model's own first."""
    found: dict[str, Encoder] = {
        "encoder": model.represent if hasattr(model, "represent") else model.encode,
        "pixels": lambda rows: rows,
    }
    if hasattr(model, "represent_initial"):
        found[INITIAL] = model.represent_initial
    return found


def probed(f: Tensor, y: Tensor, queries: Tensor) -> Tensor:
    """The labels, int64 (m,), that a logistic regression on f (n, w) and y (n,) gives queries."""
    mean, classes = f.mean(dim=0), int(y.max()) + 1
    scale = f.var(dim=0).mean().sqrt().clamp_min(1e-30)
    x = (f - mean) / scale
    W = torch.zeros(f.shape[1], classes, dtype=f.dtype, device=f.device, requires_grad=True)
    b = torch.zeros(classes, dtype=f.dtype, device=f.device, requires_grad=True)
    steps = torch.optim.LBFGS([W, b], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        steps.zero_grad()
        L = cross_entropy(x @ W + b, y) + PENALTY * W.square().sum() / 2
        L.backward()  # pyright: ignore[reportUnknownMemberType]
        return L

    with torch.enable_grad(), float32_products():
        steps.step(loss)  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
    with torch.no_grad():
        return ((queries - mean) / scale @ W + b).argmax(dim=1)


def _paired(own: Tensor, other: Tensor) -> dict[str, float]:
    """The mean of the differences, and its standard error."""
    d = own - other
    return {"difference": d.mean().item(), "stderr": d.std().item() / math.sqrt(len(d))}


def _no_better(gain: Mapping[str, float]) -> list[str]:
    """A warning where training gained no more than two standard errors."""
    if gain["difference"] > 2 * gain["stderr"]:
        return []
    apart = f"{gain['difference']:+.2f} ± {gain['stderr']:.2f} % of the test rows"
    return [f"the encoder's features are no better than before its training: {apart}"]
