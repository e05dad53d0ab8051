"""The variational auto-encoder: its formulas by scipy's and torch's own, its slopes by autograd."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal, kl_divergence

from baselines.vae import (
    VAE,
    kl,
    log_bernoulli,
    log_continuous_bernoulli,
    log_gaussian,
    mean_of_continuous_bernoulli,
)

SMALL = {
    "latent": 2,
    "encoder": [5],
    "decoder": [6, 5],
    "observation": "gaussian",
    "epochs": 3,
    "batch": 4,
    "rate": 0.01,
}
KINDS = ["gaussian", "continuous_bernoulli", "bernoulli", "cross_entropy"]
LOGITS = [-30.0, -2.0, -0.021, -0.019, -1e-6, 0.0, 1e-4, 0.019, 0.021, 0.5, 7.0, 40.0]


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def small(d=4, **changes):
    return VAE((d,), **{**SMALL, **changes})


def rows(n=12, d=4):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


# --- the formulas ---


def test_the_kl_is_the_closed_form_of_normal_distributions():
    mean, log_variance = torch.randn(7, 3), torch.randn(7, 3)
    q = Normal(mean, (log_variance / 2).exp())
    p = Normal(torch.zeros(3), torch.ones(3))
    torch.testing.assert_close(kl(mean, log_variance), kl_divergence(q, p).sum(dim=1))


def test_bernoulli_masses_are_torchs():
    a, x = torch.randn(7, 3), (torch.rand(7, 3) > 0.5).double()
    torch.testing.assert_close(log_bernoulli(x, a), Bernoulli(logits=a).log_prob(x).sum(dim=1))


def test_gaussian_densities_are_torchs():
    x, mean, log_v = torch.randn(7, 3), torch.randn(7, 3), torch.tensor(-1.3)
    expected = Normal(mean, math.exp(-1.3 / 2)).log_prob(x).sum(dim=1)
    torch.testing.assert_close(log_gaussian(x, mean, log_v), expected)


@pytest.mark.parametrize("a", LOGITS)
def test_the_continuous_bernoulli_integrates_to_one_and_has_its_mean(a):
    logit = torch.tensor([[a]])

    def p(x):
        return float(log_continuous_bernoulli(torch.tensor([[x]]), logit).exp())

    points = [min(1 / abs(a), 1.0), 1 - min(1 / abs(a), 1.0)] if abs(a) > 1 else None
    assert quad(p, 0, 1, points=points)[0] == pytest.approx(1, abs=1e-6)
    mean = quad(lambda x: x * p(x), 0, 1, points=points)[0]
    assert mean_of_continuous_bernoulli(logit).item() == pytest.approx(mean, abs=1e-6)


def test_the_continuous_bernoulli_is_torchs_away_from_one_half():
    a, x = torch.tensor([[-3.0, 1.0, 2.5]]), torch.rand(1, 3)
    expected = ContinuousBernoulli(logits=a)
    torch.testing.assert_close(log_continuous_bernoulli(x, a), expected.log_prob(x).sum(dim=1))
    torch.testing.assert_close(mean_of_continuous_bernoulli(a), expected.mean)


@pytest.mark.parametrize("a", LOGITS)
def test_slopes_of_the_continuous_bernoulli_are_finite_and_continuous(a):
    logit = torch.tensor([[a]], requires_grad=True)
    (slope,) = torch.autograd.grad(log_continuous_bernoulli(torch.tensor([[0.3]]), logit), logit)
    expected = 0.3 - mean_of_continuous_bernoulli(logit.detach())
    torch.testing.assert_close(slope, expected, atol=1e-5, rtol=0)


# --- the loss ---


def by_hand(net, x):
    """A chain of linear layers and ReLUs, from the weights alone."""
    state = net.state_dict(keep_vars=True)
    matrices = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    for i, name in enumerate(matrices):
        x = x @ state[f"{name}.weight"].T + state[f"{name}.bias"]
        x = x.clamp(min=0) if i < len(matrices) - 1 else x
    return x


def formula(model, x, noise):
    """-E[log p(x | z)] + KL, written with torch's own distributions."""
    out = by_hand(model.encoder_net, x)
    q = Normal(out[:, :2], (out[:, 2:] / 2).exp())
    a = by_hand(model.decoder_net, q.loc + q.scale * noise)
    if model.observation == "gaussian":
        p = Normal(torch.sigmoid(a), (model.log_variance / 2).exp()).log_prob(x)
    elif model.observation == "continuous_bernoulli":
        p = ContinuousBernoulli(logits=a, lims=(0.4999, 0.5001)).log_prob(x)
    else:
        y = torch.sigmoid(a)
        p = x * y.log() + (1 - x) * (1 - y).log()
    to_prior = kl_divergence(q, Normal(torch.zeros(2), torch.ones(2)))
    return (to_prior.sum(dim=1) - p.sum(dim=1)).mean()


@pytest.mark.parametrize("observation", KINDS)
def test_the_slopes_of_the_loss_are_those_of_the_formula(observation):
    model, x, noise = small(observation=observation), rows(), torch.randn(12, 2)
    x = x.round() if observation == "bernoulli" else x
    parameters = [*model._parameters().values()]
    loss, expected = model.losses(x, noise)[0], formula(model, x, noise)
    torch.testing.assert_close(loss, expected)
    slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
    others = torch.autograd.grad(expected, parameters, allow_unused=True)
    for slope, other in zip(slopes, others, strict=True):
        assert (slope is None) == (other is None)
        if slope is not None:
            torch.testing.assert_close(slope, other)


def test_its_steps_are_those_of_torchs_adam():
    model, peer = small(), small()
    peer.load_state_dict(model.state_dict())
    adam = torch.optim.Adam([*peer._parameters().values()], lr=model.rate)
    for seed in range(5):
        torch.manual_seed(seed)
        model._update(rows())
        torch.manual_seed(seed)
        adam.zero_grad()
        peer.losses(rows(), torch.randn(12, 2))[0].backward()
        adam.step()
    for name, parameter in model._parameters().items():
        torch.testing.assert_close(parameter, peer._parameters()[name])


def test_the_bound_is_below_the_likelihood():
    model, x = small(latent=1, decoder=[8], first_variance=0.01), rows(60)
    with torch.no_grad():
        model.decoder_net[0].weight.mul_(3)
    z = torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        joint = [
            model.log_likelihood(row.expand(len(z), -1), z) + Normal(0.0, 1.0).log_prob(z[:, 0])
            for row in x
        ]
        log_p = torch.stack(joint).logsumexp(dim=1) + math.log(16 / 4000)
        bound = -torch.stack([model.losses(x, torch.randn(60, 1))[0] for _ in range(200)])
    assert bound.mean() + 4 * bound.std() / 200**0.5 < log_p.mean()


def test_a_gaussian_decoder_learns_the_noise_of_the_data():
    x = 0.5 + 0.1 * torch.randn(500, 4)
    model = small(epochs=40, rate=0.02, batch=50, first_variance=0.05)
    list(model.fit(x, x[:0]))
    assert model.variance == pytest.approx(0.01, rel=0.15)


# --- what it answers ---


def test_the_posterior_is_what_the_codes_are_drawn_from():
    model, x = small(), rows()
    mean, deviation = model.posterior(x)
    out = by_hand(model.encoder_net, x).detach()
    torch.testing.assert_close(mean, out[:, :2])
    torch.testing.assert_close(deviation, (out[:, 2:] / 2).exp())


def test_a_decoder_of_a_density_on_greys_gives_its_parameter_and_samples_its_mean():
    model, z = small(observation="continuous_bernoulli"), torch.randn(50, 2)
    a = by_hand(model.decoder_net, z).detach()
    torch.testing.assert_close(model.decode(z), a.sigmoid())
    torch.manual_seed(3)
    x = model.sample(50)
    torch.manual_seed(3)
    a = by_hand(model.decoder_net, model.prior(50)).detach()
    torch.testing.assert_close(x, mean_of_continuous_bernoulli(a))


def test_samples_of_binary_data_are_bits():
    x = small(observation="bernoulli", levels=2).sample(50)
    assert set(x.flatten().tolist()) == {0.0, 1.0}
    assert len(set(small(observation="bernoulli").sample(50).flatten().tolist())) > 2


def test_a_line_between_codes_starts_and_ends_at_draws_of_the_prior():
    model = small()
    torch.manual_seed(3)
    lines = model.interpolate(2, 3)
    torch.manual_seed(3)
    start, end = model.prior(4).view(2, 2, 2)
    torch.testing.assert_close(lines[[0, 3]], model.decode(start))
    torch.testing.assert_close(lines[[2, 5]], model.decode(end))
    torch.testing.assert_close(lines[1], model.decode((start + end)[:1] / 2)[0])


def test_a_bernoulli_of_grey_levels_is_refused_and_its_cross_entropy_no_density():
    with pytest.raises(ValueError, match=r"the data have 256 levels.*'cross_entropy' for"):
        small(observation="bernoulli", levels=256)
    why = VAE.unmet(["model", "test"], {"observation": "cross_entropy"}, {})
    assert "no density" in why
    assert not VAE.unmet(["samples", "test"], {"observation": "cross_entropy"}, {})
    assert not VAE.unmet(["model", "test"], {"observation": "gaussian"}, {})


def test_a_linear_output_is_for_gaussian_rows():
    with pytest.raises(ValueError, match="'linear' is for 'gaussian'"):
        small(observation="continuous_bernoulli", output="linear")
    z = torch.full((1, 2), 100.0)
    model = small(output="linear")
    assert not np.isclose(model.decode(z), model.decode(z).sigmoid()).all()
    torch.testing.assert_close(model.decode(z), by_hand(model.decoder_net, z).detach())
