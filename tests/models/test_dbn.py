"""The deep belief network against enumeration on nets small enough for it."""

from itertools import product

import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from baselines.dbn import (
    DBN,
    START_ROWS,
    add_slopes,
    bits,
    contrast,
    free_energy,
    gibbs,
    hidden,
    visible,
)
from genbench.testing import check_model

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


def mean_statistics(v, p):
    return sums((v, p, v.new_full((len(v),), 1 / len(v))))


def sums(terms):
    """Σ share (-dF/dθ) for W, b and c."""
    v, p, _ = terms
    found = [v.new_zeros(v.shape[1], p.shape[1]), v.new_zeros(v.shape[1]), p.new_zeros(p.shape[1])]
    add_slopes(found, terms, 0.0, 1.0)
    return found


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


def probabilities(p):
    """P(u) of every binary u, its units independent with means p: (n, 2^units)."""
    return torch.where(every(p.shape[1]).bool(), p[:, None], 1 - p[:, None]).prod(dim=2)


def joint(W, b, c):
    """p(v, h) = exp(b'v + c'h + v'Wh) / Z of all pairs, and log Z, from the energy alone."""
    v, h = every(len(b)), every(len(c))
    minus_energy = (v @ b)[:, None] + h @ c + v @ W @ h.T
    log_Z = minus_energy.flatten().logsumexp(dim=0)
    return (minus_energy - log_Z).exp(), log_Z


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
    p, _ = joint(W, b, c)
    torch.testing.assert_close(hidden(v, W, c), p @ h / p.sum(dim=1, keepdim=True))
    torch.testing.assert_close(visible(h, W, b), p.T @ v / p.sum(dim=0).unsqueeze(1))


def test_with_an_exact_negative_phase_the_update_is_the_gradient_of_the_log_likelihood():
    rbm = an_rbm()
    for parameter in rbm:
        parameter.requires_grad_()
    data, v = torch.rand(5, 4), every(4)
    log_Z = torch.logsumexp(-free_energy(v, *rbm), dim=0)
    expected = torch.autograd.grad((-free_energy(data, *rbm) - log_Z).mean(), rbm)
    with torch.no_grad():
        p_v = (-free_energy(v, *rbm) - log_Z).exp()
        positive = mean_statistics(data, hidden(data, rbm[0], rbm[2]))
        of_each = [mean_statistics(row, hidden(row, rbm[0], rbm[2])) for row in v.split(1)]
        negative = [sum(p * s[i] for p, s in zip(p_v, of_each, strict=True)) for i in range(3)]
    for plus, minus, slope in zip(positive, negative, expected, strict=True):
        torch.testing.assert_close(plus - minus, slope, atol=1e-6, rtol=0)


def transition(W, b, c):
    """P(v -> v') = Σ_h p(h | v) p(v' | h) over all pairs, (16, 16)."""
    to_h, to_v = probabilities(hidden(every(4), W, c)), probabilities(visible(every(3), W, b))
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
    terms, _ = contrast(v, None, W, b, c, k)
    negative = [
        plus - g for plus, g in zip(mean_statistics(v, hidden(v, W, c)), sums(terms), strict=True)
    ]
    P, _ = transition(W, b, c)
    p_v = torch.linalg.matrix_power(P, k)[start]
    assert_within_4_standard_errors(negative, p_v, W, c, n)
    equilibrium = torch.softmax(-free_energy(every(4), W, b, c), dim=0)
    assert (p_v - equilibrium).abs().max() > 0.01  # so the exact gradient would not pass


def test_persistent_chains_go_on_from_their_hidden_units():
    W, b, c = an_rbm(weight_std=4.0)
    start, n = 5, 100_000
    v, h = torch.rand(7, 4), every(3)[start].expand(n, -1)
    terms, after = contrast(v, h, W, b, c, 2)
    negative = [
        plus - g for plus, g in zip(mean_statistics(v, hidden(v, W, c)), sums(terms), strict=True)
    ]
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


def log_Z_by_annealing(W, b, c, n=4000, steps=200):
    """AIS (Salakhutdinov & Murray 2008) from W = 0, c = 0 to the RBM: log Z and its error.

    log Z ≈ log Z_0 + log mean w, log w = Σ_t F_{t-1}(v_{t-1}) - F_t(v_{t-1}), v_t ~ T_t(v_{t-1}),
    F_t being F with W and c times t / steps.
    """
    v = bits(visible(torch.zeros(n, len(c)), W, b))
    log_w = torch.zeros(n)
    for t in range(1, steps + 1):
        before, now = (t - 1) / steps, t / steps
        log_w += free_energy(v, before * W, b, before * c) - free_energy(v, now * W, b, now * c)
        h = bits(hidden(v, now * W, now * c))
        v, _, _ = gibbs(h, now * W, b, now * c, 1)
    log_Z_0 = b.exp().log1p().sum() + len(c) * torch.tensor(2.0).log()
    w = (log_w - log_w.max()).exp()
    stderr = w.std() / w.mean() / n**0.5
    return log_Z_0 + log_w.max() + w.mean().log(), stderr


def test_annealed_importance_sampling_finds_the_enumerated_log_Z():
    W, b, c = 1.5 * torch.randn(6, 5), torch.randn(6), torch.randn(5)
    found, stderr = log_Z_by_annealing(W, b, c)
    assert stderr < 0.01
    assert (found - joint(W, b, c)[1]).abs() < 3 * stderr


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
        terms, h = contrast(batch, chains, W, b, c, 2)
        ascent = sums(terms)
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


def stack(layers, chains, **changes):
    """A net on 3 pixels with large weights and biases."""
    model = small(d=3, layers=layers, chains=chains, weight_std=1.5, **changes)
    for _, b, c in model.rbms:
        b.normal_()
        c.normal_()
    return model


def exact_p_of_x(model):
    """p(x) = Σ p(x | h_1) .. p(h_{L-1}, h_L) over all h, of every x: (8,)."""
    p = joint(*model.rbms[-1])[0].sum(dim=1)
    for W, b, _ in model.rbms[-2::-1]:
        p = p @ probabilities((b + every(W.shape[1]) @ W.T).sigmoid())
    return p


STACKS = pytest.mark.parametrize("layers", [[2], [2, 2], [2, 3, 2]], ids=str)


@STACKS
def test_samples_have_the_exact_marginals_of_the_stack(layers):
    n = 20_000
    model = stack(layers, n, burn_in=30)
    m = model.sample(n)
    expected = exact_p_of_x(model) @ every(3)
    assert ((m.mean(dim=0) - expected).abs() < 4 * m.std(dim=0) / n**0.5).all()


@STACKS
def test_samples_have_the_exact_pairwise_moments_of_the_stack(layers):
    """E[m_i m_j] = E[x_i x_j] for i ≠ j, pixels being independent given h_1."""
    n = 20_000
    model = stack(layers, n, burn_in=30)
    i, j = torch.triu_indices(3, 3, offset=1)
    m, x = model.sample(n), every(3)
    found, expected = m[:, i] * m[:, j], exact_p_of_x(model) @ (x[:, i] * x[:, j])
    assert ((found.mean(dim=0) - expected).abs() < 4 * found.std(dim=0) / n**0.5).all()


def copier(d, strength, **changes):
    """A net whose every layer tends to copy the one below, and to be off: its chains linger."""
    model = small(d=d, layers=[d, d], **changes)
    for W, b, c in model.rbms:
        W.copy_(strength * torch.eye(d))
        b.fill_(-0.6 * strength)
        c.fill_(-0.6 * strength)
    model.starts.copy_(bits(torch.full_like(model.starts, 0.5)))
    return model


def exact_mean_after(model, p_h, steps):
    """E[x] when so many Gibbs steps were made from top units of the distribution `p_h`."""
    (W, b, _), (W2, b2, c2) = model.rbms
    v, h = every(len(b2)), every(len(c2))
    to_v, to_h = probabilities(visible(h, W2, b2)), probabilities(hidden(v, W2, c2))
    return p_h @ torch.linalg.matrix_power(to_v @ to_h, steps) @ to_v @ visible(v, W, b)


@pytest.mark.parametrize("start", ["noise", "data"])
def test_the_first_samples_are_burn_in_and_thinning_steps_from_the_start(start):
    n, x = 50_000, torch.tensor([[1.0, 0.0]])
    model = copier(2, 6.0, chains=n, burn_in=1, thinning=2, start=start)
    model.starts.copy_(x)
    (W, _, c), (W2, _, c2) = model.rbms
    up = probabilities(hidden(x, W, c)) @ probabilities(hidden(every(2), W2, c2))
    p_h = {"noise": torch.full((4,), 0.25), "data": up[0]}[start]
    m = model.sample(n)
    expected, stderr = exact_mean_after(model, p_h, 3), m.std(dim=0) / n**0.5
    assert ((m.mean(dim=0) - expected).abs() < 4 * stderr).all()
    for steps in (2, 4):  # so that one step more or less would not pass
        assert ((exact_mean_after(model, p_h, steps) - expected).abs() > 8 * stderr).any()


def test_chains_take_the_kept_rows_in_turn_and_samples_come_step_by_step():
    model = copier(6, 60.0, start="data", chains=130)
    step = torch.cat([model.starts, model.starts[:30]])
    expected = torch.cat([step, step, step[:40]])
    torch.testing.assert_close(model.sample(300), expected, atol=1e-9, rtol=0)


def test_chains_from_noise_do_not_see_the_kept_rows():
    model = copier(6, 4.0, start="noise")
    torch.manual_seed(5)
    x = model.sample(9)
    model.starts.zero_()
    torch.manual_seed(5)
    assert torch.equal(model.sample(9), x)


@pytest.mark.parametrize("n", [12, START_ROWS, 130])
def test_the_first_training_rows_are_kept_repeated_where_they_are_few(n):
    starts = trained(small(), rows(n), last=1).state_dict()["starts"]
    expected = rows(n).repeat(START_ROWS // n + 1, 1)[:START_ROWS]
    assert torch.equal(starts, expected)


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
    settings = {"chains": 2, "start": "data", "burn_in": 9, "thinning": 1}
    assert settings.keys() == set(DBN.sampling)
    other = trained(small(**settings), rows()).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_with_chains_from_data_it_keeps_the_contract():
    torch.set_default_dtype(torch.float32)
    lingering = {"start": "data", "burn_in": 1, "weight_std": 1.0}
    assert len(check_model("dbn", epochs=3, **lingering)) > 20  # stops inside each RBM too


@pytest.mark.parametrize(
    "changes",
    [{"layers": []}, {"layers": [0]}, {"chains": 0}, {"thinning": 0}, {"burn_in": -1}],
    ids=str,
)
def test_impossible_settings_are_refused_before_any_training(changes):
    with pytest.raises(ValueError, match="must be"):
        small(**changes)
