"""What an experiment came to, in one small file: every training's scores, curve and cost.

`results/experiments/NAME.json` holds all that its table is made of, so that the table can be
printed where the runs themselves are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from genbench.errors import StoreError, UsageError
from genbench.plugins import registry
from genbench.plugins.experiments import Experiment
from genbench.records import files

FOLDER = "experiments"


@dataclass(frozen=True)
class Trial:
    """One training of an arm: its scores, and what it cost.

    value: of the tuned hyperparameter. key: of the training. updates: of all epochs. seconds: as
    many as its epochs would take at their median. curve: [epoch, value] of the metric that selects
    the epoch, on validation rows, None where it was no number. scores: by metric, None where there
    is none. error: why one failed, empty where none did. made_on: machine and threads.
    """

    arm: str
    value: float
    seed: int
    key: str
    epochs: int
    updates: int
    seconds: float
    curve: Sequence[tuple[int, float | None]]
    scores: Mapping[str, float | None]
    error: str = ""
    made_on: str = ""


@dataclass(frozen=True)
class Record:
    """An experiment, its trials, what each metric's best value is, and what made them.

    selects: the metric of the curves, empty where no epoch is selected. made_on: machine, threads.
    order: of the arms, which a JSON object has not.
    """

    experiment: Experiment
    trials: Sequence[Trial]
    best: Mapping[str, Literal["high", "low", "real"] | float]
    selects: str
    made_on: str
    order: Sequence[str]


def place(results_dir: Path, name: str) -> Path:
    """Where the record of an experiment is kept."""
    return results_dir / FOLDER / f"{name}.json"


def check_place(experiment: Experiment, results_dir: Path) -> None:
    """Raises UsageError where the record of another file of the same name would be replaced."""
    path = place(results_dir, experiment.name)
    record: dict[str, Any] = files.read_json(path) if path.exists() else {}
    kept = record.get("experiment", {}).get("path", "")
    other = Path(kept)
    if kept and other.is_file() and other.resolve() != Path(experiment.path).resolve():
        raise UsageError(
            f"{path} is the record of {kept}, and {experiment.path} has the same name; rename one "
            "of the two files, or choose another --results-dir"
        )


def put(record: Record, results_dir: Path) -> Path:
    """Keeps a record in place of the one before, and says where."""
    path = place(results_dir, record.experiment.name)
    files.write_json(path, asdict(record))
    return path


def read(folders: Iterable[Path], name: str) -> Record:
    """The record of an experiment in the first folder that has one.

    Raises UsageError where none has, AlteredError where it was edited, StoreError where another
    version wrote it.
    """
    folders = list(folders)
    path = next((p for p in (place(f, name) for f in folders) if p.exists()), None)
    if path is None:
        known = [p.stem for folder in folders for p in (folder / FOLDER).glob("*.json")]
        hint = registry.nearest(name, known) if known else "nothing is kept of any"
        raise UsageError(f"nothing is kept of experiment {name!r}; {hint}")
    record: dict[str, Any] = files.read_json(path)
    try:
        found = TypeAdapter(Record).validate_python(record)
        arms = {arm: found.experiment.arms[arm] for arm in found.order}
        return replace(found, experiment=replace(found.experiment, arms=arms))
    except ValidationError as error:
        raise StoreError(f"{path} was written by another version: {error}") from error
