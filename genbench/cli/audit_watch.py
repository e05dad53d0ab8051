"""How far an audit is: a bar on a terminal, a line for each row elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from genbench.cli.showing import is_live, say

if TYPE_CHECKING:
    from rich.console import Console

    from genbench.auditing.scores import Scored
    from genbench.auditing.subjects import Subject


class Watch:
    """Shows how far an audit is: a bar on a terminal, a line for each row elsewhere."""

    def __init__(self, console: Console, quiet: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._console, self._lines = console, not quiet and not is_live(console)
        self._known, self._rows, self._begun = 0, 0, time.monotonic()
        self._weights: list[float] = []
        self._names: list[str] = []
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[state]}"),
            console=console,
            disable=quiet or not is_live(console),
            transient=True,
        )
        self._task = self._bar.add_task("reading", total=None, state="")

    def __enter__(self) -> Watch:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def plan(self, plan: Sequence[Subject], known: int) -> None:
        """Takes what is to be scored, so many of them known; the time begins to count."""
        self._known = known
        self._weights = [subject.weight for subject in plan]
        self._names = [subject.name for subject in plan]
        self._bar.update(self._task, total=sum(self._weights))
        self._begun = time.monotonic()
        self._show(0.0)

    def step(self, step: int, steps: int) -> None:
        """A training of a reference model went on."""
        self._show(step / steps)

    def row(self, one: Scored) -> None:
        """A row is there."""
        self._rows += 1
        if self._rows <= self._known:
            self._begun = time.monotonic()
        elif self._lines:
            text = f"{one.row.name}: {one.row.value:.2f} ({self._rows} of {len(self._names)})"
            say(self._console, text)
        if self._rows < len(self._names):
            self._show(0.0)

    def _show(self, part: float) -> None:
        """`part`: how much of the row in progress is done."""
        from rich.markup import escape

        from genbench.words import duration

        done = sum(self._weights[: self._rows]) + part * self._weights[self._rows]
        here = done - sum(self._weights[: self._known])
        left = ""
        if here > 0:
            seconds = time.monotonic() - self._begun
            left = f", about {duration(seconds / here * (sum(self._weights) - done))} left"
        self._bar.update(
            self._task,
            completed=done,
            description=escape(self._names[self._rows]),
            state=f"{self._rows} of {len(self._names)} rows{left}",
        )
