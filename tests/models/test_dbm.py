"""The deep Boltzmann machine against enumeration on nets small enough for it."""

from itertools import product

import pytest
import torch

from baselines.dbm import DBM, Layers, bits, entropy

D, FIRST, SECOND = 4, 3, 2
SMALL = {
    "units": [FIRST, SECOND],
    "epochs": 3,
    "batch": 4,
    "rate": 0.1,
    "momentum": 0.5,
    "decay": 1e-2,
    "weight_std": 0.5,
    "hidden_bias": -0.5,
    "sliding": 0.1,
    "mean_field": 4,
    "visibles": "mean",
    "particles": 6,
    "restarts": 0.2,
    "k": 2,
    "chains": 5,
    "burn_in": 3,
    "thinning": 2,
}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def every(units):
    """All binary vectors: (2^units, units)."""
    return torch.tensor(list(product((0.0, 1.0), repeat=units)))


def machine(scale=1.5):
    """Random layers whose units are centred somewhere."""
    biases = (torch.randn(units) for units in (D, FIRST, SECOND))
    offsets = (torch.rand(units) for units in (D, FIRST, SECOND))
    W1, W2 = scale * torch.randn(D, FIRST), scale * torch.randn(FIRST, SECOND)
    return Layers(W1, W2, *biases, *offsets)


def log_f(m):
    """-E of all 16 x 8 x 4 states, as the definition has it, unit by unit."""
    x, h1, h2 = every(D) - m.mx, every(FIRST) - m.m1, every(SECOND) - m.m2
    alone = (x @ m.b)[:, None, None] + (h1 @ m.c1)[:, None] + h2 @ m.c2
    return alone + (x @ m.W1 @ h1.T)[:, :, None] + h1 @ m.W2 @ h2.T


def joint(m):
    return torch.softmax(log_f(m).flatten(), dim=0).view(2**D, 2**FIRST, 2**SECOND)


def log_p(m):
    """log p(x) of all x."""
    return joint(m).sum(dim=(1, 2)).log()


def small(**changes):
    return DBM((D,), **{**SMALL, **changes})


# --- the machine ---


def test_conditionals_are_those_of_the_joint_distribution():
    m, x, h1, h2 = machine(), every(D), every(FIRST), every(SECOND)
    p = joint(m)
    given_h1 = p.sum(dim=(0, 2))[:, None]
    torch.testing.assert_close(m.visible(h1), p.sum(dim=2).T @ x / given_h1)
    torch.testing.assert_close(m.top(h1), p.sum(dim=0) @ h2 / given_h1)
    both = p.sum(dim=1)[..., None]
    expected = torch.einsum("xhk,hj->xkj", p, h1) / both
    for k, row in enumerate(h2):
        torch.testing.assert_close(m.middle(x, row.expand(len(x), -1)), expected[:, k])


def test_block_gibbs_leaves_the_enumerated_joint_unchanged():
    m, n = machine(), 300_000
    p = joint(m)
    places = torch.multinomial(p.flatten(), n, replacement=True)
    h1 = m.gibbs(every(FIRST)[places // 4 % 8], 1)
    x, h2 = bits(m.visible(h1)), bits(m.top(h1))  # given h1, both are of the joint again
    at = (x @ torch.tensor([8.0, 4, 2, 1])) * 32 + (h1 @ torch.tensor([4.0, 2, 1])) * 4
    at = at + h2 @ torch.tensor([2.0, 1])
    share = at.long().bincount(minlength=512) / n
    stderr = (p.flatten() * (1 - p.flatten()) / n).sqrt()
    assert ((share - p.flatten()).abs() <= 4 * stderr + 2 / n).all()


def test_its_machine_without_offsets_has_the_same_distribution():
    m = machine()
    (W1, W2), (b, c1, c2) = m.boltzmann().weights, m.boltzmann().biases
    zeros = (torch.zeros_like(part) for part in (b, c1, c2))
    torch.testing.assert_close(joint(Layers(W1, W2, b, c1, c2, *zeros)), joint(m))


def test_moving_the_offsets_leaves_the_distribution_as_it_is():
    m = machine()
    before = joint(m)
    m.recentre(torch.rand(5, FIRST), torch.rand(5, SECOND), 0.4)
    torch.testing.assert_close(joint(m), before)


# --- mean field ---


def test_each_step_of_mean_field_raises_the_bound_and_none_passes_the_likelihood():
    m, x = machine(), every(D)
    bounds = torch.stack([m.bound(x, *m.mean_field(x, steps)) for steps in range(1, 30)])
    assert (bounds.diff(dim=0) >= -1e-12).all()
    assert (bounds[1] > bounds[0]).any()
    log_Z = log_f(m).flatten().logsumexp(dim=0)
    assert (bounds[-1] - log_Z <= log_p(m)).all()


def test_each_half_of_a_step_raises_the_bound():
    m, x = machine(), every(D)
    mu1, mu2 = torch.rand(len(x), FIRST), torch.rand(len(x), SECOND)
    for _ in range(5):
        before = m.bound(x, mu1, mu2)
        mu1 = m.middle(x, mu2)
        between = m.bound(x, mu1, mu2)
        mu2 = m.top(mu1)
        assert (between >= before - 1e-12).all()
        assert (m.bound(x, mu1, mu2) >= between - 1e-12).all()


def test_mean_field_meets_its_fixed_point_equations():
    m, x = machine(), every(D)
    mu1, mu2 = m.mean_field(x, 500)
    assert (mu1 - m.middle(x, mu2)).abs().max() < 1e-8
    assert (mu2 - m.top(mu1)).abs().max() < 1e-8


def test_the_bound_is_the_likelihood_where_the_hidden_units_are_independent():
    m = machine()
    m.W2.zero_()
    log_Z = log_f(m).flatten().logsumexp(dim=0)
    bound = m.bound(every(D), *m.mean_field(every(D), 1))
    torch.testing.assert_close(bound - log_Z, log_p(m))


def test_the_entropy_of_certain_units_is_zero_and_of_coins_log_2_each():
    torch.testing.assert_close(entropy(torch.tensor([[0.0, 1.0]])), torch.zeros(1))
    torch.testing.assert_close(entropy(torch.full((1, 3), 0.5)).exp(), torch.tensor([8.0]))


# --- training ---


def test_with_exact_expectations_the_slopes_are_those_of_the_bound_of_the_likelihood():
    model, x = small(sliding=0.0), torch.rand(5, D)
    model.layers = machine()
    m = model.layers
    mu1, mu2 = m.mean_field(x, 50)
    names = [*model.velocity]
    for name in names:
        getattr(m, name).requires_grad_()
    objective = m.bound(x, mu1, mu2).mean() - log_f(m).flatten().logsumexp(dim=0)
    expected = torch.autograd.grad(objective, [getattr(m, name) for name in names])
    with torch.no_grad():
        model._add_slopes(x, mu1, mu2, 1 / len(x), 0.0)
        states = product(every(D), every(FIRST), every(SECOND))
        for state, p in zip(states, joint(m).flatten(), strict=True):
            model._add_slopes(*(units[None] for units in state), -float(p), 1.0)
    for name, slope in zip(names, expected, strict=True):
        torch.testing.assert_close(model.velocity[name], slope)


def test_training_nears_the_entropy_of_the_data():
    train = every(D)[[0, 15, 12, 3]].repeat(100, 1)
    settings = {"batch": 20, "epochs": 60, "particles": 100, "decay": 0.0, "restarts": 0.0}
    model = small(units=[6, 4], rate=0.2, sliding=0.01, **settings)
    torch.manual_seed(1)
    list(model.fit(train, train[:0]))
    m = model.layers
    h1, h2 = every(6) - m.m1, every(4) - m.m2
    x = every(D) - m.mx
    top = (h1 @ m.c1)[:, None] + h2 @ m.c2 + h1 @ m.W2 @ h2.T
    log_f = (x @ m.b)[:, None] + x @ m.W1 @ h1.T + top.logsumexp(dim=1)
    log_p = log_f.logsumexp(dim=1) - log_f.flatten().logsumexp(dim=0)
    assert log_p[[0, 15, 12, 3]].mean() > torch.tensor(0.25).log() - 0.25


def test_samples_are_means_of_pixels_and_of_binary_data_bits():
    for levels, binary in ((256, False), (2, True)):
        x = small(levels=levels).sample(20)
        assert (set(x.flatten().tolist()) <= {0.0, 1.0}) == binary


@pytest.mark.parametrize("wrong", [{"units": [3]}, {"units": [3, 0]}, {"mean_field": 0}, {"k": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        small(**wrong)
