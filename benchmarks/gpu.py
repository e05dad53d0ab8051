"""One GPU, one call of a few minutes: what runs on it, what it says, and how fast.

    python benchmarks/gpu.py --data-dir DIR --out results/benchmarks     # on a machine with a GPU
    python benchmarks/gpu.py --dry                                       # the same script on a CPU

In turn, each stage in what is left of `--minutes`:

tests       the tests that are marked `cuda`
parity      every metric that scores samples, of one set of rows on CPU and GPU
estimator   the Gaussian-window estimator beside the float32 product of its rows, d = 784 to 3,072
gan         an epoch of the paper's nets for MNIST: step by step, and replayed as one CUDA graph
epochs      the paper's nets for faces and for CIFAR-10, as many epochs as the rest allows

A stage that fails, or has no time or no data left, says so, and the others go on. `--dry` takes
small sizes and leaves out what needs a GPU; it writes no file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from measuring import versions
from rich.console import Console
from torch import Tensor

from genbench import log_likelihood
from genbench.models.gan import GAN
from genbench.plugins import recipe
from genbench.precision import float32_products
from genbench.records import files
from genbench.running import provenance
from genbench.seeding import seeded
from genbench.timing import Clock, timed

CLI = [sys.executable, "-m", "genbench.cli"]
SIGMA = 0.1668
ROWS, DIMENSIONS = 10_000, (784, 2304, 3072)
UPDATES = 500  # an epoch of MNIST in batches of 100
REPEATS = 5
LEAST = 20.0  # seconds that must be left for a stage to begin
NETS = ("tfd", "cifar10")
console = Console(stderr=True)

Row = dict[str, Any]


@dataclass(frozen=True)
class Session:
    """Where it runs, and until when, by the monotonic clock."""

    device: torch.device
    dry: bool
    until: float
    data_dir: Path | None

    @property
    def left(self) -> float:
        """Seconds."""
        return self.until - time.monotonic()


# --- stages: each returns rows of what it found ---


def tests(session: Session) -> list[Row]:
    """How the tests that need CUDA end; of a dry run, which there are."""
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "cuda",
        "-n",
        "0",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = _called([*words, *(["--collect-only"] if session.dry else [])], session)
    *_, last = done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]]
    return [{"exit": done.returncode, "said": last}]


def parity(session: Session) -> list[Row]:
    """The scores of one file of samples, on both devices, by metric."""
    devices = ["cpu", str(session.device)]
    with TemporaryDirectory() as folder:
        rows = curves(1000 if session.dry else ROWS, 784, seed=1)
        np.save(Path(folder) / "curves.npy", rows.numpy())
        said = {device: _scores(Path(folder), device, session) for device in dict.fromkeys(devices)}
    cpu, other = said["cpu"], said[devices[-1]]
    found = [
        {"metric": name, "cpu": value, "device": other.get(name)} for name, value in cpu.items()
    ]
    for row in found:
        if row["cpu"] and row["device"] is not None:
            row["relative difference"] = abs(row["device"] - row["cpu"]) / abs(row["cpu"])
    return found


def _scores(folder: Path, device: str, session: Session) -> dict[str, float]:
    words = [
        "score",
        str(folder / "curves.npy"),
        "-d",
        "mnist5k",
        "--no-references",
        "--json",
        "-q",
    ]
    metrics = "parzen" if session.dry else "all"
    words += ["--metrics", metrics, "--device", device, "--results-dir", str(folder / device)]
    done = _called([*CLI, *words], session)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-500:])
    return {row["metric"]: row["value"] for row in json.loads(done.stdout)["scores"]}


def estimator(session: Session) -> list[Row]:
    """Seconds of the estimator and of the bare float32 product x @ samples.T, and their ratio."""
    found: list[Row] = []
    for d in DIMENSIONS[:1] if session.dry else DIMENSIONS:
        n = 1000 if session.dry else ROWS
        samples, x = (curves(n, d, seed).to(session.device) for seed in (1, 2))

        def product(samples: Tensor = samples, x: Tensor = x) -> Tensor:
            with float32_products():
                return x @ samples.T

        def ours(samples: Tensor = samples, x: Tensor = x) -> Tensor:
            return log_likelihood(samples, x, SIGMA)

        seconds = _in_turns({"genbench": ours, "product": product}, session.device)
        ratio = seconds["genbench"] / seconds["product"]
        found.append({"d": d, "rows": n, **seconds, "genbench / product": ratio})
    return found


def gan(session: Session) -> list[Row]:
    """Seconds of an epoch of the GAN for MNIST, eager and as a CUDA graph of its update."""
    hyperparameters = recipe.resolve("gan", "mnist", recipe.PAPER, {}).hyperparameters
    updates = 2 if session.dry else UPDATES
    with seeded("gpu", "gan"):
        model = GAN((1, 28, 28), **hyperparameters)
    model = _on(model, session.device)
    x = curves(100, 784, seed=3).to(session.device)

    def eager() -> None:
        for t in range(updates):
            model._together(x, t, 0.5)

    ways: dict[str, Callable[[], Any]] = {"eager": eager}
    if session.device.type == "cuda":
        replay = _graphed(lambda: model._together(x, 0, 0.5))
        ways["CUDA graph"] = lambda: [replay() for _ in range(updates)]
    seconds = _in_turns(ways, session.device)
    return [{"way": way, "updates": updates, "seconds": spent} for way, spent in seconds.items()]


def _graphed(step: Callable[[], Any]) -> Callable[[], None]:
    """A step that is captured once and replayed: one launch in place of some fifty."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # what is allocated once, such as cuBLAS' workspace, is so now
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _on(model: GAN, device: torch.device) -> GAN:
    """The model with its nets and velocities on a device."""
    for net in (model.top, model.bottom, model.D):
        net.to(device)
    model.velocity = {p: v.to(device) for p, v in model.velocity.items()}
    return model


def epochs(session: Session) -> list[Row]:
    """How far the paper's larger nets come, each in an equal part of the time that is left."""
    found: list[Row] = []
    for i, dataset in enumerate(NETS):
        minutes = max(0.1, (session.left / (len(NETS) - i) - LEAST) / 60)
        with TemporaryDirectory() as folder:
            words = ["run", "-m", "gan", "-d", dataset, "--no-references", "--metrics", "parzen"]
            words += ["--device", str(session.device), "--results-dir", folder, "--json", "-q"]
            words += ["--preset", "smoke"] if session.dry else ["--minutes", f"{minutes:.2f}"]
            done = _called([*CLI, *words], session)
            found.append({"dataset": dataset, **_ended(done, Path(folder))})
    return found


def _ended(done: subprocess.CompletedProcess[str], folder: Path) -> Row:
    """What became of a training: its epochs, the seconds of each, its score."""
    events = [json.loads(line) for path in folder.rglob("events.jsonl") for line in path.open()]
    seconds = [event["seconds"] for event in events if "epoch" in event and "seconds" in event]
    if done.returncode or not done.stdout:
        return {"failed": done.stderr.strip()[-300:], "epochs": len(seconds)}
    rows = json.loads(done.stdout)
    value = {row["metric"]: row["value"] for row in rows}
    return {"epochs": len(seconds), "seconds an epoch": median(seconds or [0.0]), **value}


STAGES: dict[str, Callable[[Session], list[Row]]] = {
    "tests": tests,
    "parity": parity,
    "estimator": estimator,
    "gan": gan,
    "epochs": epochs,
}


# --- what they share ---


def curves(n: int, d: int, seed: int) -> Tensor:
    """Rows (n, d) with many zeros and smooth strokes between, float32 in [0, 1]."""
    draw = torch.Generator().manual_seed(seed)
    low = torch.randn(n, 12, generator=draw) @ torch.randn(12, d, generator=draw)
    return (low / 6 - 0.3).clamp(0, 1)


def _in_turns(ways: Mapping[str, Callable[[], Any]], device: torch.device) -> dict[str, float]:
    """The median seconds of each, called in turns after a round that warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS + 1):
        for name, job in ways.items():
            clock = Clock()
            with timed(device, clock):
                job()
            taken[name].append(clock.seconds)
    return {name: median(seconds[1:]) for name, seconds in taken.items()}


def _called(words: Sequence[str], session: Session) -> subprocess.CompletedProcess[str]:
    """A command, ended where the session's time is over."""
    own = [*words]
    if session.data_dir and own[: len(CLI)] == CLI:
        own += ["--data-dir", str(session.data_dir)]
    left = max(session.left, LEAST)
    return subprocess.run(own, capture_output=True, text=True, timeout=left, check=False)


# --- all stages ---


def measured(stages: Sequence[str], session: Session) -> dict[str, Any]:
    """What each stage found, or why it found nothing."""
    report: dict[str, Any] = {}
    for name in stages:
        if session.left < LEAST:
            report[name] = [{"left out": "the time was over"}]
            continue
        clock = Clock()
        try:
            with timed(session.device, clock):
                report[name] = STAGES[name](session)
        except (RuntimeError, ValueError, OSError, subprocess.TimeoutExpired) as error:
            report[name] = [{"failed": f"{type(error).__name__}: {error}"[:500]}]
        console.print(f"{name}: {clock.seconds:.0f} s, {session.left:.0f} s left")
    return report


def page(report: Mapping[str, Sequence[Row]], machine: Mapping[str, Any], command: str) -> str:
    """The report in Markdown, a table for each stage."""
    cards = ", ".join(machine["gpus"]) or "no GPU"
    lines = ["# On a GPU", "", f"`{command}` on {cards}; CPU: {machine['cpu']}.", ""]
    for name, rows in report.items():
        table = pd.DataFrame([*rows]).to_markdown(index=False, floatfmt=".4g")
        about = (STAGES[name].__doc__ or "").partition("\n")[0]
        lines += [f"## {name}", "", about, "", table, ""]
    return "\n".join(lines)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dry", action="store_true", help="small sizes, on the CPU; no file")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, help="folder of gpu.json and gpu.md; default: none")
    parser.add_argument("--stages", default=",".join(STAGES), help=f"of {', '.join(STAGES)}")
    options = parser.parse_args()
    options.stages = options.stages.split(",")
    unknown = [name for name in options.stages if name not in STAGES]
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; stages: {', '.join(STAGES)}")
    if not options.dry and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; --dry runs the same script on the CPU")
    return options


def main() -> None:
    options = parsed()
    device = torch.device("cpu" if options.dry else "cuda:0")
    until = time.monotonic() + 60 * options.minutes
    session = Session(device, options.dry, until, options.data_dir)
    report = measured(options.stages, session)
    machine = {**provenance.machine(), "versions": versions()}
    command = f"python benchmarks/gpu.py --minutes {options.minutes:g}{' --dry' * options.dry}"
    text = page(report, machine, command)
    print(text)
    if options.out and not options.dry:
        kept = {"command": command, "machine": machine, "stages": report}
        files.write_json(options.out / "gpu.json", kept)
        files.write_bytes(options.out / "gpu.md", text.encode())
    failed = any("failed" in row for rows in report.values() for row in rows)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
