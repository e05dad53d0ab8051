# pyright: strict
"""Log p(x) of test rows by annealed importance sampling, with what tells how far to trust it; nats.

A decoder's p(x) = ∫ N(t; 0, I) p(x|t) dt is bounded from below, ">=" (see likelihood/decoders). The
number of distributions is doubled until the mean changes by less than a nat. With a Gaussian p(x|t)
the variance v is a parameter of what is scored: the model's own, or else chosen on validation rows
among values at which doubling changes little; beside it stands the bound at v = .025.

A Boltzmann machine's log Z is bounded from below, so log p(x) = log f(x) - log Z from above, "<=";
beside it stands a lower bound by annealing in the other direction (RAISE). Of a machine of several
hidden layers log f(x) is a bound itself, and the difference is neither, "~".

Rows of 256 greys are scored as (k + u) / 256, binary ones as log masses. The gap of bidirectional
Monte Carlo is of rows that the model made, and of no others.

Sources: Wu, Burda, Salakhutdinov, Grosse 2017; Salakhutdinov & Murray 2008; Burda, Grosse,
Salakhutdinov 2015; Grosse, Ghahramani, Adams 2015.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.likelihood import bdmc, boltzmann, variances
from genbench.likelihood.annealing import Annealing
from genbench.likelihood.decoders import lower
from genbench.likelihood.doubling import Bound, Plan
from genbench.likelihood.gibbs_path import Annealer
from genbench.likelihood.jobs import Jobs, Told
from genbench.likelihood.observations import COMMON, Decoder, OfRows, decoder_of, is_binary
from genbench.likelihood.variances import Chosen
from genbench.metrics import _scored
from genbench.metrics._rows import spaced
from genbench.metrics._scored import Rows
from genbench.metrics._windows import mean_and_error, windows
from genbench.protocols import JSON, Points, Score, Unmet

BY_V = "validation bound by v"
BY_T = "bound by distributions"
RATES = (0.4, 0.9)  # acceptance beyond which the steps of HMC do not suit


@dataclass(frozen=True)
class Annealed:
    """What annealing says of a decoder: at its v, at the common v, and of simulated rows."""

    v: float
    bound: Bound
    chosen: Chosen | None
    common: Bound | None
    gap: bdmc.Gap | None


class AIS:
    """The mean log p of test rows, bounded by annealed importance sampling.

    Args:
        rows: how many test rows, evenly spaced; all, where there are fewer.
        chains: for each row of a decoder.
        distributions: at first, of a decoder; doubled up to `most`.
        most: the greatest number of distributions.
        v: the variance of x given its code; None for the model's own, chosen where it has none.
        n_valid: validation rows that choose v.
        simulated: rows that the model makes for the gap of bidirectional Monte Carlo; 0 for none.
    """

    revision = 1
    unit = "nats"
    best = "high"
    requires: tuple[str, ...] = ("code or boltzmann",)

    @staticmethod
    def signature(settings: Mapping[str, Any], levels: int | None) -> dict[str, str]:
        """What a table's signature names.

        >>> AIS.signature({"rows": 100, "v": 0.01}, 256)
        {'n': '100', 'chains': '4', 'T': '100to800', 'v': '0.01'}
        """
        ais = AIS(**settings)
        v = f"chosen{ais.n_valid}" if ais.v is None else f"{ais.v:g}"
        T = f"{ais.first}to{ais.most}"
        return {"n": str(ais.rows), "chains": str(ais.chains), "T": T, "v": v}

    def __init__(
        self,
        rows: int = 50,
        chains: int = 4,
        distributions: int = 100,
        most: int = 800,
        v: float | None = None,
        n_valid: int = 10,
        simulated: int = 10,
    ) -> None:
        Plan(chains, distributions, most, 0)  # raises what is wrong with them
        if rows < 2 or n_valid < 1 or simulated < 0:
            raise ValueError(
                "rows must be at least 2, n_valid at least 1 and simulated at least 0, got "
                f"{rows}, {n_valid} and {simulated}"
            )
        self.rows = rows
        self.chains = chains
        self.first = distributions
        self.most = most
        self.v = v
        self.n_valid = n_valid
        self.simulated = simulated
        self.kept: Mapping[str, Tensor] = {}  # of a run that was stopped, see `Jobs`
        self.told: Told | None = None

    def __call__(self, model: Any, test: Tensor, valid: Tensor, train: Tensor) -> Score:
        """test, valid and train (n, d), in the data's range.

        Raises ValueError where the model has no log p of such rows; Unmet where it is a machine of
        binary units, and they are not.
        """
        if not hasattr(model, "code"):
            return self._of_a_machine(model, test, train)
        decoder = decoder_of(model, test)
        rows = _scored.rows_of(test, valid, self.rows)
        annealed = self._annealed(decoder, rows, _scored.variance_of(model, decoder, self.v))
        return _score(decoder, rows, annealed)

    # --- decoders ---

    def _annealed(self, decoder: Decoder, rows: Rows, v: float | None) -> Annealed:
        """All runs; whatever is drawn is drawn first, so that runs can be gone on with."""
        seed = int(torch.randint(2**31, ()).item())
        jobs, chosen, common = Jobs(dict(self.kept), self.told), None, None
        if v is None:
            valid = spaced(rows.valid, self.n_valid)
            chosen = variances.choose(decoder, valid, self.first, self.chains, seed, jobs)
            v = chosen.v
        plan = Plan(self.chains, self.first, self.most, seed)
        bound = jobs.bound("rows", OfRows(decoder, rows.test, v), plan)
        at = Plan(self.chains, bound.T, bound.T, seed)
        if chosen is not None:
            common = jobs.bound("common v", OfRows(decoder, rows.test, COMMON), at)
        gap = None
        if self.simulated:
            truth, x = bdmc.simulated(decoder, self.simulated, v, rows.test)
            simulated = OfRows(decoder, x, v)
            gap = bdmc.gap(simulated, truth, bound.T, self.chains, seed, bound.steps)
        return Annealed(v, bound, chosen, common, gap)

    # --- Boltzmann machines ---

    def _of_a_machine(self, model: Any, test: Tensor, train: Tensor) -> Score:
        """Both bounds of a machine's log p; the value is the one that annealing log Z gives."""
        if not is_binary(test):
            raise Unmet(
                "a machine of binary units gives a log mass, of zeros and ones only, and these "
                "rows are others: use binary data"
            )
        rows = spaced(test, self.rows)
        biases = boltzmann.base_biases(train)
        bounds = boltzmann.bounds(model.boltzmann(), rows, biases, self._annealer())
        below = {"lower bound (>=, RAISE)": mean_and_error(bounds.lower)}
        if bounds.refused:
            raise Unmet(
                f"{bounds.refused}; the lower bound is {bounds.lower.mean().item():.2f} nats"
            )
        values = bounds.upper.double()
        scored = Rows(rows, rows[:0], len(test), "binary")
        return Score(
            values.mean().item(),
            values.std().item() / len(values) ** 0.5,
            _scored.single(values, scored),
            notes={**bounds.notes, **below, "rows": {"scored": len(rows), "test": len(test)}},
            over=_scored.over(scored),
            bound=bounds.sign,
        )

    def _annealer(self) -> Annealer:
        """Goes on where a stopped run was; what it comes to is handed to whoever keeps it."""
        state = dict(self.kept)

        def watch(stage: str, at: Annealing) -> None:
            state.update({f"{stage}:{name}": each for name, each in at.state_dict().items()})
            if self.told is not None:
                self.told(state, stage, at.step, at.total)

        return Annealer(watch=watch, stored=_stages(self.kept))


def _stages(kept: Mapping[str, Tensor]) -> dict[str, Annealing]:
    """Where each stage of a stopped run was, of entries "stage:name"."""
    parts: dict[str, dict[str, Tensor]] = {}
    for entry, tensor in kept.items():
        stage, _, name = entry.partition(":")
        parts.setdefault(stage, {})[name] = tensor
    return {stage: Annealing.of(tensors) for stage, tensors in parts.items()}


def _score(decoder: Decoder, rows: Rows, annealed: Annealed) -> Score:
    values = annealed.bound.rows
    return Score(
        values.mean().item(),
        annealed.bound.stderr_of_rows,
        _scored.single(values, rows),
        _curves(annealed),
        _warnings(annealed),
        {**_notes(decoder, rows, annealed), **windows(decoder, rows)},
        _scored.over(rows),
        ">=",
    )


def _notes(decoder: Decoder, rows: Rows, annealed: Annealed) -> dict[str, JSON]:
    """v, the certificates of the scored rows, and what was computed beside."""
    bound, counted = annealed.bound, annealed.bound.effective
    changes = bound.changes
    change = None if changes is None else changes.mean().item()
    notes: dict[str, JSON] = {"observation": decoder.kind}
    if decoder.has_variance:
        notes["v"] = annealed.v
    notes |= {
        "distributions": bound.T,
        "change by the last doubling": change,
        "stderr over chains": bound.stderr_of_chains,
        "acceptance": bound.acceptance,
        "effective chains": {"least": counted.min().item(), "median": counted.median().item()},
        "rows": {"scored": len(rows.test), "test": rows.all_test, "treated": rows.treated},
    }
    if annealed.common is not None:
        notes[f"at v = {COMMON}"] = mean_and_error(annealed.common.rows)
    if annealed.chosen is not None:
        moved = zip(variances.GRID, annealed.chosen.moved, strict=True)
        notes["change by doubling, by v"] = {f"{v:.4g}": change for v, change in moved}
    if annealed.gap is not None:
        gap: dict[str, JSON] = {"mean": annealed.gap.value, "stderr": annealed.gap.stderr}
        notes["BDMC gap, valid for simulated rows only"] = gap
    return notes


def _curves(annealed: Annealed) -> dict[str, Points]:
    """The bound by v, on validation rows; and by distributions, on the scored ones."""
    means = [(float(T), lower(log_w).mean().item()) for T, log_w in annealed.bound.by_T.items()]
    curves: dict[str, Points] = {f"{BY_T}: test rows": means}
    if annealed.chosen is not None:
        at = dict(annealed.chosen.curve)[annealed.v]
        curves |= {f"{BY_V}: grid": annealed.chosen.curve, f"{BY_V}: chosen": [(annealed.v, at)]}
    return curves


def _warnings(annealed: Annealed) -> list[str]:
    texts: list[str] = []
    bound, chosen, changes = annealed.bound, annealed.chosen, annealed.bound.changes
    if changes is None:
        texts.append("the distributions were not doubled, so that nothing says how loose this is")
    elif not bound.settled:
        texts.append(
            f"from {bound.T // 2} to {bound.T} distributions the mean still changed by "
            f"{changes.mean().item():.1f} nats: the bound is loose, raise `most`"
        )
    if not RATES[0] <= bound.acceptance <= RATES[1]:
        texts.append(f"{bound.acceptance:.0%} of the moves were accepted: the steps do not suit")
    if chosen is not None and not chosen.settled:
        texts.append(
            "at no v did doubling the distributions change the validation rows by less than a "
            "nat: the greatest v was taken, raise `distributions`"
        )
    elif chosen is not None and chosen.at_the_edge:
        texts.append(
            f"v = {annealed.v:.4g} is at the edge of its grid: a better one may lie outside"
        )
    return texts
