"""How the estimator's seconds and memory grow with its centres (m) and with its queries (n).

    python benchmarks/scaling.py        (after pip install -e '.[peers]')

Each point runs in a process of its own. Seconds are of CPU time, on one thread unless --threads
says more, so that what else runs on the machine counts little. Memory is the peak of anonymous
resident memory (RssAnon, sampled every ms: Linux) over the calls, less what there was before: what
the estimator needs beyond its inputs; a shorter peak may be missed. The rows are made here: curves
drawn with a soft pen, 28 x 28 levels k / 255, of which most are 0, about as far apart as digits of
MNIST (mean squared distance 97, to the nearest of 10,000 it is 23; MNIST 103 and 24). The centres
lie in a file that is mapped, not read.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.ticker import LogLocator, NullFormatter
from rich.console import Console
from rich.progress import track
from torch import Tensor

from genbench import log_likelihood
from genbench.records import files
from genbench.running import provenance

SIDE, D = 28, 784
SIGMA = 0.1668  # the best of the paper's grid for these rows, as for MNIST
BUDGET = 512 << 20  # bytes: what the estimator promises to stay within
CENTRES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)  # at N queries
QUERIES = (1000, 3000, 10_000, 30_000)  # at M centres
N, M = 1000, 10_000
SLOW = 20.0  # seconds: a point that takes longer is measured once
BLOCK = 10_000  # rows made at once
console = Console(stderr=True)


# --- rows ------------------------------------------------------------------------------------


def curves(n: int, seed: int) -> Tensor:
    """Images (n, 784) of two quadratic Bézier curves each, float32 in [0, 1], drawn from `seed`."""
    draw = torch.Generator().manual_seed(seed)
    ends = 5 + 18 * torch.rand(n, 2, 3, 2, generator=draw)  # image, curve, control point, axis
    t = torch.linspace(0, 1, 16)[:, None]
    weights = torch.cat([(1 - t) ** 2, 2 * t * (1 - t), t**2], dim=1)
    points = (weights @ ends).reshape(n, 32, 2)
    pen = 0.8 + 0.5 * torch.rand(n, 1, 1, 1, generator=draw)
    ink = torch.exp(-0.5 * ((points[..., None] - torch.arange(SIDE)) / pen) ** 2)
    images = (ink[:, :, 0].mT @ ink[:, :, 1]).reshape(n, D)
    return (images * 255).round_().clamp_(0, 255) / 255


def write_curves(path: Path, n: int, seed: int) -> None:
    """A .npy of n images, float32, made block by block."""
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n, D))
    for start in range(0, n, BLOCK):
        block = curves(min(BLOCK, n - start), seed + start)
        rows[start : start + len(block)] = block.numpy()
    rows.flush()


# --- one point, in a process of its own ------------------------------------------------------


class Peak:
    """The greatest anonymous resident memory while it watches, in bytes beyond the beginning."""

    def __init__(self) -> None:
        self.before = self.most = anonymous()
        self.spent = 0.0  # CPU seconds of the watching itself
        self._done = threading.Event()

    def _watch(self) -> None:
        while not self._done.wait(0.001):
            self.most = max(self.most, anonymous())
            self.spent = time.thread_time()

    @property
    def beyond(self) -> int:
        return self.most - self.before

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator[Peak]:
        peak = cls()
        watcher = threading.Thread(target=peak._watch, daemon=True)
        watcher.start()
        try:
            yield peak
        finally:
            peak._done.set()
            watcher.join()


def anonymous() -> int:
    """Resident bytes of this process that no file backs (RssAnon)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    raise OSError("this system does not say RssAnon in /proc/self/status")


def point(path: Path, m: int, n: int, repeats: int) -> dict[str, Any]:
    """CPU seconds of each call and the peak over all, for the first m centres of a mapped file."""
    samples = torch.from_numpy(np.load(path, mmap_mode="c"))[:m]
    x = curves(n, seed=10**9)
    log_likelihood(samples[:64].clone(), x[:64], SIGMA)  # starts the threads
    seconds: list[float] = []
    with Peak.watched() as peak:
        while len(seconds) < repeats and sum(seconds[:1]) <= SLOW:
            before = time.process_time() - peak.spent
            ll = log_likelihood(samples, x, SIGMA)
            seconds.append(time.process_time() - peak.spent - before)
    assert ll.isfinite().all()
    return {"m": m, "n": n, "seconds": seconds, "peak_bytes": peak.beyond}


def measured(path: Path, m: int, n: int, options: argparse.Namespace) -> dict[str, Any]:
    words = ["--point", path, m, n, "--repeats", options.repeats, "--threads", options.threads]
    command = [sys.executable, __file__, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"m = {m}, n = {n} failed:\n{done.stderr}")
    return json.loads(done.stdout)


# --- all points ------------------------------------------------------------------------------


def sweep(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every point; the centres are one temporary file, of which each point takes the first m."""
    centres = [m for m in CENTRES if m <= options.most]
    queries = [n for n in QUERIES if n <= options.most]
    largest = max(*centres, min(M, options.most))
    with TemporaryDirectory(dir=options.scratch, prefix="genbench-scaling-") as folder:
        free, wanted = disk_usage(folder).free, 4 * D * largest + 4096
        if free < 1.2 * wanted:
            raise SystemExit(f"needs {wanted / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free")
        path = Path(folder) / "centres.npy"
        console.print(f"drawing {largest:,} centres, {wanted / 1e9:.1f} GB")
        write_curves(path, largest, seed=0)
        pairs = [("m", m, N) for m in centres]
        pairs += [("n", min(M, largest), n) for n in queries]
        return [
            {"axis": axis, **measured(path, m, n, options)}
            for axis, m, n in track(pairs, "measuring", console=console)
        ]


def exponent(points: Sequence[dict[str, Any]], axis: str) -> float:
    """The slope of log seconds over log `axis` between the last two points: 1 is linear."""
    (a, b) = [p for p in points if p["axis"] == axis][-2:]
    return math.log(median(b["seconds"]) / median(a["seconds"])) / math.log(b[axis] / a[axis])


# --- telling ---------------------------------------------------------------------------------


def plot(report: dict[str, Any]) -> bytes:
    """A PNG of three panels: seconds over m, seconds over n, memory over both."""
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
    about = report["machine"]
    figure.suptitle(
        f"Parzen log-likelihood, d = {D}: {about['cpu']}, threads: {report['threads']}, "
        f"torch {about['packages']['torch']}"
    )
    names = {"m": f"centres m, at n = {N:,}", "n": f"queries n, at m = {M:,}"}
    for panel, (axis, name) in zip(panels, names.items(), strict=False):
        size, seconds = _series(report, axis)
        panel.loglog(size, seconds, "o-", color="C0", label="genbench, median")
        guide = [seconds[-1] * one / size[-1] for one in size]
        panel.loglog(size, guide, "--", color="0.6", label="slope 1: linear")
        panel.set(xlabel=name, ylabel="CPU seconds", title=f"Time against {axis}")
    panels[1].sharey(panels[0])
    for colour, axis in enumerate(names):
        found = [point for point in report["points"] if point["axis"] == axis]
        mebibytes = [point["peak_bytes"] / 2**20 for point in found]
        style = {"marker": "os"[colour], "color": f"C{colour}"}
        panels[2].loglog([point[axis] for point in found], mebibytes, label=names[axis], **style)
    panels[2].axhline(BUDGET / 2**20, color="C3", label=f"budget, {BUDGET >> 20} MiB")
    panels[2].set(xlabel="rows", ylabel="MiB", title="Peak memory beyond the inputs")
    low, high = panels[2].get_ylim()
    panels[2].set_ylim(min(low, 10), max(high, 4000))
    for panel in panels:
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.grid(True, which="major", alpha=0.3)
        panel.legend(frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150)
    plt.close(figure)
    return content.getvalue()


def _series(report: dict[str, Any], axis: str) -> tuple[list[int], list[float]]:
    found = [point for point in report["points"] if point["axis"] == axis]
    return [point[axis] for point in found], [median(point["seconds"]) for point in found]


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=int, default=max(CENTRES), help="no point beyond these rows")
    parser.add_argument("--scratch", type=Path, help="folder for 3.1 GB of centres; default: temp")
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)  # a child: file, m, n
    options = parser.parse_args(arguments)
    if options.most < CENTRES[1] or options.repeats < 1 or options.threads < 1:
        parser.error(f"--most must be at least {CENTRES[1]}, --repeats and --threads 1")
    return options


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    if options.point:
        path, m, n = options.point
        print(json.dumps(point(Path(path), int(m), int(n), options.repeats)))
        return
    points = sweep(options)
    report = {
        "command": f"python benchmarks/scaling.py --repeats {options.repeats}"
        + f" --most {options.most}" * (options.most != max(CENTRES)),
        "threads": options.threads,
        "machine": provenance.machine(),
        "d": D,
        "sigma": SIGMA,
        "budget_bytes": BUDGET,
        "points": points,
        "last_slope": {axis: exponent(points, axis) for axis in ("m", "n")},
    }
    files.write_json(options.out / "scaling.json", report)
    files.write_bytes(options.out / "scaling.png", plot(report))
    for one in points:
        seconds, peak = median(one["seconds"]), one["peak_bytes"] / 2**20
        each = f"{1e6 * seconds / one[one['axis']]:7.1f} µs a row"
        print(f"m {one['m']:>9,}  n {one['n']:>6,}  {seconds:8.3f} s  {each}  {peak:7.1f} MiB")
    slopes = ", ".join(f"{axis} {slope:.2f}" for axis, slope in report["last_slope"].items())
    print(f"slope of log seconds between the last two points: {slopes}")


if __name__ == "__main__":
    main()
