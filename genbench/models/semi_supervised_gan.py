"""Semi-supervised learning by feature matching: Salimans et al. 2016, sections 3.1 and 5.

D is a classifier with a logit l_k of each class; that of "made by G" is fixed at 0, so that

    D(x) = Z(x) / (Z(x) + 1),  Z(x) = Σ_k exp l_k(x)
    L_labelled = E_{x,y}[-log p(y | x)] = E_{x,y}[log Z(x) - l_y(x)]
    L_unlabelled = ½ {E_x[-log D(x)] + E_z[-log(1 - D(G(z)))]}
                 = ½ {E_x[log(1 + Z(x)) - log Z(x)] + E_z[log(1 + Z(G(z)))]}
    L_D = L_labelled + weight L_unlabelled
    L_G = mean_j (E_x[f_j(x)] - E_z[f_j(G(z))])²,  f_j the last hidden units of D

As in the released code (openai/improved-gan, train_mnist_feature_matching.py): weights are
normalised, and first scaled by data; noise is added to what goes into D's layers; D moves, then G
on other data; rows are classified by an average of D's weights, without noise. All training rows
are data, and the validation rows that are given.

The control shows what the unlabelled rows are worth: the same D, from the same first weights, by
the same labelled batches, whose only loss is L_labelled.
"""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, linear, softplus

from genbench.models import state
from genbench.protocols import Epoch

CHUNK = 1000  # rows sampled at a time
STARTING = 500  # rows that scale the first weights
BETA1, BETA2 = 0.5, 0.999  # of Adam
EPSILON = 1e-4  # beside the root of Adam; the released code has its square, 1e-8, inside
RECORDED = ("labelled", "unlabelled", "generator", "control")


def loss_labelled(logits: Tensor, y: Tensor) -> Tensor:
    """E[log Z - l_y], of logits (n, classes) and classes y, int64 (n,)."""
    l_y = logits.gather(1, y[:, None])[:, 0]
    return (logits.logsumexp(dim=1) - l_y).mean()


def loss_unlabelled(real: Tensor, fake: Tensor) -> Tensor:
    """½ {E[log(1 + Z) - log Z] + E[log(1 + Z')]}, Z of logits of data, Z' of those of fakes."""
    log_Z, log_Z_fake = real.logsumexp(dim=1), fake.logsumexp(dim=1)
    return ((softplus(log_Z) - log_Z).mean() + softplus(log_Z_fake).mean()) / 2


def loss_G(real: Tensor, fake: Tensor) -> Tensor:
    """mean_j (E[f_j] - E[f'_j])², f (n, units) of data and f' of fakes."""
    return (real.mean(dim=0) - fake.mean(dim=0)).square().mean()


class WeightNorm(nn.Module):
    """x -> s V x / |V| + b, |V| of each unit's weights (Salimans & Kingma 2016)."""

    def __init__(self, inputs: int, outputs: int, learns_scale: bool) -> None:
        super().__init__()
        self.V = nn.Parameter(0.1 * torch.randn(outputs, inputs))
        self.s: nn.Parameter = nn.Parameter(torch.ones(outputs), requires_grad=learns_scale)
        self.b: nn.Parameter = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.V) * (self.s / self.V.square().sum(dim=1).sqrt()) + self.b

    @torch.no_grad()
    def start(self, x: Tensor) -> Tensor:
        """s and b become such that each unit has mean 0 and variance 1 over rows x; its outputs."""
        a = self(x)
        mean, std = a.mean(dim=0), a.std(dim=0, correction=0)
        self.s.div_(std)
        self.b.sub_(mean).div_(std)
        return (a - mean) / std


class Discriminator(nn.Module):
    """x -> ReLU layers -> logits of the classes; in training noise is added to what goes into each.

    sigmas: deviations of the noise in x, and in hidden units.
    """

    def __init__(self, d: int, units: list[int], classes: int, sigmas: tuple[float, float]) -> None:
        super().__init__()
        below = [d, *units]
        self.sigmas = sigmas
        self.hidden: nn.ModuleList = nn.ModuleList(
            WeightNorm(inputs, outputs, learns_scale=False)
            for inputs, outputs in zip(below[:-1], units, strict=True)
        )
        self.output: WeightNorm = WeightNorm(below[-1], classes, learns_scale=True)

    def features(self, x: Tensor) -> Tensor:
        """f(x), (n, units)."""
        for i, layer in enumerate(self.hidden):
            x = layer(self._noisy(x, self.sigmas[i > 0])).relu()
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes)."""
        return self.output(self._noisy(self.features(x), self.sigmas[1]))

    def start(self, x: Tensor) -> None:
        """Scales all weights by rows x, layer by layer."""
        layers: Any = self.hidden
        for i, layer in enumerate(layers):
            x = layer.start(self._noisy(x, self.sigmas[i > 0])).relu()
        self.output.start(self._noisy(x, self.sigmas[1]))

    def _noisy(self, h: Tensor, sigma: float) -> Tensor:
        return h + sigma * torch.randn_like(h) if self.training else h


class Normalised(nn.Module):
    """z -> softplus of (W z less its mean) / its deviation, and b; of the batch in training.

    Else mean and variance are averages over batches, the newest of which counts a tenth.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.W = nn.Parameter(nn.init.xavier_uniform_(torch.empty(outputs, inputs)))
        self.b: nn.Parameter = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("variance", torch.ones(outputs))

    def forward(self, z: Tensor) -> Tensor:
        kept = self.mean, self.variance, None, self.b
        return softplus(batch_norm(linear(z, self.W), *kept, self.training, 0.1, 1e-6))


@dataclass(eq=False)
class SemiSupervisedGAN:
    """G: z, uniform on [0, 1]^noise_size -> softplus layers -> x, sigmoid. D: see above.

    generator, discriminator: units of the hidden layers. *_sigma: deviations of the noise in D.
    unlabelled: weight of L_unlabelled. average: share c of the newest weights in the average that
        classifies, a <- a + c (θ - a), corrected for its start at 0.
    max_updates: most in an epoch; 0: no limit.
    """

    shape: tuple[int, ...]
    epochs: int
    batch: int
    noise_size: int
    generator: list[int]
    discriminator: list[int]
    input_sigma: float
    hidden_sigma: float
    unlabelled: float
    rate: float
    average: float
    max_updates: int = 0

    revision = 1
    samples = "mean"
    labelled = True

    def __post_init__(self) -> None:
        if not 0 < self.average <= 1:
            raise ValueError(f"average must be above 0 and at most 1, got {self.average}")
        self.epoch: int = 0
        self.updates: int = 0
        d, below = math.prod(self.shape), [self.noise_size, *self.generator]
        hidden, output = map(Normalised, below, self.generator), WeightNorm(below[-1], d, True)
        nn.init.xavier_uniform_(output.V)
        self.G = nn.Sequential(*hidden, output, nn.Sigmoid())
        self.descends_G: torch.optim.Adam = self._adam(self.G)
        self._build(1)  # until labels, or a state, show how many classes there are

    def _build(self, classes: int) -> None:
        sigmas = self.input_sigma, self.hidden_sigma
        self.D = Discriminator(math.prod(self.shape), self.discriminator, classes, sigmas)
        self._copy_D()

    def _copy_D(self) -> None:
        """The control, and both averages, become as D is."""
        self.control: Discriminator = deepcopy(self.D)
        self.D_average: Discriminator = deepcopy(self.D)
        self.control_average: Discriminator = deepcopy(self.D)
        self.descends_D: torch.optim.Adam = self._adam(self.D)
        self.descends_control: torch.optim.Adam = self._adam(self.control)

    def _adam(self, net: nn.Module) -> torch.optim.Adam:
        learnt = [p for p in net.parameters() if p.requires_grad]
        return torch.optim.Adam(learnt, self.rate, (BETA1, BETA2), EPSILON)

    def fit(self, train: Tensor, valid: Tensor, labels: Tensor) -> Iterator[Epoch]:
        data, x, y = torch.cat([train, valid]), train[labels >= 0], labels[labels >= 0]
        if self.epoch == 0:
            self._build(int(y.max()) + 1)
            self.D.start(data[torch.randperm(len(data), device=data.device)[:STARTING]])
            self._copy_D()
        for epoch in range(self.epoch + 1, self.epochs + 1):
            for net in (self.G, self.D, self.control):
                net.train()
            for_D, for_G = self._batches(len(data), data), self._batches(len(data), data)
            labelled = self._batches(len(x), data)
            rows = zip(labelled, for_D, for_G, strict=False)
            losses = [self._update(x[i], y[i], data[j], data[k]) for i, j, k in rows]
            self.epoch = epoch
            means = torch.stack(losses).mean(dim=0).tolist()
            yield Epoch(epoch, self.epochs, dict(zip(RECORDED, means, strict=True)))

    def _batches(self, n: int, data: Tensor) -> list[Tensor]:
        """Batches of n rows in random orders, one after the other until there are as many as of
        the data; of these a last one that is not full is left out.
        """
        orders = [torch.randperm(n, device=data.device) for _ in range(-(-len(data) // n))]
        batches = max(1, len(data) // self.batch)
        return [*torch.cat(orders)[: len(data)].split(self.batch)[: self.max_updates or batches]]

    def _update(self, x: Tensor, y: Tensor, for_D: Tensor, for_G: Tensor) -> Tensor:
        """D moves, and the control; then G does, against the D that moved. The losses, (4,)."""
        with torch.no_grad():
            fakes = self.G(self._noise(len(for_D)))
        logits = self.D(torch.cat([x, for_D, fakes]))
        l_x, l_real, l_fake = logits.split([len(x), len(for_D), len(fakes)])
        L_labelled, L_unlabelled = loss_labelled(l_x, y), loss_unlabelled(l_real, l_fake)
        _move(self.descends_D, L_labelled + self.unlabelled * L_unlabelled)
        L_control = loss_labelled(self.control(x), y)
        _move(self.descends_control, L_control)
        with torch.no_grad():
            f_real = self.D.features(for_G)
        L_G = loss_G(f_real, self.D.features(self.G(self._noise(len(for_G)))))
        _move(self.descends_G, L_G)
        self._average()
        return torch.stack([L_labelled, L_unlabelled, L_G, L_control]).detach()

    @torch.no_grad()
    def _average(self) -> None:
        """a_t / w_t with a_t = (1 - c) a_(t-1) + c θ_t from a_0 = 0, w_t = 1 - (1 - c)^t.

        In one step a/w <- a/w + (c / w_t) (θ_t - a/w), so that the first average is θ_1.
        """
        self.updates += 1
        share = self.average / (1 - (1 - self.average) ** self.updates)
        for net, averaged in ((self.D, self.D_average), (self.control, self.control_average)):
            for a, p in zip(averaged.parameters(), net.parameters(), strict=True):
                a.lerp_(p, share)

    def _noise(self, n: int) -> Tensor:
        return next(self.G.parameters()).new_empty(n, self.noise_size).uniform_()

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """Logits (n, classes) of rows x by the average of D's weights, without noise."""
        return self.D_average.eval()(x)

    @torch.no_grad()
    def classify_control(self, x: Tensor) -> Tensor:
        """The same by the control, which has learnt from the labelled rows alone."""
        return self.control_average.eval()(x)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """G(z) of n draws of z, (n, d)."""
        self.G.eval()
        return torch.cat([self.G(z) for z in self._noise(n).split(CHUNK)])

    def state_dict(self) -> dict[str, Tensor]:
        kept = ("G", "D_average", "control_average")
        training = ("train.D", "train.control", "descends_G", "descends_D", "descends_control")
        return state.flat(self, *kept, *training, "updates", "epoch")

    def load_state_dict(self, saved: Mapping[str, Tensor]) -> None:
        self._build(len(saved["D_average.output.b"]))
        self.epoch = self.epochs  # finished, unless the state says how far it is
        state.restore(self, saved)


def _move(descends: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the optimiser's own weights down the loss."""
    descends.zero_grad()
    loss.backward(inputs=descends.param_groups[0]["params"])
    descends.step()
