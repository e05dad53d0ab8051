"""What the runs of our own stages share: the toy parts, registered, and one run of them."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from genbench.records.run import Result, Run
from genbench.records.store import Store
from genbench.running.plan import Question, plan
from genbench.running.runner import Environment, execute

TOY = Path(__file__).parent.parent / "toy.py"
MODULE = "golden_toy"  # as whose module it is installed
ENTRIES = {
    "models": {"toy": "Toy"},
    "datasets": {"toy_few": "Few", "toy_many": "Many", "toy_whole": "Whole"},
    "metrics": {"toy_nearness": "Nearness"},
}


@dataclass(frozen=True)
class Desk:
    """A run of the toy model and the folder that its stages are kept in."""

    run: Run
    folder: Path

    @property
    def store(self) -> Store:
        return Store(self.folder)

    def executed(self) -> Result:
        """The result of the run, of which what the store holds already is not made again."""
        execute([self.run], Environment(self.folder, self.folder, "cpu"))
        result = self.store.result(self.run)
        assert result is not None
        assert result.status == "done", result.error
        return result


@contextmanager
def desk(dataset: str, preset: str = "paper", fold: int = 0, **changed: Any) -> Iterator[Desk]:
    """The run of a dataset's fold by a preset of `toy.toml`, with nothing in its store."""
    question = Question(["toy"], [dataset], ["toy_nearness"], samples=20, preset=preset)
    with TemporaryDirectory() as folder, _installed():
        run = plan(question, Path(folder))[fold]
        yield Desk(replace(run, **changed), Path(folder))


@contextmanager
def _installed() -> Iterator[None]:
    """The toys are registered inside."""
    site = _site().name
    sys.path.insert(0, site)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(site)


@cache
def _site() -> TemporaryDirectory[str]:
    """A folder, for as long as the process lasts, that the toys are installed in."""
    folder = TemporaryDirectory()
    site = Path(folder.name)
    for suffix in (".py", ".toml"):
        shutil.copy(TOY.with_suffix(suffix), site / f"{MODULE}{suffix}")
    info = site / "toys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(_entry_points()) + "\n")
    return folder


def _entry_points() -> Iterator[str]:
    for group, named in ENTRIES.items():
        yield f"[genbench.{group}]"
        yield from (f"{name} = {MODULE}:{cls}" for name, cls in named.items())
