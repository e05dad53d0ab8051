"""What does one trained model read under the ways in which chains may have been run?

    python benchmarks/chains.py --threads 1 --out results/benchmarks

The papers behind the rows of the DBN and the Stacked CAE say neither how many chains they ran nor
where these started. Here each model is trained once, by its recipe on MNIST; then it draws 10,000
rows three times in each way, and each set is scored as in the table. What a recipe tunes on
validation rows, as the noise of the CAE, is tuned anew for each way. Published values stand beside.
The runs are kept in --results-dir: the same command goes on with them. Of models that are not
asked for, the page keeps what it has, if it is of the same dataset.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from rich.console import Console

import genbench
from genbench.comparing.chains import effective_rows
from genbench.datasets._files import default_data_dir
from genbench.metrics.parzen import Parzen, log_likelihood, select_sigma
from genbench.plugins import registry
from genbench.precision import float32_products
from genbench.protocols import Dataset, Split
from genbench.records import files
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.running import provenance
from genbench.samples.judging import as_given
from genbench.seeding import seeded

SETS, SAMPLES, BLACK = 3, 10_000, 0.02  # an image is black where its mean pixel is below that
ABOUT = f"""Each model is trained once by its recipe and draws {SAMPLES:,} rows {SETS} times in
each way. Nats, ± one standard error over sets and test rows. A value meets the published one if
they differ by no more than two of their errors together; else by how much they differ. Bits: what
binary pixels score that are drawn once with the means. Worth: independent rows; of fewer than 20
chains by the movement of each alone, which knows nothing of where none of them comes. Nearest: how
many training images are the nearest of one of 2,000 samples. Changes: of the class of the nearest
one, in 100 steps of a chain. Black: images of a mean pixel below {BLACK:g}."""
HEADER = (
    "| chains | start | steps | noise | nats | against the published | bits | worth | nearest "
    "| changes | black |"
)
RULE = "|--:|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|"
console = Console(stderr=True)


@dataclass(frozen=True)
class Way:
    """How chains are run; nothing given: as the recipe says."""

    chains: int | None = None
    start: str = "noise"
    burn_in: int = 0
    thinning: int = 1

    @property
    def settings(self) -> dict[str, Any]:
        if self.chains is None:
            return {}
        names = ("chains", "start", "burn_in", "thinning")
        return {name: getattr(self, name) for name in names}


def ways(thinning: int) -> list[Way]:
    """The recipe; 100 to 1 chains from both starts; and every state of one, as of a GSN."""
    few = [
        Way(chains, start, burn_in, thinning)
        for chains in (100, 30, 10, 1)
        for start, burn_in in (("noise", 1000), ("data", 0))
    ]
    return [Way(), *few, Way(1, "data", 0, 1)]


WAYS = {"dbn": ways(10), "stacked_cae": ways(2)}


def of_bits(means: torch.Tensor, split: Split, label: str) -> float:
    """The score of binary pixels that are drawn once with the means of rows."""
    with seeded("chains", "bits", label):
        bits = torch.bernoulli(means)
    with float32_products():
        sigma = select_sigma(bits, split.valid[:1000], Parzen().grid)
        return log_likelihood(split.test, bits, sigma).mean().item()


def measured(results: Sequence[Result], way: Way, store: Store, dataset: Dataset) -> dict[str, Any]:
    """The numbers of one model's sets of samples, drawn in one way."""
    [cell] = genbench.table(results, numbers=True).to_dict("records")
    stored = [stored for r in results if (stored := store.samples(r.run))]
    kept = [as_given(rows, dataset, torch.device("cpu")).flatten(1) for rows, _ in stored]
    chains, mixing = results[0].sampling["chains"], [r.mixing for r in results if r.mixing]
    found = {
        "way": way.settings,
        "sampling": dict(results[0].sampling),
        "value": cell["value"],
        "error": cell["error"],
        "published": cell["published"],
        "published error": cell["published_error"],
        "of each set": [r.value for r in results],
        "worth": mean([effective_rows(rows.numpy(), chains) for rows in kept]),
        "black": mean([(rows.mean(dim=1) < BLACK).float().mean().item() for rows in kept]),
        "nearest": mean([m.distinct_nearest for m in mixing]),
        "changes": mean([m.class_transitions_per_100_steps or 0.0 for m in mixing]),
        "entropy": mean([m.class_entropy or 0.0 for m in mixing]),
    }
    if results[0].model == "dbn":
        found["bits"] = mean(
            [of_bits(rows, dataset.split(0), f"set {i}") for i, rows in enumerate(kept)]
        )
    return found


def verdict(one: Mapping[str, Any]) -> str:
    """Whether a value lies within two errors, its own and the published one's, of the latter."""
    if one["published"] is None:
        return ""
    gap = one["value"] - one["published"]
    reach = 2 * math.hypot(one["error"], one["published error"])
    return "meets it" if abs(gap) <= reach else f"{gap:+.1f}"


def page(record: Mapping[str, Any]) -> str:
    """The record as a page of Markdown."""
    lines = ["# One trained model, its chains run in several ways", "", ABOUT, ""]
    for model, of in record["models"].items():
        found, machine = of["ways"], of["machine"]
        value, error = found[0]["published"], found[0]["published error"]
        title = f"## `{model}`: {value:g} ± {error:g} published" if value else f"## `{model}`"
        lines += [title, "", HEADER, RULE]
        lines += map(line, found)
        lines += ["", f"On {machine['cpu']}, torch {machine['packages']['torch']}.", ""]
    return "\n".join(lines)


def line(one: Mapping[str, Any]) -> str:
    way, sampling = one["way"], one["sampling"]
    steps = f"{sampling['burn_in']:,}, then every {sampling['thinning']}"
    cells = [
        f"{sampling['chains']:,}{'' if way else ' (the recipe)'}",
        sampling["start"],
        steps,
        f"{sampling['noise']:g}" if "noise" in sampling else "",
        f"{one['value']:.1f} ± {one['error']:.1f}",
        verdict(one),
        f"{one['bits']:.1f}" if "bits" in one else "",
        f"{one['worth']:,.0f}",
        f"{one['nearest']:,.0f}",
        f"{one['changes']:.1f}",
        f"{one['black']:.1%}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", default=",".join(WAYS))
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, default=default_data_dir())
    parser.add_argument("--results-dir", type=Path, default=Path("results/local/chains"))
    parser.add_argument("--out", type=Path, help="folder of chains.json and chains.md")
    o = parser.parse_args()
    dataset = registry.load("dataset", o.dataset)(o.data_dir)
    path = o.out / "chains.json" if o.out else None
    kept = files.read_json(path) if path and path.exists() else {"dataset": None}
    models: dict[str, Any] = kept["models"] if kept["dataset"] == o.dataset else {}
    for model in o.models.split(","):
        found: list[dict[str, Any]] = []
        for way in WAYS[model]:
            runs = genbench.plan(
                model,
                o.dataset,
                "parzen",
                samples=SAMPLES,
                sample_sets=SETS,
                preset=o.preset,
                settings={model: way.settings},
                data_dir=o.data_dir,
            )
            results = genbench.run(runs, o.results_dir, data_dir=o.data_dir, threads=o.threads)
            if failed := [r.error for r in results if r.status != "done"]:
                raise SystemExit(f"{model}, {way}: {failed[0]}")
            one = measured(results, way, Store(o.results_dir), dataset)
            found.append(one)
            console.print(line(one))
        models[model] = {"ways": found, "machine": provenance.machine()}
    record = {"dataset": o.dataset, "models": models}
    print(page(record))
    if path:
        files.write_json(path, record)
        files.write_bytes(path.with_suffix(".md"), page(record).encode())


if __name__ == "__main__":
    main()
