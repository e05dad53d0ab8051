"""Plug-ins on the path of this process, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plugin import Plugin, fresh


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Plugin]]:
    """A new plug-in: `plugged({"toy.py": ...}, "toy:Toy")` registers the model toy."""

    def new(
        files: dict[str, str | bytes],
        value: str = "toy:Toy",
        *,
        site: str = "site",
        recorded: bool = False,
        name: str = "toyplug",
        **kinds: dict[str, str],
    ) -> Plugin:
        folder = tmp_path / site
        made = Plugin(folder, name, recorded=recorded)
        made.write(files)
        for kind, entries in (kinds or {"model": {"toy": value}}).items():
            for called, where in entries.items():
                made.register(kind, called, where)
        monkeypatch.syspath_prepend(str(folder))
        fresh()
        return made

    yield new
    fresh()
