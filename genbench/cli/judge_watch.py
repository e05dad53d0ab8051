"""How far a judgement is: a bar on a terminal, a line now and then elsewhere; and the time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genbench.cli.showing import is_live, say

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 20.0  # seconds between two lines, where there is no bar


def watched(left: Iterator[int], title: str, console: Console, quiet: bool) -> None:
    """Goes through how many sets are left, time after time, and shows it."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    live = is_live(console) and not quiet
    columns = TextColumn("{task.description}"), BarColumn(bar_width=20), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not live, transient=True) as bar:
        total = next(left)
        task, begun, last = bar.add_task(title, total=total), time.monotonic(), 0.0
        for now in left:
            bar.update(task, completed=total - now, description=f"{title}: {now} sets left")
            seconds = time.monotonic() - begun
            if not quiet and not live and seconds - last > EVERY:
                last = seconds
                say(console, f"{title}: {_left(seconds, total, now)}")


def _left(seconds: float, total: int, left: int) -> str:
    """ "30 of 104 sets, about 2 min 10 s left"."""
    from genbench.words import duration

    done = total - left
    more = f", about {duration(seconds / done * left)} left" if done and left else ""
    return f"{done} of {total} sets{more}"
