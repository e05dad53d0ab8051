"""Does fast training end where a textbook loop ends? Nats after some epochs, several seeds each.

    python benchmarks/agreement.py --out results/benchmarks
    python benchmarks/agreement.py --dataset mnist --data-dir DIR      (hours)

Nets, data and rates of both are those of the dataset's recipe, the momentum its first. Their draws
differ, so only means can agree: the 95 % t interval of the difference is printed, and the exit
code is 1 where it does not hold 0.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from measuring import confine
from rich.progress import Progress
from scipy.stats import ttest_ind
from torch import Tensor
from training import model, values
from training_contenders import TextbookGAN

from genbench.datasets._files import default_data_dir
from genbench.metrics.parzen import Parzen
from genbench.models.layers import logit_of_marginals
from genbench.plugins import registry
from genbench.precision import float32_products
from genbench.protocols import Split
from genbench.records import files
from genbench.running import provenance


def ours(update: str, train: Tensor, options: argparse.Namespace, seed: int) -> Tensor:
    """Samples of our GAN, its momentum constant."""
    torch.manual_seed(seed)
    momentum = values("gan", options.dataset)["momentum"]
    changed = {"final_momentum": momentum, "epochs": options.epochs, "update": update}
    one = model("gan", options.dataset, **changed)
    with float32_products():
        for _ in one.fit(train, train[:0]):
            pass
        return one.sample(options.samples)


def textbook(update: str, train: Tensor, options: argparse.Namespace, seed: int) -> Tensor:
    """Samples of the plain loop."""
    torch.manual_seed(seed)
    one = TextbookGAN(update, train, values("gan", options.dataset))
    *_, bias = one.G.parameters()
    bias.data.copy_(logit_of_marginals(train))
    for _ in range(options.epochs):
        one()  # with torch's default products
    with torch.no_grad():
        return one.G(one.noise(options.samples))


def compare(update: str, split: Split, options: argparse.Namespace, bar: Progress) -> Any:
    """Nats of each seed of both, and the interval of the difference of their means."""
    train, nats = split.train, {"genbench": [], "textbook": []}
    task = bar.add_task(update, total=2 * options.seeds)
    for seed in range(options.seeds):
        for name, trained in (("genbench", ours), ("textbook", textbook)):
            samples = trained(update, train, options, seed)
            score = Parzen()(samples, split.valid, split.test)
            nats[name].append(score.value)
            bar.console.print(f"{update}, {name}, seed {seed}: {score.value:.2f} nats")
            bar.advance(task)
    found = ttest_ind(nats["genbench"], nats["textbook"], equal_var=False)
    low, high = map(float, found.confidence_interval(0.95))
    return {"update": update, "nats": nats, "interval": [low, high], "agree": low <= 0 <= high}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--dataset", choices=("mnist5k", "mnist"), default="mnist5k")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, help="folder for agreement.json; default: none")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error(f"--seeds must be 2 or more, got {options.seeds}")
    threads = confine(options.threads)
    split = registry.load("dataset", options.dataset)(options.data_dir).split(0)
    with Progress(disable=not sys.stderr.isatty()) as bar:
        updates = ("alternating", "simultaneous")
        found = [compare(update, split, options, bar) for update in updates]
    asked = {name: getattr(options, name) for name in ("dataset", "epochs", "seeds", "samples")}
    report = {**asked, "threads": threads, "machine": provenance.machine(), "updates": found}
    for one in found:
        low, high = one["interval"]
        verdict = "PASS" if one["agree"] else "MISS"
        print(f"{verdict}: {one['update']}, ours - textbook in [{low:.1f}, {high:.1f}] nats")
    if options.out is not None:
        files.write_json(options.out / "agreement.json", report)
    sys.exit(0 if all(one["agree"] for one in found) else 1)


if __name__ == "__main__":
    main()
