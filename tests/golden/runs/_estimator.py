"""Runs of the Parzen estimator: its products, its pruning, its memory, its certificate."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, cast
from unittest.mock import patch

import torch
from torch import Tensor

from genbench.metrics.parzen import Windows, log_likelihood, select_sigma, validation_curve
from genbench.metrics.parzen.blocks import Sizes
from genbench.metrics.parzen.certificate import certify

from ..fingerprints import Given, refusal

KINDS, FAMILIES = 200, 25  # of rows that lie apart, and of kinds that lie nearer to each other
Rows = tuple[Tensor, Tensor, Tensor]


def rows(d: int = 6, m: int = 40, n: int = 20) -> Rows:
    """Samples, validation and test rows of one cloud."""
    draw = torch.Generator().manual_seed(1)
    samples, valid, test = (torch.rand(k, d, generator=draw) for k in (m, n, n))
    return samples, valid, test


def apart(m: int = 16 * KINDS, n: int = 300, d: int = 256) -> tuple[Tensor, Tensor]:
    """Samples and rows so far apart that few windows matter to a row.

    Sixteen samples are of one kind, which is as many windows as share a maximum; so a width that
    reaches a row's family has few maxima that matter, and many windows.
    """
    draw = torch.Generator().manual_seed(2)
    families = torch.rand(FAMILIES, d, generator=draw).repeat(KINDS // FAMILIES, 1)
    kinds = families + 0.1 * torch.randn(KINDS, d, generator=draw)
    near = [kinds[torch.arange(k) % KINDS] for k in (m, n)]
    samples, x = (part + 0.01 * torch.randn(part.shape, generator=draw) for part in near)
    return samples, x


def widths_and_types() -> Given:
    """One width and several, of float32, pixels and float64 rows."""
    samples, x, _ = rows()
    pixels = (samples * 255).to(torch.uint8), (x * 255).to(torch.uint8)
    grid = [0.1, 0.3, 1.0]
    return {
        "one width": log_likelihood(samples, x, 0.3),
        "several widths": log_likelihood(samples, x, grid),
        "pixels": log_likelihood(*pixels, 40.0),
        "float64": log_likelihood(samples.double(), x.double(), grid),
        "curve": [number for point in validation_curve(samples, x, grid) for number in point],
        "selected": [select_sigma(samples, x, grid)],
    }


def products() -> Given:
    """Each product, as far rows and small widths need it; in differences where none is enough."""
    samples, x, _ = rows()
    cases = [(1.0, 0.3), (300.0, 0.3), (1e4, 1e-3), (1e38, 1e37)]
    scored = {a: Windows(a * samples).score(a * x, [sigma]) for a, sigma in cases}
    return {
        **{f"times {a:g}": one.log_likelihood for a, one in scored.items()},
        "effective": [one.effective.mean().item() for one in scored.values()],
    }


def pruned() -> Given:
    """Widths that reach a row's kind, its family and all windows, together and alone."""
    samples, x = apart()
    windows = Windows(samples)
    grid = [1e-3, 0.05, 0.7, 3.0]
    together, kind, family = (windows.score(x, widths) for widths in (grid, [0.05], [0.7]))
    return {
        "ways": [float(len(one.how)) for one in (together, kind, family)],
        "dropped": [one.dropped for one in (together, kind, family)],
        **{f"width {s}": ll for s, ll in zip(grid, together.log_likelihood, strict=True)},
        "a kind alone": kind.log_likelihood,
        "a family alone": family.log_likelihood,
        "effective": together.effective.mean(dim=1).tolist(),
    }


def on_two_devices() -> Given:
    samples, x, _ = rows()
    return {"log-likelihoods": log_likelihood(samples, x, 0.3, devices=["cpu", "cpu"])}


def little_memory() -> Given:
    """Blocks are halved to fit the budget, and again where the memory ends before."""
    samples, x, _ = rows()
    sizes = Sizes.within(2**20, samples.shape[1])
    collect, calls = Windows._collect, []

    def ends_once(windows: Windows, *arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("no more")
        return collect(windows, *arguments)

    with patch.object(Windows, "_collect", ends_once):
        ll = log_likelihood(samples, x, 0.3)
    tried = [float(arguments[-1].rows) for arguments in calls]
    return {"sizes": [float(sizes.rows), float(sizes.samples), *tried], "log-likelihoods": ll}


def certificates() -> Given:
    """Of a true log-likelihood: how many rows, and the errors allowed; false ones are errors."""
    samples, x, _ = rows()
    ll = log_likelihood(samples, x, 0.3)
    looked_at = torch.full((len(x),), len(samples))
    exact = log_likelihood(samples, x, 0.3, precision="float64")
    given = [
        certify(samples, x, 0.3, ll, looked_at),
        certify(samples, x, 0.3, exact, looked_at, exact=True),
    ]
    false = [ll + 0.02, ll.log()]
    errors = [refusal(partial(certify, samples, x, 0.3, one, looked_at)) for one in false]
    allowed = [number for one in given for number in (one["rows"], one["tolerance"])]
    return {"rows": allowed[::2], "allowed": allowed[1::2], "errors": errors}


def refused_rows() -> Given:
    samples, x, _ = rows()
    far = x.clone()
    far[3, 1] = math.nan
    calls = [
        partial(log_likelihood, cast(Any, samples.numpy()), x, 0.3),
        partial(log_likelihood, samples[:0], x, 0.3),
        partial(log_likelihood, samples, far, 0.3),
        partial(log_likelihood, samples, x[:, 1:], 0.3),
        partial(log_likelihood, samples, x.to("meta"), 0.3),
        partial(log_likelihood, samples, x, []),
        partial(log_likelihood, samples, x, 0.0),
    ]
    with patch.object(Windows, "_collect", side_effect=RuntimeError("broken")):
        errors = [refusal(partial(log_likelihood, samples, x, 0.3))]
    return {"errors": errors + [refusal(call) for call in calls]}


RUNS = (
    *(widths_and_types, products, pruned, on_two_devices, little_memory),
    *(certificates, refused_rows),
)
