"""Inference by auxiliary training: the paper's GAN, then an encoder E that predicts z from G(z).

The second extension that Goodfellow et al. 2014 name: "an auxiliary network to predict z given x",
trained once G is. Donahue, Krähenbühl & Darrell 2017 compare with it as the latent regressor. G
does not move while E learns. Of z uniform on ±√3, e = E(G(z)) are logits and t = (z/√3 + 1)/2 in
[0, 1]: L_E = E[-t log σ(e) - (1 - t) log(1 - σ(e))], which is at least ½ nat for each code.
Of normal z, e predicts z itself: L_E = ½ E[(e - z)²].
"""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam

from genbench.models.gan import CHUNK, GAN
from genbench.models.normalised import Net, alone, any_rows, full_batches
from genbench.models.state import TRAINING, flat, restore
from genbench.protocols import Epoch

BETA2 = 0.999  # Kingma & Ba 2015
OWN = ("E.", "train.E.")  # what begins the names of E's part of the state


def loss_E(e: Tensor, z: Tensor, noise: str) -> Tensor:
    """L_E of predictions e and codes z, (n, c) each: the mean over rows and codes."""
    if noise == "gaussian":
        return (e - z).square().mean() / 2
    return binary_cross_entropy_with_logits(e, (z / math.sqrt(3) + 1) / 2)


class Regression:
    """E, its Adam, how many epochs it has learnt, and E as it was before."""

    def __init__(self, net: Net, rate: float, beta1: float, l2: float) -> None:
        self.net = net
        self.first: Net = copy.deepcopy(net)
        self.epoch = 0
        betas = beta1, BETA2
        self.adam: Adam = Adam(net.parameters(), rate, betas, weight_decay=l2, fused=True)

    def state_dict(self) -> dict[str, Tensor]:
        return flat(self, "net", "first", "adam", "epoch")


@dataclass(eq=False, kw_only=True)
class LatentRegressor(GAN):
    """The paper's GAN for `epochs`; then E: x -> leaky ReLU layers -> logits of z, or z.

    encoder: the widths of its layers, which are normalised over the batch but for the first.
    leak: the slope of a leaky ReLU below 0. std: of the first weights; those of the last are 0.
    encoder_epochs: as many fresh draws of z each as there are training rows.
    encoder_rate, encoder_beta1: of Adam. encoder_l2: times the weights, is added to each gradient.
    deploy: batches of training rows over which the statistics of E are averaged after each epoch.
    """

    encoder: list[int]
    leak: float
    std: float
    encoder_epochs: int
    encoder_batch: int
    encoder_rate: float
    encoder_beta1: float
    encoder_l2: float
    deploy: int

    revision = 1
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoder_batch < 2:
            raise ValueError(f"encoder_batch must be at least 2, got {self.encoder_batch}")
        d, c = math.prod(self.shape), self.noise_size
        net = Net(d, self.encoder, c, self.std, self.leak, top_std=0.0)
        self.E = Regression(net, self.encoder_rate, self.encoder_beta1, self.encoder_l2)

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        total = self.epochs + self.encoder_epochs
        if self.epoch == 0:
            self._average(self.E.first, train)
        for epoch in super().fit(train, valid):
            yield Epoch(epoch.index, total, epoch.losses)
        for epoch in range(self.E.epoch + 1, self.encoder_epochs + 1):
            batches = full_batches(len(train), self.encoder_batch, train.device)
            with alone(self.E.net):
                losses = [self._regress() for _ in batches[: self.max_updates or None]]
            self._average(self.E.net, train)
            self.E.epoch = epoch
            yield Epoch(self.epochs + epoch, total, {"encoder": torch.stack(losses).mean().item()})

    def _regress(self) -> Tensor:
        """One step of E on fresh codes; L_E before it."""
        z = self.prior(self.encoder_batch)
        L = loss_E(self.E.net(self.decode(z)), z, self.noise)
        self.E.adam.zero_grad()
        L.backward()
        self.E.adam.step()
        return L.detach()

    @torch.no_grad()
    def _average(self, net: Net, train: Tensor) -> None:
        """The statistics of its layers, over rows of the data, which it is for."""
        with alone(net):
            for _ in range(self.deploy):
                net(any_rows(train, self.encoder_batch))

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """z as E predicts it, (n, noise_size)."""
        e = torch.cat([self.E.net(rows) for rows in x.split(CHUNK)])
        return e if self.noise == "gaussian" else math.sqrt(3) * (2 * e.sigmoid() - 1)

    @torch.no_grad()
    def represent(self, x: Tensor) -> Tensor:
        """The last hidden layer of E, (n, its width)."""
        return torch.cat([self.E.net.hidden(rows) for rows in x.split(CHUNK)])

    @torch.no_grad()
    def represent_initial(self, x: Tensor) -> Tensor:
        """The same of E as it was before training."""
        return torch.cat([self.E.first.hidden(rows) for rows in x.split(CHUNK)])

    def state_dict(self) -> dict[str, Tensor]:
        own = super().state_dict()
        for name, tensor in self.E.state_dict().items():
            begins = TRAINING if name.startswith(TRAINING) else ""
            own[f"{begins}E.{name.removeprefix(TRAINING)}"] = tensor
        return own

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        self.E.epoch = self.encoder_epochs  # finished, unless the state says not
        own = {k: tensor for k, tensor in state.items() if k.startswith(OWN)}
        restore(self.E, {k.replace("E.", "", 1): tensor for k, tensor in own.items()})
