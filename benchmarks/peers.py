"""Side by side: the seconds of our estimator, training and sampling and of their peers.

    python benchmarks/peers.py --data-dir DIR       (after pip install -e '.[peers]')
    python benchmarks/peers.py --suite training     (no data needed)

All contenders run in one process on the same cores, in turns: repeat r of each before repeat r + 1
of any. One whose first call takes over 20 s has that call as its only one; the first call of the
others is not counted. Errors are against float64 differences on a few of the rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import training
from contenders import CONTENDERS, Contender, truth
from measuring import Measured, alternate, confine, versions
from peers_page import page
from rich.console import Console
from rich.progress import Progress
from threadpoolctl import threadpool_limits
from torch import Tensor

from genbench import select_sigma
from genbench.datasets._files import default_data_dir
from genbench.errors import GenbenchError
from genbench.metrics.parzen import Parzen, Windows
from genbench.metrics.parzen.choosing import best_of_grid
from genbench.plugins import registry
from genbench.records import files
from genbench.running import provenance

CHECKED = 200  # rows that are scored in float64 too
ROWS, N_VALID = 10_000, 1000  # centres and queries; validation rows that choose sigma
GRID = np.logspace(-1, 0, 10).tolist()
DATASETS = {784: "mnist", 2304: "tfd", 3072: "cifar10"}
PROTOCOL, METRIC = "genbench_protocol", "genbench_metric"
WHOLE = {
    PROTOCOL: "the best of ten widths on 1,000 validation rows, then that on these",
    METRIC: "Parzen(): the protocol, its diagnostics, m/4 and m/2, its certificate",
}
BARS = (  # d, whose seconds, over whose, at most
    (784, "genbench", "jax", 0.35),
    (784, "genbench", "torch_product", 0.35),
    (784, PROTOCOL, "jax", 0.7),
    (784, METRIC, "jax", 0.7),
    (2304, "genbench", "torch_product", 0.35),
    (3072, "genbench", "torch_product", 0.35),
)
console = Console(stderr=True)


@dataclass(frozen=True)
class Case:
    """Rows to score `(n, d)`, the centres `(m, d)`, and the sigma chosen on `valid`."""

    name: str
    samples: Tensor
    valid: Tensor
    x: Tensor
    sigma: float
    everyone: bool  # also those that need minutes


class Unable(Exception):
    """A contender that cannot be measured here."""


# --- what is measured ------------------------------------------------------------------------


def cases(options: argparse.Namespace, left_out: list[str]) -> Iterator[Case]:
    """The cases that were asked for; adds to `left_out` those whose data are not there."""
    rows = 1000 if options.quick else ROWS
    for d in options.d:
        name = DATASETS[d]
        try:
            split = registry.load("dataset", name)(options.data_dir).split(0)
        except GenbenchError as error:
            left_out.append(f"{name}: {type(error).__name__}")  # the text may name a folder
            console.print(f"{name} is left out: {error}", style="yellow", markup=False)
            continue
        x = torch.cat([split.test, split.train[rows:]])[:rows]
        valid = split.valid[:N_VALID]
        centres = {"replay": split.train[:rows]}
        if d == 784:
            centres |= dict(options.centres)
        for source, samples in centres.items():
            sigma = select_sigma(samples, valid, GRID)
            everyone = d == 784 and source == "replay"
            yield Case(f"{name}, {source}", samples, valid, x, sigma, everyone)


def jobs(case: Case, only: Sequence[str], left_out: list[str]) -> dict[str, Measured]:
    """Who takes part in a case, ready to be called; adds to `left_out` who cannot."""
    found = {}
    for name, contender in CONTENDERS.items():
        if name not in only or not (contender.quick or case.everyone):
            continue
        try:
            found[name] = _tuned(contender, case)
        except Unable as error:
            left_out.append(f"{case.name}: {name}, {error}")
            console.print(left_out[-1], style="yellow", markup=False)
    if PROTOCOL in only and case.x.shape[1] == 784:
        found[PROTOCOL] = Measured(partial(protocol, case))
    if METRIC in only and case.x.shape[1] == 784:
        found[METRIC] = Measured(partial(metric, case))
    return found


def _tuned(contender: Contender, case: Case) -> Measured:
    """Compiles on a few rows; of the chunks takes the one whose better of two calls is least."""
    if missing := contender.missing():
        raise Unable(f"{' and '.join(missing)} not installed")
    try:
        contender.score(case.samples[:64], case.x[:8], case.sigma)
    except Exception as error:  # no compiler, a broken install: the others can still be measured
        raise Unable(f"{type(error).__name__} on its first call") from error
    score = partial(contender.score, case.samples, case.x, case.sigma)
    tried = {}
    for chunk in sorted({min(chunk, len(case.x)) for chunk in contender.chunks}):
        trial = Measured(partial(score, chunk=chunk))
        tried[chunk] = min(trial.call(), trial.call())
    if not tried:
        return Measured(score)
    best = min(tried, key=lambda chunk: tried[chunk])
    return Measured(partial(score, chunk=best), best)


def protocol(case: Case) -> Tensor:
    """The paper's protocol: the best of ten widths on the validation rows, then the test rows."""
    windows = Windows(case.samples)
    (tried,) = best_of_grid(windows, case.valid, GRID)
    return windows.score(case.x, [tried.best[0]]).log_likelihood[0]


def metric(case: Case) -> Tensor:
    """The metric of `genbench run`: the protocol, its diagnostics and its certificate."""
    ll = Parzen()(case.samples, case.valid, case.x).per_example
    assert ll is not None
    return ll


# --- measuring -------------------------------------------------------------------------------


def measure(case: Case, options: argparse.Namespace, left_out: list[str]) -> dict[str, Any]:
    """One case as data: seconds, ratios and errors of everyone."""
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(f"{case.name}: choosing chunks", total=None)
        measured = jobs(case, options.only, left_out)
        bar.reset(task, total=len(measured) * (options.repeats + 1))

        def told(name: str, seconds: float) -> None:
            bar.console.print(f"{case.name}: {name} {seconds:.3f} s")
            bar.update(task, advance=1, description=case.name)

        alternate(measured, options.repeats, told)
    checked = torch.linspace(0, len(case.x) - 1, min(CHECKED, len(case.x))).long()
    exact = truth(case.samples, case.x[checked], case.sigma)
    return {
        "case": case.name,
        "m": len(case.samples),
        "n": len(case.x),
        "d": case.x.shape[1],
        "sigma": case.sigma,
        "checked_rows": len(checked),
        "contenders": record(measured, checked, exact),
    }


def record(
    measured: Mapping[str, Measured], checked: Tensor, exact: Tensor
) -> list[dict[str, Any]]:
    """One row per contender, the fastest first."""
    ratio = ratios({name: one.seconds for name, one in measured.items()})
    rows = []
    for name, one in measured.items():
        known = CONTENDERS.get(name)
        estimates = known is None or known.estimates
        error = one.ll.double()[checked] - exact if estimates and one.ll is not None else None
        rows.append(
            {
                "contender": name,
                "what": known.what if known else WHOLE[name],
                "chunk": one.chunk,
                "seconds": one.seconds,
                "median_seconds": median(one.seconds),
                "ratio": ratio.get(name),
                "max_abs_error": None if error is None else _finite(error.abs().max()),
                "mean_error": None if error is None else _finite(error.mean()),
                "mean_ll": None if error is None or one.ll is None else _finite(one.ll.mean()),
            }
        )
    return sorted(rows, key=lambda row: row["median_seconds"])


def ratios(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Median seconds of each over those of genbench; empty if that was not measured."""
    if "genbench" not in seconds:
        return {}
    ours = median(seconds["genbench"])
    return {name: median(taken) / ours for name, taken in seconds.items()}


def _finite(value: Tensor) -> float | None:
    return value.item() if value.isfinite() else None


def bars(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each bar on each case that it is about; `passed` is None where one side is missing."""
    found = []
    for case in measured:
        taken = {row["contender"]: row["median_seconds"] for row in case["contenders"]}
        for d, ours, theirs, most in BARS:
            if d != case["d"]:
                continue
            known = ours in taken and theirs in taken
            share = taken[ours] / taken[theirs] if known else None
            passed = None if share is None else share <= most
            sides = {"ours": ours, "theirs": theirs}
            found.append(
                {"case": case["case"], **sides, "share": share, "most": most, "passed": passed}
            )
    return found


# --- the command -----------------------------------------------------------------------------


def write(report: Mapping[str, Any], folder: Path) -> None:
    """peers.json, the data with a checksum, and peers.md, the same to be read."""
    files.write_json(folder / "peers.json", report)
    files.write_bytes(folder / "peers.md", page(report).encode())


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; a name or number that is not known is an error that lists the known ones."""
    known = [*CONTENDERS, *WHOLE]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suite", choices=("estimator", "training"), default="estimator")
    parser.add_argument("--cases", type=_listed(str, list(training.CASES)), help="of training")
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--out", type=Path, help="default results/benchmarks; with --quick: none")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", type=_listed(str, known), default=known, metavar="NAME,...")
    parser.add_argument("--d", type=_listed(int, list(DATASETS)), default=list(DATASETS))
    parser.add_argument(
        "--centres", type=_centres, action="append", default=[], metavar="NAME=FILE"
    )
    parser.add_argument("--threads", type=int, help="cores for everyone; default: all")
    parser.add_argument("--quick", action="store_true", help="1,000 rows; writes no file")
    options = parser.parse_args(arguments)
    if options.repeats < 1 or (options.threads is not None and options.threads < 1):
        parser.error("--repeats and --threads must be at least 1")
    if options.cases and options.suite != "training":
        parser.error("--cases are of --suite training")
    of_estimator = options.centres or options.only != known or options.d != list(DATASETS)
    if options.suite == "training" and of_estimator:
        parser.error("--only, --d and --centres are of --suite estimator")
    if options.out is None and not options.quick and not options.cases:
        options.out = Path("results/benchmarks")
    return options


def _listed(kind: type, known: Sequence[Any]) -> Callable[[str], list[Any]]:
    def parse(text: str) -> list[Any]:
        wanted = [part.strip() for part in text.split(",")]
        if unknown := set(wanted) - {str(name) for name in known}:
            listed = ", ".join(map(str, known))
            raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; known: {listed}")
        return [kind(part) for part in wanted]

    return parse


def _centres(text: str) -> tuple[str, Tensor]:
    """NAME=FILE -> the name and rows (m, 784) of a .npy or of stored samples (.npz)."""
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"wants NAME=FILE, got {text!r}")
    try:
        raw = path.endswith(".npy")
        rows = np.load(path) if raw else files.read_arrays(Path(path))[0]["samples"]
    except (OSError, ValueError, KeyError, GenbenchError) as error:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != 784:
        raise argparse.ArgumentTypeError(f"{path} must hold (m, 784), got {rows.shape}")
    levels = torch.from_numpy(rows)  # stored samples of images are levels 0..255
    return name, levels.float() / (255 if levels.dtype == torch.uint8 else 1)


def command(options: argparse.Namespace) -> str:
    """What was typed, less the folders of this machine."""
    words = ["python benchmarks/peers.py --data-dir DIR", f"--repeats {options.repeats}"]
    if len(options.only) < len(CONTENDERS) + len(WHOLE):
        words.append(f"--only {','.join(options.only)}")
    words.append(f"--d {','.join(map(str, options.d))}")
    words += [f"--centres {name}=FILE" for name, _ in options.centres]
    return " ".join(words + ["--quick"] * options.quick)


def main() -> None:
    options = parsed()
    threads = confine(options.threads)
    if options.suite == "training":
        with threadpool_limits(threads):
            training.run(options, threads)
        return
    left_out: list[str] = []
    with threadpool_limits(threads):
        measured = [measure(case, options, left_out) for case in cases(options, left_out)]
    report = {
        "command": command(options),
        "threads": threads,
        "machine": provenance.machine(),
        "peers": versions(),
        "cases": measured,
        "bars": bars(measured),
        "left_out": left_out,
    }
    print(page(report), end="")
    if options.out is not None:
        write(report, options.out)


if __name__ == "__main__":
    main()
