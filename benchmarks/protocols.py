"""How far does the protocol alone move what one trained model scores?

    python benchmarks/protocols.py --weights FILE --out results/benchmarks
    python benchmarks/protocols.py --weights FILE --epochs FOLDER --out results/benchmarks

Nothing is trained. The weights are what `genbench run` keeps of a training, weights.safetensors or,
while it lasts, best.safetensors; by default of the GAN on MNIST by the preset "long". From them up
to 200,000 samples are drawn, of which the first 10,000, 20,000 and so on are scored on the test
images, with the width of the window chosen in four ways. With --epochs, a folder of checkpoints of
that training, each is scored too: what is gained by choosing the epoch on the test images.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

import genbench
from genbench.datasets._files import default_data_dir
from genbench.metrics.parzen import Parzen
from genbench.metrics.parzen.choosing import best, best_of_grid, refined
from genbench.metrics.parzen.estimator import Windows
from genbench.plugins import registry
from genbench.protocols import Split
from genbench.records import files
from genbench.running import provenance
from genbench.seeding import seeded

GRID = Parzen().grid  # the paper's ten widths
COUNTS = (10_000, 20_000, 50_000, 100_000, 200_000)
DRAWN = 10_000  # at a time
N_VALID, ROUNDS = 1000, 3
LEVELS = 255 / 256  # pixels k / 256, as some of the papers have them, in place of k / 255
WAYS = {
    "grid": "the best of ten widths on 1,000 validation images: the paper's protocol",
    "refined": "between these widths too",
    "refined on test": "the same on the test images",
    "refined on test, k/256": "with all pixels k / 256",
}
console = Console(stderr=True)


def model_of(o: argparse.Namespace, weights: Path) -> Any:
    """The model of a recipe, with weights or a checkpoint of it."""
    [run] = genbench.plan(o.model, o.dataset, "parzen", preset=o.preset, data_dir=o.data_dir)
    shape = tuple(registry.load("dataset", o.dataset).shape)
    model = registry.load("model", o.model)(shape, **run.hyperparameters)
    arrays, _ = files.read_tensors(weights)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return model


def drawn(model: Any, n: int) -> Tensor:
    """`n` samples (n, d); the first are the same for every n."""
    parts = []
    for i, start in enumerate(range(0, n, DRAWN)):
        with seeded("protocols", "samples", f"part {i}"), torch.no_grad():
            parts.append(model.sample(min(DRAWN, n - start)).flatten(1))
    return torch.cat(parts)


def by_ways(samples: Tensor, split: Split) -> dict[str, tuple[float, float]]:
    """Of each of the WAYS: the mean over the test rows in nats, and the width."""
    windows, valid, test = Windows(samples), split.valid[:N_VALID], split.test
    grid = best_of_grid(windows, valid, GRID)
    between = refined(windows, valid, grid, [ROUNDS])[0]
    found = {"grid": best(grid[0].grid)[0], "refined": between.best[0]}
    values = {way: (score(windows, test, sigma), sigma) for way, sigma in found.items()}
    on_test = refined(windows, test, best_of_grid(windows, test, GRID), [ROUNDS])[0].best
    sigma, value = on_test
    values["refined on test"] = value, sigma
    # x, mu and sigma by the same factor: the density is greater by its d-th power
    greater = value - samples.shape[1] * math.log(LEVELS)
    values["refined on test, k/256"] = greater, sigma * LEVELS
    return values


def score(windows: Windows, rows: Tensor, sigma: float) -> float:
    return windows.score(rows, [sigma]).log_likelihood.mean().item()


def of_epoch(weights: Path, o: argparse.Namespace, split: Split) -> dict[str, Any]:
    """A checkpoint by the paper's protocol, on validation rows and on test rows."""
    windows = Windows(drawn(model_of(o, weights), DRAWN))
    sigma, valid = best(best_of_grid(windows, split.valid[:N_VALID], GRID)[0].grid)
    found = {"weights": weights.stem, "sigma": sigma, "valid": valid}
    return found | {"test": score(windows, split.test, sigma)}


def page(record: Mapping[str, Any]) -> str:
    """The record as a page of Markdown."""
    lines = [
        f"# What the protocol alone makes of one trained `{record['model']}`",
        "",
        f"{record['about']}. Nothing was trained: samples are drawn from these weights and scored",
        "on all test images. Nats; in brackets the width of the window.",
        "",
        "| samples | " + " | ".join(WAYS) + " |",
        "|--:" * (len(WAYS) + 1) + "|",
    ]
    for m, values in record["by samples"].items():
        cells = [f"{value:.1f} ({sigma:.3f})" for value, sigma in values.values()]
        lines.append(f"| {int(m):,} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- {way}: {text}." for way, text in WAYS.items()), ""]
    if epochs := record["by epochs"]:
        by_valid, by_test = (max(epochs, key=lambda one: one[rows]) for rows in ("valid", "test"))
        gain = by_test["test"] - by_valid["test"]
        lines += [
            f"Of {len(epochs)} epochs that were kept, {by_valid['weights']} is the best on the "
            f"validation images, with {by_valid['test']:.1f} nats on the test images; "
            f"{by_test['weights']} is the best on these, with {by_test['test']:.1f}: "
            f"choosing by them gains {gain:.1f} nats.",
            "",
        ]
    machine = record["machine"]
    lines.append(f"On {machine['cpu']}, torch {machine['packages']['torch']}.")
    return "\n".join(lines) + "\n"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--epochs", type=Path, help="folder of checkpoints of the same training")
    parser.add_argument("--about", default="The kept epoch", help="what the weights are, in words")
    parser.add_argument("--model", default="gan")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--preset", default="long")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--out", type=Path, help="folder of protocols.json and protocols.md")
    o = parser.parse_args(given)
    split = registry.load("dataset", o.dataset)(o.data_dir).split(0)
    samples, by_samples, by_epochs = drawn(model_of(o, o.weights), max(o.counts)), {}, []
    for m in o.counts:
        by_samples[m] = by_ways(samples[:m], split)
        console.print(f"{m:,} samples: {by_samples[m]}")
    for weights in sorted(o.epochs.glob("*.safetensors")) if o.epochs else ():
        by_epochs.append(of_epoch(weights, o, split))
        console.print(by_epochs[-1])
    record = {
        "model": o.model,
        "about": o.about,
        "by samples": by_samples,
        "by epochs": by_epochs,
        "machine": provenance.machine(),
    }
    print(page(record))
    if o.out:
        files.write_json(o.out / "protocols.json", record)
        files.write_bytes(o.out / "protocols.md", page(record).encode())


if __name__ == "__main__":
    main()
