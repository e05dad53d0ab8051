"""What one training works with: its question, its store, its data, its device, its streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbench.errors import DataError, UsageError
from genbench.plugins import code, registry
from genbench.plugins.settings import told
from genbench.protocols import Split
from genbench.records import observed
from genbench.records.observed import Training
from genbench.records.run import Run
from genbench.records.standing import installed
from genbench.records.standing import roles as names_behind
from genbench.records.store import Store
from genbench.running import labels, provenance
from genbench.running.data import Sources, carved
from genbench.seeding import seeded


@dataclass(frozen=True)
class Bench:
    """Where the work on one training is done.

    workers: how many trainings there can be at a time, this one included, for the record; None if
    nobody knows. grids: after how many epochs a picture of samples is kept; 0: none.
    """

    run: Run
    store: Store
    sources: Sources
    device: torch.device
    workers: int | None = None
    grids: int = 0

    @property
    def dataset(self) -> Any:
        return self.sources.dataset(self.run.data.name)

    def split(self, fold: int) -> Split:
        """The rows of a fold and their labels, on the device."""
        return self.sources.split(self.run.data.name, fold).to(self.device)

    def rows_of_training(self, split: Split) -> tuple[Tensor, Tensor]:
        """The rows that train, and those that select epochs and tune sampling."""
        return carved(split.train) if self.run.carves else (split.train, split.valid)

    def labels_of_training(self, split: Split) -> Tensor | None:
        """The labels of the rows that train, as the model sees them; None where it sees none."""
        return labels.of_training(self.run, split)

    @property
    def pool(self) -> Tensor | None:
        """The labels whose classes samples are asked for; None where none are asked for."""
        if "labels" not in self.run.sample_reads:
            return None
        return self.labels_of_training(self.split(self.run.data.fold))

    @property
    def stream(self) -> tuple[str, str, int]:
        """The names that all random streams of this training begin with."""
        return self.run.model, self.run.data.name, self.run.seed

    def build(self, **changed: Any) -> Any:
        """An untrained model, with some hyperparameters changed."""
        with seeded(*self.stream, "build"), self.device:
            cls = registry.load("model", self.run.model)
            values = {**self.run.hyperparameters, **changed}
            return cls(tuple(self.dataset.shape), **values, **told(cls, self.dataset.levels))

    def loaded(self, **changed: Any) -> tuple[Any, Training]:
        """The finished model from the store, and what its training noted."""
        stored = self.store.weights(self.run)
        assert stored is not None
        model = self.build(**changed)
        model.load_state_dict(self.tensors(stored[0]))
        return model, observed.training(stored[1])

    def tensors(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """A stored state on the device."""
        copies = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        return {name: tensor.to(self.device) for name, tensor in copies.items()}

    def check_unchanged(self, run: Run) -> None:
        """Raises DataError or UsageError where data, code or weights are no longer the plan's."""
        now = self.sources.identity(run.data.name, run.data.fold)
        if (now.train, now.valid, now.test) != (run.data.train, run.data.valid, run.data.test):
            raise DataError(f"the rows of {run.data.name} changed after the run was planned")
        if installed(run) != run.parts:
            raise UsageError(f"the code of {run.model} or a metric changed after it was planned")
        weights = self.sources.computed_with(run.settings, run.data.name)
        if any(run.score_reads.get(name) != digest for name, digest in weights.items()):
            by = f"features {run.settings[code.FEATURES]!r}, which {run.metric} takes"
            raise UsageError(f"the weights of {by}, changed after the run was planned")

    def code(self, *roles: str, of: Run | None = None) -> dict[str, str]:
        """sha256 of the installed code of the parts of a run in these roles, for the record.

        of: a run that shares this training, where its metric is looked at.
        """
        every = code.digests(names_behind(of or self.run))
        return {role: every[role] for role in roles if role in every}

    def settings(self) -> dict[str, Any]:
        """Device and threads, for the record."""
        return {"device": str(self.device), "threads": torch.get_num_threads()}

    def spent(self, stage: str, seconds: float) -> dict[str, Any]:
        """The machine, and what a stage took, to be called as soon as it is done."""
        peak = provenance.peak_bytes(self.device)
        found = {"seconds": seconds, "peak_bytes": peak, "workers": self.workers}
        measured = {name: {stage: value} for name, value in found.items()}
        return {**provenance.machine(), **self.settings(), **measured}
