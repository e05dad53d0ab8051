"""Generative adversarial nets: Goodfellow et al. 2014, Algorithm 1.

Where paper and released code (goodfeli/adversarial) differ, the recipes follow the code: G
maximises log D(G(z)), D's loss is half the sum of its two cross entropies, and one step updates
both nets from the same fakes and dropout masks.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genbench.models import layers, networks
from genbench.models.backward import ByAutograd, ByHand, draw_masks, joined, with_way_back
from genbench.protocols import Epoch

CHUNK = 1000  # rows sampled at a time
RECORDED = ("discriminator", "generator", "D(x)", "D(G(z))")  # of an epoch: L_D, L_G, two means


def loss_D(a_real: Tensor, a_fake: Tensor) -> Tensor:
    """L_D = ½ {E[-log D(x)] + E[-log(1 - D(G(z)))]}, where D = σ(a); log 2 if D = ½."""
    return (softplus(-a_real).mean() + softplus(a_fake).mean()) / 2


def loss_G(a_fake: Tensor, kind: str) -> Tensor:
    """L_G = E[-log D(G(z))] if "non-saturating", E[log(1 - D(G(z)))] if "minimax"."""
    return softplus(-a_fake).mean() if kind == "non-saturating" else -softplus(a_fake).mean()


def means_D(a_real: Tensor, a_fake: Tensor) -> tuple[Tensor, Tensor]:
    """E[D(x)] and E[D(G(z))], where D = σ(a); both ½ where D can tell nothing."""
    return a_real.sigmoid().mean(), a_fake.sigmoid().mean()


def slope_D(a_real: Tensor, a_fake: Tensor) -> Tensor:
    """∂L_D/∂a = -σ(-a) / 2n of n real rows, then σ(a) / 2n of n fakes."""
    return torch.cat([-(-a_real).sigmoid(), a_fake.sigmoid()]) / (2 * len(a_real))


def slope_G(a_fake: Tensor, kind: str) -> Tensor:
    """∂L_G/∂a = -σ(-a) / n if "non-saturating", -σ(a) / n if "minimax"."""
    slope = (-a_fake).sigmoid() if kind == "non-saturating" else a_fake.sigmoid()
    return -slope / len(a_fake)


@dataclass(eq=False)
class GAN:
    """G: noise -> ReLU, sigmoid or tanh layers -> x. D: x -> maxout layers with dropout -> logit a.

    noise: "uniform" on ±√3 or "gaussian", both of unit variance.
    activations: one for each width in `generator`; output: that of G's last layer. Biases start at
        `sigmoid_bias` in hidden sigmoid layers, at the logits of the training data's means in a
        sigmoid output, else at 0.
    *_range: r of the first weights, U(-r, r); output_nonzeros: unless 0, the weights of G's last
        layer are instead 0 but for that many from N(0, 1) in each unit.
    update: "simultaneous", or "alternating": k steps of D, then one of G on fresh noise.
    max_norm: longest vector of weights into a unit, convolutions aside; max_updates: most in an
        epoch; 0: no limit.
    deepen_after: epochs of stage 1; 0: there is no other. In stage 2 layers as wide as `deepening`
        says stand between the noise and G; D, all velocities and schedules start anew.
    transposed_convolution: unless empty, G's last layer: [channels below it, kernel, stride].
    convolutions: D's first maxout layers, each [channels, kernel, padding, pool, stride].
    rate_ratio: G's rate as a multiple of D's.
    instance_noise: deviation of Gaussian noise on all rows that D sees in training, in the first
        epoch; it falls linearly, to 0 after the last (Sønderby et al. 2016).
    generator_noise, generator_dropout: deviation of Gaussian noise on G's hidden units, and the
        share of them that is dropped; both are part of G, which draws them whenever it samples.
    discriminator_activation: of D's fully connected layers, each as wide as `discriminator` says.
    precision: what the factors of products are rounded to in training, of nets without
        convolutions; sums, weights and velocities are float32 all the same, and so are samples.
    """

    shape: tuple[int, ...]
    epochs: int
    batch: int
    noise: Literal["uniform", "gaussian"]
    noise_size: int
    generator: list[int]
    activations: list[networks.Activation]
    output: Literal["sigmoid", "linear"]
    generator_range: float
    output_range: float
    discriminator: list[int]
    pieces: int
    discriminator_range: float
    dropout_input: float
    dropout_hidden: float
    rate: float
    rate_decay: float
    rate_floor: float
    momentum: float
    final_momentum: float
    momentum_epochs: int
    generator_loss: Literal["non-saturating", "minimax"] = "non-saturating"
    update: Literal["simultaneous", "alternating"] = "simultaneous"
    k: int = 1
    output_nonzeros: int = 0
    sigmoid_bias: float = 0.0
    max_norm: float = 0.0
    max_updates: int = 0
    deepen_after: int = 0
    deepening: Sequence[int] = ()
    deepening_activations: Sequence[networks.Activation] = ()
    transposed_convolution: Sequence[int] = ()
    convolutions: Sequence[Sequence[int]] = ()
    convolution_pieces: int = 2
    rate_ratio: float = 1.0
    instance_noise: float = 0.0
    generator_noise: float = 0.0
    generator_dropout: float = 0.0
    discriminator_activation: Literal["maxout", "relu", "sigmoid"] = "maxout"
    precision: Literal["float32", "bfloat16"] = "float32"

    revision = 1
    samples = "mean"
    later: ClassVar[tuple[str, ...]] = ("rate_ratio", "instance_noise", "generator_noise")
    later += ("generator_dropout", "discriminator_activation", "precision")

    def __post_init__(self) -> None:
        if self.update == "simultaneous" and self.k != 1:
            raise ValueError(
                "k must be 1 where one step updates both nets (gan.update=simultaneous, the "
                f"default), got {self.k}; with gan.update=alternating, Algorithm 1, it is free"
            )
        self.top: nn.Sequential = networks.top(self)
        self.bottom: nn.Sequential = networks.bottom(self)
        self.D, self.G = networks.discriminator(self), self.top
        θ = [p for net in (self.top, self.bottom, self.D) for p in net.parameters()]
        self.velocity: dict[nn.Parameter, Tensor] = {p: torch.zeros_like(p) for p in θ}
        self.knows_D: bool = True
        self.epoch: Tensor = torch.zeros((), dtype=torch.int64)
        self.stage: Tensor = torch.ones((), dtype=torch.int64)
        self._ways()  # raises where the nets cannot train as `precision` says

    @staticmethod
    def unmet(
        takes: Collection[str], hyperparameters: Mapping[str, Any], rows: Mapping[str, int]
    ) -> str:
        """Why it cannot be judged by a metric that takes these; empty where it can."""
        inside = ("generator_noise", "generator_dropout")
        draws = "model" in takes and any(hyperparameters.get(name) for name in inside)
        return "G draws inside its layers too, so that one z has many x" if draws else ""

    def rate_at(self, t: int) -> float:
        """max(rate / rate_decay^t, rate_floor), t updates having been made."""
        return max(self.rate / self.rate_decay**t, self.rate_floor)

    def momentum_at(self, epoch: int) -> float:
        """From `momentum` in epoch 1 linearly to `final_momentum` in epoch `momentum_epochs`."""
        share = min((epoch - 1) / max(self.momentum_epochs - 1, 1), 1)
        return self.momentum + share * (self.final_momentum - self.momentum)

    def epoch_of_stage(self, epoch: int) -> int:
        """The epoch counted from 1 in its own stage; stage 2 follows epoch `deepen_after`."""
        return epoch - self.deepen_after if 0 < self.deepen_after < epoch else epoch

    def fit(self, train: Tensor, valid: Tensor) -> Iterator[Epoch]:
        if self.epoch == 0 and self.output == "sigmoid":
            *_, bias = self.G.parameters()
            bias.data.copy_(layers.logit_of_marginals(train))
        for epoch in range(int(self.epoch) + 1, self.epochs + 1):
            e = self.epoch_of_stage(epoch)
            if e == 1 and epoch > 1:
                self._deepen()
            batches = torch.randperm(len(train), device=train.device).split(self.batch)
            batches = batches[: self.max_updates or None]
            momentum, losses = self.momentum_at(e), []
            for t, rows in enumerate(batches, start=(e - 1) * len(batches)):
                step = self._together if self.update == "simultaneous" else self._in_turn
                losses.append(torch.stack(step(train[rows], t, momentum)))
            self.epoch.fill_(epoch)
            means = torch.stack(losses).mean(dim=0).tolist()
            yield Epoch(epoch, self.epochs, dict(zip(RECORDED, means, strict=True)))

    def _deepen(self) -> None:
        """Stage 2 begins: G gets its bottom, D is new, every velocity is 0."""
        self._enter(2)
        self.D.load_state_dict(networks.discriminator(self).state_dict())
        for v in self.velocity.values():
            v.zero_()

    def _enter(self, stage: int) -> None:
        """G = top in stage 1, top ∘ bottom in stage 2."""
        self.stage.fill_(stage)
        self.G = nn.Sequential(*self.bottom, *self.top) if stage == 2 else self.top

    def _together(self, x: Tensor, t: int, momentum: float) -> tuple[Tensor, ...]:
        """Both gradients at the same weights, from one pass of D over the fakes; then both move."""
        (G, D), n, rate = self._ways(), len(x), self.rate_at(t)
        m_real, z = draw_masks(self.D, n), self._noise(n)
        m_G, m_fake = draw_masks(self.G, n), draw_masks(self.D, n)
        rows = self._blurred(torch.cat([x, G.forward(z, m_G)]))
        a_real, a_fake = D.forward(rows, joined(m_real, m_fake)).split(n)
        # ∂L_G/∂G(z) = ∂L_G/∂a ∂a/∂G(z)
        to_fakes = D.into(slope_G(a_fake, self.generator_loss))
        # ∂L_D/∂θ_D = ∂L_D/∂a ∂a/∂θ_D
        D.move(slope_D(a_real, a_fake), rate, momentum)
        # ∂L_G/∂θ_G = ∂L_G/∂G(z) ∂G(z)/∂θ_G
        G.move(to_fakes, self.rate_ratio * rate, momentum)
        losses = loss_D(a_real, a_fake), loss_G(a_fake, self.generator_loss)
        return *losses, *means_D(a_real, a_fake)

    def _in_turn(self, x: Tensor, t: int, momentum: float) -> tuple[Tensor, ...]:
        """Algorithm 1: D moves; after every k-th time G does, against the D that moved."""
        (G, D), n, rate = self._ways(), len(x), self.rate_at(t)
        z, m, moves_G = self._noise(n), draw_masks(self.D, 2 * n), (t + 1) % self.k == 0
        # G does not move before its turn: the fakes that D sees and its own are one product
        z = torch.cat([z, self._noise(n)]) if moves_G else z
        fakes = G.forward(z, draw_masks(self.G, len(z)))
        a_real, a_fake = D.forward(self._blurred(torch.cat([x, fakes[:n]])), m).split(n)
        L_D, L_G = loss_D(a_real, a_fake), loss_G(a_fake, self.generator_loss)
        means = means_D(a_real, a_fake)
        # ∂L_D/∂θ_D = ∂L_D/∂a ∂a/∂θ_D
        D.move(slope_D(a_real, a_fake), rate, momentum)
        if moves_G:
            a_fake = D.forward(self._blurred(fakes[n:]), draw_masks(self.D, n))
            L_G = loss_G(a_fake, self.generator_loss)
            # ∂L_G/∂θ_G = ∂L_G/∂a ∂a/∂G(z) ∂G(z)/∂θ_G
            to_fakes = D.into(slope_G(a_fake, self.generator_loss))
            G.move(to_fakes, self.rate_ratio * rate, momentum)
        return L_D, L_G, *means

    def _ways(self) -> list[ByHand | ByAutograd]:
        """G and D, each with its way back."""
        nets = (self.G, self.D)
        return [with_way_back(n, self.velocity, self.max_norm, self.precision) for n in nets]

    def _noise(self, n: int) -> Tensor:
        z = next(self.G.parameters()).new_empty(n, self.noise_size)
        return z.normal_() if self.noise == "gaussian" else z.uniform_(-math.sqrt(3), math.sqrt(3))

    def _blurred(self, x: Tensor) -> Tensor:
        """x + ε, ε from N(0, s²), s from `instance_noise` linearly to 0."""
        s = self.instance_noise * (1 - int(self.epoch) / self.epochs)
        return x + s * torch.randn_like(x) if s else x

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        x = next(self.G.parameters()).new_empty(n, math.prod(self.shape))
        for rows in x.split(CHUNK):
            rows.copy_(self.G(self._noise(len(rows))))
        return x

    def prior(self, n: int) -> Tensor:
        """n draws of z, (n, noise_size)."""
        return self._noise(n)

    def code(self, t: Tensor) -> Tensor:
        """t itself, or √3 (2 Φ(t) - 1) where z is uniform on ±√3, Φ the normal's distribution."""
        return t if self.noise == "gaussian" else math.sqrt(3) * torch.erf(t / math.sqrt(2))

    def decode(self, z: Tensor) -> Tensor:
        """G(z), (n, d), with slopes where z requires them."""
        with torch.set_grad_enabled(z.requires_grad and torch.is_grad_enabled()):
            return self.G(z)

    @torch.no_grad()
    def discriminate(self, x: Tensor) -> Tensor:
        """D's logit a of rows x, (n,), without dropout: log D(x) / (1 - D(x)).

        Raises RuntimeError where D was not kept with the weights.
        """
        if not self.knows_D:
            raise RuntimeError(
                "these weights were kept without the critic D, as they once were: they can sample "
                "but not discriminate; train the model again"
            )
        whole = [layer for layer in self.D if not isinstance(layer, layers.Dropout)]
        return nn.Sequential(*whole)(x)[:, 0]

    @torch.no_grad()
    def interpolate(self, n: int, steps: int) -> Tensor:
        """G on n straight lines between two draws of z (Figure 3): (n steps, d), line by line."""
        start, end = self._noise(2 * n).view(2, n, 1, self.noise_size)
        share = torch.linspace(0, 1, steps, device=start.device).view(1, steps, 1)
        return self.G(torch.lerp(start, end, share).flatten(0, 1))

    def state_dict(self) -> dict[str, Tensor]:
        nets = {"G.top": self.top, "G.bottom": self.bottom}
        nets |= {"D": self.D} if self.knows_D else {}
        state = {f"{n}.{k}": p for n, net in nets.items() for k, p in net.state_dict().items()}
        state |= {f"train.velocity.{i}": v for i, v in enumerate(self.velocity.values())}
        return {**state, "stage": self.stage, "train.epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Takes older states too: D was `train.D`, which finished weights were without."""
        state = {k.replace("train.D.", "D.", 1): tensor for k, tensor in state.items()}
        self.knows_D = any(name.startswith("D.") for name in state)
        self.epoch.fill_(self.epochs)  # finished, unless the state says how far it is
        for name, tensor in self.state_dict().items():
            if name in state or not name.startswith("train."):
                tensor.copy_(state[name])
        self._enter(int(self.stage))
