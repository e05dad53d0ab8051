"""Where judgements of metrics on worlds are kept, and what the one that fits a column says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from genbench.plugins.code import FEATURES, Part
from genbench.records import files

FOLDER = "judgement"


def place(results_dir: Path, world: str, samples: int, draw: int | None = None) -> Path:
    """Where the judgement of so many rows a set is kept; `draw` redraws the strengths."""
    drawn = "" if draw is None else f"-draw-{draw}"
    return results_dir / FOLDER / f"{world}-{samples}{drawn}.json"


def kept(folders: Iterable[Path], world: str) -> list[tuple[Path, dict[str, Any]]]:
    """The kept judgements of a world whose strengths are the fixed ones, most rows first.

    Each with its file, and not to be changed, since it is read once. Raises AlteredError for one
    that is damaged or was edited.
    """
    paths = [path for folder in folders for path in _paths(folder, world)]
    every = [(path, _record(path, files.stamp(path))) for path in paths]
    fixed = [(path, record) for path, record in every if record.get("draw") is None]
    return sorted(fixed, key=lambda one: -one[1]["samples"])


def of_world(folders: Iterable[Path], world: str) -> list[dict[str, Any]]:
    """The same without their files."""
    return [record for _, record in kept(folders, world)]


@lru_cache(maxsize=64)
def _record(path: Path, stamp: tuple[int, ...]) -> dict[str, Any]:
    """Of a file of this stamp: every column of a table asks for the same few."""
    return files.read_json(path)


def _paths(folder: Path, world: str) -> Iterator[Path]:
    yield from sorted((folder / FOLDER).glob(f"{world}-*.json"))


def pictures(name: str) -> tuple[str, str]:
    """Where in a folder of results the figure of `{name}.json` may lie.

    Beside it, or where `genbench figure judgement` draws it, unless it is told another place.
    """
    return f"{FOLDER}/{name}.png", f"figures/{FOLDER}-{name}.png"


def grades(
    folders: Iterable[Path],
    worlds: Iterable[str],
    metric: str,
    settings: Mapping[str, Any],
    parts: Mapping[str, Part],
    words: str = "sentence",
) -> dict[str, str]:
    """What each of these worlds says of a metric, by world; those that judged it.

    words: in a "sentence", or "short". settings, parts: of a column. Only a metric of these very
    settings, features and revisions was judged; a grade says nothing of another.
    """
    places, found = list(folders), {}
    for world in worlds:
        records = of_world(places, world)
        known = (of_metric(record, metric, settings, parts) for record in records)
        sentence = next((str(one[words]) for one in known if one is not None), "")
        if sentence:
            found[world] = sentence
    return found


def of_metric(
    record: Mapping[str, Any], metric: str, settings: Mapping[str, Any], parts: Mapping[str, Part]
) -> Mapping[str, Any] | None:
    """What a judgement says of a metric of these very settings, features and revisions."""
    roles = [role for role in ("metric", FEATURES) if role in parts]
    asked = [dict(settings), {r: dataclasses.asdict(parts[r]) for r in roles}]
    for one in (one for one in record["metrics"] if one["metric"] == metric):
        known = [one["settings"], one["parts"]]
        if files.sha256_of_json(asked) == files.sha256_of_json(known):  # a tuple is a list to JSON
            return one
    return None
