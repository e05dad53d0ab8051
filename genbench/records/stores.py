"""Several folders of results read as one: a user's own, which is written, and others beside it.

Committed records are read and never written, so a user's runs leave them as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genbench.records import lock
from genbench.records.run import Result, Run
from genbench.records.store import Store

COMMITTED, OWN = Path("results"), Path("results/local")


def usual() -> list[Path]:
    """Where results are if nobody says so, from the working folder; the first is written.

    In a clone of this project, whose records are locked, a user's own lie beside these.
    """
    return [OWN, COMMITTED] if _is_clone() else [COMMITTED]


def _is_clone() -> bool:
    about = Path("pyproject.toml")
    ours = about.is_file() and 'name = "genbench"' in about.read_text("utf-8", errors="replace")
    return ours and (COMMITTED / lock.NAME).exists()


class Stores(Store):
    """Reads each thing from the first folder that has it; writes into the first folder.

    Checkpoints are looked for in the first folder only, since they are written there.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(folders[0])
        self.every: list[Store] = [Store(folder) for folder in folders]

    @property
    def places(self) -> list[Path]:
        return [store.runs.parent for store in self.every]

    # --- results: a done one counts, wherever it is ---

    def owner(self, run: Run) -> Store:
        """The store that answers a run, a done answer before any other; else the first."""
        answered = [store for store in self.every if store.result(run) is not None]
        done = [store for store in answered if run in store]
        return [*done, *answered, *self.every][0]

    def __contains__(self, run: Run) -> bool:
        return any(run in store for store in self.every)

    def borrows(self, run: Run) -> bool:
        """Whether a done answer lies in a folder that is only read."""
        return run in self and run not in self.every[0]

    def of(self, datasets: Collection[str] | None) -> Iterator[Result]:
        """Every result once, or those of some datasets, in the order of its folder's name."""
        found: dict[str, Result] = {}
        for result in (result for store in self.every for result in store.of(datasets)):
            known = found.get(result.key)
            if known is None or (known.status != "done" and result.status == "done"):
                found[result.key] = result
        yield from sorted(found.values(), key=lambda result: result.run.folder.as_posix())

    def folder_of(self, result: Result) -> Path:
        return self.owner(result.run).folder_of(result)

    def result(self, run: Run) -> Result | None:
        return self.owner(run).result(run)

    def per_example(self, result: Result) -> np.ndarray | None:
        return self.owner(result.run).per_example(result)

    # --- what results are made of ---

    def weights(self, run: Run) -> tuple[dict[str, np.ndarray], Any] | None:
        return self._first(store.weights(run) for store in self.every)

    def samples(self, run: Run) -> tuple[np.ndarray, Any] | None:
        return self._first(store.samples(run) for store in self.every)

    def sample_labels(self, run: Run) -> np.ndarray | None:
        return self._first(store.sample_labels(run) for store in self.every)

    def keeps_samples(self, run: Run) -> bool:
        return any(store.keeps_samples(run) for store in self.every)

    def events(self, run: Run) -> list[dict[str, Any]]:
        """What the training has logged; where the first folder has trained, there."""
        return next(filter(None, (store.events(run) for store in self.every)), [])

    def provenance(self, run: Run, stage: str) -> dict[str, Any]:
        return next(filter(None, (store.provenance(run, stage) for store in self.every)), {})

    @staticmethod
    def _first(found: Iterator[Any]) -> Any:
        return next((one for one in found if one is not None), None)
