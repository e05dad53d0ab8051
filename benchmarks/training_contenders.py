"""The same training steps as users of other tools write them, and the floors under them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from genbench.precision import float32_products

RATE, MOMENTUM = 0.1, 0.5
REACH = math.sqrt(3)  # of the uniform noise


class Floor:
    """In each round, products (n, k) by (k, m), each of matrices of its own, as weights and codes
    are, and so many random numbers of each kind; `flops` are those of a call."""

    def __init__(
        self,
        rounds: int,
        products: Sequence[tuple[int, int, int]],
        uniform: int = 0,
        normal: int = 0,
    ) -> None:
        self.rounds, self.flops = rounds, rounds * sum(2 * n * k * m for n, k, m in products)
        self.made = [
            (torch.rand(n, k), torch.rand(k, m), torch.empty(n, m)) for n, k, m in products
        ]
        self.uniform, self.normal = torch.empty(uniform), torch.empty(normal)

    def __call__(self) -> None:
        with float32_products():
            for _ in range(self.rounds):
                for left, right, result in self.made:
                    torch.mm(left, right, out=result)
                self.uniform.uniform_()
                self.normal.normal_()


class Maxout(nn.Module):
    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.affine, self.shape = nn.Linear(inputs, units * pieces), (-1, units, pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.affine(x).view(self.shape).max(dim=2).values


class TextbookGAN:
    """One epoch a call, as tutorials write it: nn.Dropout, optim.SGD, .backward(), .item().

    `in_turn`, as in tutorials, also computes the slopes in D of G's loss, which nobody uses: about
    a twentieth of its time. `together` has nothing of that kind, and one pass of D over the fakes
    for both losses, as ours has.
    """

    def __init__(self, update: str, train: Tensor, recipe: Mapping[str, Any]) -> None:
        self.update, self.train, self.batch = update, train, recipe["batch"]
        self.inputs, (h_1, h_2) = recipe["noise_size"], recipe["generator"]
        (u_1, u_2), pieces, dropout = recipe["discriminator"], recipe["pieces"], nn.Dropout
        first, hidden = recipe["dropout_input"], recipe["dropout_hidden"]
        self.G = nn.Sequential(
            *(nn.Linear(self.inputs, h_1), nn.ReLU(), nn.Linear(h_1, h_2), nn.ReLU()),
            *(nn.Linear(h_2, 784), nn.Sigmoid()),
        )
        self.D = nn.Sequential(
            *(dropout(first), Maxout(784, u_1, pieces)),
            *(dropout(hidden), Maxout(u_1, u_2, pieces)),
            *(dropout(hidden), nn.Linear(u_2, 1)),
        )
        reaches = ((self.G, "generator_range"), (self.D, "discriminator_range"))
        for net, reach in reaches:
            for p in net.parameters():
                width = recipe[reach] if p.dim() == 2 else 0.0
                nn.init.uniform_(p, -width, width)
        self.move_G = torch.optim.SGD(self.G.parameters(), recipe["rate"], recipe["momentum"])
        self.move_D = torch.optim.SGD(self.D.parameters(), recipe["rate"], recipe["momentum"])
        self.rates = [
            torch.optim.lr_scheduler.ExponentialLR(move, 1 / recipe["rate_decay"])
            for move in (self.move_G, self.move_D)
        ]

    def noise(self, n: int) -> Tensor:
        return (2 * torch.rand(n, self.inputs) - 1) * REACH

    def __call__(self) -> None:
        step = self.together if self.update == "simultaneous" else self.in_turn
        for rows in torch.randperm(len(self.train)).split(self.batch):
            step(self.train[rows])
            for rate in self.rates:
                rate.step()

    def in_turn(self, x: Tensor) -> tuple[float, float]:
        one, zero = torch.ones(len(x), 1), torch.zeros(len(x), 1)
        fakes = self.G(self.noise(len(x))).detach()
        L_D = self.loss(self.D(x), one) / 2 + self.loss(self.D(fakes), zero) / 2
        self.move_D.zero_grad()
        L_D.backward()
        self.move_D.step()
        L_G = self.loss(self.D(self.G(self.noise(len(x)))), one)
        self.move_G.zero_grad()
        L_G.backward()
        self.move_G.step()
        return L_D.item(), L_G.item()

    def together(self, x: Tensor) -> tuple[float, float]:
        one, zero = torch.ones(len(x), 1), torch.zeros(len(x), 1)
        a_fake = self.D(self.G(self.noise(len(x))))
        L_D = self.loss(self.D(x), one) / 2 + self.loss(a_fake, zero) / 2
        L_G = self.loss(a_fake, one)
        self.move_D.zero_grad()
        L_D.backward(retain_graph=True, inputs=list(self.D.parameters()))
        self.move_G.zero_grad()
        L_G.backward(inputs=list(self.G.parameters()))
        self.move_D.step()
        self.move_G.step()
        return L_D.item(), L_G.item()

    loss = staticmethod(binary_cross_entropy_with_logits)


class JaxGAN:
    """One epoch a call: a jitted lax.scan over the updates, gradients by jax's own rules."""

    def __init__(self, update: str, train: np.ndarray, batch: int) -> None:
        self.given, self.calls = (update, train, batch), 0

    def start(self, update: str, train: np.ndarray, batch: int) -> None:
        """Imports jax and draws the weights; raises ImportError where there is none."""
        import jax
        from jax import numpy as jnp

        self.ready = jax.block_until_ready
        self.key, self.train = jax.random.key, jnp.asarray(train)
        draw = np.random.default_rng(0)

        def affine(inputs: int, outputs: int, reach: float) -> tuple[Any, Any]:
            W = draw.uniform(-reach, reach, (inputs, outputs)).astype("float32")
            return jnp.asarray(W), jnp.zeros(outputs)

        G = [affine(100, 1200, 0.05), affine(1200, 1200, 0.05), affine(1200, 784, 0.05)]
        D = [affine(784, 1200, 0.005), affine(240, 1200, 0.005), affine(240, 1, 0.005)]
        self.state = G, D, *(jax.tree.map(jnp.zeros_like, net) for net in (G, D))
        self.epoch = _jax_epoch(update, batch)

    def __call__(self) -> None:
        if self.calls == 0:
            self.start(*self.given)
        self.calls += 1
        self.state, losses = self.epoch(self.state, self.train, self.key(self.calls))
        self.ready((self.state, losses))


def _jax_epoch(update: str, batch: int) -> Callable[..., Any]:
    import jax
    from jax import numpy as jnp
    from jax import random
    from jax.nn import relu, sigmoid, softplus

    def generated(G, z):
        (W1, b1), (W2, b2), (W3, b3) = G
        return sigmoid(relu(relu(z @ W1 + b1) @ W2 + b2) @ W3 + b3)

    def kept(key, x, keep):
        return jnp.where(random.bernoulli(key, keep, x.shape), x / keep, 0)

    def logit(D, x, key):
        (W1, b1), (W2, b2), (W3, b3) = D
        keys = random.split(key, 3)
        h = (kept(keys[0], x, 0.8) @ W1 + b1).reshape(-1, 240, 5).max(axis=2)
        h = (kept(keys[1], h, 0.5) @ W2 + b2).reshape(-1, 240, 5).max(axis=2)
        return kept(keys[2], h, 0.5) @ W3 + b3

    def noise(key):
        return random.uniform(key, (batch, 100), jnp.float32, -REACH, REACH)

    def moved(net, velocity, gradients):
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocity, gradients)
        return jax.tree.map(jnp.add, net, velocity), velocity

    def in_turn(state, given):
        G, D, speed_G, speed_D = state
        x, keys = given[0], random.split(given[1], 5)
        fakes = generated(G, noise(keys[0]))

        def loss_D(D):
            real, fake = logit(D, x, keys[1]), logit(D, fakes, keys[2])
            return (softplus(-real).mean() + softplus(fake).mean()) / 2

        L_D, to_D = jax.value_and_grad(loss_D)(D)
        D, speed_D = moved(D, speed_D, to_D)
        z = noise(keys[3])
        loss_G = jax.value_and_grad(lambda G: softplus(-logit(D, generated(G, z), keys[4])).mean())
        L_G, to_G = loss_G(G)
        G, speed_G = moved(G, speed_G, to_G)
        return (G, D, speed_G, speed_D), jnp.stack([L_D, L_G])

    def together(state, given):
        G, D, speed_G, speed_D = state
        x, keys = given[0], random.split(given[1], 3)
        z = noise(keys[0])
        fakes, back_G = jax.vjp(lambda G: generated(G, z), G)
        a, back_D = jax.vjp(lambda D, x: logit(D, x, keys[2]), D, fakes)
        L_real, of_real = jax.value_and_grad(lambda D: softplus(-logit(D, x, keys[1])).mean() / 2)(
            D
        )
        of_fake, _ = back_D(sigmoid(a) / (2 * len(a)))
        _, to_fakes = back_D(-sigmoid(-a) / len(a))
        G, speed_G = moved(G, speed_G, back_G(to_fakes)[0])
        D, speed_D = moved(D, speed_D, jax.tree.map(jnp.add, of_real, of_fake))
        losses = jnp.stack([L_real + softplus(a).mean() / 2, softplus(-a).mean()])
        return (G, D, speed_G, speed_D), losses

    @jax.jit
    def epoch(state, train, key):
        order, steps = random.split(key)
        rows = random.permutation(order, len(train)).reshape(-1, batch)
        step = together if update == "simultaneous" else in_turn
        return jax.lax.scan(
            lambda state, given: step(state, (train[given[0]], given[1])),
            state,
            (rows, random.split(steps, len(rows))),
        )

    return epoch


def sklearn_rbm(train: np.ndarray, units: int, batch: int) -> Callable[[], None]:
    """A job: one epoch of BernoulliRBM, which starts anew in each call."""

    def job() -> None:
        from sklearn.neural_network import BernoulliRBM

        one = BernoulliRBM(units, learning_rate=0.05, batch_size=batch, n_iter=1, random_state=0)
        one.fit(train)

    return job
