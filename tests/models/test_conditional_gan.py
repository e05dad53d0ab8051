"""The conditional GAN: its losses and a step restated, its labels, itself resumed."""

import pytest
import torch

from genbench.models.conditional_gan import ConditionalGAN, loss_D, loss_G
from genbench.plugins import recipe

SMALL = {
    "epochs": 3,
    "batch": 4,
    "noise_size": 3,
    "generator": [5, 3, 6],
    "discriminator": [4, 2, 3],
    "pieces": [2, 3, 2],
    "generator_range": 0.7,
    "discriminator_range": 0.7,
    "label_range": 0.9,
    "generator_dropout": 0.5,
    "discriminator_dropout": 0.5,
    "rate": 0.3,
    "rate_decay": 1.1,
    "rate_floor": 0.1,
    "momentum": 0.5,
    "final_momentum": 0.7,
    "momentum_epochs": 3,
}


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def small(**changes):
    torch.manual_seed(0)
    return ConditionalGAN((2, 3), **{**SMALL, **changes})


def rows(n=12):
    draw = torch.Generator().manual_seed(1)
    return torch.rand(n, 6, generator=draw), torch.arange(n) % 3


def trained(model, x, labels, last=None, first=1):
    """The model after its epoch `last`, each seeded as the runner does."""
    epochs = model.fit(x, x[:0], labels)
    for index in range(first, (last or model.epochs) + 1):
        torch.manual_seed(index)
        next(epochs)
    return model


def copied(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


# --- the losses, and a step ---


@pytest.mark.usefixtures("float64")
def test_the_losses_and_their_slopes_are_those_of_the_logarithms():
    a, b = torch.randn(2, 7, 1, requires_grad=True)
    log_D, log_not_D = a.sigmoid().log(), (1 - b.sigmoid()).log()
    pairs = [
        (loss_D(a, b), -(log_D.mean() + log_not_D.mean()) / 2, (a, b)),
        (loss_G(b), -b.sigmoid().log().mean(), (b,)),
    ]
    for ours, literal, logits in pairs:
        torch.testing.assert_close(ours, literal)
        slopes = (torch.autograd.grad(loss, logits, retain_graph=True) for loss in (ours, literal))
        for own, other in zip(*slopes, strict=True):
            torch.testing.assert_close(own, other)


def affine(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def literal_G(p, z, y):
    h = torch.cat([affine(p, "of_z", z).clamp(min=0), affine(p, "of_y", y).clamp(min=0)], dim=1)
    return 1 / (1 + torch.exp(-affine(p, "output", affine(p, "joint", h).clamp(min=0))))


def literal_D(p, x, y):
    def maxout(name, x, pieces):
        a = affine(p, f"{name}.0", x)
        units = a.shape[1] // pieces
        return torch.stack([a[:, i::units].max(dim=1).values for i in range(units)], dim=1)

    h = torch.cat([maxout("of_x", x, 2), maxout("of_y", y, 3)], dim=1)
    a = affine(p, "output", maxout("joint", h, 2))
    return 1 / (1 + torch.exp(-a))


def leaves(net):
    return {name: w.detach().clone().requires_grad_() for name, w in net.named_parameters()}


@pytest.mark.usefixtures("float64")
def test_one_update_moves_both_nets_down_the_literal_losses_at_the_same_weights():
    model = small(generator_dropout=0.0, discriminator_dropout=0.0)
    model._build(3)
    x, labels = rows(4)
    y = torch.eye(3)[labels]
    nets = {"G": model.G, "D": model.D}
    p = {key: leaves(net) for key, net in nets.items()}
    torch.manual_seed(5)
    z = 3**0.5 * (2 * torch.rand(4, 3) - 1)
    fakes = literal_G(p["G"], z, y)
    D_fake = literal_D(p["D"], fakes, y)
    L_D = -(literal_D(p["D"], x, y).log().mean() + (1 - D_fake).log().mean()) / 2
    L_G = -D_fake.log().mean()
    torch.manual_seed(5)
    losses = model._update(x, y)
    torch.testing.assert_close(torch.stack(losses), torch.stack([L_D, L_G]))
    for key, loss in (("D", L_D), ("G", L_G)):
        slopes = torch.autograd.grad(loss, list(p[key].values()), retain_graph=True)
        for (name, w), slope in zip(p[key].items(), slopes, strict=True):
            torch.testing.assert_close(nets[key].get_parameter(name), w - 0.3 * slope)


def test_rate_and_momentum_follow_the_recipe():
    values = recipe.resolve("conditional_gan", "mnist", "paper", {}).hyperparameters
    with torch.device("meta"):
        model = ConditionalGAN((28, 28), **values)
    assert model.rate_at(17_329) == pytest.approx(0.05, rel=1e-4)
    assert model.rate_at(10**6) == 1e-6
    assert [model.momentum_at(e) for e in (1, 200, 300)] == pytest.approx([0.5, 0.7, 0.7])


def test_the_nets_of_the_recipe_have_the_layers_of_the_paper():
    values = recipe.resolve("conditional_gan", "mnist", "paper", {}).hyperparameters
    with torch.device("meta"):
        model = ConditionalGAN((28, 28), **values)
        model._build(10)
    sizes = {
        net: {n: tuple(p.shape) for n, p in getattr(model, net).named_parameters() if p.dim() == 2}
        for net in "GD"
    }
    assert [*sizes["G"].values()] == [(200, 100), (1000, 10), (1200, 1200), (784, 1200)]
    assert [*sizes["D"].values()] == [(1200, 784), (250, 10), (960, 290), (1, 240)]


# --- labels ---


def test_rows_whose_label_is_hidden_are_left_out():
    x, labels = rows()
    shown = torch.where(torch.arange(12) < 9, labels, -1)
    assert_equal(copied(trained(small(), x, shown)), copied(trained(small(), x[:9], labels[:9])))


def test_a_sample_is_of_the_label_at_its_own_place():
    model = trained(small(), *rows())
    torch.manual_seed(0)
    mixed = model.sample(4, torch.tensor([0, 1, 2, 1]))
    torch.manual_seed(0)
    of_one = model.sample(4, torch.tensor([1, 1, 1, 1]))
    same = (mixed == of_one).all(dim=1)
    assert same.tolist() == [False, True, False, True]


def test_dropout_is_on_in_training_and_off_in_sampling():
    model = trained(small(), *rows())
    z, y = torch.rand(5, 3), torch.eye(3)[torch.zeros(5, dtype=torch.int64)]
    model.G.train()
    assert not torch.equal(model.G(z, y), model.G(z, y))
    model.sample(1, torch.tensor([0]))
    assert torch.equal(model.G(z, y), model.G(z, y))


def test_resumed_after_an_epoch_it_ends_in_the_same_bytes():
    whole = trained(small(), *rows())
    half = copied(trained(small(), *rows(), last=1))
    resumed = small()
    resumed.load_state_dict(half)
    assert_equal(copied(trained(resumed, *rows(), first=2)), copied(whole))
