"""The plan of a command that has ended, so that the same command again need not make it anew.

A command whose runs are all done only prints a table. To plan it takes seconds: datasets are read,
and models are imported, and torch with them. A plan is a function of the question, of the code and
recipes that are installed, and of the data files. So it is kept with a digest of all of these.
Where the digest is another, or is not known quickly, the plan is made anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from genbench.errors import StoreError
from genbench.plugins import installed, registry
from genbench.records import files
from genbench.records.run import Run

PLAN = "plan.json"  # beside the folder of runs: that of the last command whose runs are all done
MOST_FILES = 10_000  # of data: of more it is not told quickly whether one moved
PACKAGES = ("genbench", "mlxtend", "numpy", "safetensors", "torch")  # behind data, recipes, keys


def plan_digest(question: Mapping[str, Any], data_dir: Path) -> str:
    """sha256, in hex, of all that a plan depends on; empty where that is not known quickly.

    question: what `plan` is asked, JSON-able. Of a data file its path, size and times count, the
    last of which every writing moves, `cp -p` too.
    """
    try:
        there = _files(data_dir)
        if len(there) > MOST_FILES:
            return ""
        parts = dict(question), str(data_dir.absolute()), there, installed.sources(), _versions()
        return files.sha256_of_json(parts)
    except (OSError, ValueError):  # a file that just moved; NaN, of which whoever plans tells
        return ""


def remembered(results_dir: Path, digest: str) -> list[Run] | None:
    """The runs of a kept plan that depends on just this, or None."""
    path = results_dir / PLAN
    if not digest or not path.exists():
        return None
    try:
        kept = files.read_json(path)
        same = isinstance(kept, dict) and kept.get("digest") == digest
        return TypeAdapter(list[Run]).validate_python(kept["runs"]) if same else None
    except (StoreError, KeyError, ValidationError):  # no plan: it is made anew, and kept again
        return None


def remember(results_dir: Path, digest: str, runs: Sequence[Run]) -> None:
    """Keeps a plan that hangs on nothing else: see `_hangs_on_more`."""
    if digest and not any(map(_hangs_on_more, runs)):
        files.write_json(results_dir / PLAN, {"digest": digest, "runs": [asdict(r) for r in runs]})


def _hangs_on_more(run: Run) -> bool:
    """Whether a part has no revision, so that reading its code identifies it, or a stranger's
    dataset may read files that lie anywhere."""
    ours = registry.distribution(registry.find("dataset", run.data.name)) == registry.SUITE
    return not ours or any(part.revision is None for part in run.parts.values())


def _files(folder: Path) -> list[tuple[str, int, int, int]]:
    """Path, bytes, and times of content and of entry of each file below a folder, sorted.

    Linked folders are gone into, each folder once, so that links in a circle end. Just over
    MOST_FILES at most. Raises OSError where a file goes away meanwhile.
    """
    found: list[tuple[str, int, int, int]] = []
    seen = set[str]()  # real paths
    for above, below, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(above))
        below[:] = [b for b in below if os.path.realpath(os.path.join(above, b)) not in seen]
        for name in names:
            about = os.stat(os.path.join(above, name))
            place = os.path.relpath(os.path.join(above, name), folder)
            found.append((place, about.st_size, about.st_mtime_ns, about.st_ctime_ns))
        if len(found) > MOST_FILES:
            break
    return sorted(found)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found
