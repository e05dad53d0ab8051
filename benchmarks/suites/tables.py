"""Table building, from 10,000 made-up results."""

from itertools import product
from typing import Any

from genbench.plugins.code import Part
from genbench.records.run import Data, Result, Run
from genbench.tables import cells, formats, frames, notes

FOLDS, SEEDS = 5, 20


def results() -> list[Result]:
    """20 models on 5 datasets, each on 5 folds with 20 seeds."""
    return [
        Result(_run(*which), "done", unit="nats", kind="mean", scored=10_000, **_numbers(*which))
        for which in product(range(20), range(5), range(FOLDS), range(SEEDS))
    ]


def _numbers(model: int, dataset: int, fold: int, seed: int) -> dict[str, Any]:
    value = 200 + model + 0.1 * fold + 0.01 * seed
    return {"value": value, "stderr": 2.0, "notes": {"sigma": 0.2}, "distinct": 10_000}


def _run(model: int, dataset: int, fold: int, seed: int) -> Run:
    digest = f"{dataset:064}"
    data = Data(f"dataset_{dataset}", fold, FOLDS, digest, digest, digest, digest, "", 256)
    parts = {role: Part("genbench", role, revision=1) for role in ("model", "metric")}
    return Run(
        model=f"model_{model}",
        data=data,
        seed=seed,
        preset="paper",
        metric="parzen",
        samples=10_000,
        hyperparameters={"epochs": 50},
        settings={},
        parts=parts,
        revisions={"training": 1, "drawing": 1, "scoring": 1},
        recipe={"epochs": 50},
    )


class Table:
    def setup(self):
        self.results = results()

    def time_cells(self):
        cells.cells(self.results, lambda result: True)

    def time_markdown(self):
        markdown(self.results)

    def peakmem_markdown(self):
        markdown(self.results)


def markdown(found: list[Result]) -> str:
    """From the results to the text that is printed."""
    own = cells.cells(found, lambda result: True)
    return formats.markdown(frames.frame(own, ["model_0"]), notes.under_table(own, ["model_0"]))
