"""The constant of a Boltzmann machine by annealing, and what it says of rows' log p.

log mean w is at most log Z / Z_0 in expectation (see `annealing`, `gibbs_path`). So
    log f(x) - log Z_0 - log mean w
is at least log p(x) in expectation: log p(x) "<=" that. The log f(x) of a machine of more than one
hidden layer is itself bounded, from below, by mean field; the difference is neither, "~". Beside it
stands a conservative lower bound, ">=" (see `reverse`).

Nothing in the weights shows a mode that no chain entered. Runs backwards, from Gibbs chains at
β = 1 that began in different places, give log Z_0 - log mean w, which is above log Z where they are
in such a mode. They are no bound, since such chains need not be draws of the machine. But where the
largest is far above the forward run, one of the two is wrong: they are a detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from genbench.likelihood.annealing import State, effective, log_mean
from genbench.likelihood.enumeration import log_unnormalised
from genbench.likelihood.gibbs_path import Annealer, Path, bits, keeps_visible, path
from genbench.likelihood.mean_field import variational
from genbench.likelihood.reverse import log_annealed
from genbench.protocols import JSON, Boltzmann

SMOOTHING = 0.05  # of the rows, added at half grey: 3,000 of 60,000 (Salakhutdinov & Murray 2008)
MOST_ABOVE = 1.0  # nats by which a run backwards may exceed the forward one
STARTS = ("base", "rows", "noise", "on")


def base_biases(train: Tensor) -> Tensor:
    """Visible biases `(d,)`, log m / (1 - m), m = (sum + n/20) / (n + n/20) of n training rows.

    Pixels in [0, 1] count as probabilities.

    >>> base_biases(torch.tensor([[0.0], [1.0]])).sigmoid()
    tensor([0.5238])
    """
    n = len(train)
    rates = (train.double().sum(dim=0) + SMOOTHING * n) / (n + SMOOTHING * n)
    return rates.logit().to(train.dtype)


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z in nats, which it does not exceed in expectation.

    stderr: over the chains, NaN for one. effective: sample size of the weights. reverse: by where
    the chains began, what runs backwards give. refused: why the estimate must not be relied on,
    or empty.
    """

    value: float
    stderr: float
    effective: float
    reverse: Mapping[str, float] = field(default_factory=dict[str, float])
    refused: str = ""


@torch.no_grad()
def log_Z(along: Path, annealer: Annealer) -> LogZ:
    """The forward run alone."""
    weights = annealer.rising("forward", along, lambda: along.draw(annealer.chains))
    value, stderr = log_mean(weights)
    return LogZ(along.log_Z_0 + float(value), float(stderr), float(effective(weights)))


@torch.no_grad()
def detected(forward: LogZ, along: Path, annealer: Annealer, states: Tensor) -> LogZ:
    """The forward run's estimate, with what runs backwards say of it.

    states: `(n, kept)`, see `states_of`; the chains of the start "rows" begin at the first ones. As
        many chains go from each start as went forwards.
    """
    n = annealer.chains
    weights = annealer.falling("reverse", along, lambda: _gibbs(along, states, n, annealer.burn_in))
    values = along.log_Z_0 - log_mean(weights.view(len(STARTS), n), dim=1)[0]
    reverse: dict[str, float] = dict(zip(STARTS, values.tolist(), strict=True))
    return replace(forward, reverse=reverse, refused=_refusal(forward.value, reverse))


def _gibbs(along: Path, states: Tensor, n: int, steps: int) -> State:
    """n chains from each of STARTS, after so many Gibbs sweeps at β = 1."""
    rows = states[torch.arange(n, device=states.device) % len(states)].to(along.b)
    noise = bits(torch.full_like(rows, 0.5))
    starts = [along.draw(n)["s"], rows, noise, torch.ones_like(rows)]
    return along.gibbs({"s": torch.cat(starts)}, steps)


def _refusal(forward: float, reverse: Mapping[str, float]) -> str:
    """Why an estimate is refused; empty where no run backwards is far above it."""
    start = max(reverse, key=lambda name: reverse[name])
    above = reverse[start] - forward
    if above <= MOST_ABOVE:
        return ""
    return (
        f"a run backwards, from Gibbs chains that began at {start!r}, puts log Z at "
        f"{reverse[start]:.2f} nats, {above:.2f} above the forward run's {forward:.2f}: one of "
        "them missed a mode, or the temperatures are too few"
    )


# --- what it says of rows ---


@dataclass(frozen=True)
class Bounds:
    """What annealing says of log p(x) of n rows, in nats.

    upper: float64 `(n,)`, log f(x) less the estimate of log Z. sign: "<=", or "~" for a machine of
    several hidden layers, whose log f(x) is a lower bound. lower: float64 `(n,)`, ">=" in the mean
    of rows like the machine's own, see `reverse`. refused: why the estimate of log Z must not be
    relied on, or empty; `upper` then still has its sign, but may be far off.
    """

    upper: Tensor
    lower: Tensor
    sign: str
    log_z: float
    log_z_stderr: float
    refused: str = ""
    notes: Mapping[str, JSON] = field(default_factory=dict[str, JSON])


def bounds(
    machine: Boltzmann,
    rows: Tensor,
    base_biases: Tensor,
    annealer: Annealer | None = None,
    raise_chains: int = 1,
) -> Bounds:
    """Both bounds of binary rows `(n, d)`, and the detector.

    base_biases: of the visible units at β = 0, see the function of that name.
    raise_chains: from each row, for the lower bound; all are run together, so their number times
        that of the rows is what it costs.

    Raises ValueError for rows that are not of zeros and ones.
    """
    check_binary(rows)
    annealer = annealer or Annealer()
    along = path(machine, base_biases)
    log_z = detected(log_Z(along, annealer), along, annealer, states_of(machine, rows))
    return Bounds(
        upper=log_f(machine, rows) - log_z.value,
        lower=log_annealed(machine, along, annealer, rows, raise_chains),
        sign="<=" if keeps_visible(machine) else "~",
        log_z=log_z.value,
        log_z_stderr=log_z.stderr,
        refused=log_z.refused,
        notes={
            "log Z": log_z.value,
            "standard error of log Z": log_z.stderr,
            "effective chains": log_z.effective,
            "log Z by runs backwards (a detector, no bound)": dict(log_z.reverse),
            "temperatures": len(annealer.betas) - 1,
            "chains": annealer.chains,
        },
    )


def log_f(machine: Boltzmann, rows: Tensor) -> Tensor:
    """log f(x) of an RBM, mean field's lower bound of it for a deeper machine: float64 `(n,)`."""
    if keeps_visible(machine):
        return log_unnormalised(machine, rows)
    return variational(machine, rows)[0]


def states_of(machine: Boltzmann, rows: Tensor) -> Tensor:
    """States of the path from rows `(n, d)`: themselves, or the likelier value of the odd units."""
    return rows if keeps_visible(machine) else variational(machine, rows)[1].round()


def check_binary(rows: Tensor) -> None:
    """Raises ValueError for rows that are not of zeros and ones."""
    other = rows[(rows != 0) & (rows != 1)]
    if len(other):
        raise ValueError(
            f"a machine of binary units gives a probability to zeros and ones only, got "
            f"{float(other[0]):.4g}: use binary data, such as thresholded pixels"
        )
