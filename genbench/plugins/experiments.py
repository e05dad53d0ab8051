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
    faults = _faults_of_keys(said)
    sound = {k: v for k, v in said.items() if k in KEYS and not _fault_of_type(k, v)}
    if "arms" in sound:
        sound["arms"] = {RECIPE: {}, **sound["arms"]}
    whole = {**OPTIONAL, **sound}
    unknown = _faults_of_names(whole)
    faults += unknown + _faults_of_lists(whole) + _faults_of_arms(whole, not unknown)
    if faults:
        raise UsageError(f"experiment {path}: {'; '.join(faults)}")
    return Experiment(name=name, path=path.as_posix(), **whole)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"experiment {path} cannot be read: {error}") from error


def _faults_of_keys(said: Mapping[str, Any]) -> list[str]:
    """Keys that are unknown, that are missing, and values of another type."""
    faults = [f"unknown key {k!r}, {registry.nearest(k, KEYS)}" for k in said if k not in KEYS]
    faults += [f"{k} is missing" for k in KEYS if k not in said and k not in OPTIONAL]
    for key in (key for key in said if key in KEYS):
        faults += _fault_of_type(key, said[key])
    return faults


def _fault_of_type(key: str, value: Any) -> list[str]:
    return _fault(lambda: check_values("it", {key: value}, KEYS))


def _faults_of_names(sound: Mapping[str, Any]) -> list[str]:
    """Of what the arms hang on, what is not known; sound: what is there, of its type."""
    faults = []
    for kind in (kind for kind in ("model", "dataset") if kind in sound):
        faults += _fault(lambda kind=kind: registry.find(kind, sound[kind]))
    known, preset = presets.names(), sound["preset"]
    if preset not in known:
        faults.append(f"unknown preset {preset!r}, {registry.nearest(preset, known)}")
    return faults


def _faults_of_lists(sound: Mapping[str, Any]) -> list[str]:
    """Metrics that are registered nowhere, lists that are empty or repeat, too few samples."""
    faults = []
    seeds, values, metrics = (sound.get(key) for key in ("seeds", "tune_values", "metrics"))
    for metric in metrics or ():
        faults += _fault(lambda metric=metric: registry.find("metric", metric))
    if seeds is not None and len(set(seeds)) < max(FEWEST, len(seeds)):
        faults.append(f"seeds must be at least {FEWEST} different ones, got {seeds}")
    if values is not None and (not values or len(set(values)) < len(values)):
        faults.append(f"tune_values must be different ones, got {values}")
    if metrics is not None and (not metrics or len(set(metrics)) < len(metrics)):
        faults.append(f"metrics must be different ones, at least one, got {metrics}")
    if sound["samples"] < 1:
        faults.append(f"samples must be at least 1, got {sound['samples']}")
    return faults


def _faults_of_arms(sound: Mapping[str, Any], known: bool) -> list[str]:
    """Hyperparameters that the model has not, of another type, or tuned by every arm anyway.

    known: whether model, dataset and preset are; else nobody can tell what the model has.
    """
    tune, faults = sound.get("tune"), []
    values: Sequence[float] = sound.get("tune_values", [])
    whole = known and values and {"model", "dataset", "tune"} <= sound.keys()
    for arm, changed in sound.get("arms", {}).items():
        if tune in changed:
            faults.append(f"arm {arm!r} sets {tune}, which every arm is tuned by")
        if arm != RECIPE and not changed:
            faults.append(f"arm {arm!r} changes nothing, as {RECIPE!r} does already")
        if whole:
            settings = {**changed, tune: values[0]}
            of = (sound["model"], sound["dataset"], sound["preset"], settings)
            wrong = _fault(lambda of=of: recipe.resolve(*of))
            faults += [f"arm {arm!r}: {text}" for text in wrong]
    return faults


def _fault(check: Callable[[], object]) -> list[str]:
    """What a check refuses, if it does."""
    try:
        check()
    except UsageError as error:
        return [str(error)]
    return []
