"""The estimator: samples and rows in, log-likelihoods out, block by block within a budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.metrics.parzen.blocks import DROPPED, PRUNED, Sizes, Sums, add_all, add_few, merged
from genbench.metrics.parzen.counts import Asked, Parts
from genbench.metrics.parzen.pruning import Outline, Sketch
from genbench.precision import coarse_dtype, float32_products

MEMORY = 512 * 2**20  # bytes beyond the inputs
LEAST_MEMORY = 128 * 2**20
AT_ONCE = 16384  # rows of x that one pass over the samples serves
KEPT = 3 / 8  # of the memory is for sketches of samples; blocks take half of it at most
CHECKED = 1024  # rows that are looked at at a time, so that they stay in the cache
LARGEST = 1e150  # its square is a float64 still


@torch.no_grad()
def log_likelihood(
    samples: Tensor,
    x: Tensor,
    sigma: float | Sequence[float] | Tensor,
    *,
    precision: str = "auto",
    memory: int = MEMORY,
    devices: Sequence[torch.device | str] = (),
) -> Tensor:
    """LL(x) = log Σ_j exp(-|x - mu_j|² / 2 sigma²) - log m - d log(sigma √(2 pi)), nats per row.

    Args:
        samples: the centres mu, `(m, d)`; any real type. On the device of `x`, or anywhere where
            `x` is on a GPU; a memory-mapped tensor is read block by block.
        x: rows to score, `(n, d)`.
        sigma: the width, or a sequence of s widths, which then share one set of distances.
        precision: "auto", or "float64" for all but the bound of pruning.
        memory: bytes beyond the inputs that blocks may take on a device; at least 128 MiB.
        devices: GPUs that share the rows of `x`; none for its own device only.

    Returns:
        float64 on the device of `x`, in the order of its rows: `(n,)`, or `(s, n)` for a sequence.

    Raises:
        ValueError: on empty, mismatched or non-finite rows, or a sigma that is not > 0.

    >>> ll = log_likelihood(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [3.0, 4.0]]), 1.0)
    >>> [round(nats, 4) for nats in ll.tolist()]  # -log 2 pi, and 5² / 2 less
    [-1.8379, -14.3379]
    """
    sigmas = check_sigma(sigma)
    ll = Windows(samples, precision, memory, devices).score(x, sigmas).log_likelihood
    return ll if torch.as_tensor(sigma).ndim else ll[0]


@dataclass(frozen=True)
class Scored:
    """What is known of n rows under s widths.

    log_likelihood: nats. effective: (Σ p)² / Σ p² over the windows, 1 where one of them is all that
    counts. Both float64 (s, n). looked_at: windows that were not pruned, int64 (n,). how: the
    ways in which distances were computed. dropped: the most that pruning took from a value, nats.
    in_float64: whether the inputs or the caller asked for float64.
    """

    log_likelihood: Tensor
    effective: Tensor
    looked_at: Tensor
    how: tuple[str, ...]
    dropped: float
    in_float64: bool


class Windows:
    """Samples that rows are scored against, prepared once; other arguments as in `log_likelihood`.

    strides: (4, 2) for the scores by every 4th and every 2nd sample beside those by all; each half
        the one before. A stride that leaves a single sample is left out.
    grid: how many rows and how many samples a block of the grid has, whose sums are computed alone
        and then added; None for blocks of all samples.
    checked: whether the samples were looked at already.
    """

    def __init__(
        self,
        samples: Tensor,
        precision: str = "auto",
        memory: int = MEMORY,
        devices: Sequence[torch.device | str] = (),
        strides: Sequence[int] = (),
        grid: tuple[int, int] | None = None,
        checked: bool = False,
    ) -> None:
        if not checked:
            check_rows("samples", samples)
        check_limits(precision, memory)
        self.grid: tuple[int, int] = grid or (AT_ONCE, len(samples))
        self.samples = samples
        self.precision = precision
        self.memory = memory
        self.devices: tuple[torch.device, ...] = tuple(map(torch.device, devices))
        self._parts = Parts.of(samples, strides)
        self._outlines: dict[tuple[torch.dtype, torch.device], Outline] = {}
        self._kept: dict[tuple[Outline, int, int], Sketch] = {}

    @property
    def counts(self) -> list[int]:
        """How many samples each stride leaves, and all of them."""
        return self._parts.counts

    @torch.no_grad()
    def score(self, x: Tensor, sigmas: Sequence[float]) -> Scored:
        """The rows of `x` (n, d) under each width; raises ValueError where they do not fit."""
        return self.score_by_count(x, [*[[]] * (len(self.counts) - 1), sigmas])[-1]

    @torch.no_grad()
    def score_by_count(self, x: Tensor, sigmas: Sequence[Sequence[float]]) -> list[Scored]:
        """As `score`, by each of the `counts` of samples under widths of its own, in one pass."""
        check_pair(self.samples, x)
        check_rows("x", x)
        work = self._work(x)
        with float32_products():
            shards = self._shards(x, Asked.of(sigmas), work)
        by_count = zip(*(sums for shard in shards for sums in shard), strict=True)
        return [
            _scored(m, x, widths, sums, work)
            for m, widths, sums in zip(self.counts, sigmas, by_count, strict=True)
        ]

    @torch.no_grad()
    def block(
        self, x: Tensor, samples: tuple[int, int], sigmas: Sequence[Sequence[float]]
    ) -> list[Sums]:
        """By each count, what rows (n, d), looked at already, collect of some samples of the pass.

        samples: from which on, and up to which one.
        """
        with float32_products():
            outline = self._outline(self._work(x), x.device)
            return self._of_column(x, Asked.of(sigmas), outline, samples)

    def _work(self, x: Tensor) -> torch.dtype:
        """What is worked in, by the types of rows and samples."""
        narrow = all(t.dtype == torch.float32 or t.dtype.itemsize <= 2 for t in (self.samples, x))
        return torch.float32 if narrow and self.precision == "auto" else torch.float64

    def _outline(self, work: torch.dtype, device: torch.device) -> Outline:
        if (work, device) not in self._outlines:
            outline = Outline(self.samples, work, coarse_dtype(device), device)
            self._outlines[work, device] = outline
        return self._outlines[work, device]

    def _shards(self, x: Tensor, asked: Asked, work: torch.dtype) -> list[list[list[Sums]]]:
        """The sums of all rows, in order, by count; each device has an equal part of them."""
        if not self.devices:
            return [self._on(x.device, x, asked, work)]
        parts = zip(self.devices, x.chunk(len(self.devices)), strict=False)
        with ThreadPoolExecutor(len(self.devices)) as pool:
            tasks = [pool.submit(self._on, on, rows, asked, work) for on, rows in parts]
            return [task.result() for task in tasks]

    @torch.no_grad()
    def _on(
        self, device: torch.device, x: Tensor, asked: Asked, work: torch.dtype
    ) -> list[list[Sums]]:
        """The sums of some rows, computed on one device."""
        outline = self._outline(work, device)
        return [self._sums(rows.to(device), asked, outline) for rows in x.split(self.grid[0])]

    def _sums(self, x: Tensor, asked: Asked, outline: Outline) -> list[Sums]:
        """The sums of all windows, column by column of the grid."""
        return merged(self._of_column(x, asked, outline, samples) for samples in self.columns)

    @property
    def columns(self) -> list[tuple[int, int]]:
        """From which sample of the pass on, and up to which one, each column of the grid goes."""
        m, step = len(self.samples), self.grid[1]
        return [(start, min(start + step, m)) for start in range(0, m, step)]

    def _of_column(
        self, x: Tensor, asked: Asked, outline: Outline, samples: tuple[int, int]
    ) -> list[Sums]:
        """The sums of some windows; with smaller blocks where the memory of the device ends."""
        parts = self._parts.column(*samples)
        copied = self.samples.device != x.device
        sizes = Sizes.within(self.memory // 2, x.shape[1], copied)
        while True:
            try:
                return self._collect(x, asked, outline, parts, sizes)
            except RuntimeError as error:
                if not _is_out_of_memory(error) or sizes.rows == 1:
                    raise
            sizes = sizes.halved()
            self._kept.clear()
            torch.cuda.empty_cache()

    def _collect(
        self, x: Tensor, asked: Asked, outline: Outline, parts: Parts, sizes: Sizes
    ) -> list[Sums]:
        """The sums by each count of samples."""
        m, n = len(self.samples), len(x)
        pays = outline.pays(n, m)
        left = [outline.of_rows(rows) for rows in x.split(sizes.rows)] if pays else []
        sums, by_count = Sums.of_nothing(len(asked.sigmas), x), []
        for which, before, block_of, ends in parts.blocks(sizes.samples):
            samples = block_of.to(x.device)
            sigmas = asked.sigmas[: asked.needed[which]] if len(samples) else []
            right = self._sketch(outline, before, samples) if pays and sigmas else None
            for i, rows in enumerate(x.split(sizes.rows) if sigmas else ()):
                start = i * sizes.rows
                block = sums.view(len(sigmas), slice(start, start + len(rows)))
                widths = list(range(len(sigmas)))
                if right and right.is_finite and left[i].is_finite:
                    widths = add_few(block, rows, samples, (left[i], right), outline, sigmas, m)
                if widths:
                    for part in samples.split(sizes.dense):
                        add_all(block, rows, part, outline.centre, sigmas, widths)
            if ends:
                by_count.append(sums.copy(asked.own[which]))
        return by_count

    def _sketch(self, outline: Outline, start: int, samples: Tensor) -> Sketch:
        """The sketch of a block of samples, kept for the next rows as long as there is room."""
        key = outline, start, len(samples)
        if key in self._kept:
            return self._kept[key]
        sketch = outline.of_samples(samples)
        beside = sum(kept.bytes for (of, *_), kept in self._kept.items() if of is outline)
        if beside + sketch.bytes <= self.memory * KEPT:
            self._kept[key] = sketch
        return sketch


def _scored(
    m: int, x: Tensor, sigmas: Sequence[float], parts: Sequence[Sums], work: torch.dtype
) -> Scored:
    """The sums of m windows at parts of the rows, as what is known of all rows."""
    widths = torch.as_tensor(sigmas, dtype=torch.float64, device=x.device)
    parts, d = [part.to(x.device) for part in parts], x.shape[1]
    log_norm = math.log(m) + d * torch.log(widths * math.sqrt(2 * math.pi))
    sums = torch.cat([part.sums for part in parts], dim=1)
    squares = torch.cat([part.squares for part in parts], dim=1)
    how = set().union(*(part.how for part in parts))
    return Scored(
        sums - log_norm[:, None],
        (2 * sums - squares).exp(),
        torch.cat([part.looked_at for part in parts]),
        tuple(sorted(how)),
        DROPPED[work] if how & set(PRUNED.values()) else 0.0,
        work is torch.float64,
    )


def _is_out_of_memory(error: RuntimeError) -> bool:
    told = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")  # by the CPU, by cuBLAS
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in told)


def check_rows(name: str, rows: Tensor) -> None:
    """Raises ValueError for rows that are empty, not real, or not finite."""
    if not isinstance(rows, Tensor):
        got = type(rows).__name__
        raise TypeError(f"{name} must be a torch tensor, got {got}: torch.from_numpy makes one")
    if rows.ndim != 2 or rows.numel() == 0 or rows.is_complex():
        got = f"{tuple(rows.shape)} of {rows.dtype}"
        raise ValueError(f"{name} must be real (rows, d), at least one of each, got {got}")
    if not rows.is_floating_point():
        return
    for start in range(0, len(rows), CHECKED):
        block = rows[start : start + CHECKED]
        least, greatest = (end.item() for end in block.aminmax())
        if not -LARGEST < least <= greatest < LARGEST:  # which nan fails too
            bad = (block.double().abs() < LARGEST).all(dim=1).logical_not()
            row = start + int(bad.nonzero()[0])
            raise ValueError(f"{name} must be finite, row {row} holds nan, inf or over {LARGEST:g}")


def check_limits(precision: str, memory: int) -> None:
    if precision not in ("auto", "float64"):
        raise ValueError(f"precision must be 'auto' or 'float64', got {precision!r}")
    if memory < LEAST_MEMORY:
        raise ValueError(f"memory must be at least {LEAST_MEMORY} bytes, got {memory}")


def check_pair(samples: Tensor, x: Tensor) -> None:
    """Raises ValueError where rows and samples differ in length or device."""
    if samples.shape[1] != x.shape[1]:
        got = f"d = {samples.shape[1]} and {x.shape[1]}"
        raise ValueError(f"samples and x must have rows of equal length, got {got}")
    if samples.device != x.device and not x.is_cuda:
        raise ValueError(f"samples and x must share a device, got {samples.device}, {x.device}")


def check_sigma(sigma: float | Sequence[float] | Tensor) -> list[float]:
    """The widths as a list; raises ValueError for one that is not finite and above 0."""
    sigmas = torch.as_tensor(sigma, dtype=torch.float64)
    if sigmas.ndim > 1 or sigmas.numel() == 0:
        raise ValueError(f"sigma must be a number or a sequence, got shape {tuple(sigmas.shape)}")
    for width in sigmas.reshape(-1).tolist():
        if not 1 / LARGEST < width < LARGEST:  # which nan fails too
            raise ValueError(f"sigma must be finite and > 0, and so its square, got {width}")
    return sigmas.reshape(-1).tolist()
