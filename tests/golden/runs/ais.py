"""Runs of annealed importance sampling: of decoders and machines, stopped runs, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from unittest.mock import patch

import torch
from torch import Tensor

from genbench.likelihood import annealing, boltzmann, decoders, enumeration, gibbs_path
from genbench.likelihood.annealing import State
from genbench.likelihood.doubling import Doubling, Plan
from genbench.likelihood.gibbs_path import Annealer
from genbench.likelihood.observations import Decoder, OfRows, decoder_of
from genbench.metrics.ais import AIS
from genbench.protocols import Boltzmann, Score

from ..fingerprints import Given, refusal
from . import _likelihoods, _rows, parzen
from ._likelihoods import Model, cloud, greys


def numbers(score: Score) -> list[float | str]:
    assert score.stderr is not None
    curves = [y for points in score.curves.values() for _, y in points]
    return [score.value, score.stderr, score.bound, score.over, *curves, *score.warnings]


class Far(Model):
    """Its rows lie far apart, so that few distributions do not find their codes."""

    def decode(self, z: Tensor) -> Tensor:
        return 30 * (z.to(self.W) @ self.W)


def of_decoders_nearby() -> Given:
    x, valid, bits = greys(8, 1), greys(6, 2), cloud(8, 2).round()
    easy = Model(variance=None)
    easy.W /= 100
    small = partial(AIS, rows=4, chains=2, distributions=6, simulated=2)
    scores = [
        small(most=12)(Model(), x, valid, valid),
        small(most=6, n_valid=2)(Model(variance=None), x, valid, valid),
        small(most=6, v=0.0003, chains=1)(Model(), x, valid, valid),
        small(most=6, simulated=0)(Model("bernoulli"), bits, bits, bits),
        small(most=12, n_valid=2)(easy, x, valid, valid),
    ]
    return {"scores": [number for score in scores for number in numbers(score)]}


def of_a_decoder_afar() -> Given:
    """The score alone: far off, the paths of narrow windows hang on how a processor sums."""
    x = 20 * greys(8, 1)
    small = AIS(rows=4, chains=2, simulated=2, distributions=2, most=2, n_valid=2)
    score = small(Far(variance=None), x, x, x)
    assert score.stderr is not None
    return {"scores": [score.value, score.stderr, score.warnings[-1]]}


class Machine:
    """A Boltzmann machine of 6 visible units and layers of 3 and, if deep, 2 hidden ones."""

    def __init__(self, deep: bool) -> None:
        sizes = (6, 3, 2) if deep else (6, 3)
        draw = torch.Generator().manual_seed(5)
        kind = {"generator": draw, "dtype": torch.float64}
        self.biases = tuple(torch.randn(n, **kind) for n in sizes)
        self.weights = tuple(torch.randn(n, m, **kind) / 2 for n, m in pairwise(sizes))

    def boltzmann(self) -> Boltzmann:
        return Boltzmann(self.weights, self.biases)


def of_machines() -> Given:
    bits = cloud(8, 2).round()
    few = partial(Annealer, (0.0, 0.3, 0.7, 1.0), chains=20, burn_in=5)
    metric, state = AIS(rows=4), dict[str, Tensor]()
    metric.told = lambda now, *_: state.update(now)
    with patch("genbench.metrics.ais.Annealer", few):
        scores = [metric(Machine(deep), bits, bits, bits) for deep in (False, True)]
        metric.kept = state  # which the last of them came to
        assert metric(Machine(True), bits, bits, bits) == scores[-1]
    return {"scores": [n for score in scores for n in (score.value, score.bound)]}


def _counting(x: State, before: float, beta: float) -> tuple[Tensor, State]:
    return (beta - before) * x["x"].double(), {"x": x["x"] + beta}


def parts_of_machines() -> Given:
    """What machines and paths offer beside, and refuse."""
    machine, bits = Machine(False).boltzmann(), cloud(4, 2).round()
    broken = Boltzmann(machine.weights, machine.biases[::-1])
    wide = Boltzmann((torch.zeros(26, 26),), (torch.zeros(26), torch.zeros(26)))
    (*_, end) = annealing.anneal({"x": bits[:, 0]}, _counting, (0.0, 1.0), ("a",))
    watched: list[str] = []
    annealer = Annealer((0.0, 1.0), chains=4, watch=lambda stage, _: watched.append(stage))
    along = gibbs_path.path(machine, boltzmann.base_biases(bits))
    far = replace(boltzmann.log_Z(along, annealer), value=-1000.0)
    found = boltzmann.detected(far, along, annealer, bits)
    calls = [
        lambda: boltzmann.check_binary(cloud(2, 1)),
        lambda: enumeration.log_partition(broken),
        lambda: [*annealing.anneal({"x": bits[:, 0]}, _counting, (0.0,), ("a",))],
        lambda: [*annealing.anneal(end, _counting, (0.0, 0.5, 1.0), ("a",))],
        lambda: annealing.last([]),
        lambda: enumeration.log_partition(wide),
    ]
    return {
        "log p": enumeration.log_prob(machine, bits),
        "log Z": [enumeration.log_partition(machine, over=over) for over in ("even", "odd")],
        "units": [float(enumeration.least_units(machine))],
        "betas": list(annealing.piecewise((0.5, 2), (1.0, 1))),
        "log w": end.log_weights,
        "watched": [found.value, found.refused, *watched],
        "errors": [refusal(call) for call in calls],
    }


def stopped_runs() -> Given:
    model = Model()
    of_rows = OfRows(decoder_of(model, cloud(3, 1)), cloud(3, 1), 0.04)
    plan, state, made = Plan(2, 5, 10, 0), dict[str, Tensor](), list[float]()
    while True:
        run = Doubling(of_rows, plan)
        run.load_state_dict(state)
        made += map(float, run.transitions)
        if not run.advance():
            break
        state = run.state_dict()
    kept: list[Mapping[str, Tensor]] = []
    whole, again = (AIS(rows=3, chains=2, distributions=5, most=5) for _ in range(2))
    whole.told = lambda state, *_: kept.append(state)
    first = whole(model, *(cloud(5, 1),) * 3)
    again.kept = kept[0]
    scores = [first, again(model, *(cloud(5, 1),) * 3)]
    return {
        "rows": run.bound().rows,
        "made": [*made, len(kept)],
        "scores": [score.value for score in scores],
    }


def refused() -> Given:
    flat = OfRows(Decoder(lambda t: torch.ones(len(t), 6), 2), cloud(2, 1), 1.0)
    none = Doubling(flat, Plan(1, 2, 2, 0))
    calls = [
        lambda: AIS(rows=1),
        lambda: AIS(chains=0),
        lambda: decoders.schedule(1),
        none.bound,
        lambda: AIS(v=-1.0)(Model(), *(cloud(4, 1),) * 3),
    ]
    unmet = refusal(lambda: AIS()(Machine(False), *(cloud(4, 2),) * 3))
    bits = cloud(4, 2).round()
    doubted = boltzmann.Bounds(torch.zeros(4), torch.zeros(4), "<=", 0.0, 0.0, "a mode was missed")
    with patch("genbench.metrics.ais.boltzmann.bounds", lambda *_: doubted):
        missed = refusal(lambda: AIS()(Machine(False), bits, bits, bits))
    assert unmet == missed == "Unmet"  # no golden number: it is newer than revision 1's
    signatures = [*AIS.signature({}, 256).values(), *AIS.signature({"v": 0.1}, 256).values()]
    alone = decoders.stderr_of_chains(torch.zeros(1, 3))
    return {"errors": [refusal(call) for call in calls], "words": [*signatures, str(alone)]}


TOLERANCE = 1e-5
RUNS = (
    *(of_decoders_nearby, of_a_decoder_afar, of_machines, parts_of_machines, stopped_runs, refused),
    *(*_likelihoods.SHARED, *_rows.READ, *parzen.RUNS),
)
