"""Who does the work of a command: the options that run, score, judge and audit share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

from genbench.cli import parsing
from genbench.cli.options import option
from genbench.cli.showing import new_console, say
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.running.engines import Engine


def of_executors(help: str) -> Any:
    """--executor."""
    return option(help, "EXECUTOR", "--executor")


_JOBS = "spawned (processes of this machine), serial (this process) or dask. Default: "
TrainedBy = Annotated[
    str | None,
    of_executors("spawned (processes of this machine), serial, threads or dask. Default: spawned."),
]
ExperimentBy = Annotated[
    str | None,
    of_executors(
        "spawned (processes of this machine), serial, threads or dask. "
        "Default: serial; with several workers spawned."
    ),
]
AuditedBy = Annotated[str | None, of_executors(f"{_JOBS}serial.")]
JudgedBy = Annotated[str | None, of_executors(f"{_JOBS}serial; with several workers spawned.")]
ScoredBy = Annotated[
    str | None,
    of_executors(
        f"{_JOBS}serial for a FILE, and with several workers spawned; spawned for reference rows "
        "and --protocols."
    ),
]
Scheduler = Annotated[
    str | None,
    option("Of Dask: tls://HOST:8786, or the file that it wrote.", "SCHEDULER", "--scheduler"),
]
Resources = Annotated[
    str | None,
    option(
        "What a job takes of a Dask worker: GPU=1. Workers of a --scheduler must be started with "
        "it: dask worker --resources GPU=1.",
        "RESOURCES",
        "--resources",
    ),
]
TLS = Annotated[
    str | None,
    option("CA,CERT,KEY: files for a tls:// scheduler.", "TLS", "--tls", metavar="FILES"),
]


def engine(
    executor: str | None,
    scheduler: str | None,
    resources: str | None,
    tls: str | None,
    threads: bool = False,
) -> Engine | None:
    """What the options say, and None where they say nothing; warns of an open scheduler.

    threads: whether jobs of this command take turns where they are threads of one process, as
    trainings do. Raises UsageError where the options contradict each other.
    """
    given = {"--scheduler": scheduler, "--resources": resources, "--tls": tls}
    used = [name for name, value in given.items() if value]
    if executor is None and not used:
        return None
    from genbench.running import clusters, engines  # torch comes with them

    kind = executor or engines.CLUSTER
    if kind != engines.CLUSTER and used:
        raise UsageError(f"{used[0]} is for --executor {engines.CLUSTER}, not for {kind}")
    if kind == "threads" and not threads:
        raise UsageError(
            "--executor threads is for run and experiment run only: the jobs of this command would "
            "draw from one random generator side by side; take spawned or serial"
        )
    if kind == engines.CLUSTER:
        clusters.packages()
    where = os.path.expanduser(scheduler or "")
    asked = engines.Engine(kind, where, _numbers(resources), _files(tls, scheduler))
    for line in engines.doubts(asked):
        say(new_console(), f"warning: {line}")
    return asked


def threads_each(threads: int | None, workers: int, engine: Engine | None) -> int:
    """Threads of each worker: this machine's cores, shared; on others one, if nobody says so."""
    if engine is not None and engine.scheduler:
        return threads or 1
    return threads or max(1, parsing.cores() // workers)


def _numbers(text: str | None) -> dict[str, float]:
    """ "GPU=1,MEMORY=4" as numbers by name."""
    pairs = [part.partition("=") for part in parsing.split(text, "--resources")] if text else []
    try:
        found = {name: float(value) for name, _, value in pairs}
    except ValueError:
        found = {"": 0.0}
    if not all(name and 0 < value < float("inf") for name, value in found.items()):
        raise UsageError(f"--resources takes amounts such as GPU=1; got {text!r}")
    return found


def _files(text: str | None, scheduler: str | None) -> tuple[str, ...]:
    """The three files of --tls."""
    if not text:
        return ()
    found = tuple(os.path.expanduser(part.strip()) for part in text.split(","))
    if len(found) != 3:
        raise UsageError(f"--tls takes three files, CA,CERT,KEY; got {text!r}")
    if not scheduler:
        raise UsageError("--tls is for a --scheduler; nobody else reaches workers of this machine")
    return found
