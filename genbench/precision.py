"""Which matrix products are exact enough and fastest here.

TF32 and bfloat16 keep 11 and 8 bits of each factor. A Parzen log-likelihood divides squared
distances by 2 sigma², and at sigma 0.1 such products miss it by whole nats. So training and
scoring multiply in true float32. In less multiply only bounds that know what was rounded, and
slopes of paths whose end is judged by the exact value.

What is chosen is a function of the processor and of torch, never of a stopwatch; products that
fail a comparison with float64 are not chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

# torch's older switches (allow_tf32, set_float32_matmul_precision) raise once these are in use
# and differ from them; these never do. So only these are read and set here.
SWITCHES: dict[str, Any] = {
    "cuda.matmul": torch.backends.cuda.matmul,
    "cudnn.conv": torch.backends.cudnn.conv,  # pyright: ignore[reportAttributeAccessIssue]
    "cudnn.rnn": torch.backends.cudnn.rnn,
    "mkldnn.matmul": torch.backends.mkldnn.matmul,  # pyright: ignore[reportAttributeAccessIssue]
}
SUMS = "allow_bf16_reduced_precision_reduction"
SHAPES = ((2, 64, 3), (100, 784, 240), (512, 192, 512))  # of the products that are compared


@contextmanager
def float32_products() -> Iterator[None]:
    """Products of float32 matrices are true float32 inside, whatever was allowed outside.

    Turns off TF32, bfloat16 shortcuts and autocast; on leaving, each switch has the value that it
    read before.
    """
    with _switched(_cpu_switch()):
        yield


@contextmanager
def products_in(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Products inside have factors rounded to `dtype`: for slopes that need not be exact."""
    with torch.autocast(device.type, dtype):
        yield


@contextmanager
def subnormals_flushed() -> Iterator[None]:
    """Numbers nearer to 0 than 1.2e-38 are 0 inside: on this thread, and on those that it starts.

    The momentum of weights that have no slope any more shrinks by a factor each step, down to such
    numbers and never to 0; processors take many times as long for them. Weights do not notice.
    """
    before = _flushes()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _flushes() -> bool:
    return (torch.full((1,), torch.finfo(torch.float32).tiny) / 2).item() == 0


def coarse_dtype(device: torch.device) -> torch.dtype:
    """The type of the fastest products on a device, for bounds that know what it rounds.

    bfloat16 where it is multiplied by units of its own (AMX; CUDA from capability 8.0 on) and
    summed in float32, which is checked; else float32, which takes an Intel Xeon less time than the
    instructions of AVX512-BF16 alone.
    """
    return _coarse_dtype(device.type, device.index)


def describe() -> dict[str, str]:
    """What is chosen here, for the record: each switch as read back inside, and coarse types."""
    with float32_products():
        chosen = {name: switch.fp32_precision for name, switch in SWITCHES.items()}
    devices = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    coarse = {f"coarse on {name}": coarse_dtype(torch.device(name)) for name in devices}
    return chosen | {name: str(dtype).removeprefix("torch.") for name, dtype in coarse.items()}


@contextmanager
def _switched(cpu: str) -> Iterator[None]:
    """All switches at "ieee", the one of products on the CPU at `cpu`."""
    before = {name: switch.fp32_precision for name, switch in SWITCHES.items()}
    sums = getattr(torch.backends.cuda.matmul, SUMS)
    split = getattr(torch.backends.cuda.matmul, f"{SUMS}_split_k", None)  # older torch has none
    try:
        for name, switch in SWITCHES.items():
            switch.fp32_precision = cpu if name == "mkldnn.matmul" else "ieee"
        setattr(torch.backends.cuda.matmul, SUMS, False)
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        setattr(torch.backends.cuda.matmul, SUMS, sums if split is None else (sums, split))
        for name, switch in SWITCHES.items():
            switch.fp32_precision = before[name]


@cache
def _cpu_switch() -> str:
    """ "bf16" allows oneDNN, which has float32 products only, and faster ones than the default,
    on x86 processors without AMX; else "ieee".
    """
    can = _capabilities()
    amx = any(has for name, has in can.items() if name.startswith("amx"))
    if can.get("architecture") != "x86_64" or amx or not torch.backends.mkldnn.is_available():
        return "ieee"
    with _switched("bf16"):
        return "bf16" if _is_exact(torch.float32, torch.device("cpu")) else "ieee"


@cache
def _coarse_dtype(kind: str, index: int | None) -> torch.dtype:
    device = torch.device(kind, index) if index is not None else torch.device(kind)
    if kind == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = kind == "cpu" and bool(_capabilities().get("amx_bf16"))
    with float32_products():
        exact = native and _is_exact(torch.bfloat16, device)
    return torch.bfloat16 if exact else torch.float32


def _capabilities() -> dict[str, object]:
    return dict(getattr(torch.cpu, "get_capabilities", dict)())  # torch < 2.11 has none


def _is_exact(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether products round no more than factors, float32 sums and result in `dtype` explain."""
    return all(_error(dtype, device, shape) <= 1 for shape in SHAPES)


def _error(dtype: torch.dtype, device: torch.device, shape: tuple[int, int, int]) -> float:
    """The greatest error against float64, in units of what may be."""
    n, d, m = shape
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(rows, d, generator=draw).to(device, dtype) for rows in (n, m))
    exact = a.double() @ b.double().T
    sums = 8 * 2.0**-24 * math.sqrt(d) * _lengths(a)[:, None] * _lengths(b)
    allowed = sums + exact.abs() * (torch.finfo(dtype).eps / 2)  # rounded to nearest, not cut off
    return ((a @ b.T - exact).abs() / allowed).max().item()


def _lengths(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)
