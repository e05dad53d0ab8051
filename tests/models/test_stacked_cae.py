"""The stacked contractive auto-encoder against explicit Jacobians and quadrature."""

from itertools import islice, product

import numpy as np
import pytest
import torch
from torch.autograd.functional import jacobian

from baselines import stacked_cae
from baselines.stacked_cae import KEPT, StackedCAE, add_slopes, decode, encode, filtered
from genbench.seeding import seeded
from genbench.testing import check_model, steps

SMALL = {
    "layers": [5, 4],
    "epochs": 3,
    "batch": 5,
    "rate": 0.1,
    "momentum": 0.5,
    "contraction": 0.3,
    "noise": 1.0,
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
    model = StackedCAE((d,), **{**SMALL, **changes})
    for _, b, c in model.coders:
        b.normal_()
        c.normal_()
    return model


def rows(n=12, d=6):
    """As the data are: multiples of 1/255."""
    draws = torch.Generator().manual_seed(1)
    return torch.randint(256, (n, d), generator=draws).to(torch.get_default_dtype()) / 255


def trained(model, train, last=None, done=0):
    """The model after its epoch `last`, each seeded as the runner does."""
    for _ in islice(steps(model, train, train[:0], done=done), last and last - done):
        pass
    return model


def standing(x=None, **changes):
    """A model of random weights that keeps the rows `x`, as if they had been its training set."""
    x = rows() if x is None else x
    model = small(d=x.shape[1], **changes)
    model.kept = (x * 255).round().to(torch.uint8)
    return model


def copied(state):
    return {name: tensor.clone() for name, tensor in state.items()}


def a_coder(d=6, units=4, n=5):
    """x, W, b, c."""
    return torch.rand(n, d), torch.randn(d, units), torch.randn(d), torch.randn(units)


def jacobians(x, W, c):
    """dh/dx of each row, by autograd: (n, units, d)."""
    each = [jacobian(lambda x: encode(x[None], W, c)[0], row, create_graph=True) for row in x]
    return torch.stack(each)


def sigmoid(a):
    return 1 / (1 + (-a).exp())


def parts_of_the_loss(x, W, b, c):
    """The cross entropy and |J|², means over the rows, as the formulas say."""
    r = sigmoid(sigmoid(x @ W + c) @ W.T + b)
    cross_entropy = -(x * r.log() + (1 - x) * (1 - r).log()).sum(dim=1)
    return cross_entropy.mean(), jacobians(x, W, c).square().sum(dim=(1, 2)).mean()


def slope(x, coder, contraction):
    coder = [p.detach().clone().requires_grad_() for p in coder]
    cross_entropy, penalty = parts_of_the_loss(x, *coder)
    return torch.autograd.grad(cross_entropy + contraction * penalty, coder)


def assert_same(ours, theirs, atol=1e-12):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=atol, rtol=0)


def slopes(x, W, b, c, contraction):
    """The losses, and their slopes in W, b and c."""
    found = [torch.zeros_like(p) for p in (W, b, c)]
    return add_slopes(found, x, (W, b, c), contraction, 0.0, -1.0), found


# --- one auto-encoder ---


def test_codes_and_reconstructions_are_sigmoids_of_tied_weights():
    x, W, b, c = a_coder()
    h = torch.stack([sigmoid(c + W.T @ row) for row in x])
    r = torch.stack([sigmoid(b + W @ row) for row in h])
    assert_same([encode(x, W, c), decode(h, W, b)], [h, r])


def test_the_penalty_is_the_squared_norm_of_autograds_jacobian():
    x, W, b, c = a_coder()
    expected = jacobians(x, W, c).square().sum(dim=(1, 2)).mean()
    (_, penalty), _ = slopes(x, W, b, c, contraction=0.3)
    torch.testing.assert_close(penalty, expected)


def test_the_gradient_of_the_penalty_is_that_through_autograds_jacobian():
    x, W, b, c = a_coder()
    with_penalty, without = slopes(x, W, b, c, 1.0)[1], slopes(x, W, b, c, 0.0)[1]
    W.requires_grad_(), c.requires_grad_()
    slow = jacobians(x, W, c).square().sum(dim=(1, 2)).mean()
    dW, dc = torch.autograd.grad(slow, [W, c])
    expected = [dW, torch.zeros_like(b), dc]
    assert_same([a - b for a, b in zip(with_penalty, without, strict=True)], expected)


def test_the_gradient_of_the_cross_entropy_is_that_of_autograd():
    x, *coder = a_coder()
    found = slopes(x, *coder, 0.7)[1]
    assert_same(found, slope(x, [p.clone() for p in coder], 0.7))


def test_noise_is_filtered_by_the_jacobian_times_its_transpose():
    x, W, _, c = a_coder()
    noise = torch.randn(5, 4)
    J = jacobians(x, W, c)
    expected = (J @ J.mT @ noise.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(filtered(noise, encode(x, W, c), W), expected)


@pytest.mark.parametrize("contraction", [0.0, 0.1, 2.0])
def test_an_update_is_descent_with_momentum_on_cross_entropy_plus_penalty(contraction):
    model = small(layers=[4], contraction=contraction, momentum=0.7)
    coder = [p.clone() for p in model.coders[0]]
    v = [torch.zeros_like(p) for p in coder]
    for rate in (0.2, 0.1, 0.05):
        x = torch.rand(5, 6)
        g = slope(x, coder, contraction)
        v = [0.7 * v - rate * g for v, g in zip(v, g, strict=True)]
        coder = [p + v for p, v in zip(coder, v, strict=True)]
        model._descend(0, x, rate)
        assert_same([*model.coders[0], *model.velocity[0]], [*coder, *v])


def test_an_epoch_reports_both_parts_of_the_loss():
    model = small(rate=0.0, batch=4)
    for epoch, layer in zip(steps(model, rows(), rows(0)), (0, 0, 0, 1, 1, 1), strict=True):
        parts = parts_of_the_loss(model._up(rows(), layer), *model.coders[layer])
        name = f"layer {layer + 1}"
        assert list(epoch.losses) == [f"{name} reconstruction", f"{name} |J|²"]
        assert list(epoch.losses.values()) == pytest.approx([part.item() for part in parts])


# --- the stack ---


def test_weights_start_uniform_for_sigmoid_units_and_biases_at_zero():
    model = StackedCAE((300,), **{**SMALL, "layers": [200, 100]})
    for (W, b, c), d, units in zip(model.coders, (300, 200), (200, 100), strict=True):
        r = 4 * (6 / (d + units)) ** 0.5
        assert W.shape == (d, units)
        assert 0.99 * r < W.abs().max() <= r
        assert W.std().item() == pytest.approx(r / 3**0.5, rel=0.02)
        assert b.count_nonzero() == c.count_nonzero() == 0


def test_training_is_layer_by_layer_on_codes_with_a_rate_that_falls_linearly():
    model, train = small(), rows()
    coders = [[p.clone() for p in coder] for coder in model.coders]
    x = train
    for layer in (0, 1):
        coder = coders[layer]
        v = [torch.zeros_like(p) for p in coder]
        for epoch, rate in enumerate((0.1, 0.1 * 2 / 3, 0.1 / 3)):
            with seeded("fit", 3 * layer + epoch + 1):
                order = torch.randperm(12)
            for batch in (order[:5], order[5:10], order[10:]):
                g = slope(x[batch], coder, 0.3)
                v = [0.5 * v - rate * g for v, g in zip(v, g, strict=True)]
                coder = [p + v for p, v in zip(coder, v, strict=True)]
        coders[layer], x = coder, sigmoid(x @ coder[0] + coder[2])
    trained(model, train)
    for ours, theirs in zip(model.coders, coders, strict=True):
        assert_same(ours, theirs)


def test_the_lower_auto_encoder_rests_while_the_upper_one_learns():
    model = trained(small(), rows(), last=3)
    before = copied(model.state_dict())
    after = trained(model, rows(), done=3).state_dict()
    assert all(torch.equal(after[f"{name}.0"], before[f"{name}.0"]) for name in "Wbc")
    assert not any(torch.equal(after[f"{name}.1"], before[f"{name}.1"]) for name in "Wbc")


def test_an_epoch_ends_after_max_updates():
    model, seen = small(max_updates=2), []
    descend = model._descend
    model._descend = lambda layer, x, rate: seen.append(len(x)) or descend(layer, x, rate)
    trained(model, rows())
    assert seen == 6 * [5, 5]


def test_the_first_training_rows_are_kept_in_bytes():
    train = rows(KEPT + 50, d=3)
    model = trained(small(d=3, layers=[2], epochs=1, max_updates=1), train)
    kept = model.state_dict()["kept"]
    assert kept.dtype == torch.uint8
    assert torch.equal(kept.to(train) / 255, train[:KEPT])


def test_kept_rows_are_of_the_nearest_levels():
    train = rows(d=3) + torch.where(rows(d=3) < 0.5, 0.4, -0.4) / 255
    kept = trained(small(d=3, layers=[2], epochs=1), train).state_dict()["kept"]
    assert torch.equal(kept.to(train) / 255, rows(d=3))


# --- samples ---


def codes_of(model):
    """The top codes of the rows that the model keeps."""
    x = model.kept.to(torch.get_default_dtype()) / 255
    for W, _, c in model.coders:
        x = sigmoid(x @ W + c)
    return x


def pixels_of(model, h):
    for W, b, _ in model.coders[::-1]:
        h = sigmoid(h @ W.T + b)
    return h


def stepped(model, h):
    """f(g(h)) of the top auto-encoder: a step without noise."""
    W, b, c = model.coders[-1]
    return sigmoid(sigmoid(h @ W.T + b) @ W + c)


@pytest.mark.parametrize("layers", [[5], [5, 4], [5, 4, 3]], ids=str)
@pytest.mark.parametrize("n", [1, 7, 12, 20])
def test_reconstructions_are_of_the_first_kept_rows_and_no_more_than_these(n, layers):
    model = standing(layers=layers, reconstruct=True)
    found = model.sample(n)
    assert len(found) == min(n, 12)
    assert found.isfinite().all()
    assert_same([found], [pixels_of(model, codes_of(model))[:n]])


@pytest.mark.parametrize("layers", [[5], [5, 4], [5, 4, 3]], ids=str)
def test_without_noise_a_chain_from_data_makes_one_step_of_the_top_auto_encoder(layers):
    model = standing(layers=layers, start="data", noise=0.0, burn_in=0, thinning=1, chains=12)
    expected = pixels_of(model, stepped(model, codes_of(model)))
    assert_same([model.sample(12)], [expected])


@pytest.mark.parametrize(("start", "encoded"), [("data", [3]), ("noise", [5, 5, 2])])
def test_only_the_images_that_a_start_depends_on_are_encoded(start, encoded, monkeypatch):
    model = standing(layers=[5], start=start, burn_in=0, thinning=1, chains=3)
    monkeypatch.setattr(stacked_cae, "CHUNK", 5)
    monkeypatch.setattr(StackedCAE, "_walk", lambda self, h, steps: h)
    seen = []
    monkeypatch.setattr(stacked_cae, "encode", lambda x, W, c: (seen.append(len(x)), x @ W)[1])
    model.sample(3)
    assert seen == encoded


@pytest.mark.parametrize("chunk", [1, 5, 12])
def test_images_that_are_encoded_in_parts_have_the_same_mean_code(chunk, monkeypatch):
    model = standing(layers=[5, 4], chains=9)
    monkeypatch.setattr(stacked_cae, "CHUNK", chunk)
    with seeded("start"):
        found = model._first(9)
    with seeded("start"):
        u = torch.rand(9, 4)
    assert torch.equal(found, (u < codes_of(model).mean(dim=0)).to(u))


def test_chains_take_the_kept_rows_in_turn_and_samples_come_step_by_step():
    model = standing(start="data", noise=0.0, burn_in=1, thinning=2, chains=15)
    h = torch.cat([codes_of(model), codes_of(model)[:3]])
    expected = []
    for t in range(1, 6):
        h = stepped(model, h)
        if t in (3, 5):
            expected.append(pixels_of(model, h))
    found = model.sample(22)
    assert_same([found], [torch.cat(expected)[:22]])
    assert not torch.allclose(found[:7], found[15:])


def test_chains_from_noise_start_at_independent_units_with_the_mean_codes():
    n, means = 50_000, torch.tensor([0.1, 0.45, 0.8])
    shared = torch.rand(2000, 1)  # units of the codes go together, those of the start do not
    model = standing((means + 0.1 * shared).clamp(0, 1), layers=[3], chains=n)
    model.thinning = 0
    W, b, c = model.coders[0]
    model.burn_in, c[:] = 0, -1.0
    W.copy_(2 * torch.eye(3))
    b.zero_()
    h = model.sample(n).logit() / 2  # of the start itself, thinning being 0
    assert torch.allclose(h, h.round(), atol=1e-9)
    assert set(h.round().abs().unique().tolist()) == {0.0, 1.0}
    p = codes_of(model).mean(dim=0)
    assert ((h.mean(dim=0) - p).abs() < 4 * (p * (1 - p) / n).sqrt()).all()
    assert (h.T.corrcoef() - torch.eye(3)).abs().max() < 4 / n**0.5


def test_chains_from_noise_depend_on_the_kept_rows_through_their_mean_code_only():
    model = standing()
    torch.manual_seed(5)
    x = model.sample(9)
    model.kept = model.kept.flip(0)
    torch.manual_seed(5)
    assert_same([model.sample(9)], [x])


@pytest.mark.parametrize("units", [1, 2])
def test_a_step_is_gaussian_with_the_filtered_covariance(units):
    """h + J J'ε has the mean f(g(h)) and the covariance noise² (J J')², J being that at g(h)."""
    n, noise = 100_000, 0.7
    model = small(d=3, layers=[units], noise=noise)
    W, b, c = model.coders[0]
    h = torch.rand(1, units)
    v = decode(h, W, b)
    J = jacobians(v, W, c)[0]
    covariance = noise**2 * J @ J.T @ J @ J.T
    found = model._walk(h.expand(n, -1), 1)
    variance = covariance.diagonal()
    assert ((found.mean(dim=0) - encode(v, W, c)[0]).abs() < 4 * (variance / n).sqrt()).all()
    stderr = ((variance[:, None] * variance + covariance**2) / n).sqrt()
    assert ((found.T.cov().reshape(units, units) - covariance).abs() < 4 * stderr).all()
    kurtosis = ((found - found.mean(dim=0)) ** 4).mean(dim=0) / variance**2
    assert ((kurtosis - 3).abs() < 4 * (96 / n) ** 0.5).all()


def expected_pixels(model, h, walked):
    """E[g(h + J J'ε)] after `walked` more steps, by Gauss-Hermite quadrature of each step."""
    if walked == 0:
        return pixels_of(model, h)
    W, b, c = model.coders[-1]
    z, w = np.polynomial.hermite_e.hermegauss(9)
    units = W.shape[1]
    eps = torch.tensor(list(product(z, repeat=units)))
    weights = torch.tensor(list(product(w / w.sum(), repeat=units))).prod(dim=1)
    mean = encode(decode(h, W, b), W, c)
    s = mean * (1 - mean)
    JJ = s[:, :, None] * (W.T @ W) * s[:, None, :]
    after = mean[:, None, :] + model.noise * eps @ JJ
    later = expected_pixels(model, after.flatten(0, 1), walked - 1)
    return (weights[:, None] * later.unflatten(0, (len(h), -1))).sum(dim=1)


@pytest.mark.parametrize("units", [1, 2])
def test_the_first_samples_are_burn_in_and_thinning_noisy_steps_from_the_start(units):
    n = 50_000
    x = torch.tensor([[1.0, 0.0, 0.2]])
    changes = {"start": "data", "noise": 0.5, "burn_in": 1, "thinning": 2, "chains": n}
    model = standing(x, layers=[units], **changes)
    W, b, c = model.coders[0]
    W.copy_(torch.tensor([[2.6, 1.5], [-2.6, 1.5], [0.7, -2.0]])[:, :units])
    b.copy_(-W.sum(dim=1) / 2)
    c.copy_(-W.sum(dim=0) / 2)
    m, h = model.sample(n), codes_of(model)
    expected, stderr = expected_pixels(model, h, 3)[0], m.std(dim=0) / n**0.5
    assert ((m.mean(dim=0) - expected).abs() < 4 * stderr).all()
    still = stepped(model, stepped(model, stepped(model, h)))
    for other in (expected_pixels(model, h, 2)[0], pixels_of(model, still)[0]):
        assert ((other - expected).abs() > 8 * stderr).any()  # which would not pass


def test_every_count_of_samples_is_met_by_chains():
    model = standing()
    assert [len(model.sample(n)) for n in (1, 5, 7, 23)] == [1, 5, 7, 23]


# --- the runner's side ---


@pytest.mark.parametrize("changes", [{}, {"layers": [5]}, {"max_updates": 1}], ids=str)
@pytest.mark.parametrize("stop", range(1, 7))
def test_resumed_after_any_epoch_of_any_layer_it_equals_the_uninterrupted_run(stop, changes):
    whole = trained(small(**changes), rows()).state_dict()
    state = copied(trained(small(**changes), rows(), last=stop).state_dict())
    resumed = small(seed=99, **changes)
    resumed.load_state_dict(state)
    after = trained(resumed, rows(), done=stop).state_dict()
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
    settings = {"noise": 3.0, "chains": 2, "start": "data", "burn_in": 9, "thinning": 1}
    settings["reconstruct"] = True
    assert settings.keys() == set(StackedCAE.sampling)
    other = trained(small(**settings), rows()).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_validation_rows_are_not_looked_at():
    one, other = small(), small()
    for model, valid in ((one, rows(0)), (other, 1 - rows(3))):
        list(steps(model, rows(), valid))
    after = other.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in one.state_dict().items())


SETTINGS = [
    {"start": "data", "burn_in": 0},
    {"reconstruct": True},
    {"layers": [8], "epochs": 3, "momentum": 0.0, "contraction": 0.0},
    {"layers": [8, 7, 6], "epochs": 2, "noise": 4.0, "chains": 3},
]


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_it_keeps_the_contract(changes, monkeypatch):
    torch.set_default_dtype(torch.float32)
    monkeypatch.setattr(stacked_cae, "KEPT", 40)  # fewer than the training rows
    assert len(check_model("stacked_cae", **changes)) > 20  # stops inside each layer too


@pytest.mark.parametrize(
    "changes",
    [{"layers": []}, {"layers": [0]}, {"chains": 0}, {"thinning": 0}, {"burn_in": -1}],
    ids=str,
)
def test_impossible_settings_are_refused_before_any_training(changes):
    with pytest.raises(ValueError, match="must be"):
        small(**changes)
