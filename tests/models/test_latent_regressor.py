"""The latent regressor: its loss restated in float64, its two stages, and that it infers codes."""

import math

import pytest
import torch

from genbench.models.latent_regressor import LatentRegressor, loss_E

SMALL = {
    "epochs": 2,
    "batch": 4,
    "noise": "uniform",
    "noise_size": 2,
    "generator": [8],
    "activations": ["relu"],
    "output": "sigmoid",
    "generator_range": 1.0,
    "output_range": 1.0,
    "discriminator": [4],
    "pieces": 2,
    "discriminator_range": 0.7,
    "dropout_input": 0.0,
    "dropout_hidden": 0.0,
    "rate": 0.01,
    "rate_decay": 1.0,
    "rate_floor": 0.0,
    "momentum": 0.5,
    "final_momentum": 0.5,
    "momentum_epochs": 1,
    "encoder": [32, 16],
    "leak": 0.2,
    "std": 0.3,
    "encoder_epochs": 2,
    "encoder_batch": 8,
    "encoder_rate": 0.01,
    "encoder_beta1": 0.5,
    "encoder_l2": 0.0,
    "deploy": 5,
}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def regressor(**changes):
    return LatentRegressor((6,), **{**SMALL, **changes})


def rows(n=24):
    return torch.rand(n, 6, generator=torch.Generator().manual_seed(1))


def trained(**changes):
    model = regressor(**changes)
    return model, list(model.fit(rows(), rows()[:0]))


def test_the_loss_of_uniform_codes_is_the_cross_entropy_of_their_place_in_0_to_1():
    e, z = torch.randn(7, 3), math.sqrt(3) * (2 * torch.rand(7, 3) - 1)
    t, p = (z + math.sqrt(3)) / (2 * math.sqrt(3)), 1 / (1 + (-e).exp())
    expected = -(t * p.log() + (1 - t) * (1 - p).log()).mean()
    torch.testing.assert_close(loss_E(e, z, "uniform"), expected)


def test_the_loss_of_normal_codes_is_half_the_squared_error():
    e, z = torch.randn(7, 3), torch.randn(7, 3)
    torch.testing.assert_close(loss_E(e, z, "gaussian"), ((e - z) ** 2).mean() / 2)


def test_a_perfect_prediction_of_uniform_codes_costs_half_a_nat():
    z = math.sqrt(3) * (2 * (torch.arange(100_000) + 0.5) / 100_000 - 1)
    logits = ((z / math.sqrt(3) + 1) / 2).logit()
    assert loss_E(logits, z, "uniform").item() == pytest.approx(0.5, abs=1e-6)


def test_a_step_is_adams_on_the_slopes_of_the_loss_on_fresh_codes(monkeypatch):
    model = regressor(encoder_l2=0.1, noise="gaussian")
    torch.nn.init.normal_(model.E.net.top.weight)
    z = torch.randn(8, 2)
    monkeypatch.setattr(model, "prior", lambda n: z)
    before = [p.detach().clone() for p in model.E.net.parameters()]
    model.E.net.train()
    slopes = torch.autograd.grad(
        ((model.E.net(model.G(z)) - z) ** 2).mean() / 2, [*model.E.net.parameters()]
    )
    model._regress()
    for p, then, slope in zip(model.E.net.parameters(), before, slopes, strict=True):
        g = slope + 0.1 * then
        torch.testing.assert_close(p, then - 0.01 * g / (g.abs() + 1e-8))


def test_it_trains_the_gan_then_the_encoder_and_counts_both():
    _, epochs = trained()
    assert [(epoch.index, epoch.total) for epoch in epochs] == [(k, 4) for k in (1, 2, 3, 4)]
    assert ["encoder" in epoch.losses for epoch in epochs] == [False, False, True, True]


def test_the_generator_and_critic_stand_still_while_the_encoder_learns():
    model = regressor()
    epochs = model.fit(rows(), rows()[:0])
    next(epochs), next(epochs)
    then = [p.detach().clone() for net in (model.G, model.D) for p in net.parameters()]
    assert len(list(epochs)) == 2
    now = [p for net in (model.G, model.D) for p in net.parameters()]
    assert all(map(torch.equal, then, now))


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_it_recovers_codes_better_than_their_mean_does(noise):
    model, _ = trained(encoder_epochs=100, noise=noise)
    z = model.prior(500)
    x = model.decode(z)
    model._average(model.E.net, x)  # statistics of what it is asked here: rows of its own making
    left = (model.encode(x) - z).square().mean() / z.square().mean()
    assert left < 0.5


def test_what_it_represents_rows_by_is_what_its_code_is_read_off():
    model, _ = trained()
    x = rows(5)
    e = model.E.net.top(model.represent(x))
    torch.testing.assert_close(math.sqrt(3) * (2 * e.sigmoid() - 1), model.encode(x))
    assert model.represent_initial(x).shape == model.represent(x).shape


def test_a_batch_of_one_code_is_refused():
    with pytest.raises(ValueError, match="encoder_batch must be at least 2"):
        regressor(encoder_batch=1)
