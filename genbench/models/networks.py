"""The nets that a GAN's hyperparameters describe: G as a bottom and a top, and D."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, Protocol

from torch import nn

from genbench.models import layers

ACTIVATIONS: dict[str, type[nn.Module]]
ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "linear": nn.Identity}
Activation = Literal["relu", "sigmoid", "tanh", "linear"]


class Hyperparameters(Protocol):
    """Those that describe nets; what each means stands in the GAN that has them."""

    shape: tuple[int, ...]
    noise_size: int
    generator: list[int]
    activations: list[Activation]
    output: Literal["sigmoid", "linear"]
    generator_range: float
    output_range: float
    output_nonzeros: int
    sigmoid_bias: float
    transposed_convolution: Sequence[int]
    deepen_after: int
    deepening: Sequence[int]
    deepening_activations: Sequence[Activation]
    generator_noise: float
    generator_dropout: float
    discriminator: list[int]
    discriminator_activation: Literal["maxout", "relu", "sigmoid"]
    pieces: int
    discriminator_range: float
    dropout_input: float
    dropout_hidden: float
    convolutions: Sequence[Sequence[int]]
    convolution_pieces: int


def top(h: Hyperparameters) -> nn.Sequential:
    """z -> hidden layers -> x, rows of `shape`: the whole of G in stage 1."""
    net = _hidden(h, h.generator, h.activations)
    net.append(_output(h, [h.noise_size, *h.generator][-1]))
    return net.append(ACTIVATIONS[h.output]())


def bottom(h: Hyperparameters) -> nn.Sequential:
    """z -> hidden layers -> what the top takes for z in stage 2; raises ValueError if it cannot."""
    if h.deepen_after and list(h.deepening[-1:]) != [h.noise_size]:
        widths = list(h.deepening)
        raise ValueError(f"deepening must end with noise_size = {h.noise_size}, got {widths}")
    return _hidden(h, h.deepening, h.deepening_activations)


def _hidden(h: Hyperparameters, widths: Sequence[int], activations: Sequence[str]) -> nn.Sequential:
    if len(widths) != len(activations):
        got = f"{list(widths)} and {list(activations)}"
        raise ValueError(f"every hidden width of G needs one activation, got {got}")
    net, inputs = nn.Sequential(), h.noise_size
    for units, activation in zip(widths, activations, strict=True):
        bias = h.sigmoid_bias if activation == "sigmoid" else 0.0
        net.append(layers.uniform(inputs, units, h.generator_range, bias))
        net.append(ACTIVATIONS[activation]())
        if h.generator_noise:
            net.append(layers.Noise(h.generator_noise, units))
        if h.generator_dropout:
            net.append(layers.Dropout(h.generator_dropout, units))
        inputs = units
    return net


def _output(h: Hyperparameters, inputs: int) -> nn.Module:
    d, width = math.prod(h.shape), h.output_range
    if h.transposed_convolution:
        channels, kernel, stride = _numbers("transposed_convolution", h.transposed_convolution, 3)
        return layers.TransposedConvolution(inputs, h.shape, channels, kernel, stride, width)
    if h.output_nonzeros:
        return layers.sparse(inputs, d, h.output_nonzeros)
    return layers.uniform(inputs, d, width)


def _numbers(name: str, numbers: Sequence[int], wanted: int) -> Sequence[int]:
    if len(numbers) != wanted:
        raise ValueError(f"{name} is {wanted} numbers (see GAN), got {list(numbers)}")
    return numbers


def discriminator(h: Hyperparameters) -> nn.Sequential:
    """x, rows of `shape` -> maxout convolutions -> maxout layers -> a; before each is dropout.

    The layers are of units of another kind where `discriminator_activation` says so.
    """
    net, shape, dropout, width = nn.Sequential(), h.shape, h.dropout_input, h.discriminator_range
    for numbers in h.convolutions:
        channels, kernel, padding, pool, stride = _numbers("a convolution", numbers, 5)
        maps = channels, h.convolution_pieces
        layer = layers.MaxoutConvolution(shape, *maps, kernel, padding, pool, stride, width)
        net.append(layers.Dropout(dropout, math.prod(shape))).append(layer)
        shape, dropout = layer.outputs, h.dropout_hidden
    inputs = math.prod(shape)
    for units in h.discriminator:
        net.append(layers.Dropout(dropout, inputs))
        if h.discriminator_activation == "maxout":
            net.append(layers.uniform(inputs, units * h.pieces, width))
            net.append(layers.Maxout(h.pieces))
        else:
            net.append(layers.uniform(inputs, units, width))
            net.append(ACTIVATIONS[h.discriminator_activation]())
        inputs, dropout = units, h.dropout_hidden
    net.append(layers.Dropout(dropout, inputs))
    return net.append(layers.uniform(inputs, 1, width))
