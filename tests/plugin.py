"""A stranger's distribution, written file by file, with or without a list of its files."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

from genbench.plugins import code
from genbench.plugins.code import Part


class Plugin:
    """A distribution in a folder; where it is `recorded`, that lists its files, as pip does."""

    def __init__(self, site: Path, name: str = "toyplug", *, recorded: bool = False) -> None:
        self.site, self.name, self.recorded = site, name, recorded
        self.files: dict[str, Path] = {}
        self.entries: dict[str, dict[str, str]] = {}

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Writes modules, or writes them anew."""
        for name, said in files.items():
            path = self.files[name] = self.site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(said if isinstance(said, bytes) else said.encode())
        self._install()

    def rename(self, before: str, after: str) -> None:
        """Moves a module."""
        said = self.files.pop(before).read_bytes()
        (self.site / before).unlink()
        self.write({after: said})

    def register(self, kind: str, name: str, value: str) -> None:
        """Adds an entry point: `register("model", "toy", "toy:Toy")`."""
        self.entries.setdefault(f"genbench.{kind}s", {})[name] = value
        self._install()

    def _install(self) -> None:
        info = self.site / f"{self.name}-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.name}\nVersion: 1.0\n")
        lines = []
        for group, found in self.entries.items():
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in found.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        if self.recorded:
            own = [*self.files, f"{info.name}/METADATA", f"{info.name}/entry_points.txt"]
            (info / "RECORD").write_text("".join(f"{name},,\n" for name in own))


def identity(name: str = "toy", kind: str = "model") -> Part:
    """What a fresh process would identify a part by."""
    fresh()
    return code.identify(kind, name)


def fresh() -> None:
    """Forgets what this process has read of sources and where it found them."""
    code.forget()
    importlib.invalidate_caches()


def unload(*names: str) -> None:
    """Forgets modules that this process has imported, with all below them."""
    for name in [n for n in sys.modules if n.partition(".")[0] in names]:
        del sys.modules[name]
    fresh()
