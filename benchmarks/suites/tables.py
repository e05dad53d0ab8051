"""Table building, from 10,000 made-up results."""

from itertools import product

from genbench.records.run import Result
from genbench.tables import cells, formats, frames, notes

FOLDS, SEEDS = 5, 20


def results() -> list[Result]:
    """20 models on 5 datasets, each on 5 folds with 20 seeds."""
    return [
        Result(
            model=f"model_{model}",
            dataset=f"dataset_{dataset}",
            fold=fold,
            folds=FOLDS,
            seed=seed,
            preset="paper",
            overrides={},
            metric="parzen",
            samples=10_000,
            status="done",
            key=f"{model}-{dataset}-{fold}-{seed}",
            code={"model": "0" * 64, "metric": "1" * 64},
            recipe={"epochs": 50},
            digest=f"{dataset:064}",
            caveat="",
            value=200 + model + 0.1 * fold + 0.01 * seed,
            stderr=2.0,
            unit="nats",
            kind="mean",
            scored=10_000,
            details={"sigma": 0.2, "distinct": 10_000},
        )
        for model, dataset, fold, seed in product(range(20), range(5), range(FOLDS), range(SEEDS))
    ]


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
