"""What a run gives, as a few numbers that move when any entry of it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from genbench.precision import float32_products

Numbers = list[float | str]
Given = Mapping[str, Tensor | Sequence[float | str]]  # by what it is: "samples", "losses"
GoldenRun = Callable[[], Given]

DIGITS = 9  # that are kept of a number
RAISED = "raised"


def fingerprint(values: Tensor) -> Numbers:
    """|x|, Σ_i x_i cos i, and the middle entry, of all the values x in their order.

    >>> fingerprint(torch.tensor([3.0, 0.0, 4.0]))  # 3 + 4 cos 2
    [5.0, 1.33541265, 0.0]
    """
    x = values.detach().double().flatten()
    waves = torch.arange(len(x), dtype=torch.float64).cos()
    return _rounded([x.norm().item(), (x @ waves).item(), x[len(x) // 2].item()])


def numbers_of(runs: Iterable[GoldenRun]) -> dict[str, dict[str, Numbers]]:
    """What each run gives, by its name; each starts from the same random state.

    Of one that raises an error that is all it gives, called RAISED.
    """
    return {run.__name__: _given(run) for run in runs}


def _given(run: GoldenRun) -> dict[str, Numbers]:
    with torch.random.fork_rng(devices=[]), float32_products():
        torch.manual_seed(0)
        try:
            return {name: _numbers(given) for name, given in run().items()}
        except Exception as error:  # whatever a changed part raises is what its run gives
            return {RAISED: [f"{type(error).__name__}: {error}"]}


def refusal(call: Callable[[], object]) -> str:
    """The type of the error that a call raises."""
    try:
        call()
    except Exception as error:  # which one is the golden number
        return type(error).__name__
    return "none"


def _numbers(given: Tensor | Sequence[float | str]) -> Numbers:
    return fingerprint(given) if isinstance(given, Tensor) else _rounded(given)


def _rounded(values: Sequence[float | str]) -> Numbers:
    return [v if isinstance(v, str) else float(f"{v:.{DIGITS}g}") for v in values]
