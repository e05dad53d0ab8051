"""`experiments/NAME.toml`: one factor at a time from a recipe, checked as a whole.

    about = "What the experiment asks, in a sentence."
    model = "..."                  dataset = "..."           preset = "..."  # left out: the recipe
    metrics = ["...", "..."]       samples = 2000
    seeds = [0, 1, 2]              # at least three, the same for every arm
    tune = "rate"                  tune_values = [0.1, 0.2, 0.4]  # every arm has each of them
    [arms]
    "k = 2" = {update = "alternating", k = 2}

The arm called RECIPE, in which nothing else is changed, is always there and comes first.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.plugins import presets, recipe, registry
from genbench.plugins.settings import check_values

RECIPE = "recipe"
FOLDER = Path("experiments")  # from the working folder
FEWEST = 3  # seeds
KEYS: dict[str, Any] = {
    "about": str,
    "model": str,
    "dataset": str,
    "preset": str,
    "metrics": list[str],
    "samples": int,
    "seeds": list[int],
    "tune": str,
    "tune_values": list[float],
    "arms": dict[str, dict[str, Any]],
}
OPTIONAL: dict[str, Any] = {"about": "", "preset": recipe.PAPER, "samples": DEFAULTS.samples}


@dataclass(frozen=True)
class Experiment:
    """What a file says; `arms` by name, the recipe's own first, as hyperparameters.

    path: of the file, as it was given; "" in records of before it was kept.
    """

    name: str
    about: str
    model: str
    dataset: str
    preset: str
    metrics: Sequence[str]
    samples: int
    seeds: Sequence[int]
    tune: str
    tune_values: Sequence[float]
    arms: Mapping[str, Mapping[str, Any]]
    path: str = ""

    def settings(self, arm: str, value: float) -> dict[str, Any]:
        """The hyperparameters of an arm at one value of the tuned one."""
        return {**self.arms[arm], self.tune: value}


def find(name: str) -> Path:
    """The file of an experiment: a path, or `experiments/NAME.toml`; raises UsageError if none."""
    path = Path(name).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return path
    own = FOLDER / f"{name}.toml"
    if own.is_file():
        return own
    known = [path.stem for path in FOLDER.glob("*.toml")]
    raise UsageError(f"no experiment {name!r}: no such file, and in {FOLDER} {_near(name, known)}")


def called(one: Experiment) -> str:
    """What `find` knows it by: its name where its file is in the folder of experiments, or a path.

    >>> called(Experiment("own", "", "", "", "", [], 1, [], "", [], {}, "my/own.toml"))
    'my/own.toml'
    """
    own = FOLDER / f"{one.name}.toml"
    return one.name if one.path in ("", own.as_posix()) else one.path


def changed_since(kept: Experiment, given: Path) -> str:
    """The file of a kept experiment, if it is at hand and says another thing; "" otherwise.

    given: a path that the user names, which comes before the one that is kept. Loads no part.
    """
    places = [given, Path(kept.path), FOLDER / f"{kept.name}.toml"]
    path = next((p for p in places if p.suffix == ".toml" and p.is_file()), None)
    if path is None:
        return ""
    try:
        said = {**OPTIONAL, **_parsed(path)}
    except UsageError:
        return path.as_posix()
    arms = said.get("arms")
    now = {**said, "about": kept.about}  # a sentence changes no number
    now |= {"arms": {RECIPE: {}, **arms} if isinstance(arms, dict) else arms}
    then = {key: getattr(kept, key) for key in KEYS}
    return "" if now == then else path.as_posix()


def _near(name: str, known: Sequence[str]) -> str:
    return registry.nearest(name, known) if known else "there is none"


def read(path: Path) -> Experiment:
    """The experiment in a file; raises one UsageError that says all that is wrong with it."""
    said, name = _parsed(path), path.stem
    registry.check_name("experiment", name)
    _refuse(path, _faults_of_keys(said))
    arms = {RECIPE: {}, **said["arms"]}
    whole = {**OPTIONAL, **said, "arms": arms}
    experiment = Experiment(name=name, path=path.as_posix(), **whole)
    _refuse(path, _faults_of_names(experiment) or _faults_of_arms(experiment))
    return experiment


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"experiment {path} cannot be read: {error}") from error


def _refuse(path: Path, faults: Sequence[str]) -> None:
    if faults:
        raise UsageError(f"experiment {path}: {'; '.join(faults)}")


def _faults_of_keys(said: Mapping[str, Any]) -> list[str]:
    """Keys that are unknown, that are missing, and values of another type."""
    faults = [f"unknown key {k!r}, {registry.nearest(k, KEYS)}" for k in said if k not in KEYS]
    faults += [f"{k} is missing" for k in KEYS if k not in said and k not in OPTIONAL]
    for key in (key for key in said if key in KEYS):
        faults += _fault(lambda key=key: check_values("it", {key: said[key]}, KEYS))
    return faults


def _faults_of_names(one: Experiment) -> list[str]:
    """Names that are registered nowhere, and counts that are too small or repeated."""
    faults = _fault(lambda: registry.find("model", one.model))
    faults += _fault(lambda: registry.find("dataset", one.dataset))
    for metric in one.metrics:
        faults += _fault(lambda metric=metric: registry.find("metric", metric))
    known = presets.names()
    if one.preset not in known:
        faults.append(f"unknown preset {one.preset!r}, {registry.nearest(one.preset, known)}")
    if len(set(one.seeds)) < max(FEWEST, len(one.seeds)):
        faults.append(f"seeds must be at least {FEWEST} different ones, got {list(one.seeds)}")
    if not one.tune_values or len(set(one.tune_values)) < len(one.tune_values):
        faults.append(f"tune_values must be different ones, got {list(one.tune_values)}")
    if not one.metrics or len(set(one.metrics)) < len(one.metrics):
        faults.append(f"metrics must be different ones, at least one, got {list(one.metrics)}")
    if one.samples < 1:
        faults.append(f"samples must be at least 1, got {one.samples}")
    return faults


def _faults_of_arms(one: Experiment) -> list[str]:
    """Hyperparameters that the model has not, of another type, or tuned by every arm anyway."""
    faults = []
    for arm, changed in one.arms.items():
        if one.tune in changed:
            faults.append(f"arm {arm!r} sets {one.tune}, which every arm is tuned by")
        if arm != RECIPE and not changed:
            faults.append(f"arm {arm!r} changes nothing, as {RECIPE!r} does already")
        wrong = _fault(
            lambda arm=arm: recipe.resolve(
                one.model, one.dataset, one.preset, one.settings(arm, one.tune_values[0])
            )
        )
        faults += [f"arm {arm!r}: {text}" for text in wrong]
    return faults


def _fault(check: Callable[[], object]) -> list[str]:
    """What a check refuses, if it does."""
    try:
        check()
    except UsageError as error:
        return [str(error)]
    return []
