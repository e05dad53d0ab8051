"""log p(x|t) of each kind of decoder, and the rows that it is of."""

import math

import pytest
import torch
from linear import Linear

from genbench.likelihood.dequantised import are_greys, dequantised
from genbench.likelihood.observations import decoder_of, drawn, expected, log_prob
from genbench.seeding import seeded

MEANS = torch.tensor([[0.02, 0.3, 0.4997, 0.5, 0.97]])


def test_a_gaussian_is_that_of_torch_with_a_variance_for_each_row() -> None:
    x, m, v = torch.rand(3, 5), torch.rand(2, 3, 5), torch.tensor([0.1, 0.2, 0.3])
    normal = torch.distributions.Normal(m.double(), v.double().sqrt()[:, None])
    assert torch.allclose(log_prob("gaussian", x, m, v.double()), normal.log_prob(x).sum(dim=-1))


def test_a_bernoulli_is_that_of_torch() -> None:
    x = torch.tensor([[0.0, 1.0, 0.0, 1.0, 1.0]])
    exact = torch.distributions.Bernoulli(MEANS.double()).log_prob(x.double()).sum(dim=1)
    assert torch.allclose(log_prob("bernoulli", x, MEANS, 0.0), exact)


def test_a_continuous_bernoulli_is_that_of_torch_and_integrates_to_one() -> None:
    x = (torch.arange(2000) + 0.5)[:, None] / 2000
    for m in MEANS[0]:
        log_p = log_prob("continuous_bernoulli", x, m.expand(2000, 1), 0.0)
        exact = torch.distributions.ContinuousBernoulli(m.double()).log_prob(x[:, 0].double())
        assert torch.allclose(log_p, exact, atol=1e-6)
        assert math.isclose(log_p.exp().mean(), 1, rel_tol=1e-4)


@pytest.mark.parametrize("kind", ["gaussian", "bernoulli", "continuous_bernoulli"])
def test_draws_have_the_expected_mean(kind: str) -> None:
    with seeded("draws"):
        x = drawn(kind, MEANS.expand(20_000, 5), 0.04)
    error = x.std(dim=0) / math.sqrt(len(x))
    assert ((x.mean(dim=0) - expected(kind, MEANS)[0]).abs() < 4 * error).all()


def test_a_density_of_binary_rows_and_a_mass_of_greys_are_refused() -> None:
    model, bits, greys = Linear(), torch.eye(5), torch.rand(3, 5)
    with pytest.raises(ValueError, match="rows are binary"):
        decoder_of(model, bits)
    model.observation = "bernoulli"
    assert decoder_of(model, bits).kind == "bernoulli"
    with pytest.raises(ValueError, match="cross entropy and no density"):
        decoder_of(model, greys)
    model.observation = "cross_entropy"
    with pytest.raises(ValueError, match="must be one of"):
        decoder_of(model, greys)


def test_a_model_that_names_no_observation_is_gaussian_on_greys_and_bernoulli_on_bits() -> None:
    model = type("Plain", (), {name: vars(Linear)[name] for name in ("prior", "code", "decode")})()
    assert decoder_of(model, torch.rand(3, 5)).kind == "gaussian"
    assert decoder_of(model, torch.eye(5)).kind == "bernoulli"


# --- dequantised rows ---


def test_each_grey_becomes_a_number_in_its_own_256th() -> None:
    k = torch.arange(256).repeat(4).view(4, 256)
    rows = dequantised((k / 255).float(), "test")
    assert torch.equal((rows * 256).floor(), k.float())
    assert (rows * 256 - k).std() > 0.2


def test_the_same_rows_come_whatever_was_drawn_before() -> None:
    greys = torch.arange(256).view(2, 128) / 255
    torch.manual_seed(0)
    first = dequantised(greys, "test")
    torch.manual_seed(1)
    assert torch.equal(first, dequantised(greys, "test"))
    assert not torch.equal(first, dequantised(greys, "valid"))


def test_binary_rows_and_numbers_that_are_no_greys_stay_as_they_are() -> None:
    for rows in (torch.eye(3), torch.randn(3, 3), torch.rand(3, 3)):
        assert not are_greys(rows)
        assert dequantised(rows, "test") is rows
