"""Who does the work: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from genbench.errors import ModelError, UsageError
from genbench.plugins.registry import nearest
from genbench.running import clusters, executors

CLUSTER = "dask"
_HERE = (executors.Serial, executors.Spawned, ThreadPoolExecutor)


@dataclass(frozen=True)
class Engine:
    """A kind of executor; and of a cluster, where its scheduler is and what is asked of a worker.

    scheduler: an address such as "tcp://host:8786", or the file that a scheduler wrote; empty for
    a cluster on this machine. resources: what a job takes of a worker: {"GPU": 1}. tls: the files
    of the authority's certificate, our certificate and our key, or none.
    """

    kind: str = "spawned"
    scheduler: str = ""
    resources: Mapping[str, float] = field(default_factory=dict)
    tls: tuple[str, ...] = ()


def open(engine: Engine, workers: int, threads: int | None = None) -> Executor:
    """An executor of this kind, ready for jobs.

    threads: what torch may use in each process that is started for a job; jobs in this process
    use what it has, unless they say otherwise, as `execute` does.

    Raises UsageError for an unknown kind, where Dask is not installed, or no scheduler answers.
    """
    if engine.kind in executors.KINDS:
        return executors.KINDS[engine.kind](workers, threads)
    if engine.kind != CLUSTER:
        known = [*executors.KINDS, CLUSTER]
        raise UsageError(f"unknown executor {engine.kind!r}; {nearest(engine.kind, known)}")
    if engine.scheduler:
        client = clusters.remote_client(engine.scheduler, engine.tls)
    else:
        client = clusters.local_client(workers, engine.resources)
    return clusters.Cluster(client, threads, engine.resources)


def is_shared(executor: Executor) -> bool:
    """Whether jobs may be done on other machines, whose locks are not to be trusted."""
    return not isinstance(executor, _HERE)


def places(executor: Executor, workers: int) -> int:
    """How many jobs there can be at a time, as far as can be told; at least as asked for."""
    return max(workers, executor.workers if isinstance(executor, clusters.Cluster) else 1)


def outcome(job: Future[Any]) -> Any:
    """The value of a job; raises what it raised, LostError, or ModelError where a process died."""
    try:
        return job.result()
    except clusters.LostError:
        raise
    except BrokenExecutor as error:
        raise ModelError(f"{error}; the same command goes on") from error


def doubts(engine: Engine) -> list[str]:
    """What a user should be warned of before anything is sent to a scheduler."""
    if engine.scheduler and clusters.is_open(engine.scheduler):
        return [
            f"{engine.scheduler} is neither encrypted nor guarded: whoever can reach it may read "
            "what is sent, and run code as you; use tls:// with --tls CA,CERT,KEY"
        ]
    return []
