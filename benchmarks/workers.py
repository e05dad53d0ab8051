"""Equal trainings by one worker of Dask and by two, a thread each: how much sooner, same bytes?

    python benchmarks/workers.py
    python benchmarks/workers.py --runs 8 --epochs 40

Each cluster has done a run before its clock begins. On a machine with fewer than two idle cores the
ratio says nothing; how busy it was before is printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import psutil

import genbench
from genbench.records.run import Run
from genbench.running import engines
from genbench.running.driving import work_on
from genbench.running.engines import Engine
from genbench.running.runner import Environment
from genbench.timing import Clock, timed

KEPT = ("weights.safetensors", "samples.npz", "result.json")


def seconds(runs: list[Run], first: Run, workers: int, folder: Path, data: Path) -> float:
    """How long so many workers take, once they have begun."""
    import torch

    executor = engines.open(Engine("dask"), workers, 1)
    try:
        for number in range(workers):
            warm = Environment(folder / f"warm-{number}", data, "cpu", False, 1, 1)
            work_on([first], warm, executor)
        clock = Clock()
        with timed(torch.device("cpu"), clock):
            work_on(runs, Environment(folder, data, "cpu", False, workers, 1), executor)
    finally:
        executor.shutdown()
    return clock.seconds


def contents(folder: Path) -> dict[str, bytes]:
    """What must be equal, whoever computed it."""
    paths = [path for path in (folder / "runs").rglob("*") if path.name in KEPT]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def main() -> int:
    """Prints both times and their ratio; 1 where bytes differ."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--runs", type=int, default=8)
    asked.add_argument("--epochs", type=int, default=40)
    asked.add_argument("--dataset", default="mnist5k")
    given = asked.parse_args()
    print(f"before: {psutil.cpu_percent(1.0):.0f} % of {psutil.cpu_count()} cores busy")
    data = genbench.front.folder_of_data(None)
    how = {"samples": 500, "epochs": given.epochs, "preset": "quick"}
    runs = genbench.plan("gan", given.dataset, "parzen", seeds=range(given.runs), **how)
    [first] = genbench.plan("gan", given.dataset, "parzen", seeds=[1000], **{**how, "epochs": 1})
    with tempfile.TemporaryDirectory() as folder:
        places = {workers: Path(folder) / str(workers) for workers in (1, 2)}
        took = {n: seconds(runs, first, n, place, data) for n, place in places.items()}
        equal = contents(places[1]) == contents(places[2])
    for workers, spent in took.items():
        print(f"{workers} worker(s): {spent:.1f} s for {given.runs} runs")
    print(f"{took[1] / took[2]:.2f} times as fast, bytes {'equal' if equal else 'DIFFER'}")
    return int(not equal)


if __name__ == "__main__":
    sys.exit(main())
