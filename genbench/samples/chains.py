"""Which training rows samples are near to, and how a Markov-chain sampler moves among them.

Conventions
    A chain sampler returns its rows step by step: rows `[t * chains, (t + 1) * chains)` are the
    t-th kept states of all chains. Between two kept states lie `thinning` steps. States beyond
    the last whole step are not looked at.
    Distances are Euclidean, in the units of the data. Of equally near training rows, the first.

A report describes; it judges nothing.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from genbench.records.observed import Mixing

LOOKED_AT = 2000  # samples, in whole chains
HELD_OUT = 500  # real rows that say how near a row that was not trained on lies
ROWS = 4096  # training rows of a block


@torch.no_grad()
def report(
    samples: Tensor,
    chains: int | None,
    thinning: int,
    train: Tensor,
    labels: Tensor | None,
    held_out: Tensor,
) -> Mixing:
    """What the samples are near to: the training row nearest to each of at most LOOKED_AT states.

    Args:
        samples: `(m, d)`, step by step. train: `(n, d)`. held_out: real rows, not trained on.
        chains: how many; None for samples that are independent of each other.
        labels: int64 `(n,)` of `train`; None, or any of them negative, for unknown classes.

    Returns:
        Of its fields those of classes are None where classes are unknown.
        looked_at, chains, steps: how many samples and chains, and steps between kept states; the
            last two None without chains.
        class_transitions_per_100_steps: see `transitions`; None where chains kept one state.
        distinct_nearest: different training rows that are the nearest of a sample.
        near_copies: see `near_copies`; None without held-out rows.
        classes, class_entropy: share of the samples by label, and -Σ p log p of it, in nats.

    Raises:
        ValueError: where no sample or training row is given, shapes differ, or counts are not > 0.
    """
    _check(samples, chains, thinning, train, labels, held_out)
    states = looked_at(samples, chains or len(samples)).float()
    rows, distances = nearest(states.flatten(0, 1), train)
    found = Mixing(
        looked_at=len(rows),
        chains=states.shape[1] if chains else None,
        steps=thinning if chains else None,
        distinct_nearest=len(rows.unique()),
        near_copies=near_copies(distances, train, held_out[:HELD_OUT].to(states)),
    )
    return _with_classes(found, rows.view(states.shape[:2]), labels, thinning)


def _with_classes(found: Mixing, rows: Tensor, labels: Tensor | None, thinning: int) -> Mixing:
    """With the classes of the training rows (t, c) that the chains visited, where all are known."""
    if labels is None or bool((labels < 0).any()):
        return found
    visited = labels.to(rows.device)[rows]
    values, counts = visited.unique(return_counts=True)
    shares = (counts.double() / visited.numel()).tolist()
    return replace(
        found,
        class_transitions_per_100_steps=transitions(visited, thinning),
        classes=dict(zip(map(str, values.tolist()), shares, strict=True)),
        class_entropy=sum(p * math.log(1 / p) for p in shares),
    )


def looked_at(samples: Tensor, chains: int) -> Tensor:
    """The states `(t, c, d)` that are looked at: whole chains, of a longer one its beginning.

    Of many chains some are looked at, spread evenly, since a file of samples may be sorted.
    """
    chains = min(chains, len(samples))
    kept = len(samples) // chains
    some = min(chains, max(1, LOOKED_AT // kept))
    spread = torch.arange(some, device=samples.device) * chains // some
    states = samples[: kept * chains].reshape(kept, chains, samples.shape[1])
    return states[:LOOKED_AT, spread]


def nearest(x: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    """argmin_j |x - y_j| and its distance, for each row x; y are the training rows.

    |x|² + |y|² - 2 x·y, about the mean of y, finds the nearest row of each block, whose distance
    is then taken from the differences; so blocks compare exact distances. On the device of x.
    """
    origin = train.mean(dim=0).to(x)
    best = torch.full((len(x),), math.inf, dtype=torch.float64, device=x.device)
    index = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    for start in range(0, len(train), ROWS):
        block = train[start : start + ROWS].to(x)
        y = block - origin
        found = torch.addmm(y.square().sum(dim=1), x - origin, y.T, alpha=-2).argmin(dim=1)
        distance = (x - block[found]).double().norm(dim=1)
        index = torch.where(distance < best, start + found, index)
        best = torch.minimum(best, distance)
    return index, best


def transitions(visited: Tensor, thinning: int) -> float | None:
    """100 Σ [label_t ≠ label_(t+1)] / (pairs · thinning), over the chains of `visited` (t, c).

    A lower bound where thinning > 1: what a chain visits between two kept states is not seen, and
    at most one change is counted for each pair. None where no chain kept two states.
    """
    changed = visited[1:] != visited[:-1]
    if changed.numel() == 0:
        return None
    return 100 * int(changed.sum()) / (changed.numel() * thinning)


def near_copies(distances: Tensor, train: Tensor, held_out: Tensor) -> float | None:
    """Share of distances < ½ median |h - nearest row of train|, over held-out rows h."""
    if len(held_out) == 0:
        return None
    usual = nearest(held_out, train)[1].quantile(0.5)
    return float((distances < usual / 2).double().mean())


def _check(
    samples: Tensor,
    chains: int | None,
    thinning: int,
    train: Tensor,
    labels: Tensor | None,
    held_out: Tensor,
) -> None:
    for name, count in (("chains", 1 if chains is None else chains), ("thinning", thinning)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    for name, rows in (("samples", samples), ("train", train)):
        if rows.ndim != 2 or rows.numel() == 0:
            raise ValueError(f"{name} must be (rows, d), at least one, got {tuple(rows.shape)}")
    if not samples.shape[1] == train.shape[1] == held_out.shape[1]:
        got = ", ".join(str(rows.shape[1]) for rows in (samples, train, held_out))
        raise ValueError(f"samples, train and held_out must have one d, got {got}")
    if labels is not None and labels.shape != train.shape[:1]:
        raise ValueError(f"labels must be ({len(train)},), one a row, got {tuple(labels.shape)}")
