"""Conditional adversarial nets: Mirza & Osindero 2014, by the settings of their section 4.1.

Both nets are told the class y, as a vector of zeros with a one at its place:

    min_G max_D V(D, G) = E_x[log D(x | y)] + E_z[log(1 - D(G(z | y) | y))]

The paper leaves open how V is descended. As in the released code of the GAN (goodfeli/adversarial),
G maximises log D(G(z | y) | y), D's loss is half the sum of its two cross entropies, and one step
updates both from the same fakes, which have the classes of the data beside them, and the same
dropout. Rows whose label is hidden are left out. z is uniform on ±√3 as there, not on the paper's
[0, 1]: with the latter G came to ignore z, by the same first weights.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, one_hot, softplus
from torch.optim import SGD

from genbench.models import layers, state
from genbench.protocols import Epoch

CHUNK = 1000  # rows sampled at a time
NOISE = -math.sqrt(3), math.sqrt(3)  # of unit variance


def loss_D(a_real: Tensor, a_fake: Tensor) -> Tensor:
    """L_D = ½ {E[-log D(x | y)] + E[-log(1 - D(G(z | y) | y))]}, where D = σ(a)."""
    return (softplus(-a_real).mean() + softplus(a_fake).mean()) / 2


def loss_G(a_fake: Tensor) -> Tensor:
    """L_G = E[-log D(G(z | y) | y)], where D = σ(a)."""
    return softplus(-a_fake).mean()


class Generator(nn.Module):
    """z -> ReLU layer and y -> ReLU layer, side by side -> joint ReLU layer -> x, sigmoid.

    units: of the three layers. dropout: of what goes into the joint layer and into the last one.
    width: r of the first weights, U(-r, r); width_y: of those of y.
    """

    def __init__(
        self,
        noise_size: int,
        classes: int,
        units: list[int],
        d: int,
        dropout: float,
        width: float,
        width_y: float,
    ) -> None:
        super().__init__()
        of_z, of_y, joint = units
        self.of_z: nn.Linear = layers.uniform(noise_size, of_z, width)
        self.of_y: nn.Linear = layers.uniform(classes, of_y, width_y)
        self.joint: nn.Linear = layers.uniform(of_z + of_y, joint, width)
        self.output: nn.Linear = layers.uniform(joint, d, width)
        self.dropout = dropout

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """G(z | y), (n, d), of z (n, noise_size) and y (n, classes)."""
        h = torch.cat([self.of_z(z), self.of_y(y)], dim=1).relu()
        h = self.joint(dropout(h, self.dropout, self.training)).relu()
        return self.output(dropout(h, self.dropout, self.training)).sigmoid()


class Discriminator(nn.Module):
    """x -> maxout layer and y -> maxout layer, side by side -> joint maxout layer -> logit a.

    units, pieces: of the three layers. dropout, width, width_y: as in G.
    """

    def __init__(
        self,
        d: int,
        classes: int,
        units: list[int],
        pieces: list[int],
        dropout: float,
        width: float,
        width_y: float,
    ) -> None:
        super().__init__()
        of_x, of_y, joint = units
        self.of_x: nn.Sequential = _maxout(d, of_x, pieces[0], width)
        self.of_y: nn.Sequential = _maxout(classes, of_y, pieces[1], width_y)
        self.joint: nn.Sequential = _maxout(of_x + of_y, joint, pieces[2], width)
        self.output: nn.Linear = layers.uniform(joint, 1, width)
        self.dropout = dropout

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """a, (n, 1), of x (n, d) and y (n, classes)."""
        h = torch.cat([self.of_x(x), self.of_y(y)], dim=1)
        h = self.joint(dropout(h, self.dropout, self.training))
        return self.output(dropout(h, self.dropout, self.training))


def _maxout(inputs: int, units: int, pieces: int, width: float) -> nn.Sequential:
    return nn.Sequential(layers.uniform(inputs, units * pieces, width), layers.Maxout(pieces))


@dataclass(eq=False)
class ConditionalGAN:
    """G(z | y), z uniform on ±√3, and D(x | y); there are as many classes as labels show.

    generator, discriminator: units of the layers of z or x, of y, and of both; pieces: of D's.
    *_range: r of the first weights, U(-r, r); label_range: of the layers that y enters, in both
        nets, where a row uses one weight of each unit: that of its class. Biases start at 0, G's
        last at the logits of the training data's means.
    *_dropout: of hidden units.
    rate: after t updates max(rate / rate_decay^t, rate_floor); momentum: linearly from epoch 1 to
        `final_momentum` in epoch `momentum_epochs`.
    max_updates: most in an epoch; 0: no limit.
    """

    shape: tuple[int, ...]
    epochs: int
    batch: int
    noise_size: int
    generator: list[int]
    discriminator: list[int]
    pieces: list[int]
    generator_range: float
    discriminator_range: float
    label_range: float
    generator_dropout: float
    discriminator_dropout: float
    rate: float
    rate_decay: float
    rate_floor: float
    momentum: float
    final_momentum: float
    momentum_epochs: int
    max_updates: int = 0

    revision = 1
    samples = "mean"
    labelled = True
    conditional = True

    def __post_init__(self) -> None:
        self.epoch: int = 0
        self._build(1)  # until labels, or a state, show how many classes there are

    def _build(self, classes: int) -> None:
        self.classes: int = classes
        d = math.prod(self.shape)
        rest = self.generator_dropout, self.generator_range, self.label_range
        self.G = Generator(self.noise_size, classes, self.generator, d, *rest)
        rest = self.discriminator_dropout, self.discriminator_range, self.label_range
        self.D = Discriminator(d, classes, self.discriminator, self.pieces, *rest)
        # v <- momentum v + ∂L/∂θ;  θ <- θ - rate v
        self.descends_G: SGD = SGD(self.G.parameters(), self.rate, self.momentum)
        self.descends_D: SGD = SGD(self.D.parameters(), self.rate, self.momentum)

    def rate_at(self, t: int) -> float:
        """max(rate / rate_decay^t, rate_floor), t updates having been made."""
        return max(self.rate / self.rate_decay**t, self.rate_floor)

    def momentum_at(self, epoch: int) -> float:
        """From `momentum` in epoch 1 linearly to `final_momentum` in epoch `momentum_epochs`."""
        share = min((epoch - 1) / max(self.momentum_epochs - 1, 1), 1)
        return self.momentum + share * (self.final_momentum - self.momentum)

    def fit(self, train: Tensor, valid: Tensor, labels: Tensor) -> Iterator[Epoch]:
        x, y = train[labels >= 0], labels[labels >= 0]
        if self.epoch == 0:
            self._build(int(y.max()) + 1)
            self.G.output.bias.data.copy_(layers.logit_of_marginals(x))
        for epoch in range(self.epoch + 1, self.epochs + 1):
            self.G.train()
            batches = torch.randperm(len(x), device=x.device).split(self.batch)
            batches = batches[: self.max_updates or None]
            momentum, losses = self.momentum_at(epoch), []
            for t, rows in enumerate(batches, start=(epoch - 1) * len(batches)):
                for descends in (self.descends_G, self.descends_D):
                    descends.param_groups[0].update(lr=self.rate_at(t), momentum=momentum)
                losses.append(torch.stack(self._update(x[rows], self._one_hot(y[rows]))))
            self.epoch = epoch
            L_D, L_G = torch.stack(losses).mean(dim=0).tolist()
            yield Epoch(epoch, self.epochs, {"discriminator": L_D, "generator": L_G})

    def _update(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Both slopes at the same weights, from one pass of D; then both nets move."""
        fakes = self.G(self._noise(len(x)), y)
        a_real, a_fake = self.D(torch.cat([x, fakes]), torch.cat([y, y])).chunk(2)
        L_D, L_G = loss_D(a_real, a_fake), loss_G(a_fake)
        self.descends_D.zero_grad()
        self.descends_G.zero_grad()
        L_D.backward(inputs=[*self.D.parameters()], retain_graph=True)
        L_G.backward(inputs=[*self.G.parameters()])
        self.descends_D.step()
        self.descends_G.step()
        return L_D.detach(), L_G.detach()

    def _one_hot(self, labels: Tensor) -> Tensor:
        return one_hot(labels, self.classes).to(self.G.output.weight.dtype)

    def _noise(self, n: int) -> Tensor:
        return self.G.output.weight.new_empty(n, self.noise_size).uniform_(*NOISE)

    @torch.no_grad()
    def sample(self, n: int, labels: Tensor) -> Tensor:
        """G(z | y) of n draws of z, (n, d), without dropout; labels int64 (n,)."""
        self.G.eval()
        parts = [self.G(self._noise(len(y)), self._one_hot(y)) for y in labels.split(CHUNK)]
        return torch.cat(parts)

    def state_dict(self) -> dict[str, Tensor]:
        names = ("train.D", "descends_G", "descends_D", "epoch")
        return state.flat(self, "G", *names)

    def load_state_dict(self, saved: Mapping[str, Tensor]) -> None:
        self._build(saved["G.of_y.weight"].shape[1])
        self.epoch = self.epochs  # finished, unless the state says how far it is
        state.restore(self, saved)
