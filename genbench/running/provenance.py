"""What a result was made with, and how fast: versions, commit, hardware, time, memory.

No host name, no user, no path.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch

from genbench import precision
from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.plugins.imports import source
from genbench.records.git import commit_of

try:
    import resource
except ImportError:  # Windows has none
    resource = None

_PACKAGES = ("genbench", "torch", "numpy", "scipy", "safetensors", "mlxtend")


def machine() -> dict[str, Any]:
    """Versions, commit, processor, GPUs and threads of this process, JSON-able."""
    return {
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "commit": commit(),
        "cpu": _cpu(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "precision": precision.describe(),
    }


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def commit() -> dict[str, Any] | None:
    """Commit of the checkout that genbench runs from and whether it was changed, if it is one."""
    return commit_of(Path(__file__))


def commits(kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Commit of each part that is not of genbench, by its kind, where a checkout holds its module.

    kinds: "model", "dataset" and "metric" -> registered name. A part that was installed by
    `pip install git+https://...` has the commit that pip noted.
    """
    entries = {kind: registry.find(kind, name) for kind, name in kinds.items()}
    theirs = {k: e for k, e in entries.items() if registry.distribution(e) != registry.SUITE}
    found = {kind: _commit_behind(entry) for kind, entry in theirs.items()}
    return {kind: commit for kind, commit in found.items() if commit}


def _commit_behind(entry: EntryPoint) -> dict[str, Any] | None:
    with suppress(UsageError):  # a module that is gone
        return commit_of(source(entry.module)) or _installed_from(entry.dist)
    return None


def _installed_from(distribution: Distribution | None) -> dict[str, Any] | None:
    """The commit that pip noted when it installed a distribution from a repository."""
    said = distribution.read_text("direct_url.json") if distribution else None
    with suppress(ValueError, TypeError, LookupError):
        return {"sha": str(json.loads(said or "")["vcs_info"]["commit_id"]), "dirty": False}
    return None


@cache
def _cpu() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


# --- memory ---


def forget_peak(device: torch.device) -> None:
    """Starts the count of peak memory anew; that of the host only where the system can (Linux)."""
    with suppress(OSError):
        switch = os.open("/proc/self/clear_refs", os.O_WRONLY)  # no file: the kernel reads it
        with os.fdopen(switch, "wb") as kernel:
            kernel.write(b"5")  # proc(5): resets VmHWM
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> dict[str, int]:
    """Greatest resident memory of this process since `forget_peak`, and that on its GPU."""
    peak = {"host": _peak_resident()}
    if device.type == "cuda":
        peak["device"] = torch.cuda.max_memory_allocated(device)
    return peak


def _peak_resident() -> int:
    """VmHWM where there is one: `ru_maxrss` holds what the parent held when it was started."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    if resource is None:
        return psutil.Process().memory_info().rss
    scale = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


# --- speed ---


def of_training(events: Sequence[Mapping[str, Any]], seconds: float, epochs: int) -> dict[str, Any]:
    """Epochs, mean and median seconds of one, and the most workers there were at a time.

    mean = seconds / epochs. events: the training's log; what stands before its last start from
    nothing is of another training. resumed_on: devices and threads, where it went on on others.
    """
    starts = [i for i, event in enumerate(events) if event.get("done") == 0]
    own = events[starts[-1] :] if starts else events
    each = [event["seconds"] for event in own if "epoch" in event]
    per_epoch = {"mean": seconds / epochs, "median": median(each)} if epochs and each else None
    begun = [event for event in own if event.get("stage") == "fit"]
    known = [event["workers"] for event in begun if event.get("workers")]
    most = max(known) if known and len(known) == len(begun) else None
    places = dict.fromkeys(f"{e.get('device')}, {_threads(e.get('threads'))}" for e in begun)
    found = {"epochs": epochs, "seconds_per_epoch": per_epoch, "workers": {"fit": most}}
    return {**found, "resumed_on": [*places]} if len(places) > 1 else found


def _threads(count: int | None) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def of_draw(samples: int, seconds: float) -> dict[str, Any]:
    """samples / seconds, and what 10,000 samples would take: 10,000 / samples * seconds.

    >>> of_draw(500, 2.0)
    {'samples': 500, 'samples_per_second': 250.0, 'seconds_per_10000_samples': 40.0}
    """
    return {
        "samples": samples,
        "samples_per_second": samples / seconds if seconds else None,
        "seconds_per_10000_samples": 10_000 / samples * seconds,
    }


def of_stages(**records: Mapping[str, Any]) -> dict[str, Any]:
    """The last stage's record, with what was measured of each stage by its name."""
    merged: dict[str, Any] = {}
    for record in records.values():
        merged |= record
    for name in ("seconds", "peak_bytes", "workers"):
        found = {stage: record.get(name, {}).get(stage) for stage, record in records.items()}
        merged[name] = {stage: value for stage, value in found.items() if value is not None}
    return merged
