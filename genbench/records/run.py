"""The question and the answer, as plain data.

A run asks for one score: a model with its hyperparameters, on one fold of a dataset, with one seed,
by one metric. Its keys are nested, `fit_key` < `sample_key` < `score_key`, and hold what the answer
depends on, each thing named here: a field that is added to a type changes no key. What code the
answer depends on is said by revisions (see `genbench.plugins.code`). Device, versions, times,
sentences and labels are not in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from genbench.plugins.code import FEATURES, Part
from genbench.records.files import sha256_of_json
from genbench.records.observed import Mixing, Training, Tuned


@dataclass(frozen=True)
class Data:
    """Which rows a run sees: sha256 of each part, and what a table must say of the dataset.

    labels: sha256 of the labels of "train", "valid" and "test", where there are some.
    """

    name: str
    fold: int
    folds: int
    train: str
    valid: str
    test: str
    digest: str
    caveat: str
    levels: int | None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Run:
    """One score that is asked for.

    samples: how many are asked of the model. sampling: names of the hyperparameters that only
    sampling reads. selection: the metric that chooses the epoch, how often and by how many samples,
    or empty. tuning: the sampling hyperparameter that is chosen after training, of which values, by
    which metric and by how many samples, or empty. holds_out: whether the recipe selects or tunes,
    even if the user turned it off, so that both share the training. parts: by role ("model",
    "metric", "features", "select", "tune"), whose code the answer depends on. revisions: of our own
    "training", "drawing" and "scoring". recipe: as the file and the user say it, so that a table
    can tell whether it still stands so. minutes: the training budget. sample_set: 0, or which of
    further independent sets of samples of the same weights. protocol: empty, or by which other
    settings of its own the metric scores. fit_reads, sample_reads, score_reads: what each stage is
    told beside rows and settings, such as labels, or what features are computed with, by their
    digest; empty where it is nothing. draws: whether the metric takes samples; else its score hangs
    on the training alone. unmet: why it cannot be done at all; in no key. source: of samples that
    were brought in a file, whence they came: "source", "date" and "file" in words, and the sha256
    of the "rows", which is that of the part "model".
    """

    model: str
    data: Data
    seed: int
    preset: str
    metric: str
    samples: int
    hyperparameters: Mapping[str, Any]
    settings: Mapping[str, Any]
    parts: Mapping[str, Part]
    revisions: Mapping[str, int]
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
    fit_reads: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sample_reads: Mapping[str, Any] = field(default_factory=dict[str, Any])
    score_reads: Mapping[str, Any] = field(default_factory=dict[str, Any])
    draws: bool = True
    unmet: str = ""
    source: Mapping[str, str] = field(default_factory=dict[str, str])

    # of a record, whose budget may be "nan": no key can be made of it
    __pydantic_config__: ClassVar[Mapping[str, bool]] = {"allow_inf_nan": False}

    @cached_property
    def fit_key(self) -> str:
        """sha256 of what the trained weights depend on."""
        trained_on = {"train": self.data.train}
        if self.uses_validation or (self.selection and not self.carves):
            trained_on["valid"] = self.data.valid
        fitted = {k: v for k, v in self.hyperparameters.items() if k not in self.sampling}
        return sha256_of_json(
            {
                "training": self.revisions["training"],
                "model": _said(self.parts["model"]),
                "dataset": self.data.name,
                "seed": self.seed,
                "hyperparameters": fitted,
                "data": trained_on,
                "carves": self.carves,
                "uses_validation": self.uses_validation,
                "selection": dict(self.selection),
                "select": _said(self.parts.get("select")),
                "minutes": self.minutes,
                **_told(self.fit_reads),
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
        tuned = {}
        if self.tuning:
            looked_at = "" if self.carves else self.data.valid
            tuned = {**self.tuning, "by": _said(self.parts["tune"]), "valid": looked_at}
        return sha256_of_json(
            {
                "drawing": self.revisions["drawing"],
                "fit": self.fit_key,
                "samples": self.samples,
                "sampling": {k: v for k, v in self.hyperparameters.items() if k in self.sampling},
                "tuning": tuned,
                "levels": self.data.levels,
                "set": self.sample_set,
                **_told(self.sample_reads),
            }
        )

    @cached_property
    def score_key(self) -> str:
        """sha256 of what the score, and the row it stands in, depend on."""
        data = self.data
        return sha256_of_json(
            {
                "scoring": self.revisions["scoring"],
                **({"sample": self.sample_key} if self.draws else {"fit": self.fit_key}),
                "metric": _said(self.parts["metric"]),
                **({FEATURES: _said(self.parts[FEATURES])} if FEATURES in self.parts else {}),
                "settings": dict(self.settings),
                "fold": [data.fold, data.folds],
                "data": [data.name, data.train, data.valid, data.test, data.levels],
                "preset": self.preset,
                "overrides": dict(self.overrides),
                "recipe": dict(self.recipe),
                "protocol": self.protocol,
                **_told(self.score_reads),
            }
        )

    @cached_property
    def fit_folder(self) -> Path:
        """Where the training is kept, inside the folder of runs."""
        name = f"seed-{self.seed}-{self.fit_key[:12]}"
        return Path(self.data.name) / self.model / name

    @cached_property
    def sample_folder(self) -> Path:
        """Where the samples are kept, inside the training's folder."""
        which = f"-set-{self.sample_set}" if self.sample_set else ""
        return self.fit_folder / f"samples-{self.samples}{which}-{self.sample_key[:12]}"

    @cached_property
    def folder(self) -> Path:
        """Where the score is kept: inside the folder of what it is a score of."""
        of = self.sample_folder if self.draws else self.fit_folder
        return of / f"{self.metric}-fold-{self.data.fold}-{self.score_key[:12]}"


def _said(part: Part | None) -> list[Any]:
    """What a key says of a part."""
    return [part.distribution, part.name, part.revision, part.digest] if part else []


def _told(reads: Mapping[str, Any]) -> dict[str, Any]:
    """What a key says of what a stage is told; nothing where it is nothing."""
    return {"reads": dict(reads)} if reads else {}


# --- the answer ---


@dataclass(frozen=True)
class Result:
    """The answer to a run: a function of its keys on one machine and thread count.

    status: "done"; "failed" or "unmet", when `value` is None and `error` says why. stderr: None
    where none is known. best: of the metric, see `protocols.Metric`. kind: "mean" or "binary",
    what the samples are. scored: how many samples there were, `distinct` of them different. cut:
    whether a time budget ended the training. What the runner observed: `training`; `sampling`, the
    hyperparameters that only sampling reads; `tuned`, `mixing`; `model_notes`, the model's own.
    What the metric said: `curves`, `warnings`, `notes`, what varies in its error, `over`, and
    whether the value is a `bound`, see `protocols.Score`; that is written down only where it is.
    per_example: sha256 of the scores of the single test rows, empty where the metric gives none.
    """

    run: Run
    status: str
    value: float | None = None
    stderr: float | None = None
    unit: str = ""
    best: Literal["high", "low", "real"] | float = "high"
    kind: str = ""
    scored: int = 0
    distinct: int = 0
    cut: bool = False
    error: str = ""
    training: Training = field(default_factory=Training)
    sampling: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tuned: Tuned | None = None
    mixing: Mixing | None = None
    model_notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    per_example: str = ""
    over: str = ""
    bound: str = ""

    # What was asked is read off a result so often that it has names here.

    @property
    def key(self) -> str:
        return self.run.score_key

    @property
    def model(self) -> str:
        return self.run.model

    @property
    def dataset(self) -> str:
        return self.run.data.name

    @property
    def fold(self) -> int:
        return self.run.data.fold

    @property
    def folds(self) -> int:
        return self.run.data.folds

    @property
    def digest(self) -> str:
        return self.run.data.digest

    @property
    def caveat(self) -> str:
        return self.run.data.caveat

    @property
    def seed(self) -> int:
        return self.run.seed

    @property
    def preset(self) -> str:
        return self.run.preset

    @property
    def overrides(self) -> Mapping[str, Any]:
        return self.run.overrides

    @property
    def metric(self) -> str:
        return self.run.metric

    @property
    def samples(self) -> int:
        return self.run.samples

    @property
    def recipe(self) -> Mapping[str, Any]:
        return self.run.recipe

    @property
    def sample_set(self) -> int:
        return self.run.sample_set

    @property
    def protocol(self) -> str:
        return self.run.protocol


_ASKED = ("model", "dataset", "fold", "folds", "seed", "preset", "overrides", "metric", "samples")
_ASKED += ("recipe", "digest", "caveat", "sample_set", "protocol", "key")


def flat(result: Result) -> dict[str, Any]:
    """A result as one JSON object: what was asked, its key, the answer."""
    asked = {name: getattr(result, name) for name in _ASKED}
    answer = answered(result)
    parts = {role: asdict(part) for role, part in result.run.parts.items()}
    return {**asked, **answer, "parts": parts, "revisions": dict(result.run.revisions)}


def answered(result: Result) -> dict[str, Any]:
    """The answer alone, as plain data."""
    every = {name: value for name, value in vars(result).items() if name != "run"}
    if not result.bound:
        del every["bound"]  # as results of before there were bounds
    plain = {n: asdict(v) for n, v in every.items() if isinstance(v, Training | Tuned | Mixing)}
    return {**every, **plain}
