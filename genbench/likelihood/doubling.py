# pyright: strict
"""The bound of a decoder's log p(x), with distributions doubled until it no longer moves.

A pilot run finds the steps of HMC. Then T, 2T, 4T ... distributions, each by a run of its own,
until the mean over rows changes by less than a nat, or the next would be above the cap. Kept are
the change, how many chains count in each row, acceptance, and errors over chains and rows apart.
A small change is evidence and no proof: chains that all miss a mode change little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from genbench.likelihood import decoders
from genbench.likelihood.annealing import Annealing, effective
from genbench.likelihood.decoders import Steps
from genbench.likelihood.observations import OfRows

TOLERANCE = 1.0  # nats
PILOT = 100  # distributions of the run that finds steps, at least


@dataclass(frozen=True)
class Plan:
    """chains for each row; `first` distributions, then doubled up to `most`; seed: of all runs."""

    chains: int
    first: int
    most: int
    seed: int

    def __post_init__(self) -> None:
        if self.chains < 1 or not 2 <= self.first <= self.most:
            raise ValueError(
                "annealing takes at least 1 chain, and from 2 distributions to no fewer at most; "
                f"got {self.chains} chains, {self.first} to {self.most} distributions"
            )

    @property
    def pilot(self) -> int:
        """Distributions of the pilot run."""
        return max(self.first, PILOT)

    @property
    def doubled(self) -> list[int]:
        """first, 2 first, 4 first ... up to `most`."""
        times = int(math.log2(self.most / self.first) + 1e-9)
        return [self.first * 2**i for i in range(times + 1)]


@dataclass(frozen=True)
class Bound:
    """What is known of n rows. by_T: log w, float64 (m, n), of each number of distributions.

    steps: of HMC. acceptance: of the last run.
    """

    by_T: Mapping[int, Tensor]
    steps: Steps
    acceptance: float

    @property
    def T(self) -> int:
        return max(self.by_T)

    @property
    def rows(self) -> Tensor:
        """The bound of each row, float64 (n,): at most log p(x), in expectation."""
        return decoders.lower(self.by_T[self.T])

    @property
    def changes(self) -> Tensor | None:
        """Of each row from T/2 to T distributions, (n,); None where there was one run only."""
        if len(self.by_T) < 2:
            return None
        return self.rows - decoders.lower(self.by_T[sorted(self.by_T)[-2]])

    @property
    def settled(self) -> bool:
        """Whether the last doubling changed the mean by less than a nat."""
        return self.changes is not None and abs(self.changes.mean().item()) < TOLERANCE

    @property
    def effective(self) -> Tensor:
        """How many chains count in each row, (n,), from 1 to m."""
        return effective(self.by_T[self.T])

    @property
    def stderr_of_chains(self) -> float | None:
        return decoders.stderr_of_chains(self.by_T[self.T])

    @property
    def stderr_of_rows(self) -> float | None:
        return stderr(self.rows)


def stderr(rows: Tensor) -> float | None:
    """Of the mean over rows (n,); None of a single one."""
    return rows.std().item() / math.sqrt(len(rows)) if len(rows) > 1 else None


@dataclass
class Doubling:
    """The runs one after the other; `advance` makes the next block of transitions.

    `state_dict` is flat, and what continues from it ends in the same bytes.
    """

    of_rows: OfRows
    plan: Plan
    ended: dict[int, Annealing] = field(default_factory=dict[int, Annealing])  # 0: the pilot run
    running: Annealing | None = None  # where the run under way is

    @property
    def next_T(self) -> int | None:
        """The distributions of the run under way, 0 for the pilot run; None where all ended."""
        if 0 not in self.ended:
            return 0
        left = [T for T in self.plan.doubled if T not in self.ended]
        return left[0] if left and not (len(self.ended) > 2 and self.bound().settled) else None

    def advance(self) -> bool:
        """Makes the next transitions; False where there are none."""
        T = self.next_T
        if T is None:
            return False
        now = next(self._run(T))
        self.running = now
        if now.step == now.total:
            self.ended[T], self.running = _brief(now), None
        return True

    def _run(self, T: int) -> Iterator[Annealing]:
        rows, chains, seed = self.of_rows, self.plan.chains, self.plan.seed
        if T == 0:
            return decoders.pilot(rows, self.plan.pilot, chains, seed, self.running)
        steps = decoders.steps_of(self.ended[0])
        return decoders.forward(rows, T, chains, seed, steps, self.running)

    def bound(self) -> Bound:
        """What the runs that ended say; raises ValueError before the second of them did."""
        runs = {T: run for T, run in self.ended.items() if T}
        if not runs:
            raise ValueError("no run has ended yet: advance first")
        n = len(self.of_rows.x)
        by_T = {T: run.log_weights.view(-1, n) for T, run in sorted(runs.items())}
        rate = decoders.acceptance(runs[max(runs)])
        return Bound(by_T, decoders.steps_of(self.ended[0]), rate)

    @property
    def transitions(self) -> tuple[int, int]:
        """How many were made, and how many there are at most."""
        made = sum(run.step for run in self.ended.values())
        made += self.running.step if self.running else 0
        if self.next_T is None:
            return made, made
        return made, sum(T - 1 for T in (self.plan.pilot, *self.plan.doubled))

    def state_dict(self) -> dict[str, Tensor]:
        parts = {f"ended.{T}": run for T, run in self.ended.items()}
        parts |= {"running": self.running} if self.running else {}
        return {
            f"{name}/{k}": v for name, run in parts.items() for k, v in run.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            run, _, entry = name.partition("/")
            parts.setdefault(run, {})[entry] = tensor
        runs = {name: Annealing.of(part) for name, part in parts.items()}
        self.running = runs.pop("running", None)
        self.ended = {int(name.removeprefix("ended.")): run for name, run in runs.items()}


def _brief(run: Annealing) -> Annealing:
    """A run that ended, without what only its continuation needs."""
    kept = {k: v for k, v in run.state.items() if k in ("moved", "used")}
    return Annealing(run.step, run.total, kept, run.log_weights)
