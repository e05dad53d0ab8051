"""log Z of others' machines by annealing, beside what is published or exact; and what a step costs.

python benchmarks/likelihoods.py --data-dir DATA --out results/benchmarks

DATA holds mnist/ and anchors/ with the weights of MACHINES and the binarised test images of 2008.
Each stage is kept in --kept as it goes, so that the same command goes on after a stop; a machine
that is done is not done again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from genbench.datasets.mnist import MNIST
from genbench.likelihood.annealing import Annealing
from genbench.likelihood.boltzmann import base_biases, detected, log_f, log_Z
from genbench.likelihood.gibbs_path import Annealer, bits, path
from genbench.likelihood.gibbs_path import Path as Along
from genbench.precision import float32_products
from genbench.protocols import Boltzmann
from genbench.records import files
from genbench.running import provenance
from genbench.seeding import seeded

# file, log Z and what it is, and the published mean log p of the binarised test images of 2008
MACHINES: dict[str, tuple[str, float, str, float | None]] = {
    "784 x 15, pylearn2": ("rbm15_pylearn2.safetensors", 215.138405525317, "exact", None),
    "784 x 15, a-taherkhani": ("rbm15_taherkhani.safetensors", 216.061544066097, "exact", None),
    "784 x 500, CD25(500), Salakhutdinov & Murray 2008": (
        *("rbm500_cd25_salakhutdinov.safetensors", 451.28, "published"),
        -86.34,
    ),
}
STEPS = 300  # of those that are timed
console = Console(stderr=True)


def loaded(file: Path) -> Boltzmann:
    p = load_file(file)
    return Boltzmann((p["W"],), (p["b"], p["c"]))


def evaluated(name: str, options: argparse.Namespace, base: torch.Tensor, rows: torch.Tensor):
    """What annealing says of one machine, stage by stage from what is kept."""
    file, known, how, published = MACHINES[name]
    machine = loaded(options.data_dir / "anchors" / file)
    stem = file.removesuffix(".safetensors")
    kept = {path.name: Annealing.of(load_file(path)) for path in options.kept.glob(f"{stem}.*")}
    stored = {place.rpartition(".")[2]: annealing for place, annealing in kept.items()}
    begin = time.process_time()

    def watch(stage: str, at: Annealing) -> None:
        save_file(at.state_dict(), options.kept / f"{stem}.{stage}")
        spent = time.process_time() - begin
        console.print(f"{name}: {stage}, step {at.step:,} of {at.total:,}, {spent:.0f} CPU s")

    along = path(machine, base)
    annealer = Annealer(seed=options.seed, chains=options.chains, watch=watch, stored=stored)
    found = log_Z(along, annealer)
    if not options.no_detector:
        found = detected(found, along, annealer, rows)
    log_fs = log_f(machine, rows).mean().item()
    return {
        "known log Z": known,
        "known by": how,
        "log Z": found.value,
        "stderr": found.stderr,
        "effective chains": found.effective,
        "reverse": dict(found.reverse),
        "refused": found.refused,
        "mean log f": log_fs,
        "mean log p": log_fs - found.value,
        "published mean log p": published,
        "chains": annealer.chains,
        "temperatures": len(annealer.betas) - 1,
        "seed": options.seed,
    }


# --- what a step costs ---


def cpu_seconds(step: Callable[[], Any]) -> float:
    """Of one call: the least of five rounds, since others may use the processor too."""
    rounds = []
    for _ in range(6):
        begin = time.process_time()
        for _ in range(STEPS // 5):
            step()
        rounds.append((time.process_time() - begin) / (STEPS // 5))
    return min(rounds[1:])


@torch.no_grad()
def cost(along: Along, chains: int) -> dict[str, float]:
    """CPU milliseconds of a step, and of its two products alone, in the same type and threads."""
    with float32_products(), seeded("cost"):
        state = along.draw(chains)
        s, t = state["s"], bits(along.c.new_full((chains, len(along.c)), 0.5))

        def products() -> tuple[torch.Tensor, torch.Tensor]:
            return s @ along.W, t @ along.W.T

        floor = cpu_seconds(products)
        whole = cpu_seconds(lambda: along.step(state, 0.95, 0.95001))
    return {"step, ms": 1e3 * whole, "products, ms": 1e3 * floor, "ratio": whole / floor}


# --- the page ---


def _detector(one: dict[str, Any]) -> str:
    if not one["reverse"]:
        return "not run"
    return "refused" if one["refused"] else "not refused"


def page(record: dict[str, Any]) -> str:
    rows = [
        {
            "machine": name,
            "log Z": f"{one['log Z']:.3f} ± {one['stderr']:.3f}",
            "known": f"{one['known log Z']:.2f} ({one['known by']})",
            "mean log p": f"<= {one['mean log p']:.2f}",
            "published": one["published mean log p"] or "",
            "backwards from base, rows, noise, on": ", ".join(
                f"{value:.2f}" for value in one["reverse"].values()
            ),
            "detector": _detector(one),
        }
        for name, one in record["machines"].items()
    ]
    table = pd.DataFrame(rows).to_markdown(index=False) if rows else "none yet"
    step = record["cost"]
    machine = record["machine"]
    return (
        "# Likelihoods of Boltzmann machines that others trained\n\n"
        f"`python benchmarks/likelihoods.py` on {machine['cpu']}, torch "
        f"{machine['packages']['torch']}, one thread. Annealed importance sampling of 100 chains "
        "at 14,500 temperatures, from base rates of the training pixels; ± one standard error over "
        "chains. Rows: the binarised test images of 2008.\n\n"
        f"{table}\n\n"
        f"A step of 100 chains at 784 x 500 takes {step['step, ms']:.2f} CPU ms, its two products "
        f"alone {step['products, ms']:.2f}: {step['ratio']:.2f} times the floor (bar: at most 2).\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kept", type=Path, default=Path(".annealed"))
    parser.add_argument("--machines", nargs="*", default=[*MACHINES])
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-detector", action="store_true", help="the forward runs alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.kept.mkdir(exist_ok=True)
    target = options.out / "likelihoods.json"
    record = files.read_json(target) if target.exists() else {"machines": {}}
    split = MNIST(options.data_dir).split(0)
    base = base_biases(torch.cat([split.train, split.valid]))
    packed = np.load(options.data_dir / "anchors" / "binarized_test_packbits.npy")
    rows = torch.from_numpy(np.unpackbits(packed, axis=1)[:, :784].copy()).float()
    large = loaded(options.data_dir / "anchors" / MACHINES[[*MACHINES][-1]][0])
    record |= {"cost": cost(path(large, base), 100), "machine": provenance.machine()}
    done = {n for n, one in record["machines"].items() if one["reverse"] or options.no_detector}
    for name in [None, *(one for one in options.machines if one not in done)]:
        if name is not None:
            record["machines"][name] = evaluated(name, options, base, rows)
        files.write_json(target, record)
        files.write_bytes(options.out / "likelihoods.md", page(record).encode())


if __name__ == "__main__":
    main()
