"""The deep belief network against enumeration on nets small enough for it."""

from itertools import product

import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from baselines.dbn import (
    DBN,
    bits,
    free_energy,
    gibbs,
    gradient,
    hidden,
    statistics,
    visible,
)

SMALL = {
    "layers": [5, 4],
    "epochs": 3,
    "batch": 4,
    "rate": 0.1,
    "momentum": 0.5,
    "final_momentum": 0.9,
    "momentum_epochs": 1,
    "decay": 1e-2,
    "weight_std": 0.5,
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


def small(seed=0, d=6, **changes):
    torch.manual_seed(seed)
    return DBN((d,), **{**SMALL, **changes})


def rows(n=12, d=6):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


def trained(model, train, last=None, first=1):
    """The model after its epoch `last`, each seeded as the runner does."""
    epochs = model.fit(train, train[:0])
    for index in range(first, (last or model.epochs * len(model.layers)) + 1):
        torch.manual_seed(index)
        next(epochs)
    return model


def copied(state):
    return {name: tensor.clone() for name, tensor in state.items()}


def every(units):
    """All binary vectors: (2^units, units)."""
    return torch.tensor(list(product((0.0, 1.0), repeat=units)))


def an_rbm(weight_std=1.0):
    return weight_std * torch.randn(4, 3), torch.randn(4), torch.randn(3)


# --- one RBM ---


def test_free_energy_sums_the_hidden_units_out():
    W, b, c = an_rbm()
    v, h = every(4), every(3)
    minus_energy = (v @ b)[:, None] + h @ c + v @ W @ h.T
    torch.testing.assert_close(free_energy(v, W, b, c), -minus_energy.logsumexp(dim=1))


def test_free_energy_is_that_of_scikit_learn():
    W, b, c = an_rbm()
    peer = BernoulliRBM(3)
    peer.components_, peer.intercept_visible_ = W.T.numpy(), b.numpy()
    peer.intercept_hidden_ = c.numpy()
    v = torch.rand(9, 4)
    expected = torch.from_numpy(peer._free_energy(v.numpy()))
    torch.testing.assert_close(free_energy(v, W, b, c), expected)


def test_conditionals_are_those_of_the_joint_distribution():
    W, b, c = an_rbm()
    v, h = every(4), every(3)
    joint = ((v @ b)[:, None] + h @ c + v @ W @ h.T).exp()
    torch.testing.assert_close(hidden(v, W, c), joint @ h / joint.sum(dim=1, keepdim=True))
    torch.testing.assert_close(visible(h, W, b), joint.T @ v / joint.sum(dim=0).unsqueeze(1))


def test_with_an_exact_negative_phase_the_update_is_the_gradient_of_the_log_likelihood():
    rbm = an_rbm()
    for parameter in rbm:
        parameter.requires_grad_()
    data, v = torch.rand(5, 4), every(4)
    log_Z = torch.logsumexp(-free_energy(v, *rbm), dim=0)
    expected = torch.autograd.grad((-free_energy(data, *rbm) - log_Z).mean(), rbm)
    with torch.no_grad():
        p_v = (-free_energy(v, *rbm) - log_Z).exp()
        positive = statistics(data, hidden(data, rbm[0], rbm[2]))
        of_each = [statistics(row, hidden(row, rbm[0], rbm[2])) for row in v.split(1)]
        negative = [sum(p * s[i] for p, s in zip(p_v, of_each, strict=True)) for i in range(3)]
    for plus, minus, slope in zip(positive, negative, expected, strict=True):
        torch.testing.assert_close(plus - minus, slope, atol=1e-6, rtol=0)


def transition(W, b, c):
    """P(v -> v') = Σ_h p(h | v) p(v' | h) over all pairs, (16, 16)."""
    v, h = every(4), every(3)
    p_h, p_v = hidden(v, W, c), visible(h, W, b)
    to_h = torch.where(h.bool(), p_h[:, None], 1 - p_h[:, None]).prod(dim=2)
    to_v = torch.where(v.bool(), p_v[:, None], 1 - p_v[:, None]).prod(dim=2)
    return to_h @ to_v, to_v


def assert_within_4_standard_errors(found, p_v, W, c, n):
    """`found`, a mean over n draws from p_v, against E[v p'], E[v], E[p]."""
    v = every(4)
    p = hidden(v, W, c)
    for mean, each in zip(found, (v[:, :, None] * p[:, None], v, p), strict=True):
        weights = p_v.view(-1, *[1] * (each.dim() - 1))
        expected = (weights * each).sum(dim=0)
        stderr = ((weights * each**2).sum(dim=0) - expected**2).clamp(min=0).sqrt() / n**0.5
        assert ((mean - expected).abs() <= 4 * stderr).all()


@pytest.mark.parametrize("k", [1, 2, 5])
def test_contrastive_divergence_is_the_expectation_over_k_gibbs_steps(k):
    W, b, c = an_rbm(weight_std=4.0)
    start, n = 6, 100_000
    v = every(4)[start].expand(n, -1)
    ascent, _ = gradient(v, None, W, b, c, k)
    negative = [plus - g for plus, g in zip(statistics(v, hidden(v, W, c)), ascent, strict=True)]
    P, _ = transition(W, b, c)
    p_v = torch.linalg.matrix_power(P, k)[start]
    assert_within_4_standard_errors(negative, p_v, W, c, n)
    equilibrium = torch.softmax(-free_energy(every(4), W, b, c), dim=0)
    assert (p_v - equilibrium).abs().max() > 0.01  # so the exact gradient would not pass


def test_persistent_chains_go_on_from_their_hidden_units():
    W, b, c = an_rbm(weight_std=4.0)
    start, n = 5, 100_000
    v, h = torch.rand(7, 4), every(3)[start].expand(n, -1)
    ascent, after = gradient(v, h, W, b, c, 2)
    negative = [plus - g for plus, g in zip(statistics(v, hidden(v, W, c)), ascent, strict=True)]
    P, to_v = transition(W, b, c)
    p_v = to_v[start] @ P
    assert_within_4_standard_errors(negative, p_v, W, c, n)
    expected = p_v @ hidden(every(4), W, c)
    assert ((after.mean(dim=0) - expected).abs() < 4 * 0.5 / n**0.5).all()


def test_long_chains_forget_their_start():
    W, b, c = an_rbm()
    n = 50_000
    v, _, _ = gibbs(torch.zeros(n, 3), W, b, c, 60)
    expected = torch.softmax(-free_energy(every(4), W, b, c), dim=0) @ every(4)
    assert ((v.mean(dim=0) - expected).abs() < 4 * 0.5 / n**0.5).all()


def test_bits_are_certain_where_the_probability_is():
    assert bits(torch.zeros(1000)).sum() == 0
    assert bits(torch.ones(1000)).sum() == 1000
    assert bits(torch.full((100_000,), 0.3)).mean().item() == pytest.approx(0.3, abs=0.006)


# --- the stack ---


@pytest.mark.parametrize("persistent", [False, True])
def test_an_update_is_ascent_with_momentum_and_weight_decay(persistent):
    model, train = small(layers=[5], batch=12, persistent=persistent, restarts=0.0), rows()
    W, b, c = (t.clone() for t in model.rbms[0])
    speed, chains = [torch.zeros_like(t) for t in (W, b, c)], None
    for epoch in (1, 2, 3):
        torch.manual_seed(epoch)
        if epoch == 1:
            b = train.mean(dim=0).logit()
            start = torch.empty(6, 5).bernoulli_(0.5)
            chains = start if persistent else None
        batch = train[torch.randperm(12)]
        if persistent:
            torch.rand(6, 1), torch.rand(6, 5)  # which chains begin anew, and where: none
        ascent, h = gradient(batch, chains, W, b, c, 2)
        chains = h if persistent else None
        ascent[0] -= 1e-2 * W
        rate, momentum = 0.1 * (4 - epoch) / 3, 0.5 if epoch == 1 else 0.9
        speed = [momentum * s + rate * g for s, g in zip(speed, ascent, strict=True)]
        W, b, c = (t + s for t, s in zip((W, b, c), speed, strict=True))
    trained(model, train)
    for ours, theirs in zip(model.rbms[0], (W, b, c), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


def test_a_share_of_the_persistent_chains_begins_anew():
    model = small(layers=[50], particles=1000, restarts=0.3)
    model.hidden_chains[0].fill_(1)
    chains = model._chains(0)
    anew = (chains == 0).any(dim=1)
    assert 250 < anew.sum() < 350
    assert chains[anew].mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(small(restarts=0.0)._chains(1), torch.zeros(6, 4))


def test_visible_biases_start_at_the_marginals():
    train = rows()
    train[:, 0] = 0
    model = trained(small(rate=0.0), train, last=1)
    bias = model.rbms[0][1]
    assert bias[0].item() == pytest.approx(-16.118, abs=1e-3)
    torch.testing.assert_close(bias.sigmoid(), train.mean(dim=0), atol=2e-7, rtol=0)


def test_the_second_rbm_sees_binary_units_drawn_from_the_first():
    model, x = small(), rows(1).expand(50_000, -1)
    h = model._up(x, 1)
    assert set(h.unique().tolist()) == {0.0, 1.0}
    W, _, c = model.rbms[0]
    assert ((h.mean(dim=0) - hidden(x[:1], W, c)).abs() < 4 * 0.5 / 50_000**0.5).all()


def test_lower_rbms_rest_while_a_higher_one_learns():
    model = trained(small(), rows(), last=3)
    before = copied(model.state_dict())
    trained(model, rows(), first=4)
    after = model.state_dict()
    assert all(torch.equal(after[f"{name}.0"], before[f"{name}.0"]) for name in "Wbc")
    assert not torch.equal(after["W.1"], before["W.1"])


def exact_mean_of_pixels(model):
    """E[x] of a stack of two RBMs, by enumeration."""
    (W, b, _), (W2, b2, c2) = model.rbms
    h = every(2)
    p_h = torch.softmax(-free_energy(h, W2, b2, c2), dim=0)
    return p_h @ visible(h, W, b)


def test_samples_have_the_exact_marginals_of_the_stack():
    n = 20_000
    model = small(d=3, layers=[2, 2], chains=n, burn_in=30, weight_std=1.5)
    for rbm in model.rbms:
        rbm[1].normal_()
        rbm[2].normal_()
    x = model.sample(n)
    stderr = x.std(dim=0) / n**0.5
    assert ((x.mean(dim=0) - exact_mean_of_pixels(model)).abs() < 4 * stderr).all()


def test_samples_are_means_of_the_pixels_given_binary_units():
    model = small(d=3, layers=[2, 2], weight_std=1.5)
    W, b, _ = model.rbms[0]
    possible = visible(every(2), W, b)
    for x in model.sample(40):
        assert (possible - x).abs().max(dim=1).values.min() < 1e-12


def test_every_count_of_samples_is_met():
    model = small()
    assert [len(model.sample(n)) for n in (1, 5, 7, 23)] == [1, 5, 7, 23]


@pytest.mark.parametrize("changes", [{}, {"persistent": False, "k": 1}], ids=str)
@pytest.mark.parametrize("stop", range(1, 7))
def test_resumed_after_any_epoch_of_any_layer_it_equals_the_uninterrupted_run(stop, changes):
    whole = trained(small(**changes), rows()).state_dict()
    state = copied(trained(small(**changes), rows(), last=stop).state_dict())
    resumed = small(seed=99, **changes)
    resumed.load_state_dict(state)
    after = trained(resumed, rows(), first=stop + 1).state_dict()
    assert after.keys() == whole.keys()
    assert all(torch.equal(after[name], whole[name]) for name in whole)


def test_finished_weights_sample_the_same_and_train_no_further():
    whole, finished = trained(small(), rows()), small(seed=99)
    state = whole.state_dict()
    finished.load_state_dict({k: v for k, v in state.items() if not k.startswith("train.")})
    torch.manual_seed(5)
    expected = whole.sample(9)
    torch.manual_seed(5)
    assert torch.equal(finished.sample(9), expected)
    assert list(finished.fit(rows(), rows(0))) == []


def test_sampling_settings_change_nothing_in_training():
    one = trained(small(), rows()).state_dict()
    settings = {"chains": 2, "burn_in": 9, "thinning": 1}
    assert settings.keys() == set(DBN.sampling)
    other = trained(small(**settings), rows()).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
