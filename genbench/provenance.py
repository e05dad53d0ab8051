"""What a result was made with: versions, commit, hardware. No host name, no user, no path."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

from genbench import precision

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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def commit() -> dict[str, Any] | None:
    """Commit of the checkout that genbench runs from and whether it was changed, if it is one."""
    home = Path(__file__).resolve().parent
    if not (home.parent / ".git").exists():
        return None
    try:
        head = _git(home, "rev-parse", "HEAD")
        return {"sha": head, "dirty": bool(_git(home, "status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


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


def peak_bytes() -> dict[str, int]:
    """Greatest resident memory of this process so far, and of its current GPU, in bytes."""
    peak = {"host": _peak_resident()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        peak["device"] = torch.cuda.max_memory_allocated()
    return peak


def _peak_resident() -> int:
    if resource is None:
        return psutil.Process().memory_info().rss
    scale = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
