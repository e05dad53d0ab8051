"""The layers and initialisations of the GAN paper's networks; weights are `(outputs, inputs)`."""

import torch
from torch import Tensor, nn


class Maxout(nn.Module):
    """h_i = max_j a_ij, the largest of `pieces` neighbours: (n, units * pieces) -> (n, units)."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, a: Tensor) -> Tensor:
        return a.unflatten(1, (-1, self.pieces)).max(dim=2).values


def uniform(inputs: int, outputs: int, width: float, bias: float = 0.0) -> nn.Linear:
    """An affine layer with weights from U(-width, width) and every bias equal to `bias`."""
    layer = nn.Linear(inputs, outputs)
    nn.init.uniform_(layer.weight, -width, width)
    nn.init.constant_(layer.bias, bias)
    return layer


def sparse(inputs: int, outputs: int, nonzeros: int) -> nn.Linear:
    """An affine layer whose every output has `nonzeros` weights from N(0, 1); the rest are 0."""
    layer = uniform(inputs, outputs, 0.0)
    places = torch.rand(outputs, inputs).topk(nonzeros, dim=1).indices
    layer.weight.data.scatter_(1, places, torch.randn(outputs, nonzeros))
    return layer


def logit_of_marginals(x: Tensor) -> Tensor:
    """log m / (1 - m), m the mean of each column of `x`, clipped to [1e-7, 1 - 1e-7]: (d,)."""
    return x.mean(dim=0, dtype=torch.float64).clamp(1e-7, 1 - 1e-7).logit().to(x.dtype)


def limit_norms(weight: Tensor, longest: float) -> None:
    """In place: the incoming weights w of an output, of norm n, become w min(n, longest) / n."""
    norm = weight.norm(dim=1, keepdim=True)
    weight.mul_(norm.clamp(max=longest) / norm.clamp(min=1e-7))
