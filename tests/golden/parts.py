"""The parts whose numbers are kept: every model and metric of ours, and our own three stages."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from genbench.plugins import code, imports, registry

from .fingerprints import GoldenRun

PACKAGES = ("genbench", "baselines")
KINDS = ("model", "metric")  # data have digests
SHARED = {"precision.py", "seeding.py"}  # that parts import, and none of them owns


@dataclass(frozen=True)
class GoldenPart:
    """What has golden runs: those of the file in `runs/` that is called like it.

    kind: "model", "metric" or, for our own stages, "running". where: what must be raised when its
    numbers change. module: what is registered; the runs execute every line of it and of all that
    it imports. A stage has none.
    """

    kind: str
    stem: str
    revision: int | None
    where: str
    module: str = ""

    @property
    def name(self) -> str:
        """Distribution, kind and registered name, as the kept lines say it."""
        return f"{registry.SUITE} {self.kind} {self.stem}"

    @property
    def command(self) -> str:
        """Appends the numbers that are missing."""
        return f"`python -m tests.golden {self.stem}`"

    @property
    def way_out(self) -> str:
        """What to do where a change of the numbers is meant."""
        return f"raise {self.where} and append a line by {self.command}"

    @property
    def files(self) -> list[Path]:
        """The project's files behind the module, without interfaces."""
        return imports.reach(self.module, _is_ours).files() if self.module else []

    @property
    def runs(self) -> tuple[GoldenRun, ...]:
        return self._golden.RUNS

    @property
    def tolerance(self) -> float:
        return self._golden.TOLERANCE

    @property
    def _golden(self) -> ModuleType:
        return import_module(f"{__package__}.runs.{self.stem}")


def parts() -> list[GoldenPart]:
    """All parts: by kind and name, then the stages."""
    entries = [(kind, entry) for kind in KINDS for entry in registry.entries(kind)]
    ours = [_registered(*of) for of in entries if registry.distribution(of[1]) == registry.SUITE]
    return ours + [_stage(*of) for of in code.stage_revisions().items()]


def _registered(kind: str, entry: EntryPoint) -> GoldenPart:
    revision = code.identify(kind, entry.name).revision
    where = f"`revision` in the body of class {entry.attr} ({entry.module})"
    return GoldenPart(kind, entry.name, revision, where, entry.module)


def _stage(name: str, revision: int) -> GoldenPart:
    return GoldenPart("running", name, revision, f"{name.upper()} in genbench.running.revisions")


def _is_ours(path: Path) -> bool:
    tops = [imports.source(package).parent for package in PACKAGES]
    return path.name not in SHARED and any(top in path.parents for top in tops)
