"""The GAN's layers and initialisations against their definitions."""

import math

import pytest
import torch

from genbench.models import layers


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_maxout_is_the_largest_of_the_pieces_of_a_unit():
    a = torch.randn(7, 12)
    expected = torch.stack([a[:, unit::3].max(dim=1).values for unit in range(3)], dim=1)
    assert torch.equal(layers.Maxout(4)(a), expected)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_of_dropout_outside_0_to_1_is_refused(rate):
    with pytest.raises(ValueError, match=rf"\[0, 1\), got {rate}"):
        layers.Dropout(rate, 3)


def test_noise_has_the_deviation_that_is_asked_for_and_a_negative_one_is_refused():
    e = layers.Noise(0.3, 50)(torch.ones(4000, 50)) - 1
    assert abs(e.mean().item()) < 4 * 0.3 / 200_000**0.5
    assert e.std().item() == pytest.approx(0.3, rel=0.01)
    with pytest.raises(ValueError, match="at least 0"):
        layers.Noise(-0.1, 3)


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


# --- convolutions ---


def test_maxout_convolution_is_the_largest_of_pieces_and_places():
    layer = layers.MaxoutConvolution(
        (2, 5, 4), 3, 2, kernel=3, padding=1, pool=2, stride=2, width=1
    )
    layer.bias.data.normal_()
    x = torch.randn(2, 2, 5, 4)
    padded = torch.zeros(2, 2, 7, 6)
    padded[:, :, 1:6, 1:5] = x
    expected = torch.full((2, 3, 3, 2), -math.inf)
    for c in range(3):
        for j in (c, c + 3):  # the pieces of channel c
            for row in range(5):
                for column in range(4):
                    patch = padded[:, :, row : row + 3, column : column + 3]
                    a = (layer.weight[j] * patch).sum(dim=(1, 2, 3)) + layer.bias[j]
                    place = expected[:, c, row // 2, column // 2]  # the last window is cut off
                    place.copy_(torch.maximum(place, a))
    torch.testing.assert_close(layer(x.flatten(1)), expected.flatten(1))
    assert layer.outputs == (3, 3, 2)


@pytest.mark.parametrize(
    ("side", "kernel", "padding", "m", "pool", "stride", "pooled"),
    [(32, 8, 4, 33, 4, 2, 16), (16, 8, 3, 15, 4, 2, 7), (7, 5, 3, 9, 2, 2, 5)],
)
def test_maps_have_the_sides_of_the_released_code(side, kernel, padding, m, pool, stride, pooled):
    assert layers.windows(side, kernel, padding, pool=1, stride=1) == m
    layer = layers.MaxoutConvolution((1, side, side), 1, 2, kernel, padding, pool, stride, 0.1)
    assert layer.outputs == (1, pooled, pooled)
    assert layer(torch.zeros(1, side**2)).shape == (1, pooled**2)


def test_weights_of_convolutions_fill_their_range_and_biases_are_0():
    maxout = layers.MaxoutConvolution((3, 9, 9), 32, 2, 5, 0, 1, 1, width=0.005)
    transposed = layers.TransposedConvolution(80 * 100, (3, 32, 32), 80, 5, 3, width=0.05)
    for layer, width in ((maxout, 0.005), (transposed, 0.05)):
        assert 0.998 * width < layer.weight.abs().max() <= width
        assert layer.weight.std().item() == pytest.approx(width / 3**0.5, rel=0.03)
        assert (layer.bias == 0).all()


def test_transposed_convolution_is_the_sum_of_shifted_kernels():
    layer = layers.TransposedConvolution(3 * 4 * 2, (2, 11, 5), 3, kernel=2, stride=3, width=1)
    layer.bias.data.normal_()
    h = torch.randn(5, 3, 4, 2)
    expected = layer.bias.detach().reshape(2, 11, 5).repeat(5, 1, 1, 1)
    for row in range(4):
        for column in range(2):
            stamp = torch.einsum("nk,kcuv->ncuv", h[:, :, row, column], layer.weight)
            expected[:, :, 3 * row : 3 * row + 2, 3 * column : 3 * column + 2] += stamp
    torch.testing.assert_close(layer(h.flatten(1)), expected.flatten(1))


def test_transposed_convolution_of_the_paper_gives_32_by_32_with_a_bias_for_every_place():
    layer = layers.TransposedConvolution(8000, (3, 32, 32), 80, kernel=5, stride=3, width=0.05)
    assert layer.maps == (80, 10, 10)
    assert layer.bias.shape == (3 * 32 * 32,)
    layer.bias.data = torch.arange(3072.0)
    assert torch.equal(layer(torch.zeros(1, 8000))[0], layer.bias)


@pytest.mark.parametrize(
    ("shape", "inputs", "message"),
    [
        ((3, 33, 32), 8000, "side of 33; 5, 8, 11"),
        ((3, 2, 32), 8000, "side of 2"),
        ((3, 32, 32), 7999, "needs 8000 units below it, got 7999"),
        ((1024,), 8000, "channels, height, width"),
    ],
)
def test_a_transposed_convolution_that_does_not_fit_is_refused(shape, inputs, message):
    with pytest.raises(ValueError, match=message):
        layers.TransposedConvolution(inputs, shape, 80, kernel=5, stride=3, width=0.05)


@pytest.mark.parametrize(
    ("shape", "pool", "stride", "message"),
    [
        ((1, 4, 4), 4, 2, "pool <= 3, the side of its map, got stride 2 and pool 4"),
        ((1, 8, 8), 2, 3, "got stride 3 and pool 2"),
        ((1, 8, 8), 2, 0, "got stride 0"),
        ((1, 1, 8), 1, 1, "pool <= 0"),
        ((64,), 2, 2, "channels, height, width"),
    ],
)
def test_a_maxout_convolution_that_does_not_fit_is_refused(shape, pool, stride, message):
    with pytest.raises(ValueError, match=message):
        layers.MaxoutConvolution(shape, 1, 2, 2, 0, pool, stride, width=0.1)
