"""Feature matching: losses and steps restated, first weights, averages, the control, resumption."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from genbench.models.semi_supervised_gan import (
    Discriminator,
    SemiSupervisedGAN,
    WeightNorm,
    loss_G,
    loss_labelled,
    loss_unlabelled,
)
from genbench.plugins import recipe

SMALL = {
    "epochs": 3,
    "batch": 5,
    "noise_size": 3,
    "generator": [6, 5],
    "discriminator": [7, 5],
    "input_sigma": 0.3,
    "hidden_sigma": 0.5,
    "unlabelled": 0.8,
    "rate": 0.01,
    "average": 0.3,
}


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def small(**changes):
    torch.manual_seed(0)
    return SemiSupervisedGAN((2, 3), **{**SMALL, **changes})


def rows(n=15, shown=6):
    draw = torch.Generator().manual_seed(1)
    i = torch.arange(n)
    return torch.rand(n, 6, generator=draw), torch.where(i < shown, i % 3, -1)


def trained(model, x, labels, last=None, first=1):
    """The model after its epoch `last`, each seeded as the runner does."""
    epochs = model.fit(x, x[:0], labels)
    for index in range(first, (last or model.epochs) + 1):
        torch.manual_seed(index)
        next(epochs)
    return model


def copied(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_close_with_slopes(ours, literal, given):
    torch.testing.assert_close(ours, literal)
    slopes = (torch.autograd.grad(loss, given, retain_graph=True) for loss in (ours, literal))
    for own, other in zip(*slopes, strict=True):
        torch.testing.assert_close(own, other)


# --- the losses ---


@pytest.mark.usefixtures("float64")
def test_the_labelled_loss_is_the_cross_entropy_of_the_classes():
    logits, y = torch.randn(7, 4, requires_grad=True), torch.arange(7) % 4
    assert_close_with_slopes(loss_labelled(logits, y), cross_entropy(logits, y), [logits])


@pytest.mark.usefixtures("float64")
def test_the_unlabelled_loss_is_that_of_a_softmax_with_one_class_more_whose_logit_is_0():
    real, fake = torch.randn(2, 7, 4, requires_grad=True)
    p_real, p_fake = (
        torch.cat([logits, torch.zeros(7, 1)], dim=1).softmax(dim=1) for logits in (real, fake)
    )
    literal = -((1 - p_real[:, 4]).log().mean() + p_fake[:, 4].log().mean()) / 2
    assert_close_with_slopes(loss_unlabelled(real, fake), literal, [real, fake])


@pytest.mark.usefixtures("float64")
def test_features_are_matched_in_their_means():
    real, fake = torch.randn(7, 3), torch.randn(5, 3, requires_grad=True)
    gaps = [sum(real[:, j]) / 7 - sum(fake[:, j]) / 5 for j in range(3)]
    assert_close_with_slopes(loss_G(real, fake), sum(gap * gap for gap in gaps) / 3, [fake])


def literal_D(p, x, layers=("hidden.0", "hidden.1", "output")):
    """Logits and the last hidden units of a D without noise, W = s V / |V|."""
    hidden = [x]
    for name in layers:
        V, s, b = (p[f"{name}.{part}"] for part in ("V", "s", "b"))
        W = torch.stack([s[k] * V[k] / V[k].square().sum().sqrt() for k in range(len(V))])
        a = hidden[-1] @ W.T + b
        hidden.append(a.clamp(min=0))
    return a, hidden[-2]


def literal_G(net, z):
    for layer in (net[0], net[1]):
        a = z @ layer.W.T
        mean, variance = a.mean(dim=0), a.var(dim=0, correction=0)
        z = ((a - mean) / (variance + 1e-6).sqrt() + layer.b).exp().log1p()
    V, s, b = net[2].V, net[2].s, net[2].b
    return 1 / (1 + torch.exp(-(z @ (s[:, None] * V / V.norm(dim=1, keepdim=True)).T + b)))


def adam_step(p, slope, rate=0.01):
    """Adam's first, whose corrected means are the slope and its square."""
    return p - rate * slope / (slope.abs() + 1e-4)


@pytest.mark.usefixtures("float64")
def test_one_update_moves_each_net_down_its_literal_loss():
    model = small()
    model._build(3)
    x, labels = rows()
    x, y, for_D, for_G = x[:6], labels[:6], x[6:11], x[10:]
    p = {n: w.detach().clone().requires_grad_() for n, w in model.D.named_parameters()}
    torch.manual_seed(5)
    with torch.no_grad():
        fakes = literal_G(model.G, torch.rand(5, 3))
    l_x, l_real, l_fake = (literal_D(p, part)[0] for part in (x, for_D, fakes))
    Z_real, Z_fake = l_real.exp().sum(dim=1), l_fake.exp().sum(dim=1)
    L_labelled = -l_x.log_softmax(dim=1)[torch.arange(6), y].mean()
    L_unlabelled = -((Z_real / (Z_real + 1)).log().mean() + (1 / (Z_fake + 1)).log().mean()) / 2
    learnt = [n for n, w in model.D.named_parameters() if w.requires_grad]
    L_D, moving = L_labelled + 0.8 * L_unlabelled, [p[n] for n in learnt]
    of_D = torch.autograd.grad(L_D, moving, retain_graph=True)
    of_control = torch.autograd.grad(L_labelled, moving)
    moved = {n: adam_step(p[n], slope) for n, slope in zip(learnt, of_D, strict=True)}
    f_real = literal_D({**p, **moved}, for_G)[1].mean(dim=0).detach()
    f_fake = literal_D({**p, **moved}, literal_G(model.G, torch.rand(5, 3)))[1].mean(dim=0)
    L_G = (f_real - f_fake).square().mean()
    weights = [*model.G.parameters()]
    of_G = torch.autograd.grad(L_G, weights)
    moved_G = [adam_step(w.detach().clone(), g) for w, g in zip(weights, of_G, strict=True)]
    model.D.eval()  # without noise
    model.control.eval()
    torch.manual_seed(5)
    losses = model._update(x, y, for_D, for_G)
    literal = torch.stack([L_labelled, L_unlabelled, L_G, L_labelled]).detach()
    torch.testing.assert_close(losses, literal)
    for n, slope in zip(learnt, of_control, strict=True):
        torch.testing.assert_close(model.control.get_parameter(n), adam_step(p[n], slope))
        torch.testing.assert_close(model.D.get_parameter(n), moved[n])
    for w, moved_w in zip(weights, moved_G, strict=True):
        torch.testing.assert_close(w, moved_w)


# --- first weights, averages, batches ---


def test_first_weights_give_each_unit_mean_0_and_variance_1_over_the_rows_that_scale_them():
    torch.manual_seed(0)
    layer, x = WeightNorm(6, 4, learns_scale=False), 3 * torch.rand(50, 6) + 1
    a = layer.start(x)
    torch.testing.assert_close(layer(x), a)
    torch.testing.assert_close(a.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(a.std(dim=0, correction=0), torch.ones(4))


def test_all_layers_are_scaled_each_by_what_comes_out_of_the_one_below():
    torch.manual_seed(0)
    D = Discriminator(6, [7, 5], 3, (0.0, 0.0))
    x = torch.rand(50, 6)
    D.start(x)
    torch.testing.assert_close(D(x).std(dim=0, correction=0), torch.ones(3))
    assert not D.hidden[0].s.requires_grad
    assert D.output.s.requires_grad


@pytest.mark.usefixtures("float64")
def test_the_average_is_the_released_one_corrected_for_its_start_at_0():
    model = small()
    model._build(3)
    a, c = torch.zeros(5), model.average
    for t in range(1, 6):
        model.D.hidden[1].b.data.normal_()
        model._average()
        a += c * (model.D.hidden[1].b.detach() - a)
        corrected = a / (1 - (1 - c) ** t)
        torch.testing.assert_close(model.D_average.hidden[1].b.detach(), corrected)


def test_labelled_rows_come_in_turn_until_there_are_as_many_as_data():
    data = torch.zeros(23, 1)
    model = small()
    of_labelled, of_data = model._batches(6, data), model._batches(23, data)
    assert [len(i) for i in of_labelled] == [len(i) for i in of_data] == [5] * 4
    times = torch.cat(of_labelled).bincount()
    assert (times.min(), times.max()) == (3, 4)
    assert len(torch.cat(of_data).unique()) == 20
    assert [len(i) for i in model._batches(2, data[:3])] == [3]


def test_the_recipe_has_the_layers_of_the_released_code():
    values = recipe.resolve("semi_supervised_gan", "mnist", "paper", {}).hyperparameters
    with torch.device("meta"):
        model = SemiSupervisedGAN((28, 28), **values)
    units = [layer.V.shape[0] for layer in model.D.hidden]
    assert (units, len(model.G)) == ([1000, 500, 250, 250, 250], 4)
    assert recipe.resolve("semi_supervised_gan", "mnist", "paper", {}).runner == {
        "labels": 100,
        "uses_validation": True,
    }


# --- the control, and what it learns of ---


def test_without_noise_and_weight_the_control_is_d_itself():
    model = trained(small(input_sigma=0.0, hidden_sigma=0.0, unlabelled=0.0), *rows())
    for name, p in model.D.named_parameters():
        torch.testing.assert_close(model.control.get_parameter(name), p)
    x, _ = rows()
    torch.testing.assert_close(model.classify(x), model.classify_control(x))


def test_the_control_learns_of_labelled_rows_alone_and_d_of_all():
    x, labels = rows()
    model, other = small(), small()
    for one in (model, other):
        one._build(3)
    other.D.load_state_dict(model.D.state_dict())
    for one in (model, other):
        one._copy_D()
        one.epoch = 1  # first weights are scaled by all rows
    elsewhere = torch.where(labels[:, None] < 0, 1 - x, x)
    trained(model, x, labels, first=2)
    trained(other, elsewhere, labels, first=2)
    assert not torch.equal(model.classify(x), other.classify(x))
    torch.testing.assert_close(model.classify_control(x), other.classify_control(x))


def test_validation_rows_that_are_given_are_data_too():
    x, labels = rows()
    one, other = small(), small()
    for model, valid in ((one, x[:0]), (other, x[:5])):
        torch.manual_seed(1)
        next(model.fit(x, valid, labels))
    assert not torch.equal(one.classify(x), other.classify(x))


def test_noise_is_on_in_training_and_off_in_classifying():
    model, (x, _) = trained(small(), *rows()), rows()
    model.D.train()
    assert not torch.equal(model.D(x), model.D(x))
    assert torch.equal(model.classify(x), model.classify(x))


def test_a_sample_hangs_on_no_other_sample():
    model = trained(small(), *rows())
    torch.manual_seed(0)
    first = model.sample(1)
    torch.manual_seed(0)
    torch.testing.assert_close(model.sample(9)[:1], first)


def test_resumed_after_an_epoch_it_ends_in_the_same_bytes():
    whole = copied(trained(small(), *rows()))
    half = copied(trained(small(), *rows(), last=1))
    resumed = small()
    resumed.load_state_dict(half)
    ended = copied(trained(resumed, *rows(), first=2))
    assert ended.keys() == whole.keys()
    for name, tensor in whole.items():
        assert torch.equal(ended[name], tensor), name
