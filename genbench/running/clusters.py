"""Dask's workers as an executor: what moves is a call with its run specifications, and keys back.

Every result goes to the store first, in a folder that all machines share. So what Dask does twice,
since a worker was lost, is found there the second time. Dask is imported when it is asked for.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import pickle
import re
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from pathlib import Path
from typing import Any

from genbench.errors import SupersededError, UsageError
from genbench.running import executors, worker

RETRIES = 3  # after a job has raised, and after its worker was lost
PATIENCE = 10.0  # seconds that a scheduler has to answer, and its workers to end
LOST = (
    "the Dask scheduler was lost, or let the job go; "
    "the same command goes on from the last finished epoch"
)
_GUARDED = ("tls", "wss", "inproc")  # protocols that are encrypted, or stay in a process
_LOCAL = {
    "distributed.worker.daemon": False,  # a daemon could have no process for its job
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.comm.retry.count": RETRIES,
    "distributed.scheduler.http.routes": [],  # nothing is served to a browser
}


class LostError(BrokenExecutor):
    """No worker has done a job, as far as its scheduler knows."""


def local_client(workers: int, resources: Mapping[str, float]) -> Any:
    """A client with a cluster on this machine, which nobody else can reach."""
    dask, distributed = packages()
    dask.config.set(_LOCAL)
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        memory_limit=None,
        resources=dict(resources) or None,
        silence_logs=logging.CRITICAL,
    )
    return distributed.Client(cluster, set_as_default=False)


def remote_client(scheduler: str, tls: tuple[str, ...]) -> Any:
    """A client of a scheduler: at an address, or that which wrote a file.

    Raises UsageError where none answers, or one of its workers has more than one task thread.
    """
    _, distributed = packages()
    names = dict(zip(("tls_ca_file", "tls_client_cert", "tls_client_key"), tls, strict=bool(tls)))
    security = distributed.Security(**names, require_encryption=True) if tls else None
    by_file = Path(scheduler).is_file()
    where: dict[str, Any] = {"scheduler_file" if by_file else "address": scheduler}
    more = {"security": security, "timeout": PATIENCE, "set_as_default": False}
    try:
        client = distributed.Client(**where, **more)
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # the last: tcp:// with TLS
        raise UsageError(f"no Dask scheduler answers at {scheduler}: {error}") from error
    for address, about in client.scheduler_info(n_workers=-1)["workers"].items():
        if about["nthreads"] != 1:
            client.close()
            raise UsageError(_many_threads(address, about["nthreads"]))
    return client


def packages() -> tuple[Any, Any]:
    """Dask's packages, quiet; raises UsageError where they are not installed."""
    try:
        import dask
        import distributed
    except ImportError as error:
        raise UsageError(
            "the executor dask needs Dask, which is not installed: pip install 'genbench[dask]'"
        ) from error
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":  # several of them have levels of their own
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return dask, distributed


def is_open(scheduler: str) -> bool:
    """Whether others than this machine reach a scheduler, which nothing encrypts or guards.

    scheduler: an address, of tcp where it names no protocol, or the file that it wrote.

    >>> is_open("tcp://head:8786"), is_open("head:8786"), is_open("tls://head:8786")
    (True, True, False)
    >>> is_open("tcp://127.0.0.1:8786"), is_open("localhost:8786")
    (False, False)
    """
    if Path(scheduler).is_file():
        try:
            scheduler = str(json.loads(Path(scheduler).read_text("utf-8"))["address"])
        except (OSError, ValueError, LookupError, TypeError):  # who connects is told of it
            return False
    protocol, _, place = scheduler.rpartition("://")
    return protocol not in _GUARDED and not _is_loopback(re.sub(r":\d*$", "", place).strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


class Cluster(Executor):
    """Hands each job to a worker of a cluster, which does it in a process of its own.

    A job whose worker is lost is done by another; after some times its future raises
    LostError, as it does where the scheduler is lost.
    """

    def __init__(self, client: Any, threads: int | None, resources: Mapping[str, float]) -> None:
        self._client, self._threads, self._resources = client, threads, dict(resources)
        self._futures: dict[Any, Future[Any]] = {}

    @property
    def workers(self) -> int:
        """How many there are just now; more may come."""
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Sends a call to whichever worker is free and has the resources."""
        future: Future[Any] = Future()
        try:
            theirs = self._client.submit(
                job,
                worker.packed(fn, args, kwargs),
                self._threads,
                pure=False,
                retries=RETRIES,
                resources=self._resources or None,
            )
        except (OSError, RuntimeError):  # its client has closed
            future.set_exception(LostError(LOST))
            return future
        self._futures[theirs] = future
        theirs.add_done_callback(self._pass_on)
        return future

    def _pass_on(self, theirs: Any) -> None:
        """Gives what became of Dask's future to ours."""
        future = self._futures.pop(theirs)
        try:
            value, left, error = _outcome(theirs)
        except Exception as unread:  # a value of a class that is not here
            future.set_exception(unread)
            return
        future.left_behind = left  # pyright: ignore[reportAttributeAccessIssue]
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends once the jobs are done, or, with `cancel_futures`, at once.

        A cluster of our own ends with it. The workers of another finish what they have begun.
        """
        ours, cluster = list(self._futures.values()), self._client.cluster
        if cancel_futures:
            with contextlib.suppress(CancelledError, OSError, RuntimeError):
                self._client.cancel(list(self._futures), force=True)
        elif wait:
            _waited_for(ours)
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            self._client.close(timeout=PATIENCE)
        if cluster is not None and hasattr(cluster, "close"):
            with contextlib.suppress(TimeoutError, OSError, RuntimeError):
                cluster.close(timeout=PATIENCE)


def _waited_for(futures: list[Future[Any]]) -> None:
    wait(futures)


def _outcome(theirs: Any) -> tuple[Any, list[str], BaseException | None]:
    """The value of a job, what it left behind, and what it raised, or what became of it instead."""
    _, distributed = packages()
    lost = (CancelledError, distributed.CancelledError, distributed.comm.CommClosedError)
    try:
        error = theirs.exception()
        if error is None:
            return theirs.result()
    except (*lost, OSError, TimeoutError, RuntimeError):  # the last: its client has closed
        return None, [], LostError(LOST)
    if isinstance(error, distributed.KilledWorker):
        times = f"{RETRIES + 1} workers died at it"
        return None, [], BrokenExecutor(f"{times} (killed, out of memory, or a crash)")
    return None, [], LostError(LOST) if isinstance(error, lost) else error


# --- what a worker does ---


def job(packed: bytes, threads: int | None) -> tuple[Any, list[str], BaseException | None]:
    """Does a call in a process of its own: its value, what was left behind and ended, its error.

    An error that would come again is returned, and Dask does not try again:

        UsageError         the request is wrong, or this worker has several task threads, which
                           would do calls side by side
        SupersededError    another worker has taken the call over, and must not lose it again

    Any other error is raised, and Dask tries again.
    """
    try:
        return *_done(packed, threads), None
    except (UsageError, SupersededError) as error:
        return None, [], error


def _done(packed: bytes, threads: int | None) -> tuple[Any, list[str]]:
    """A worker that Dask has made a daemon can have no process, and does the call itself."""
    _, distributed = packages()
    own = distributed.get_worker()
    if own.state.nthreads != 1:
        raise UsageError(_many_threads(own.address, own.state.nthreads))
    fn, args, kwargs = pickle.loads(packed)
    if worker.is_daemon():
        return fn(*args, **kwargs), []
    with executors.Spawned(1, threads) as one:
        future = one.submit(fn, *args, **kwargs)
        return future.result(), getattr(future, "left_behind", [])


def _many_threads(address: str, threads: int) -> str:
    return (
        f"the Dask worker at {address} has {threads} task threads, and one training works at a "
        "time in a process: start it with --nthreads 1, and more of them with --nworkers"
    )
