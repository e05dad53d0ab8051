"""Bounds of a decoder's log p(x), on a linear decoder whose log p(x) is known."""

import math
from dataclasses import replace

import pytest
import torch
from linear import Diagonal, Linear

from genbench.likelihood import bdmc, decoders, importance, variances
from genbench.likelihood.doubling import Doubling, Plan
from genbench.likelihood.importance import Proposal
from genbench.likelihood.jobs import Jobs
from genbench.likelihood.observations import OfRows
from genbench.seeding import seeded


def given(n, model=None, v=None):
    """A model, n of its own rows as they are scored, and their mean log p(x)."""
    model = model or Linear()
    with seeded("rows", n):
        x = model.draw(n)
    return model, OfRows(model.decoder, x, v or model.variance), model.log_prob(x)


def ended(of_rows, plan):
    return Jobs().bound("rows", of_rows, plan)


# --- annealing ---


@pytest.mark.parametrize("slopes", [torch.float32, torch.bfloat16], ids=str)
def test_annealing_is_within_a_tenth_of_a_nat_and_both_directions_within_one(slopes) -> None:
    model, of_rows, exact = given(10)
    decoder = replace(model.decoder, slopes=slopes)
    of_rows = OfRows(decoder, of_rows.x, model.variance)
    found = ended(of_rows, Plan(16, 100, 200, 0))
    assert abs(found.rows.mean() - exact.mean()) < 0.1
    assert found.settled
    with seeded("simulated"):
        truth, x = bdmc.simulated(decoder, 10, model.variance, of_rows.x)
    gap = bdmc.gap(OfRows(decoder, x, model.variance), truth, 200, 16, 1, found.steps)
    assert abs(gap.value) < 1
    assert abs(gap.lower.mean() - model.log_prob(x).mean()) < 0.2
    assert abs(gap.upper.mean() - model.log_prob(x).mean()) < 0.2


def test_with_few_temperatures_each_direction_errs_on_its_own_side() -> None:
    model, _, _ = given(2)
    with seeded("few"):
        truth, x = bdmc.simulated(model.decoder, 4, model.variance, torch.empty(0))
    exact, seeds = model.log_prob(x).mean(), 50
    repeated = OfRows(model.decoder, x.repeat(seeds, 1), model.variance)  # a row each, a seed each
    steps = ended(repeated, Plan(2, 8, 8, 0)).steps
    gap = bdmc.gap(repeated, truth.repeat(seeds, 1), 8, 2, 0, steps)
    below, above = (side.view(seeds, -1).mean(dim=1) for side in (gap.lower, gap.upper))
    assert below.mean() + 3 * below.std() / math.sqrt(seeds) < exact
    assert above.mean() - 3 * above.std() / math.sqrt(seeds) > exact


def test_doubling_stops_where_the_mean_settles_or_at_the_cap() -> None:
    _, of_rows, _ = given(6)
    assert sorted(ended(of_rows, Plan(4, 50, 1600, 0)).by_T) == [50, 100]
    loose = ended(given(6, Linear(1e-6))[1], Plan(1, 4, 17, 0))
    assert sorted(loose.by_T) == [4, 8, 16]
    assert not loose.settled


def test_a_run_that_is_stopped_anywhere_ends_in_the_same_bytes() -> None:
    _, of_rows, _ = given(3)
    plan = Plan(2, 30, 60, 5)
    whole = ended(of_rows, plan)
    state, blocks = {}, 0
    while True:
        again = Doubling(of_rows, plan)
        again.load_state_dict({name: part.clone() for name, part in state.items()})
        if not again.advance():
            break
        state, blocks = again.state_dict(), blocks + 1
    assert blocks > 5
    assert again.bound().by_T.keys() == whole.by_T.keys()
    assert all(torch.equal(again.bound().by_T[T], w) for T, w in whole.by_T.items())
    assert again.transitions[0] == again.transitions[1] == sum((99, 29, 59))


def test_jobs_go_on_from_what_was_kept() -> None:
    _, of_rows, _ = given(3)
    plan, kept = Plan(2, 30, 30, 5), []
    whole = Jobs(told=lambda state, *how_far: kept.append((state, how_far)))
    expected = whole.bound("rows", of_rows, plan)
    middle, (name, made, most) = kept[2]
    assert (name, made, most) == ("rows", 75, 99 + 29)
    later = []
    found = Jobs(dict(middle), lambda state, *how_far: later.append(how_far))
    assert torch.equal(found.bound("rows", of_rows, plan).rows, expected.rows)
    assert len(later) == len(kept) - 3


def test_the_error_over_chains_is_the_spread_over_seeds() -> None:
    _, of_rows, _ = given(1)
    many = OfRows(of_rows.decoder, of_rows.x.repeat(300, 1), of_rows.v)
    steps = ended(many, Plan(1, 40, 40, 0)).steps
    (*_, run) = decoders.forward(many, 40, 8, 0, steps)
    log_w = run.log_weights.view(8, 300)
    spread = decoders.lower(log_w).std().item()
    errors = [decoders.stderr_of_chains(log_w[:, i : i + 1]) for i in range(300)]
    root_mean_square = math.sqrt(sum(error**2 for error in errors) / 300)
    assert abs(root_mean_square / spread - 1) < 0.3


def test_no_distributions_and_no_chains_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 chain"):
        Plan(0, 100, 200, 0)
    with pytest.raises(ValueError, match="100 to 50 distributions"):
        Plan(1, 100, 50, 0)
    with pytest.raises(ValueError, match="at least 2 distributions, got 1"):
        decoders.schedule(1)


def test_slopes_of_rounded_products_are_near_the_true_ones_and_values_stay() -> None:
    model, of_rows, _ = given(20)
    coarse = OfRows(replace(model.decoder, slopes=torch.bfloat16), of_rows.x, of_rows.v)
    t = torch.randn(20, 2)
    values, slopes = of_rows(t)
    again, rounded = coarse(t)
    assert torch.equal(values, again)
    assert torch.equal(rounded, coarse.slope(t))
    assert not torch.equal(slopes, rounded)
    assert (slopes - rounded).norm() < 0.05 * slopes.norm()


def test_a_decoder_without_a_slope_is_refused() -> None:
    model = Linear()
    flat = OfRows(
        model.decoder.__class__(lambda t: model.decode(t).detach(), 2), model.draw(2), 1.0
    )
    with pytest.raises(ValueError, match="has no gradient"):
        flat(torch.zeros(2, 2))


# --- the variance ---


def test_the_chosen_variance_is_the_one_that_made_the_rows() -> None:
    made_by = variances.GRID[4]
    model, of_rows, _ = given(40, Linear(made_by))
    chosen = variances.choose(model.decoder, of_rows.x, 60, 2, 0, Jobs())
    assert chosen.v == made_by
    assert not chosen.at_the_edge
    for v, mean in chosen.curve[4:]:
        model.variance = v
        assert -1 < mean - model.log_prob(of_rows.x).mean() < 0.2


def test_a_variance_at_which_doubling_changes_much_is_not_chosen() -> None:
    model = Linear(1e-4)
    model.W *= 30  # narrow posteriors far from the prior: few temperatures do not find them
    with seeded("far"):
        x = model.draw(20)
    chosen = variances.choose(model.decoder, x, 4, 1, 0, Jobs())
    assert not chosen.settled
    assert chosen.v == variances.MOST


# --- importance sampling ---


def test_exact_proposals_give_the_exact_value_by_every_draw() -> None:
    model, of_rows, exact = given(10, Diagonal())
    proposal = Proposal(*model.posterior(of_rows.x))
    found = importance.bounds(model.decoder, of_rows.x, proposal, 50, model.variance)
    torch.testing.assert_close(found.iwae, exact, rtol=0, atol=1e-4)
    assert found.effective.min() > 49.9
    assert ((found.elbo - exact).abs() < 4 * found.elbo_stderr).all()


def test_poor_proposals_give_their_own_bounds_within_four_errors() -> None:
    torch.manual_seed(3)
    model, of_rows, exact = given(10, Diagonal())
    means, deviations = model.posterior(of_rows.x)
    wide = Proposal(means + deviations / 2, 1.5 * deviations)
    found = importance.bounds(model.decoder, of_rows.x, wide, 20_000, model.variance)
    lost = 2 * ((1.5**2 + 0.5**2 - 1) / 2 - math.log(1.5))  # KL(q(t|x) || p(t|x)) in 2 dimensions
    assert ((found.elbo - (exact - lost)).abs() < 4 * found.elbo_stderr).all()
    assert ((found.iwae - exact).abs() < 4 * found.iwae_stderr).all()
    assert (found.iwae > found.elbo).all()


def test_a_few_draws_stay_below_log_p_over_many_seeds() -> None:
    torch.manual_seed(4)
    model, of_rows, exact = given(4, Diagonal())
    means, deviations = model.posterior(of_rows.x)
    wide = Proposal(means.repeat(50, 1), 2 * deviations.repeat(50, 1))
    rows = of_rows.x.repeat(50, 1)
    found = importance.bounds(model.decoder, rows, wide, 3, model.variance)
    for bound in (found.elbo, found.iwae):
        by_seed = bound.view(50, 4).mean(dim=1)
        assert by_seed.mean() + 3 * by_seed.std() / math.sqrt(50) < exact.mean()


def test_deviations_of_zero_and_a_single_draw_are_refused() -> None:
    with pytest.raises(ValueError, match="deviations above 0"):
        Proposal(torch.zeros(2, 3), torch.zeros(2, 3))
    model, of_rows, _ = given(2)
    with pytest.raises(ValueError, match="at least 2 draws"):
        importance.bounds(model.decoder, of_rows.x, Proposal(*model.posterior(of_rows.x)), 1)
