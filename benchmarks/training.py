"""Training and sampling side by side: ours, peers' and the floor, the same arithmetic in float32.

A floor is the matrix products of the case at their shapes, and its random numbers, alone. Inputs
are drawn: MNIST's shapes, pixels from [0, 1]. All run in one process, in turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measuring import Measured, alternate, versions
from rich.console import Console
from tabulate import tabulate
from torch import Tensor
from training_contenders import Floor, JaxGAN, TextbookGAN, sklearn_rbm

from genbench.plugins import recipe, registry
from genbench.precision import float32_products
from genbench.records import files
from genbench.running import provenance

SHAPE, D = (1, 28, 28), 784
BATCH = 100
FOREVER = 10**6  # epochs: no case ends
PACKAGES = ("torch", "numpy", "jax", "jaxlib", "scikit-learn")
OURS, FLOOR = "genbench", "floor"
console = Console(stderr=True)


@dataclass(frozen=True)
class Case:
    """Who is measured, what one call of each does, and how many units of work that is."""

    what: str
    unit: str
    units: int
    jobs: dict[str, Callable[[], None]]
    bars: dict[str, float]  # our seconds over those of each, at most


def rows(n: int) -> Tensor:
    return torch.rand(n, D, generator=torch.Generator().manual_seed(0))


def values(name: str, dataset: str = "mnist") -> dict[str, Any]:
    """The paper's recipe, as a dict."""
    return dict(recipe.resolve(name, dataset, "paper", {}).hyperparameters)


def model(name: str, dataset: str = "mnist", **changed: Any) -> Any:
    """A model with the paper's recipe and some values changed."""
    return registry.load("model", name)(SHAPE, **{**values(name, dataset), **changed})


def epochs(one: Any, train: Tensor) -> Callable[[], None]:
    """A job: the next epoch of the model."""
    passes: Iterator[Any] = one.fit(train, train[:0])

    def job() -> None:
        with float32_products():
            next(passes)

    return job


def sampling(one: Any, n: int) -> Callable[[], None]:
    def job() -> None:
        with float32_products():
            one.sample(n)

    return job


# --- the cases; a product (n, k, m) is (n, k) by (k, m) ---


def gan(update: str, n: int) -> Case:
    one, train = model("gan", update=update, epochs=FOREVER), rows(n)
    generate = [(BATCH, 100, 1200), (BATCH, 1200, 1200), (BATCH, 1200, D)]
    judge = [(BATCH, D, 1200), (BATCH, 240, 1200)]
    slopes_D = [(D, 2 * BATCH, 1200), (240, 2 * BATCH, 1200), (2 * BATCH, 1200, 240)]
    to_fakes = [(BATCH, 1200, 240), (BATCH, 1200, D)]
    slopes_G = [(100, BATCH, 1200), (1200, BATCH, 1200), (1200, BATCH, D)]
    within_G = [(BATCH, D, 1200), (BATCH, 1200, 1200)]
    products = [*generate, *judge, *judge, *slopes_D, *to_fakes, *slopes_G, *within_G]
    judged, generated = 2, 1
    if update == "alternating":
        products, judged, generated = [*products, *generate, *judge], 3, 2
    draws = BATCH * (judged * (D + 2 * 240) + generated * 100)  # masks, noise
    jobs = {
        OURS: epochs(one, train),
        "jax_scan": JaxGAN(update, train.numpy(), BATCH),
        "textbook": TextbookGAN(update, train, values("gan")),
        FLOOR: Floor(n // BATCH, products, uniform=draws),
    }
    what = f"GAN, the paper's nets for MNIST, {update} update, batch {BATCH}"
    most = {"alternating": 0.95, "simultaneous": 1.0}[update]
    return Case(what, "update", n // BATCH, jobs, {"jax_scan": most, "textbook": 0.75})


def rbm(name: str, n: int, **layer: Any) -> Case:
    plain = {"particles": BATCH, "restarts": 0.0, "decay": 0.0, "k": 1}
    one, train = model(name, epochs=FOREVER, **plain, **layer), rows(n)
    products = [(BATCH, 500, D), (2 * BATCH, D, 500), (D, 2 * BATCH, 500)]
    jobs = {
        OURS: epochs(one, train),
        "sklearn": sklearn_rbm(train.numpy(), 500, BATCH),
        FLOOR: Floor(n // BATCH, products, uniform=BATCH * (D + 500)),
    }
    what = {"dbn": "RBM of 784 x 500, PCD-1", "rbm": "RBM of 784 x 500, PCD-1, the model rbm"}
    return Case(what[name], "epoch", 1, jobs, {"sklearn": 0.75})


def stacked_cae(n: int) -> Case:
    one, units = model("stacked_cae", epochs=FOREVER), 1000
    products = [(BATCH, D, units), (BATCH, units, D), (BATCH, D, units), (D, 2 * BATCH, units)]
    jobs = {OURS: epochs(one, rows(n)), FLOOR: Floor(n // BATCH, products)}
    return Case("Stacked CAE, lowest layer 784 x 1000", "epoch", 1, jobs, {FLOOR: 1.6})


def deep_gsn(n: int) -> Case:
    one, h, walks = model("deep_gsn", epochs=FOREVER, layers=[1500, 1500]), 1500, 4
    lower = [(BATCH, D, h), (BATCH, h, D), (BATCH, D, h)]  # up, down, and the slope into h_1
    upper = [(BATCH, h, h)] * 4  # up, down, and the slopes of both
    slopes = [(D, BATCH, h)] * 2 * walks + [(h, BATCH, h)] * 2 * (walks - 1)
    products = lower * walks + upper * (walks - 1) + slopes  # h_2 is 0 first, and last not seen
    normal = BATCH * h * 2 * (walks - 1)
    draws = {"uniform": BATCH * D * 2 * walks, "normal": normal}
    jobs = {OURS: epochs(one, rows(n)), FLOOR: Floor(n // BATCH, products, **draws)}
    return Case("Deep GSN 784-1500-1500, walkback 4", "epoch", 1, jobs, {FLOOR: 1.6})


def sample_gan(n: int) -> Case:
    products = [(1000, 100, 1200), (1000, 1200, 1200), (1000, 1200, D)]
    draws = Floor(n // 1000, products, uniform=1000 * 100)
    jobs = {OURS: sampling(model("gan"), n), FLOOR: draws}
    return Case(f"{n:,} samples of the GAN", "call", 1, jobs, {FLOOR: 1.5})


def sample_dbn(n: int) -> Case:
    one = model("dbn", chains=BATCH)
    thinning, kept = one.thinning, n // BATCH + one.burn_in // one.thinning
    products = [(BATCH, 1000, 1000)] * (2 * thinning + 1) + [(BATCH, 1000, D)]
    draws = BATCH * 1000 * (2 * thinning + 1)
    jobs = {OURS: sampling(one, n), FLOOR: Floor(kept, products, uniform=draws)}
    return _of_chains(f"{n:,} samples of the DBN", jobs)


def sample_cae(n: int) -> Case:
    one = model("stacked_cae", chains=BATCH)
    one.kept = (rows(10_000) * 255).round().to(torch.uint8)
    thinning, kept = one.thinning, n // BATCH + one.burn_in // one.thinning
    products = [(BATCH, 1000, 1000)] * (4 * thinning + 1) + [(BATCH, 1000, D)]
    # the codes of the 10,000 images at whose mean chains start are left out
    draws = BATCH * 1000 * thinning
    jobs = {OURS: sampling(one, n), FLOOR: Floor(kept, products, normal=draws)}
    return _of_chains(f"{n:,} samples of the Stacked CAE", jobs)


def sample_gsn(n: int) -> Case:
    one = model("deep_gsn", chains=BATCH, layers=[1500, 1500])
    updates = one.burn_in + n // BATCH * one.thinning
    products = [(BATCH, D, 1500), (BATCH, 1500, D), (BATCH, 1500, 1500), (BATCH, 1500, 1500)]
    draws = {"uniform": BATCH * D * 2, "normal": BATCH * 1500 * 2}
    jobs = {OURS: sampling(one, n), FLOOR: Floor(updates, products, **draws)}
    return _of_chains(f"{n:,} samples of the Deep GSN", jobs)


def _of_chains(what: str, jobs: dict[str, Callable[[], None]]) -> Case:
    return Case(f"{what}, {BATCH} chains", "call", 1, jobs, {FLOOR: 2.0})


CASES: dict[str, Callable[[int], Case]] = {
    "gan_alternating": lambda n: gan("alternating", n),
    "gan_simultaneous": lambda n: gan("simultaneous", n),
    "rbm": lambda n: rbm("dbn", n, layers=[500]),
    "rbm_alone": lambda n: rbm("rbm", n, units=500, visibles="mean"),
    "stacked_cae": stacked_cae,
    "deep_gsn": lambda n: deep_gsn(n // 5),
    "sample_gan": sample_gan,
    "sample_dbn": sample_dbn,
    "sample_cae": sample_cae,
    "sample_gsn": sample_gsn,
}


# --- measuring and writing ---


def measure(name: str, n: int, repeats: int, left_out: list[str]) -> dict[str, Any]:
    """One case as data; who cannot run is in `left_out`."""
    case, measured = CASES[name](n), {}
    for who, job in case.jobs.items():
        try:
            job()  # imports, compiles
            measured[who] = Measured(job)
        except ImportError as error:
            left_out.append(f"{name}: {who}, {error.name} is not installed")
    alternate(measured, repeats, lambda who, s: console.print(f"{name}: {who} {s:.3f} s"))
    taken = {who: median(one.seconds) for who, one in measured.items()}
    return {
        "case": name,
        "what": case.what,
        "flops": getattr(case.jobs[FLOOR], "flops", None),
        "unit": case.unit,
        "units": case.units,
        "seconds": {who: one.seconds for who, one in measured.items()},
        "median_seconds": taken,
        "bars": [
            {"theirs": who, "share": share, "most": most, "passed": share <= most}
            for who, most in case.bars.items()
            if who in taken
            for share in [taken[OURS] / taken[who]]
        ],
    }


def run(options: argparse.Namespace, threads: int) -> None:
    """Measures the cases that were asked for, prints the page, and writes it where `out` says."""
    left_out: list[str] = []
    n = 1000 if options.quick else 10_000
    chosen = options.cases or list(CASES)
    words = ["python benchmarks/peers.py --suite training", f"--repeats {options.repeats}"]
    words += [f"--cases {','.join(chosen)}"] if options.cases else []
    words += [f"--threads {threads}"] if options.threads else []
    report = {
        "command": " ".join(words + ["--quick"] * options.quick),
        "rows": n,
        "threads": threads,
        "machine": provenance.machine(),
        "peers": versions(PACKAGES),
        "cases": [measure(name, n, options.repeats, left_out) for name in chosen],
        "left_out": left_out,
    }
    print(page(report), end="")
    if options.out is not None:
        folder = Path(options.out)
        files.write_json(folder / "training.json", report)
        files.write_bytes(folder / "training.md", page(report).encode())


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    about = report["machine"]
    listed = ", ".join(f"{name} {number}" for name, number in report["peers"].items())
    lines = [
        "# Training and sampling, side by side",
        "",
        f"`{report['command']}` on {about['cpu']}; threads, for everyone: {report['threads']}. "
        f"Python {about['python']}, {listed}.",
        "",
        "Medians of calls in turns. `ours / theirs` is under 1 where we are faster. A floor is the "
        "matrix products of the case and its random numbers alone.",
        "",
        tabulate(_rows(report), headers="keys", tablefmt="pipe", disable_numparse=True),
    ]
    lines += [f"- {why}" for why in report["left_out"]]
    return "\n".join(lines) + "\n"


def _rows(report: dict[str, Any]) -> Iterator[dict[str, str]]:
    for case in report["cases"]:
        taken = case["median_seconds"]
        bars = {bar["theirs"]: bar for bar in case["bars"]}
        for who, seconds in taken.items():
            bar = bars.get(who)
            verdict = f"{'PASS' if bar['passed'] else 'MISS'}: at most {bar['most']}" if bar else ""
            flops = case["flops"] / case["units"] / 1e9
            yield {
                "case": case["what"] if who == OURS else "",
                "who": f"floor, {flops:.3g} GFLOP" if who == FLOOR else who,
                "ms": f"{1e3 * seconds / case['units']:.4g} / {case['unit']}",
                "ours / theirs": "" if who == OURS else f"{taken[OURS] / seconds:.2f}",
                "bar": verdict,
            }
