"""Every number of the facts' tables, and that each slip of the tutorials is noticed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from genbench.models.gan import loss_D, loss_G
from genbench.theory import dirac, divergences, laws, normal_500, saturation, simplex
from genbench.theory import optimal_discriminator as best
from genbench.theory.claims import Number, Page


def by_quadrature() -> list[Number]:
    return [number for pair in best.PAIRS for number in best.by_quadrature(pair)]


def identities() -> list[Number]:
    return divergences.divergences("smoke", 0).numbers


def on_the_simplex() -> list[Number]:
    return simplex.simplex("smoke", 0).numbers


def gradients() -> list[Number]:
    return saturation.saturation("smoke", 0).numbers


def games() -> list[Number]:
    return dirac.dirac("smoke", 0).numbers


CLAIMS = [by_quadrature, identities, on_the_simplex, gradients, games, normal_500.perfect]


def broken(numbers: list[Number]) -> list[str]:
    return [number.what for number in numbers if not number.holds]


@pytest.mark.parametrize("claims", CLAIMS)
def test_every_number_is_what_it_should_be(claims: Callable[[], list[Number]]) -> None:
    numbers = claims()
    assert sum(number.aim is not None for number in numbers) >= 2
    assert not broken(numbers)


def test_the_table_is_met_to_its_digits() -> None:
    within = [n.within for n in by_quadrature() if n.what.startswith(("JSD", "C(G)", "L_D"))]
    assert len(within) == 30
    assert max(within) == 1e-5


# --- slips: of which formula, in which room's file, and which claims must notice ---


def one_square_lost(x, mean, std):
    return -((x - mean) ** 2) / (2 * std**2) - 0.5 * math.log(2 * math.pi * std)


def no_half(p, q):
    m = (p + q) / 2
    return laws.kl(p, m) + laws.kl(q, m)


def kl_turned(p, q):
    return float(np.sum(q * (np.log(q) - np.log(p))))


def D_of_fakes(log_p, log_q):
    return 1 / (1 + np.exp(log_p - log_q))


def V_of_one_term(log_p, log_q, a, weights):
    return float(-np.sum(weights * np.exp(log_p) * np.logaddexp(0, -a)))


def V_without_its_minus(log_p, log_q, a, weights):
    both = np.exp(log_p) * np.logaddexp(0, -a) + np.exp(log_q) * np.logaddexp(0, a)
    return float(np.sum(weights * both))


def loss_without_its_half(log_p, log_q, a, weights):
    return -laws.value(log_p, log_q, a, weights)


def argmin(values):
    return np.argmin(values)


def bce_without_a_minus(labels, D):
    return float(np.mean(labels * np.log(D) + (1 - labels) * np.log1p(-D)))


def G_ascends(a):
    return -saturation.minimax(a)


def log_D_without_its_minus(a):
    return -saturation.non_saturating(a)


def slope_of_the_data(D):
    return np.log(np.maximum(D, 1e-300))


def G_descends_the_wrong_way(theta, psi, noise, penalty):
    to_theta, to_psi = SLOPES(theta, psi, noise, penalty)
    return -to_theta, to_psi


def penalty_with_the_wrong_sign(theta, psi, noise, penalty):
    return SLOPES(theta, psi, noise, -penalty)


SLOPES = dirac.slopes
SLIPS = [
    ("a sign of 1.386", laws, "EQUILIBRIUM", math.log(4), [by_quadrature, identities]),
    ("-log 2 for -log 4", laws, "EQUILIBRIUM", -math.log(2), [by_quadrature, identities]),
    ("a lost square", laws, "log_normal", one_square_lost, [by_quadrature]),
    ("JSD without its halves", laws, "jsd", no_half, [identities]),  # at p_g = p_data it is 0 too
    ("KL turned round", laws, "kl", kl_turned, [identities]),
    ("D* of the fakes", laws, "best_D", D_of_fakes, [identities, on_the_simplex]),
    ("V of one term", laws, "value", V_of_one_term, [by_quadrature]),
    ("V without its minus", laws, "value", V_without_its_minus, [by_quadrature]),
    ("L_D without its half", laws, "loss_of_D", loss_without_its_half, [by_quadrature]),
    ("argmin for argmax", np, "argmax", argmin, [on_the_simplex]),
    ("BCE without a minus", divergences, "bce", bce_without_a_minus, [identities]),
    ("G follows the data's slope", simplex, "slope", slope_of_the_data, [on_the_simplex]),
    ("G ascends V in Dirac-GAN", dirac, "slopes", G_descends_the_wrong_way, [games]),
    ("a penalty that rewards", dirac, "slopes", penalty_with_the_wrong_sign, [games]),
]


@pytest.mark.parametrize(("slip", "where", "name", "wrong", "claims"), SLIPS)
def test_a_slip_is_noticed(slip, where, name, wrong, claims, monkeypatch) -> None:
    if name == "argmax":
        real = simplex.argmax_on_grid
        monkeypatch.setattr(simplex, "argmax_on_grid", lambda p, g: real(p, g, argmin))
    else:
        monkeypatch.setattr(where, name, wrong)
    for each in claims:
        with np.errstate(all="ignore"):
            assert broken(each()), f"{slip} goes unseen by {each.__name__}"


@pytest.mark.parametrize(
    ("name", "wrong"), [("log(1 - D)", G_ascends), ("-log D", log_D_without_its_minus)]
)
def test_a_slip_in_the_loss_of_g_is_noticed(name, wrong, monkeypatch) -> None:
    wrong_slope = wrong
    numbers = saturation.numbers({n: [1.0] for n in saturation.SLOPES}, 4.0)
    assert not [n for n in broken(numbers) if "slope of" in n]
    monkeypatch.setattr(saturation, "SLOPES", {**saturation.SLOPES, name: wrong_slope})
    numbers = saturation.numbers({n: [1.0] for n in saturation.SLOPES}, 4.0)
    assert [n for n in broken(numbers) if f"slope of {name}" in n]


def test_the_perfect_generators_differ_from_a_wrong_one(monkeypatch) -> None:
    monkeypatch.setattr(normal_500, "PERFECT", ((5.0, 500.0), (1.0, 500.0)))
    assert len(broken(normal_500.perfect())) == 1


# --- the formulas against others ---


def test_the_slopes_are_those_of_the_suites_gan() -> None:
    import torch

    for kind, slope in (
        ("minimax", saturation.minimax),
        ("non-saturating", saturation.non_saturating),
    ):
        a = torch.linspace(-4, 4, 9, dtype=torch.float64)[:, None].requires_grad_()
        (own,) = torch.autograd.grad(loss_G(a, kind), a)
        assert (9 * own[:, 0]).numpy() == pytest.approx(slope(a.detach().numpy()[:, 0]))


def test_the_loss_of_d_is_that_of_the_suites_gan() -> None:
    import torch

    a_real, a_fake = torch.linspace(-2, 3, 7).double(), torch.linspace(-3, 1, 7).double()
    weights, level = np.ones(7), np.full(7, -math.log(7))
    zero = np.full(7, -np.inf)
    of_data = laws.loss_of_D(level, zero, a_real.numpy(), weights)
    of_fakes = laws.loss_of_D(zero, level, a_fake.numpy(), weights)
    own = loss_D(a_real[:, None], a_fake[:, None]).item()
    assert of_data + of_fakes == pytest.approx(own)


def test_the_nearest_law_is_on_the_simplex_and_nearer_than_others() -> None:
    random = np.random.RandomState(0)
    y = random.randn(6)
    g = simplex.nearest_law(y)
    assert g.min() >= 0
    assert g.sum() == pytest.approx(1)
    others = random.dirichlet(np.ones(6), 500)
    assert (np.square(others - y).sum(axis=1) >= np.square(g - y).sum()).all()


def test_a_number_that_is_none_holds_no_claim() -> None:
    assert not Number("what", math.nan, 0.0, 1.0).holds
    assert Page("a", "A", [], [Number("b", math.nan, 0.0, 1.0)], []).broken
