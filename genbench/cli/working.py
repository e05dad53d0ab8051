"""Work on runs as a terminal shows it: how far it is, how it is ended, what became of it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from genbench.cli.outcomes import print_outcomes
from genbench.cli.showing import echo, is_live, new_console, say
from genbench.errors import Terminated

if TYPE_CHECKING:
    from rich.console import Console

    from genbench.records.run import Result, Run
    from genbench.running.engines import Engine
    from genbench.running.runner import Environment

LOOK, BUSY = 0.2, 0.25  # seconds that one looks at the cores; the share of them that is much


def results_of(
    runs: Sequence[Run], environment: Environment, how: Engine | None, quiet: bool
) -> list[Result]:
    """The results of runs, those that the store does not hold made now."""
    from genbench.running.plan import pending

    store, console = environment.store, new_console()
    todo = pending(runs, store)
    if todo:
        store.prepare()
        work(todo, environment, environment.threads or 1, console, quiet, how)
    print_outcomes(todo, store, console, quiet, verbose=False)
    return [result for result in map(store.result, runs) if result]


def work(
    todo: Sequence[Run],
    environment: Environment,
    threads: int,
    console: Console,
    quiet: bool,
    how: Engine | None = None,
) -> None:
    """Runs what is to be done and shows it; Ctrl-C and SIGTERM end the workers at once."""
    from genbench.records.store import Store
    from genbench.running.driving import work_on
    from genbench.running.engines import Engine
    from genbench.running.plan import by_training
    from genbench.running.progress import Watch

    live, store = is_live(console) and not quiet, Store(environment.results_dir)
    if not quiet:
        _say_if_busy(console)
    watch = Watch(by_training(todo), store, console, live, quiet)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        work_on(todo, replace(environment, threads=threads), how or Engine(), watch)
    except KeyboardInterrupt as stop:
        echo(
            "Interrupted; the same command goes on from the last finished epoch.",
            err=True,
        )
        if isinstance(stop, Terminated):
            raise SystemExit(stop.exit_code) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _say_if_busy(console: Console) -> None:
    """Says that other programs keep cores of this machine busy: all times are longer then."""
    import psutil

    cores = psutil.cpu_count() or 1
    used = psutil.cpu_percent(interval=LOOK) / 100 * cores
    if used > BUSY * cores:
        text = f"other programs keep {used:.1f} of {cores} cores busy: this takes longer than alone"
        say(console, text)


def _terminate(*_: object) -> NoReturn:
    raise Terminated
