"""The VAE of the anchors (lxuechen/BDMC, MIT): its decoder and encoder, as a model would be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import elu

from genbench.datasets._files import default_data_dir
from genbench.datasets.mnist import MNIST

FILE = "vae50_lxuechen.safetensors"


class VAE:
    """Codes of 50, layers of 200 and 200 with ELU, Bernoulli logits of 784 pixels."""

    observation = "bernoulli"

    def __init__(self, folder: Path) -> None:
        self.w = load_file(str(folder / FILE))

    def prior(self, n: int) -> Tensor:
        return torch.randn(n, 50)

    def code(self, t: Tensor) -> Tensor:
        return t

    def decode(self, z: Tensor) -> Tensor:
        return self._layers(z, "").sigmoid()

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self._layers(x, "enc.").chunk(2, dim=1)
        return mean, (log_variance / 2).exp()

    def _layers(self, x: Tensor, of: str) -> Tensor:
        for layer in (0, 1):
            x = elu(x @ self.w[f"{of}W{layer}"] + self.w[f"{of}b{layer}"])
        return x @ self.w[f"{of}W2"] + self.w[f"{of}b2"]


def given(n: int) -> tuple[VAE, Tensor]:
    """The model and the first n test images, from .5 on 1; skips where the files are not there."""
    folder = default_data_dir()
    if not (folder / "anchors" / FILE).exists():
        pytest.skip(f"GENBENCH_DATA: {folder} has no anchors/{FILE}")
    return VAE(folder / "anchors"), (MNIST(folder).split(0).test[:n] >= 0.5).float()
