"""The restricted Boltzmann machine against enumeration, scikit-learn and a textbook's step."""

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from baselines import dbn, rbm
from baselines.rbm import RBM, bits, free_energy, gibbs, hidden, step, visible

SMALL = {
    "units": 3,
    "epochs": 3,
    "batch": 4,
    "rate": 0.1,
    "momentum": 0.5,
    "final_momentum": 0.9,
    "momentum_epochs": 1,
    "decay": 1e-2,
    "weight_std": 0.5,
    "visibles": "mean",
    "persistent": True,
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


def small(**changes):
    return RBM((4,), **{**SMALL, **changes})


def every(units):
    """All binary vectors: (2^units, units)."""
    return torch.tensor(list(product((0.0, 1.0), repeat=units)))


def a_machine():
    return 1.5 * torch.randn(4, 3), torch.randn(4), torch.randn(3)


def joint(W, b, c):
    """p(v, h) of all 16 x 8 pairs, from the energy alone."""
    v, h = every(4), every(3)
    minus_energy = (v @ b)[:, None] + h @ c + v @ W @ h.T
    return (minus_energy - minus_energy.flatten().logsumexp(dim=0)).exp()


def zeros():
    return torch.zeros(4, 3), torch.zeros(4), torch.zeros(3)


def test_block_gibbs_leaves_the_enumerated_joint_unchanged():
    W, b, c = a_machine()
    p, n = joint(W, b, c), 200_000
    places = torch.multinomial(p.flatten(), n, replacement=True)
    h = gibbs(every(3)[places % 8], W, b, c, 1)
    v = bits(visible(h, W, b))  # given h, v is of the joint again
    at = (v @ torch.tensor([8.0, 4, 2, 1])) * 8 + h @ torch.tensor([4.0, 2, 1])
    share = at.long().bincount(minlength=128) / n
    stderr = (p.flatten() * (1 - p.flatten()) / n).sqrt()
    assert ((share - p.flatten()).abs() <= 4 * stderr + 1 / n).all()


def test_free_energy_is_that_of_scikit_learn():
    W, b, c = a_machine()
    peer = BernoulliRBM(3)
    peer.components_, peer.intercept_visible_ = W.T.numpy(), b.numpy()
    peer.intercept_hidden_ = c.numpy()
    v = torch.rand(9, 4)
    expected = torch.from_numpy(peer._free_energy(v.numpy()))
    torch.testing.assert_close(free_energy(v, W, b, c), expected)


def textbook(W, b, c, v, h, uniforms, k):
    """PCD-k as it is usually written, one mean less another, in numpy: slopes and chains."""

    def sigma(a):
        return 1 / (1 + np.exp(-a))

    for _ in range(k):
        fantasy = (next(uniforms) < sigma(h @ W.T + b)).astype(float)
        p_fantasy = sigma(fantasy @ W + c)
        h = (next(uniforms) < p_fantasy).astype(float)
    p = sigma(v @ W + c)
    slope_W = v.T @ p / len(v) - fantasy.T @ p_fantasy / len(h)
    slopes = (slope_W, v.mean(0) - fantasy.mean(0), p.mean(0) - p_fantasy.mean(0))
    return slopes, h


@pytest.mark.parametrize("k", [1, 3])
def test_a_persistent_step_is_that_of_a_textbook_on_the_same_random_numbers(k):
    machine, v, h = a_machine(), torch.rand(5, 4), bits(torch.full((7, 3), 0.5))
    torch.manual_seed(1)
    uniforms = [torch.rand(7, units).numpy() for _ in range(k) for units in (4, 3)]
    arrays = [part.numpy() for part in (*machine, v, h)]
    expected, chains = textbook(*arrays, iter(uniforms), k)
    torch.manual_seed(1)
    slopes = zeros()
    after = step(machine, slopes, v, h, k, rate=1.0, momentum=0.0)
    for slope, array in zip(slopes, expected, strict=True):
        torch.testing.assert_close(slope, torch.from_numpy(array))
    assert np.array_equal(after.numpy(), chains)


@pytest.mark.parametrize("persistent", [True, False])
def test_a_step_is_the_same_to_rounding_as_that_of_the_lowest_layer_of_a_dbn(persistent):
    machine, v = a_machine(), torch.rand(5, 4)
    h = bits(torch.full((7, 3), 0.5)) if persistent else None
    slopes, of_dbn = zeros(), zeros()
    torch.manual_seed(1)
    after = step(machine, slopes, v, h, 2, rate=0.3, momentum=0.0)
    torch.manual_seed(1)
    terms, expected = dbn.contrast(v, h, *machine, 2)
    dbn.add_slopes(of_dbn, terms, 0.0, 0.3)
    for slope, other in zip(slopes, of_dbn, strict=True):
        torch.testing.assert_close(slope, other)
    assert torch.equal(after, expected)


def test_contrastive_divergence_starts_at_the_data():
    W, b, c = a_machine()
    n, start = 100_000, 6
    v = every(4)[start].expand(n, -1)
    slopes = zeros()
    step((W, b, c), slopes, v, None, 1, rate=1.0, momentum=0.0)
    to_h = torch.where(every(3).bool(), hidden(v[:1], W, c), 1 - hidden(v[:1], W, c)).prod(dim=1)
    expected = v[0] - to_h @ visible(every(3), W, b)
    assert ((slopes[1] - expected).abs() < 4 * 0.5 / n**0.5).all()


def trained(train, **changes):
    torch.manual_seed(0)
    model = small(**changes)
    torch.manual_seed(1)
    list(model.fit(train, train[:0]))
    return model


def test_persistent_training_nears_the_entropy_of_the_data():
    train = every(4)[[0, 15, 12, 3]].repeat(100, 1)
    settings = {"batch": 20, "epochs": 60, "particles": 100, "decay": 0.0, "restarts": 0.0}
    model = trained(train, units=6, rate=0.3, final_momentum=0.5, **settings)
    (W,), (b, c) = model.boltzmann().weights, model.boltzmann().biases
    log_f = -free_energy(every(4), W, b, c)
    log_p = (log_f - log_f.logsumexp(dim=0))[[0, 15, 12, 3]].mean()
    assert log_p > -np.log(4) - 0.25


def test_binary_visibles_are_drawn_anew_whenever_a_row_is_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(rbm, "step", lambda p, velocity, v, *rest: shown.append(v) or rest[0])
    model = small(visibles="binary", batch=12, epochs=2)
    train = torch.rand(12, 4)
    list(model.fit(train, train[:0]))
    assert all(set(v.flatten().tolist()) == {0.0, 1.0} for v in shown)
    assert not torch.equal(shown[0].sort(dim=0).values, shown[1].sort(dim=0).values)
    mean = small(visibles="mean", batch=12, epochs=1)
    list(mean.fit(train, train[:0]))
    torch.testing.assert_close(shown[-1].mean(dim=0), train.mean(dim=0))


def test_samples_are_means_of_pixels_and_of_binary_data_bits():
    for levels, binary in ((256, False), (None, False), (2, True)):
        x = small(levels=levels).sample(20)
        assert (set(x.flatten().tolist()) <= {0.0, 1.0}) == binary


@pytest.mark.parametrize("wrong", [{"units": 0}, {"k": 0}, {"thinning": 0}, {"burn_in": -1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must be >= 1 and burn_in >= 0"):
        small(**wrong)
