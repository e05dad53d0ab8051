"""The metrics that bound a model's log p: elbo, iwae, ais; what they score, and what they say."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from linear import Diagonal, Linear

from genbench.likelihood.annealing import piecewise
from genbench.likelihood.boltzmann import bounds
from genbench.likelihood.gibbs_path import Annealer
from genbench.metrics.ais import AIS
from genbench.metrics.elbo import ELBO
from genbench.metrics.iwae import IWAE
from genbench.protocols import Boltzmann, Unmet
from genbench.seeding import seeded


def rows(model, n=40, m=20):
    with seeded("rows"):
        return {"test": model.draw(n), "valid": model.draw(m)}


def scored(metric, model, **given):
    with seeded("score"):
        return metric(model=model, **given)


@pytest.mark.parametrize("metric", [ELBO(draws=200), IWAE(draws=200)])
def test_exact_posteriors_give_the_exact_log_p_of_the_scored_rows(metric) -> None:
    model = Diagonal()
    given = rows(model)
    score = scored(metric, model, **given)
    assert score.bound == ">="
    assert abs(score.value - model.log_prob(given["test"]).mean()) < 0.2
    assert score.per_example is not None


def test_annealing_gives_nearly_the_exact_log_p_and_its_certificates() -> None:
    model = Linear()
    given = rows(model)
    score = scored(
        AIS(rows=10, chains=8, most=200, simulated=4), model, **given, train=given["valid"]
    )
    exact = model.log_prob(given["test"][::4])
    assert score.bound == ">="
    assert abs(score.value - exact.mean()) < 0.3
    assert math.isclose(score.stderr, exact.std() / math.sqrt(10), rel_tol=0.2)
    assert score.over == "over 10 of 40 test rows"
    assert score.per_example is None
    assert abs(score.notes["change by the last doubling"]) < 1
    assert abs(score.notes["BDMC gap, valid for simulated rows only"]["mean"]) < 1
    assert score.notes["v"] == model.variance
    windows = score.notes["parzen of the same rows"]["mean"]
    assert abs(windows - score.value) < 1  # in five dimensions it does well
    assert not score.warnings


def test_without_a_variance_of_its_own_one_is_chosen_and_the_common_one_stands_beside() -> None:
    model = Linear(0.03)
    given = rows(model)
    model.variance = None
    metric = AIS(rows=5, chains=2, distributions=30, most=60, n_valid=5, simulated=0)
    score = scored(metric, model, **given, train=given["valid"])
    grid = dict(score.curves["validation bound by v: grid"])
    moved = score.notes["change by doubling, by v"]
    settled = [v for v in grid if abs(moved[f"{v:.4g}"]) < 1]
    assert 0 < len(settled) < len(grid)
    assert score.notes["v"] == max(settled, key=grid.get)
    assert score.curves["validation bound by v: chosen"][0][0] == score.notes["v"]
    assert score.notes["at v = 0.025"]["mean"] < score.value + 3
    fixed = scored(AIS(rows=5, most=100, v=0.03, simulated=0), model, **given, train=given["valid"])
    assert "at v = 0.025" not in fixed.notes
    assert any("not doubled" in warning for warning in fixed.warnings)


def test_a_score_that_was_stopped_goes_on_to_the_same_value() -> None:
    model, kept = Linear(), []
    given = rows(model)
    metric = AIS(rows=4, chains=2, distributions=30, most=30, simulated=2)
    metric.told = lambda state, *how_far: kept.append(state)
    whole = scored(metric, model, **given, train=given["valid"])
    again = AIS(rows=4, chains=2, distributions=30, most=30, simulated=2)
    again.kept, again.told = kept[2], lambda *how_far: kept.append(None)
    assert scored(again, model, **given, train=given["valid"]).value == whole.value
    assert kept.count(None) == len(kept) - kept.count(None) - 3


def test_all_three_score_the_same_dequantised_rows() -> None:
    model = Diagonal()
    greys = {name: (part.clamp(0, 1) * 255).round() / 255 for name, part in rows(model).items()}
    few = scored(ELBO(rows=7, draws=2000), model, **greys)
    iwae = scored(IWAE(rows=7, draws=2000), model, **greys)
    ais = scored(AIS(rows=7, most=100, simulated=0), model, **greys, train=greys["valid"])
    assert {score.notes["rows"]["treated"] for score in (few, iwae, ais)} == {
        "dequantised: (k + u) / 256"
    }
    assert abs(iwae.value - few.value) < 0.2
    assert abs(iwae.value - ais.value) < 0.3


def test_few_draws_that_count_are_warned_of() -> None:
    model = Linear()
    given = rows(model)
    model.posterior = lambda x: (torch.zeros(len(x), 2), torch.full((len(x), 2), 0.05))
    score = scored(IWAE(rows=10, draws=50), model, **given)
    assert "rows fewer than 10 of 50 draws count" in score.warnings[0]
    assert score.notes["elbo"] < score.value


class Machine:
    """A Boltzmann machine of 4 visible and 2 hidden units without weights: coins."""

    def boltzmann(self) -> Boltzmann:
        return Boltzmann((torch.zeros(4, 2),), (torch.tensor([-1.0, 0, 1, 2]), torch.zeros(2)))


def test_of_a_boltzmann_machine_it_is_a_bound_from_above_with_one_from_below_beside(
    monkeypatch,
) -> None:
    bits = torch.eye(4).repeat(3, 1)
    p = torch.tensor([-1.0, 0, 1, 2]).sigmoid()
    exact = torch.distributions.Bernoulli(p).log_prob(bits).sum(dim=1).mean()
    quick = partial(Annealer, (0.0, 0.5, 1.0), burn_in=10)
    monkeypatch.setattr("genbench.metrics.ais.Annealer", quick)
    score = scored(AIS(rows=8), Machine(), test=bits, valid=bits, train=bits)
    assert score.bound == "<="
    assert abs(score.value - exact) < 0.5
    assert score.notes["lower bound (>=, RAISE)"]["mean"] < score.value + 0.5


def test_a_machine_s_stopped_score_goes_on_and_ends_in_the_same_numbers(monkeypatch) -> None:
    bits = torch.eye(4).repeat(3, 1)
    quick = partial(Annealer, piecewise((1.0, 300)), chains=10, burn_in=10)
    monkeypatch.setattr("genbench.metrics.ais.Annealer", quick)

    def score(kept, told):
        metric = AIS(rows=8)
        metric.kept, metric.told = kept, told
        torch.manual_seed(0)
        return scored(metric, Machine(), test=bits, valid=bits, train=bits)

    seen: list[tuple[dict[str, torch.Tensor], str, int, int]] = []
    whole = score({}, lambda state, *about: seen.append(({**state}, *about)))
    steps = [(job, step, of) for _, job, step, of in seen]
    assert steps == [(j, n, 300) for j in ("forward", "reverse", "raise") for n in (250, 300)]
    for state, *_ in seen:
        again = score(state, None)
        assert (again.value, again.notes) == (whole.value, whole.notes)


def test_an_estimate_that_the_detector_refuses_leaves_the_cell_empty_with_both_numbers(
    monkeypatch,
) -> None:
    bits = torch.eye(4)
    quick = bounds(Machine().boltzmann(), bits, bits.mean(dim=0), Annealer((0.0, 1.0), burn_in=2))
    doubted = replace(quick, refused="a run backwards puts log Z a nat higher")
    monkeypatch.setattr("genbench.metrics.ais.boltzmann.bounds", lambda *_: doubted)
    with pytest.raises(Unmet, match=r"a nat higher; the lower bound is -\d+\.\d\d nats"):
        scored(AIS(rows=4), Machine(), test=bits, valid=bits, train=bits)


def test_a_boltzmann_machine_leaves_the_cell_of_greys_empty() -> None:
    greys = torch.full((4, 4), 0.5)
    with pytest.raises(Unmet, match="use binary data"):
        scored(AIS(rows=4), Machine(), test=greys, valid=greys, train=greys)


def test_settings_that_cannot_be_are_refused() -> None:
    for build in (lambda: ELBO(draws=1), lambda: IWAE(rows=1), lambda: AIS(rows=1)):
        with pytest.raises(ValueError, match="must be at least 2"):
            build()
    with pytest.raises(ValueError, match="at least 1 chain"):
        AIS(chains=0)
    with pytest.raises(ValueError, match="variance above 0"):
        scored(ELBO(v=0.0), Linear(), **rows(Linear()))
