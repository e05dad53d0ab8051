"""Which rows of two sets lie in the balls of the other: one pass over their distances.

Distances are those of `_distances`: one float32 product for each pair, and whatever rounding
leaves in doubt is decided by sum (x - y)² in float64. The k-th smallest number of a row is looked
for in the groups of columns with the k smallest minima, where it must be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.metrics._distances import _check, _direct, _Pairs, nearest

BLOCK = 2**21  # distances that are held at a time, 8 MiB: passes over them find them in the cache
GROUP = 16  # columns whose least number is compared first
SPARE = 3  # groups beyond k, in which rows within rounding of the k-th are


@dataclass(frozen=True)
class Balls:
    """Of rows x (n, w) and y (m, w), each ball as wide as the row's k-th nearest other row.

    of_x, of_y: in how many balls of the other set each row lies, int64 (n,) and (m,). held_y: how
    many x the ball of each y holds, int64 (m,). sq_radius_x, sq_radius_y: float64.
    """

    of_x: Tensor
    of_y: Tensor
    held_y: Tensor
    sq_radius_x: Tensor
    sq_radius_y: Tensor


def balls(x: Tensor, y: Tensor, k: int, *, block: int = BLOCK) -> Balls:
    """Counts of strict inequality, |x_i - y_j|² < radius², every pair as float64 decides it.

    block: how many distances are held at a time. Raises ValueError for rows that are not finite,
    and fewer than k + 1 of them.
    """
    _check(x, y)
    rx, ry = sq_radii(x, k, block=block), sq_radii(y, k, block=block)
    of_x, held_y, of_y = (torch.zeros_like(r, dtype=torch.int64) for r in (rx, ry, ry))
    for i, j, sq_dist in _near_pairs(x, y, rx, ry, block):
        in_y, in_x = sq_dist < ry[j], sq_dist < rx[i]
        of_x += torch.bincount(i[in_y], minlength=len(x))
        held_y += torch.bincount(j[in_y], minlength=len(y))
        of_y += torch.bincount(j[in_x], minlength=len(y))
    return Balls(of_x, of_y, held_y, rx, ry)


def sq_radii(x: Tensor, k: int, *, block: int = BLOCK) -> Tensor:
    """The squared distance of each row of x (n, w) to its k-th nearest other row, float64 (n,)."""
    n = len(x)
    if n // GROUP < k + SPARE:
        return nearest(x, x, k, excluding_self=True)[0][:, -1].contiguous()
    pairs = _Pairs(x, x, torch.float32)
    found, sure = torch.empty(n, dtype=torch.float64, device=x.device), []
    selves = torch.arange(n, device=x.device)
    for part, coarse in pairs.blocks(block):
        coarse.scatter_(1, selves[part, None], math.inf)
        found[part], certain = _kth(x, part, coarse, k, 2 * pairs.error[part])
        sure.append(certain)
    rest = (~torch.cat(sure)).nonzero().squeeze(1)
    if len(rest):
        found[rest] = _kth_directly(x, rest, k)
    return found


def _kth(x: Tensor, part: slice, coarse: Tensor, k: int, doubt: Tensor) -> tuple[Tensor, Tensor]:
    """The k-th smallest squared distance of each row, and of which rows that is certain.

    c is the k-th smallest coarse number. The true one is that of a pair with a coarse number
    within `doubt` of c; all pairs below are nearer.
    """
    groups = coarse.shape[1] // GROUP
    grouped = coarse[:, : groups * GROUP].unflatten(1, (GROUP, groups))
    least, chosen = grouped.amin(dim=1).topk(k + SPARE, dim=1, largest=False)
    columns = chosen[:, :, None] + groups * torch.arange(GROUP, device=x.device)
    tail = torch.arange(groups * GROUP, coarse.shape[1], device=x.device)
    columns = torch.cat([columns.flatten(1), tail.expand(len(coarse), -1)], dim=1)
    some = coarse.gather(1, columns)
    c = some.topk(k, dim=1, largest=False).values[:, -1]
    low, high = (c - doubt)[:, None], (c + doubt)[:, None]
    rows, where = ((some >= low) & (some <= high)).nonzero(as_tuple=True)
    direct = _direct(x[part], x, rows, columns[rows, where])
    rank = k - (some < low).sum(dim=1)
    return _ranked(rows, direct, rank), least[:, -1] >= high[:, 0]


def _ranked(rows: Tensor, values: Tensor, rank: Tensor) -> Tensor:
    """The rank-th smallest of each row's values, from 1; each row has that many."""
    order = values.argsort(stable=True)
    order = order[rows[order].argsort(stable=True)]
    counts = torch.bincount(rows, minlength=len(rank))
    return values[order[counts.cumsum(0) - counts + rank - 1]]


def _kth_directly(x: Tensor, rows: Tensor, k: int) -> Tensor:
    """As `sq_radii` of some rows, whose nearest neighbour is the row itself."""
    return nearest(x[rows], x, k + 1)[0][:, -1].contiguous()


def _near_pairs(x: Tensor, y: Tensor, rx: Tensor, ry: Tensor, block: int):
    """Blocks of pairs i, j, of which one may lie in the other's ball, and their squared distances,
    float64: true ones where rounding leaves doubt.
    """
    pairs = _Pairs(x, y, torch.float32)
    rx, ry = rx * pairs.scale**2, ry * pairs.scale**2
    for part, coarse in pairs.blocks(block):
        sq_norm, error = pairs.sq_norm[part], pairs.error[part]
        sq_dist = coarse.add_(sq_norm[:, None])
        most = float(error.max())
        near = sq_dist <= (ry + most).float()
        near |= sq_dist <= (rx[part] + most).float()[:, None]
        i, j = near.nonzero(as_tuple=True)
        found = sq_dist[i, j].double()
        gap = torch.minimum((found - ry[j]).abs(), (found - rx[part][i]).abs())
        doubt = (gap <= error[i]).nonzero().squeeze(1)
        found /= pairs.scale**2
        found[doubt] = _direct(x[part], y, i[doubt], j[doubt])
        yield i + part.start, j, found
