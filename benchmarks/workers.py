"""How much faster two workers finish eight equal runs than one, one thread each; bytes compared.

python benchmarks/workers.py --out results/benchmarks
python benchmarks/workers.py --executor dask
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from rich.console import Console

from genbench.records import files
from genbench.records.store import EVENTS
from genbench.running import provenance
from genbench.timing import Clock, timed

RUN = ["-m", "genbench.cli", "run", "-m", "gan", "-d", "mnist5k", "--no-references", "--threads=1"]
KEPT = ("result.json", "weights.safetensors", "samples.npz")  # functions of their keys
BARS = {"spawned": 1.7, "dask": 1.6}  # by executor; a cluster also has to start
console = Console(stderr=True)


def finish(workers: int, options: argparse.Namespace) -> tuple[float, float, dict[str, str]]:
    """Seconds of all runs, of the middle epoch, and the sha256 of what is a function of its key."""
    seeds = ",".join(map(str, range(options.runs)))
    with TemporaryDirectory() as folder:
        asked = [f"--workers={workers}", f"--seeds={seeds}", f"--epochs={options.epochs}", "-q"]
        asked.append(f"--executor={options.executor}")
        clock = Clock()
        with timed(torch.device("cpu"), clock):
            subprocess.run(
                [sys.executable, *RUN, *asked, "--results-dir", folder],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        logs = Path(folder).rglob(EVENTS)
        epochs = [event for log in logs for event in files.peeked_lines(log) if "epoch" in event]
        epoch = median(event["seconds"] for event in epochs)
        found = (path for name in KEPT for path in Path(folder).rglob(name))
        bytes_ = {
            str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
            for path in sorted(found)
        }
    console.print(
        f"{workers} workers: {clock.seconds:.1f} s, {epoch:.2f} s an epoch, {len(bytes_)} files"
    )
    return clock.seconds, epoch, bytes_


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--executor", choices=BARS, default="spawned")
    parser.add_argument("--out", type=Path, help="folder for workers.json; default: none")
    options = parser.parse_args()
    seconds: dict[int, list[float]] = {1: [], 2: []}
    epochs: dict[int, list[float]] = {1: [], 2: []}
    contents = []
    for _ in range(options.repeats):
        for workers, taken in seconds.items():
            one, epoch, bytes_ = finish(workers, options)
            taken.append(one)
            epochs[workers].append(epoch)
            contents.append(bytes_)
    gain = median(seconds[1]) / median(seconds[2])
    equal = bool(contents[0]) and all(bytes_ == contents[0] for bytes_ in contents)
    bar = BARS[options.executor]
    passed = gain >= bar and equal
    print(
        f"{'PASS' if passed else 'MISS'}: {options.runs} runs, one worker / two workers = "
        f"{gain:.2f}, bar {bar}; files {'equal' if equal else 'DIFFER'}; by their epochs alone "
        f"{2 * median(epochs[1]) / median(epochs[2]):.2f}, so much do these cores allow"
    )
    if options.out is not None:
        asked = {name: getattr(options, name) for name in ("runs", "epochs", "repeats", "executor")}
        report = {**asked, "gain": gain}
        for name, by_workers in (("seconds", seconds), ("epoch_seconds", epochs)):
            report[name] = {str(n): taken for n, taken in by_workers.items()}
        files.write_json(
            options.out / "workers.json",
            {**report, "equal_bytes": equal, "machine": provenance.machine()},
        )
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
