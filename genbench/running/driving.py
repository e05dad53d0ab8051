"""A plan carried out: its trainings go to an executor, and each is settled when it is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from genbench.errors import GenbenchError
from genbench.records.run import Run
from genbench.records.store import Store
from genbench.running import engines
from genbench.running.engines import Engine
from genbench.running.progress import Watch
from genbench.running.runner import Environment, settle, submit_all

POLL = 0.3  # seconds between two looks at what the workers logged


def work_on(
    todo: Sequence[Run],
    environment: Environment,
    engine: str | Engine | Executor = "spawned",
    watch: Watch | None = None,
) -> None:
    """Does runs by an executor, or one of an engine or a kind, and lets somebody watch.

    Whatever ends it early ends the workers at once. Raises the first StoreError or UsageError, when
    the others are done. An executor that was given is left open.
    """
    if isinstance(engine, str):
        engine = Engine(engine)
    if isinstance(engine, Engine):
        executor = engines.open(engine, environment.workers or 1, environment.threads)
        ours, kind = True, engine.kind
    else:
        executor, ours, kind = engine, False, ""
    if kind in ("serial", "threads"):  # in one process, one training works at a time
        environment = replace(environment, workers=1)
    environment = replace(environment, shared=engines.is_shared(executor))
    try:
        with watch or nullcontext():
            with _looking_on(watch, here=kind == "serial"):  # one thread at a time has the watch
                futures = submit_all(todo, environment, executor)
            errors = _settle_all(futures, environment, watch)
    except BaseException:
        if ours:
            executor.shutdown(cancel_futures=True)
        raise
    if ours:
        executor.shutdown()
    if errors:
        raise errors[0]


@contextmanager
def _looking_on(watch: Watch | None, here: bool) -> Iterator[None]:
    """Lets somebody watch work in this very process, which is done before anything is settled."""
    if watch is None or not here:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(POLL):
            watch.update()

    onlooker = threading.Thread(target=look, daemon=True)
    onlooker.start()
    try:
        yield
    finally:
        over.set()
        onlooker.join()


def _settle_all(
    futures: dict[Future[list[str]], list[Run]], environment: Environment, watch: Watch | None
) -> list[GenbenchError]:
    """Settles each training when it is done; what is no run's failure is returned."""
    waiting, errors = set(futures), []
    while waiting:
        done, waiting = wait(waiting, timeout=POLL, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                settle(future, futures[future], environment)
            except GenbenchError as error:  # the others go on
                errors.append(error)
        if watch:
            watch.update()
            for future in done:
                watch.finish(futures[future][0])
    return errors


def remarks(run: Run, store: Store) -> list[str]:
    """What is to be said of a run beside its result: what it left behind, where it printed."""
    last = store.events(run)[-1:]
    left = [", ".join(event["left_behind"]) for event in last if event.get("left_behind")]
    printed = store.output(run)
    return [
        *(f"left behind, and ended: {names}" for names in left),
        *([f"what it printed is in {printed}"] if printed.exists() else []),
    ]
