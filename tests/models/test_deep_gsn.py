"""The deep GSN against a slow twin, and against chains on few pixels that can be enumerated."""

from itertools import islice, pairwise, product

import pytest
import torch

from baselines.deep_gsn import STARTS, DeepGSN, bits, salt_and_pepper
from genbench.testing import check_model, steps

SMALL = {
    "layers": [5, 4],
    "epochs": 3,
    "batch": 5,
    "walkback": 3,
    "corruption": 0.3,
    "noise": 0.5,
    "rate": 0.25,
    "rate_decay": 0.8,
    "momentum": 0.5,
    "chains": 5,
    "start": "noise",
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
    model = DeepGSN((d,), **{**SMALL, **changes})
    for b in model.b:
        b.normal_()
    model.mean.copy_(torch.linspace(0.2, 0.6, d))
    return model


def rows(n=12, d=6):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


def trained(model, train, last=None, done=0, valid=None):
    """The model after its epoch `last`, each seeded as the runner does."""
    valid = train[:0] if valid is None else valid
    for _ in islice(steps(model, train, valid, done=done), last and last - done):
        pass
    return model


def copied(state):
    return {name: tensor.clone() for name, tensor in state.items()}


def drawn(model, n):
    torch.manual_seed(5)
    return model.sample(n)


def assert_same(ours, theirs, atol=1e-12):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=atol, rtol=0)


def at_rest(model, n):
    return [torch.zeros(n, len(b)) for b in model.b]


DEPTHS = pytest.mark.parametrize("layers", [[4], [5, 4], [5, 4, 3], [5, 4, 3, 2]], ids=str)


# --- one update ---


def slow_update(W, b, h):
    """a_0 and the layers after an update without noise: all units in one row, one square matrix.

    The units of a layer are a block; two blocks are joined if the layers are neighbours.
    """
    widths = [len(bias) for bias in b]
    ends = torch.tensor([0, *widths]).cumsum(0).tolist()
    of = [slice(*pair) for pair in pairwise(ends)]
    joined = torch.zeros(ends[-1], ends[-1])
    for i, weights in enumerate(W):
        upper = torch.zeros_like(joined)
        upper[of[i], of[i + 1]] = 1
        joined = joined + upper.masked_scatter(upper.bool(), weights)
    joined, bias = joined + joined.T, torch.cat(b)
    every_layer = torch.cat(h, dim=1)
    for parity in (1, 0):
        a = every_layer @ joined + bias
        if parity == 0:
            a_0 = a[:, of[0]]
        layers = list(every_layer.split(widths, dim=1))
        for i in range(1, len(widths)):
            if i % 2 == parity:
                layers[i] = a[:, of[i]].tanh()
        every_layer = torch.cat(layers, dim=1)
    return a_0, layers


@DEPTHS
def test_an_update_sets_the_odd_layers_and_then_the_even_ones(layers):
    model = small(layers=layers, noise=0.0, corruption=0.0)
    x, h = rows(), [torch.randn(12, units) for units in (6, *layers)]
    a, after = model._update(x, h)
    expected, layers_after = slow_update(model.W, model.b, [x, *h[1:]])
    assert_same([a, *after], [expected, *layers_after])


def test_an_update_sees_the_corrupted_image_and_leaves_its_input_alone():
    model = small(noise=0.0, corruption=0.5)
    x, h = rows(), [torch.randn(12, units) for units in (6, 5, 4)]
    before = [t.clone() for t in (x, *h)]
    a, after = model._update(x, h)
    assert all(map(torch.equal, (x, *h), before))
    assert 0 < (after[0] != x).sum() < x.numel()
    expected, layers_after = slow_update(model.W, model.b, [after[0], *h[1:]])
    assert_same([a, *after], [expected, *layers_after])


@DEPTHS
def test_layers_at_rest_are_layers_of_zeros(layers):
    model, x = small(layers=layers), rows()
    torch.manual_seed(1)
    a, after = model._update(x, model._at_rest())
    torch.manual_seed(1)
    b, same = model._update(x, at_rest(model, 12))
    assert_same([a, *after], [b, *same], atol=0)


def mean_and_variance_of_noisy_tanh(a, noise):
    """Of tanh(a + ε) + ε', ε, ε' ~ N(0, noise²), by a sum over a fine grid of ε."""
    z = torch.linspace(-9, 9, 2001)
    p = torch.softmax(-0.5 * z**2, dim=0)
    t = (a[:, None] + noise * z).tanh()
    mean = t @ p
    return mean, t**2 @ p - mean**2 + noise**2


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_upper_layers_are_noisy_before_and_after_the_tanh_and_the_first_never(noise):
    n = 50_000
    model = small(layers=[5, 4, 3], noise=noise, corruption=0.0)
    x, h_2, h_3 = rows(1), torch.randn(1, 4), torch.randn(1, 3)
    start = [row.repeat(n, 1) for row in (x, torch.zeros(1, 5), h_2, h_3)]
    _, h = model._update(start[0], start)
    a_1 = x[0] @ model.W[0] + h_2[0] @ model.W[1].T + model.b[1]
    a_3 = h_2[0] @ model.W[2] + model.b[3]
    assert_same([h[1]], [a_1.tanh().expand(n, -1)])
    a_2 = h[1][0] @ model.W[1] + model.b[2]
    mean, variance = mean_and_variance_of_noisy_tanh(a_3, noise)
    assert ((h[3].mean(dim=0) - mean).abs() < 4 * (variance / n).sqrt()).all()
    assert ((h[3].var(dim=0) / variance - 1).abs() < 4 * (2 / n) ** 0.5).all()
    model.W[2].zero_()  # so that a_2 is the same for all
    _, h = model._update(start[0], start)
    mean, variance = mean_and_variance_of_noisy_tanh(a_2, noise)
    assert ((h[2].mean(dim=0) - mean).abs() < 4 * (variance / n).sqrt()).all()
    assert ((h[2].var(dim=0) / variance - 1).abs() < 4 * (2 / n) ** 0.5).all()


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_salt_and_pepper_are_equally_likely_and_the_rest_stays(share):
    n = 200_000
    x = torch.tensor([0.3, 0.6]).expand(n, -1)
    y = salt_and_pepper(x, share)
    salt, pepper = (y == 1).double(), (y == 0).double()
    assert ((y == x) | (salt == 1) | (pepper == 1)).all()
    for found in (salt, pepper):
        stderr = (share / 2 * (1 - share / 2) / n) ** 0.5
        assert ((found.mean(dim=0) - share / 2).abs() < 4 * stderr).all()
    hit = (salt + pepper).T
    assert hit.corrcoef()[0, 1].abs() < 4 / n**0.5


def test_salt_and_pepper_spare_everything_at_0_and_nothing_at_1():
    x = torch.full((1000, 100), 0.3)
    assert torch.equal(salt_and_pepper(x, 0.0), x)
    y = salt_and_pepper(x, 1.0)
    assert set(y.unique().tolist()) == {0.0, 1.0}
    assert y.mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 1e5**0.5)


def test_bits_are_certain_where_the_probability_is():
    assert bits(torch.zeros(1000)).sum() == 0
    assert bits(torch.ones(1000)).sum() == 1000
    assert bits(torch.full((100_000,), 0.3)).mean().item() == pytest.approx(0.3, abs=0.006)


# --- training ---


def slow_slopes(model, x):
    """The gradient of Σ_t mean CE(x, p_t) and the last CE, images drawn in the model's order.

    The drawn images are constants; h is not: what an update leaves in h_2, h_3, .. is a function
    of the parameters in the next one. Without noise and corruption.
    """
    parameters = [p.detach().clone().requires_grad_() for p in (*model.W, *model.b)]
    W, b = parameters[: len(model.W)], parameters[len(model.W) :]
    shown, h, total = x, [torch.zeros(len(x), len(bias)) for bias in b], 0
    for _ in range(model.walkback):
        torch.rand_like(x)  # the corruption, none
        a, h = slow_update(W, b, [shown, *h[1:]])
        for layer in h[2::2]:
            torch.randn_like(layer), torch.randn_like(layer)  # the noise, none
        for layer in h[3::2]:
            torch.randn_like(layer), torch.randn_like(layer)
        p = a.sigmoid()
        entropy = -(x * p.log() + (1 - x) * (1 - p).log()).mean()
        total = total + entropy
        shown = (torch.rand_like(x) < p).double()
    slopes = torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)
    return slopes, entropy.detach()


LONG_ENOUGH = [
    ([4], 1),
    ([5, 4], 2),
    ([5, 4], 4),
    ([5, 4, 3], 2),
    ([5, 4, 3], 4),
    ([5, 4, 3, 2], 4),
]


@pytest.mark.parametrize(("layers", "walkback"), LONG_ENOUGH, ids=str)
def test_a_step_descends_the_sum_of_the_mean_cross_entropies_to_the_clean_image(layers, walkback):
    """Its gradient flows through h from update to update, not through the drawn images."""
    model = small(layers=layers, walkback=walkback, noise=0.0, corruption=0.0, momentum=0.0)
    before, x = [p.clone() for p in (*model.W, *model.b)], rows()
    torch.manual_seed(3)
    slopes, last = slow_slopes(model, x)
    torch.manual_seed(3)
    assert_same([model._learn(x, 0.1, 1)], [last])
    expected = [p - 0.1 * g for p, g in zip(before, slopes, strict=True)]
    assert_same([*model.W, *model.b], expected)


@pytest.mark.parametrize(("layers", "walkback"), [([5, 4], 1), ([5, 4, 3, 2], 2)], ids=str)
def test_a_walkback_too_short_to_reach_the_top_layer_trains_the_others(layers, walkback):
    model = small(layers=layers, walkback=walkback, noise=0.0, corruption=0.0, momentum=0.0)
    before, x = [p.clone() for p in (*model.W, *model.b)], rows()
    torch.manual_seed(3)
    slopes, _ = slow_slopes(model, x)
    torch.manual_seed(3)
    model._learn(x, 0.1, 1)
    expected = [p - 0.1 * g for p, g in zip(before, slopes, strict=True)]
    assert_same([*model.W, *model.b], expected)


def test_momentum_averages_the_gradients():
    """m <- μ m + (1 - μ) g, θ <- θ - rate m."""
    model = small(noise=0.0, corruption=0.0, momentum=0.7)
    m = [torch.zeros_like(p) for p in (*model.W, *model.b)]
    for t, rate in ((1, 0.5), (2, 0.2), (3, 0.1)):
        before, x = [p.clone() for p in (*model.W, *model.b)], torch.rand(5, 6)
        torch.manual_seed(t)
        slopes, _ = slow_slopes(model, x)
        m = [0.7 * m + 0.3 * g for m, g in zip(m, slopes, strict=True)]
        torch.manual_seed(t)
        model._learn(x, rate, t)
        expected = [p - rate * m for p, m in zip(before, m, strict=True)]
        assert_same([*model.W, *model.b, *model.m], [*expected, *m])


def test_with_a_second_momentum_the_steps_are_those_of_torchs_adam():
    changes = {"momentum": 0.8, "second_momentum": 0.95}
    model = small(noise=0.0, corruption=0.0, **changes)
    peers = [p.clone() for p in (*model.W, *model.b)]
    adam = torch.optim.Adam(peers, betas=(0.8, 0.95), eps=1e-8)
    for t, rate in ((1, 0.05), (2, 0.02), (3, 0.01)):
        x = torch.rand(5, 6)
        torch.manual_seed(t)
        for peer, slope in zip(peers, slow_slopes(model, x)[0], strict=True):
            peer.grad = slope
        adam.param_groups[0]["lr"] = rate
        adam.step()
        torch.manual_seed(t)
        model._learn(x, rate, t)
        assert_same([*model.W, *model.b], peers)


def test_corruption_hides_the_image_from_the_net_but_not_from_the_loss():
    """All pixels being salt or pepper, what is learned is the mean image."""
    x = rows(1).expand(100, -1)
    model = small(layers=[3], corruption=1.0, walkback=2, batch=100, epochs=300, rate=2.0)
    model.rate_decay = 1.0
    trained(model, x)
    a, _ = model._update(x, at_rest(model, 100))
    assert (a.sigmoid() - x).abs().max() < 0.05


def spied(model):
    """Records the rows, the rate and the number of each update of the model."""
    learn, seen = model._learn, []
    model._learn = lambda *update: seen.append(update) or learn(*update)
    return seen


def test_the_rate_decays_every_epoch():
    model = small()
    seen = spied(model)
    trained(model, rows())
    expected = [rate for rate in (0.25, 0.2, 0.16) for _ in range(3)]
    assert [rate for _, rate, _ in seen] == pytest.approx(expected)


@pytest.mark.parametrize(("max_updates", "total"), [(0, 9), (2, 6)])
def test_updates_are_counted_on_over_the_epochs(max_updates, total):
    model = small(max_updates=max_updates)
    seen = spied(model)
    trained(model, rows())
    assert [t for _, _, t in seen] == list(range(1, total + 1))


def test_an_epoch_sees_every_row_once_in_an_order_of_its_own():
    model = small(d=1, layers=[2])
    seen = spied(model)
    trained(model, torch.arange(12.0)[:, None] / 12)
    orders = [torch.cat([x for x, _, _ in seen[i : i + 3]]).flatten() for i in (0, 3, 6)]
    assert [len(x) for x, _, _ in seen] == 3 * [5, 5, 2]
    assert all(torch.equal(order.sort().values, torch.arange(12.0) / 12) for order in orders)
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[1], orders[2])


def test_an_epoch_ends_after_max_updates():
    model = small(max_updates=2)
    seen = spied(model)
    trained(model, rows())
    assert [len(x) for x, _, _ in seen] == 3 * [5, 5]


def test_an_epoch_reports_the_mean_of_the_last_cross_entropies():
    model = small(layers=[5], rate=0.0, corruption=0.0, noise=0.0, walkback=1, batch=4)
    a, _ = slow_update(model.W, model.b, [rows(), *at_rest(model, 12)[1:]])
    p = a.sigmoid()
    entropy = -(rows() * p.log() + (1 - rows()) * (1 - p).log()).mean().item()
    for epoch in steps(model, rows(), rows(0)):
        assert dict(epoch.losses) == pytest.approx({"reconstruction": entropy})


def test_validation_rows_are_trained_on_as_well():
    together = trained(small(), rows()).state_dict()
    apart = trained(small(), rows()[:9], valid=rows()[9:]).state_dict()
    assert all(torch.equal(apart[name], together[name]) for name in together)


def test_images_are_scaled_inside_in_training():
    scaled = trained(small(pixel_scale=0.75), rows())
    plain = trained(small(), 0.75 * rows())
    assert_same([*scaled.W, *scaled.b], [*plain.W, *plain.b])


def test_weights_start_uniform_for_tanh_units_and_biases_at_zero():
    model = DeepGSN((300,), **{**SMALL, "layers": [200, 100]})
    for W, d, units in zip(model.W, (300, 200), (200, 100), strict=True):
        r = (6 / (d + units)) ** 0.5
        assert W.shape == (d, units)
        assert 0.99 * r < W.abs().max() <= r
        assert W.std().item() == pytest.approx(r / 3**0.5, rel=0.02)
    assert all(b.count_nonzero() == 0 for b in model.b)


@pytest.mark.parametrize("n", [12, STARTS, 130])
def test_the_first_training_rows_are_kept_repeated_where_they_are_few(n):
    starts = trained(small(pixel_scale=0.75), rows(n), last=1).state_dict()["starts"]
    expected = rows(n).repeat(STARTS // n + 1, 1)[:STARTS]
    assert torch.equal(starts, expected)


def test_the_mean_training_image_is_kept():
    model = trained(small(pixel_scale=0.75), rows(), valid=1 - rows(3))
    assert_same([model.state_dict()["mean"]], [torch.cat([rows(), 1 - rows(3)]).mean(dim=0)])


# --- the chain, on few pixels, against its transition matrix ---


def every(units):
    """All binary vectors: (2^units, units)."""
    return torch.tensor(list(product((0.0, 1.0), repeat=units)))


def probabilities(p):
    """P(x) of every binary x, its pixels independent with means p: (n, 2^d)."""
    return torch.where(every(p.shape[1]).bool(), p[:, None], 1 - p[:, None]).prod(dim=2)


def corruptions(d, share):
    """P(x~ | x) of all pairs, each pixel being turned over with probability share / 2."""
    x = every(d)
    return probabilities(share / 2 + (1 - share) * x)


def means_given_corrupted(model):
    """p(x = 1 | x~), for one layer: (2^d, d)."""
    x = every(len(model.b[0]))
    return ((x @ model.W[0] + model.b[1]).tanh() @ model.W[0].T + model.b[0]).sigmoid()


def transition(model):
    """P(x -> x') = Σ P(x~ | x) Π p(x'_i | x~), for one layer: (2^d, 2^d)."""
    C = corruptions(len(model.b[0]), model.corruption)
    return C @ probabilities(means_given_corrupted(model))


def stationary(P):
    """π = πP, Σ π = 1."""
    equations = torch.cat([P.T - torch.eye(len(P)), torch.ones(1, len(P))])
    right = torch.zeros(len(P) + 1)
    right[-1] = 1
    return torch.linalg.lstsq(equations, right[:, None]).solution.flatten()


def lingering(d, strength=3.0, **changes):
    """A net of one layer whose chain forgets slowly, its pixels tending to agree, and to be 1."""
    model = small(d=d, layers=[d], noise=0.0, corruption=0.2, **changes)
    model.W[0].copy_(0.6 * strength * torch.eye(d) + 0.3 * strength * torch.rand(d, d))
    model.b[1].copy_(-0.5 * model.W[0].sum(dim=0))
    model.b[0].copy_(torch.linspace(0.0, 0.6, d))
    return model


CHAINS = pytest.mark.parametrize("d", [2, 3])


def assert_within_4_standard_errors(found, expected):
    stderr = found.std(dim=0) / len(found) ** 0.5
    assert ((found.mean(dim=0) - expected).abs() < 4 * stderr).all()


@pytest.mark.parametrize("net", ["lingering", "random"])
@CHAINS
def test_long_chains_visit_images_as_often_as_the_stationary_distribution_says(d, net):
    n = 20_000
    model = lingering(d) if net == "lingering" else small(d=d, layers=[4], noise=0.0)
    x, h = bits(torch.full((n, d), 0.5)), at_rest(model, n)
    for _ in range(60):
        a, h = model._update(x, h)
        x = bits(a.sigmoid())
    pi = stationary(transition(model))
    assert pi.min() > 0
    assert (pi - 1 / 2**d).abs().max() > 0.03
    visits = (x[:, None] == every(d)).all(dim=2).double()
    assert ((visits.mean(dim=0) - pi).abs() < 4 * (pi * (1 - pi) / n).sqrt()).all()


@pytest.mark.parametrize("start", ["noise", "data"])
@CHAINS
def test_samples_have_the_moments_of_the_stationary_distribution(d, start):
    """E[p] = E[x], and E[p_i p_j] = E[x_i x_j] for i ≠ j, pixels being independent given x~."""
    n = 20_000
    model = lingering(d, burn_in=60, chains=n, start=start)
    pi, x, m = stationary(transition(model)), every(d), model.sample(n)
    i, j = torch.triu_indices(d, d, offset=1)
    assert_within_4_standard_errors(m, pi @ x)
    assert_within_4_standard_errors(m[:, i] * m[:, j], pi @ (x[:, i] * x[:, j]))
    apart = pi @ (x[:, i] * x[:, j]) - (pi @ x)[i] * (pi @ x)[j]
    assert apart.abs().max() > 0.02  # so that independent pixels would not pass


def exact_mean_after(model, p_x, updates):
    """E[p] of so many updates, the chain's first image being of the distribution `p_x`."""
    P, d = transition(model), len(model.b[0])
    before = p_x @ torch.linalg.matrix_power(P, updates - 1)
    return before @ corruptions(d, model.corruption) @ means_given_corrupted(model)


@pytest.mark.parametrize("start", ["noise", "data"])
def test_the_first_samples_are_burn_in_and_thinning_updates_from_the_start(start):
    n = 100_000
    model = lingering(2, strength=4.0, burn_in=1, thinning=2, chains=n, start=start)
    model.b[0].copy_(torch.tensor([1.0, 1.4]))
    model.starts.copy_(torch.tensor([0.0, 0.0]))
    p_x = {"noise": probabilities(model.mean[None])[0], "data": torch.eye(4)[0]}[start]
    m = model.sample(n)
    assert_within_4_standard_errors(m, exact_mean_after(model, p_x, 3))
    for updates in (2, 4):  # so that one more or less would not pass
        off = exact_mean_after(model, p_x, updates) - exact_mean_after(model, p_x, 3)
        assert (off.abs() > 8 * m.std(dim=0) / n**0.5).any()


def exact_mean_with_upper_layers(model, p_x, updates):
    """E[p] for any number of layers, without noise, by following every path of corrupted images."""
    d = len(model.b[0])
    C, x = corruptions(d, model.corruption), every(d)
    weights, h = p_x @ C, at_rest(model, 2**d)
    shown = x
    for t in range(updates):
        a, h = slow_update(model.W, model.b, [shown, *h[1:]])
        p = a.sigmoid()
        if t + 1 < updates:  # each path branches into all next corrupted images
            weights = (weights[:, None] * (probabilities(p) @ C)).flatten()
            shown = x.repeat(len(p), 1)
            h = [layer.repeat_interleave(2**d, dim=0) for layer in h]
    return weights @ p


@pytest.mark.parametrize("layers", [[3], [3, 2], [3, 2, 4]], ids=str)
def test_upper_layers_carry_over_from_update_to_update(layers):
    n = 50_000
    settings = {"burn_in": 2, "thinning": 1, "chains": n, "corruption": 0.4}
    model = small(d=2, layers=layers, noise=0.0, **settings)
    for W in model.W:
        W.normal_(std=1.5)
    m, p_x = model.sample(n), probabilities(model.mean[None])[0]
    expected = exact_mean_with_upper_layers(model, p_x, 3)
    assert_within_4_standard_errors(m, expected)
    if len(layers) == 1:
        assert_same([exact_mean_after(model, p_x, 3)], [expected])
    else:  # an update from layers at rest would not pass
        fresh = slow_update(model.W, model.b, [every(2), *at_rest(model, 4)[1:]])[0].sigmoid()
        C = corruptions(2, 0.4)
        alone = p_x @ torch.linalg.matrix_power(C @ probabilities(fresh), 2) @ C @ fresh
        assert ((alone - expected).abs() > 8 * m.std(dim=0) / n**0.5).any()


def learned(p, corruption):
    """A net trained on images of 2 pixels, as often as `p`, of the four, says, of 200."""
    train = every(2).repeat_interleave(torch.tensor(p).mul(200).round().long(), dim=0)
    changes = {"corruption": corruption, "noise": 0.0, "momentum": 0.5, "rate_decay": 0.985}
    model = small(d=2, layers=[8], epochs=300, walkback=1, batch=100, rate=2.0, **changes)
    return trained(model, train)


@pytest.mark.parametrize("p", [(0.42, 0.28, 0.18, 0.12), (0.1, 0.1, 0.4, 0.4)], ids=str)
def test_the_learned_chain_has_the_data_as_its_stationary_distribution(p):
    """Where pixels are independent in the data, they are so given x~, as the net assumes."""
    pi = stationary(transition(learned(p, 0.4)))
    assert 0.5 * (pi - torch.tensor(p)).abs().sum() < 0.03


def test_the_learned_chain_is_that_of_the_best_net_where_pixels_depend_on_one_another():
    p = torch.tensor([0.5, 0.04, 0.06, 0.4])
    model, C = learned(p.tolist(), 0.1), corruptions(2, 0.1)
    joint = p[:, None] * C
    best = (joint / joint.sum(dim=0)).T @ every(2)  # E[x | x~]
    assert (means_given_corrupted(model) - best).abs().max() < 0.03
    pi, of_best = stationary(transition(model)), stationary(C @ probabilities(best))
    assert 0.5 * (pi - of_best).abs().sum() < 0.02
    assert 0.5 * (pi - p).abs().sum() < 0.07  # 0.40 if the pixels were independent


# --- samples ---


def test_chains_take_the_kept_rows_in_turn_and_samples_come_step_by_step():
    """A net that copies its image for certain stands still."""
    model = small(layers=[6], noise=0.0, corruption=0.0, start="data", chains=130)
    model.W[0].copy_(60 * torch.eye(6))
    model.b[1].fill_(-30)
    model.b[0].zero_()
    model.starts.copy_(rows(STARTS).round())
    step = torch.cat([model.starts, model.starts[:30]])
    expected = torch.cat([step, step, step[:40]])
    assert_same([model.sample(300)], [expected], atol=1e-9)


def test_each_step_of_a_chain_follows_from_the_one_before():
    """burn_in and thinning only choose among the updates of the same chains."""
    one = small(burn_in=0, thinning=1)
    every_update = drawn(one, 5 * 11).split(5)
    model = small(burn_in=3, thinning=4)
    assert_same(drawn(model, 10).split(5), [every_update[6], every_update[10]])


def test_chains_from_noise_do_not_see_the_kept_rows():
    model = small(start="noise")
    x = drawn(model, 9)
    model.starts.fill_(1)
    assert torch.equal(drawn(model, 9), x)


def test_chains_from_data_start_at_scaled_rows():
    scaled, plain = small(start="data", pixel_scale=0.75), small(start="data")
    scaled.starts.copy_(rows(STARTS))
    plain.starts.copy_(0.75 * rows(STARTS))
    assert_same([drawn(scaled, 9)], [(drawn(plain, 9) / 0.75).clamp(max=1)])


def test_samples_are_scaled_back_and_at_most_1():
    scaled, plain = small(pixel_scale=0.75), small()
    x, p = drawn(scaled, 200), drawn(plain, 200)
    assert_same([x], [(p / 0.75).clamp(max=1)])
    assert x.max() == 1 < p.max() / 0.75


def test_samples_are_means_of_the_pixels_given_a_corrupted_image():
    model = lingering(3)
    x, possible = model.sample(40), means_given_corrupted(model)
    assert (possible - x[:, None]).abs().amax(dim=2).amin(dim=1).max() < 1e-12


def test_every_count_of_samples_is_met():
    model = small()
    assert [len(model.sample(n)) for n in (1, 5, 7, 23)] == [1, 5, 7, 23]


# --- the runner's side ---


RESUMED = [{}, {"layers": [5, 4, 3]}, {"second_momentum": 0.9}, {"max_updates": 1}]


@pytest.mark.parametrize("changes", RESUMED, ids=str)
@pytest.mark.parametrize("stop", range(1, 4))
def test_resumed_after_any_epoch_it_equals_the_uninterrupted_run(stop, changes):
    whole = trained(small(**changes), rows()).state_dict()
    state = copied(trained(small(**changes), rows(), last=stop).state_dict())
    resumed = small(seed=99, **changes)
    resumed.load_state_dict(state)
    after = trained(resumed, rows(), done=stop).state_dict()
    assert after.keys() == whole.keys()
    assert all(torch.equal(after[name], whole[name]) for name in whole)


def test_finished_weights_sample_the_same_and_train_no_further():
    whole, finished = trained(small(start="data"), rows()), small(seed=99, start="data")
    state = whole.state_dict()
    finished.load_state_dict({k: v for k, v in state.items() if not k.startswith("train.")})
    assert torch.equal(drawn(finished, 9), drawn(whole, 9))
    assert list(finished.fit(rows(), rows(0))) == []


def test_sampling_settings_change_nothing_in_training():
    one = trained(small(), rows()).state_dict()
    settings = {"chains": 2, "start": "data", "burn_in": 9, "thinning": 1}
    assert settings.keys() == set(DeepGSN.sampling)
    other = trained(small(**settings), rows()).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


RELEASED = {
    "noise": 2.0,
    "rate": 0.25,
    "rate_decay": 0.995,
    "momentum": 0.5,
    "second_momentum": 0.0,
    "pixel_scale": 0.99609375,
    "chains": 1,
    "start": "data",
    "burn_in": 0,
    "thinning": 1,
}
SETTINGS = [
    {"start": "data", "epochs": 3},
    {"layers": [9, 8, 7], "walkback": 6, "chains": 3},
    {"layers": [9], "walkback": 1, "noise": 0.0, "momentum": 0.0},
    RELEASED,
]


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_it_keeps_the_contract(changes):
    torch.set_default_dtype(torch.float32)
    assert len(check_model("deep_gsn", **changes)) > 20


@pytest.mark.parametrize(
    "changes",
    [{"layers": []}, {"layers": [0]}, {"chains": 0}, {"thinning": 0}, {"burn_in": -1}],
    ids=str,
)
def test_impossible_settings_are_refused_before_any_training(changes):
    with pytest.raises(ValueError, match="must be"):
        small(**changes)


@pytest.mark.parametrize("changes", [{"walkback": 0}, {"pixel_scale": 0.0}], ids=str)
def test_a_walk_of_no_update_and_a_scale_of_nothing_are_refused(changes):
    with pytest.raises(ValueError, match="walkback and pixel_scale must be above 0"):
        small(**changes)
