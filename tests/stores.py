"""Small folders of results for tests that damage them, and what an attacker could do to one."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from genbench.records import files
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running.plan import Question, by_training, plan
from genbench.running.runner import Environment, execute

ANSWER = ("weights.safetensors", "samples.npz", "per_example.npz", "run.json", "result.json")


def planned(*models: str, **question: Any) -> list[Run]:
    """Runs of strangers' models on a stranger's dataset."""
    asked = {"samples": 20, "metrics": ["parzen"], **question}
    return plan(Question(models or ("drift",), ["tiny"], **asked), Path())


def carried_out(runs: list[Run], results_dir: Path, **how: Any) -> Store:
    """The store in which runs were done, on the CPU."""
    for group in by_training(runs):
        execute(group, Environment(results_dir, results_dir, "cpu", **how))
    return Store(results_dir)


def bytes_of(folder: Path, *names: str) -> dict[str, bytes]:
    """The files below a folder by their paths, or those of these names."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    kept = [path for path in paths if not names or path.name in names]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def answers_of(folder: Path) -> dict[str, bytes]:
    """What must be equal however it came about: weights, samples, scores, question and answer."""
    return bytes_of(folder, *ANSWER)


def copied(source: Path, to: Path) -> Path:
    return Path(shutil.copytree(source, to))


def rewritten(path: Path, **changed: Any) -> None:
    """Changes a record as somebody would who also mends its checksum."""
    files.write_json(path, {**files.read_json(path), **changed})


def forged(store: Store, score: Path, **changed: Any) -> Path:
    """Changes the question of a result, mends checksums and keys, and puts it where it belongs.

    Where no folder can be called so it stays where it is. Returns its folder.
    """
    run: Run = TypeAdapter(Run).validate_python(files.read_json(score / "run.json"))
    data = {k.removeprefix("data_"): v for k, v in changed.items() if k.startswith("data_")}
    asked = {k: v for k, v in changed.items() if not k.startswith("data_")}
    run = dataclasses.replace(run, data=dataclasses.replace(run.data, **data), **asked)
    files.write_json(score / "run.json", dataclasses.asdict(run))
    rewritten(score / "result.json", key=run.score_key)
    rewritten(score / "provenance.json", key=run.score_key)
    place, inside = store.runs / run.folder, ".." not in run.folder.parts
    if "\0" in str(place) or not inside or run.folder.is_absolute():
        return score
    place.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(score, place))
