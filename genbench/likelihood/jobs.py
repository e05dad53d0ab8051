# pyright: strict
"""Long runs under names, whose state is handed to whoever keeps it, so that they can go on.

A killed run that is begun again with the same rows, plans and seeds, and is given back what was
kept, ends in the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from genbench.likelihood.doubling import Bound, Doubling, Plan
from genbench.likelihood.observations import OfRows

Told = Callable[[Mapping[str, Tensor], str, int, int], None]
"""Is told after each block: the state of all jobs, the name of the one under way, how many of its
transitions were made, and how many there are at most."""


@dataclass
class Jobs:
    """state: of all jobs so far, or what was kept of it, flat: "job:entry"."""

    state: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    told: Told | None = None

    def bound(self, name: str, of_rows: OfRows, plan: Plan) -> Bound:
        """The bound of a job: begun, gone on with, or read where it had ended."""
        doubling = Doubling(of_rows, plan)
        prefix = f"{name}:"
        kept = {k.removeprefix(prefix): v for k, v in self.state.items() if k.startswith(prefix)}
        if kept:
            doubling.load_state_dict(kept)
        while doubling.advance():
            others = {k: v for k, v in self.state.items() if not k.startswith(prefix)}
            own = {prefix + k: v for k, v in doubling.state_dict().items()}
            self.state = others | own
            if self.told is not None:
                self.told(self.state, name, *doubling.transitions)
        return doubling.bound()
