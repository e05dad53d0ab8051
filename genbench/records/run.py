"""The question and the answer, as plain data.

A run asks for one score: a model with its hyperparameters, on one fold of a dataset, with one seed,
by one metric. Its keys are nested, `fit_key` < `sample_key` < `score_key`, and hold everything that
the answer depends on; equal keys share the work. Device, versions and times are not in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from genbench.records.files import sha256_of_json


@dataclass(frozen=True)
class Data:
    """Which rows a run sees: sha256 of each part, and what a table must say of the dataset."""

    name: str
    fold: int
    folds: int
    train: str
    valid: str
    test: str
    digest: str
    caveat: str
    levels: int | None


@dataclass(frozen=True)
class Run:
    """One score that is asked for.

    samples: how many are asked of the model. sampling: names of the hyperparameters that only
    sampling reads. selection: the metric that chooses the epoch, how often and by how many samples,
    or empty. tuning: the sampling hyperparameter that is chosen after training, of which values, by
    which metric and by how many samples, or empty. holds_out: whether the recipe selects or tunes,
    even if the user turned it off, so that both share the training. code: sha256 by role ("model",
    "metric", "select", "tune"). recipe: as the file and the user say it, so that a table can tell
    whether it still stands so. minutes: the training budget. sample_set: 0, or which of further
    independent sets of samples of the same weights. protocol: empty, or by which other settings of
    its own the metric scores.
    """

    model: str
    data: Data
    seed: int
    preset: str
    metric: str
    samples: int
    hyperparameters: Mapping[str, Any]
    settings: Mapping[str, Any]
    code: Mapping[str, str]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    sampling: tuple[str, ...] = ()
    selection: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    holds_out: bool = False
    uses_validation: bool = False
    minutes: float | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    sample_set: int = 0
    protocol: str = ""

    @cached_property
    def fit_key(self) -> str:
        """sha256 of what the trained weights depend on."""
        trained_on = {"train": self.data.train}
        if self.uses_validation or (self.selection and not self.carves):
            trained_on["valid"] = self.data.valid
        fitted = {k: v for k, v in self.hyperparameters.items() if k not in self.sampling}
        return sha256_of_json(
            {
                "model": self.model,
                "dataset": self.data.name,
                "seed": self.seed,
                "hyperparameters": fitted,
                "code": {r: self.code[r] for r in self.code if r in ("model", "select")},
                "data": trained_on,
                "carves": self.carves,
                "uses_validation": self.uses_validation,
                "selection": dict(self.selection),
                "minutes": self.minutes,
            }
        )

    @property
    def carves(self) -> bool:
        """Whether the rows that select and tune are carved from the training rows.

        So it is where there are several folds: the validation rows of one are test rows of others.
        """
        chooses = self.selection or self.tuning or self.holds_out
        return self.data.folds > 1 and bool(chooses)

    @cached_property
    def sample_key(self) -> str:
        """sha256 of what the samples depend on."""
        drawn = {k: v for k, v in self.hyperparameters.items() if k in self.sampling}
        tuned = {}
        if self.tuning:
            looked_at = "" if self.carves else self.data.valid
            tuned = {**self.tuning, "code": self.code["tune"], "valid": looked_at}
        return sha256_of_json(
            {
                "fit": self.fit_key,
                "samples": self.samples,
                "sampling": drawn,
                "tuning": tuned,
                "levels": self.data.levels,
                **({"set": self.sample_set} if self.sample_set else {}),
            }
        )

    @cached_property
    def score_key(self) -> str:
        """sha256 of what the score, and the row it stands in, depend on."""
        return sha256_of_json(
            {
                "sample": self.sample_key,
                "metric": self.metric,
                "settings": dict(self.settings),
                "code": self.code["metric"],
                "data": asdict(self.data),
                "preset": self.preset,
                "overrides": dict(self.overrides),
                "recipe": dict(self.recipe),
                **({"protocol": self.protocol} if self.protocol else {}),
            }
        )

    @property
    def fit_folder(self) -> Path:
        """Where the training is kept, inside the folder of runs."""
        name = f"seed-{self.seed}-{self.fit_key[:12]}"
        return Path(self.data.name) / self.model / name

    @property
    def sample_folder(self) -> Path:
        """Where the samples are kept, inside the training's folder."""
        which = f"-set-{self.sample_set}" if self.sample_set else ""
        return self.fit_folder / f"samples-{self.samples}{which}-{self.sample_key[:12]}"

    @property
    def folder(self) -> Path:
        """Where the score is kept, inside the samples' folder."""
        return self.sample_folder / f"{self.metric}-fold-{self.data.fold}-{self.score_key[:12]}"


@dataclass(frozen=True)
class Result:
    """The answer to a run: a function of its keys on one machine and thread count.

    status: "done" or "failed"; then `value` and `stderr` are None and `error` says why.
    kind: "mean" or "binary", what the samples are. scored: how many samples there were.
    cut: whether a time budget ended the training. sample_set, protocol: as in the run.
    """

    model: str
    dataset: str
    fold: int
    folds: int
    seed: int
    preset: str
    overrides: Mapping[str, Any]
    metric: str
    samples: int
    status: str
    key: str
    code: Mapping[str, str]
    recipe: Mapping[str, Any]
    digest: str
    caveat: str
    value: float | None = None
    stderr: float | None = None
    unit: str = ""
    higher_is_better: bool = True
    kind: str = ""
    scored: int = 0
    cut: bool = False
    error: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    sample_set: int = 0
    protocol: str = ""


def answer(run: Run, status: str, **values: Any) -> Result:
    """The result of `run`, with what it asked for filled in."""
    return Result(
        model=run.model,
        dataset=run.data.name,
        fold=run.data.fold,
        folds=run.data.folds,
        seed=run.seed,
        preset=run.preset,
        overrides=dict(run.overrides),
        metric=run.metric,
        samples=run.samples,
        status=status,
        key=run.score_key,
        code=dict(run.code),
        recipe=dict(run.recipe),
        digest=run.data.digest,
        caveat=run.data.caveat,
        sample_set=run.sample_set,
        protocol=run.protocol,
        **values,
    )
