"""The GAN's layers and initialisations against their definitions."""

import pytest
import torch

from genbench.models import layers


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_maxout_is_the_largest_of_neighbouring_pieces():
    a = torch.randn(7, 12)
    assert torch.equal(layers.Maxout(4)(a), a.reshape(7, 3, 4).max(-1).values)


def test_uniform_weights_fill_their_range_and_biases_are_constant():
    layer = layers.uniform(300, 200, 0.05, bias=-2.0)
    assert 0.0499 < layer.weight.abs().max() <= 0.05
    assert layer.weight.std().item() == pytest.approx(0.05 / 3**0.5, rel=0.02)
    assert (layer.bias == -2).all()


def test_sparse_layer_has_exactly_n_standard_normal_weights_into_every_output():
    layer = layers.sparse(400, 150, nonzeros=100)
    assert ((layer.weight != 0).sum(dim=1) == 100).all()
    assert layer.weight[layer.weight != 0].std().item() == pytest.approx(1, abs=0.02)
    assert ((layer.weight != 0).sum(dim=0) > 0).all()
    assert (layer.bias == 0).all()


def test_logits_of_marginals_are_clipped_for_constant_pixels():
    x = torch.tensor([[0.0, 1.0, 0.2], [0.0, 1.0, 0.6]])
    expected = torch.tensor([-16.118096, 16.118096, -0.405465])
    torch.testing.assert_close(layers.logit_of_marginals(x), expected, atol=1e-5, rtol=0)


def test_limited_norms_cut_long_weight_vectors_and_leave_short_ones():
    weight = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    layers.limit_norms(weight, 1.9365)
    expected = torch.tensor([[0.6 * 1.9365, 0.8 * 1.9365], [0.3, 0.4], [0.0, 0.0]])
    torch.testing.assert_close(weight, expected, atol=1e-6, rtol=0)
