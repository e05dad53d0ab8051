"""The backward pass by hand against autograd: each slope, each update, and a hundred in a row."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from genbench.models import backward, layers
from genbench.models.backward import ByAutograd, ByHand, draw_masks, joined, with_way_back
from genbench.models.gan import GAN, loss_D, loss_G, slope_D, slope_G

SMALL = {
    "epochs": 100,
    "batch": 4,
    "noise": "gaussian",
    "noise_size": 3,
    "generator": [5, 4],
    "activations": ["relu", "sigmoid"],
    "output": "sigmoid",
    "generator_range": 0.7,
    "output_range": 0.7,
    "discriminator": [4, 3],
    "pieces": 3,
    "discriminator_range": 0.7,
    "dropout_input": 0.2,
    "dropout_hidden": 0.5,
    "rate": 0.3,
    "rate_decay": 1.01,
    "rate_floor": 0.01,
    "momentum": 0.5,
    "final_momentum": 0.7,
    "momentum_epochs": 10,
}
CONVOLUTIONAL = {
    "transposed_convolution": [2, 2, 2],
    "generator": [12],
    "activations": ["relu"],
    "convolutions": [[3, 3, 1, 2, 1], [2, 2, 1, 2, 2]],
    "discriminator": [4],
}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


# --- a net's own slopes and moves ---

LAYERS = {
    "affine": lambda: [nn.Linear(4, 6)],
    "relu": lambda: [nn.Linear(4, 6), nn.ReLU()],
    "sigmoid": lambda: [nn.Linear(4, 6), nn.Sigmoid()],
    "tanh": lambda: [nn.Linear(4, 6), nn.Tanh()],
    "identity": lambda: [nn.Linear(4, 6), nn.Identity()],
    "maxout": lambda: [nn.Linear(4, 18), layers.Maxout(3)],
    "dropout": lambda: [layers.Dropout(0.3, 4), nn.Linear(4, 6)],
    "no dropout": lambda: [layers.Dropout(0.0, 4), nn.Linear(4, 6)],
    "noise": lambda: [layers.Noise(0.3, 4), nn.Linear(4, 6), nn.ReLU()],
    "dropout and maxout": lambda: [layers.Dropout(0.3, 4), nn.Linear(4, 18), layers.Maxout(3)],
}
TOPS = {
    "one output": lambda: [nn.Linear(6, 1)],
    "two outputs": lambda: [nn.Linear(6, 2), nn.Sigmoid()],
}


def ways(net, longest=0.0):
    """The same net and velocity twice: by hand, and by autograd."""
    twin = deepcopy(net)
    speeds = [torch.randn_like(p) for p in net.parameters()]
    given = [dict(zip(n.parameters(), map(torch.clone, speeds), strict=True)) for n in (net, twin)]
    return ByHand(net, given[0], longest), ByAutograd(twin, given[1], longest), given


@pytest.mark.parametrize("longest", [0.0, 0.4])
@pytest.mark.parametrize("last", [7, 3])
@pytest.mark.parametrize("top", TOPS)
@pytest.mark.parametrize("kind", LAYERS)
def test_by_hand_a_layer_has_the_slopes_and_moves_of_autograd(kind, top, last, longest):
    net = nn.Sequential(*LAYERS[kind](), *TOPS[top]())
    hand, auto, speeds = ways(net, longest)
    x, masks = torch.randn(7, 4), draw_masks(net, 7)
    y = hand.forward(x, masks)
    torch.testing.assert_close(y, auto.forward(x, masks), atol=1e-12, rtol=0)
    dy = torch.randn(last, y.shape[1])
    torch.testing.assert_close(hand.into(dy), auto.into(dy), atol=1e-12, rtol=0)
    hand.move(dy, 0.3, 0.6)
    auto.move(dy, 0.3, 0.6)
    for p, q in zip(net.parameters(), auto.net.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=1e-12, rtol=0)
        torch.testing.assert_close(speeds[0][p], speeds[1][q], atol=1e-12, rtol=0)


@pytest.mark.parametrize("units", [1, 4, 17])
def test_weights_that_move_a_few_units_at_a_time_all_move(units, monkeypatch):
    monkeypatch.setattr(backward, "UNITS", units)
    net = nn.Sequential(nn.Linear(4, 18), layers.Maxout(3), nn.Linear(6, 2))
    hand, auto, speeds = ways(net)
    x, dy = torch.randn(7, 4), torch.randn(7, 2)
    for way in (hand, auto):
        way.forward(x)
        way.move(dy, 0.3, 0.6)
    for p, q in zip(net.parameters(), auto.net.parameters(), strict=True):
        torch.testing.assert_close(p, q, atol=1e-12, rtol=0)
        torch.testing.assert_close(speeds[0][p], speeds[1][q], atol=1e-12, rtol=0)


def test_pieces_that_tie_share_the_slope_as_in_amax():
    net = nn.Sequential(nn.Linear(4, 18), layers.Maxout(3), nn.Linear(6, 1))
    nn.init.zeros_(net[0].bias)
    hand, auto, _ = ways(net)
    x = torch.zeros(2, 4)
    hand.forward(x)
    auto.forward(x)
    dy = torch.ones(2, 1)
    hand.move(dy, 1.0, 0.0)
    auto.move(dy, 1.0, 0.0)
    torch.testing.assert_close(net[0].bias, auto.net[0].bias, atol=1e-12, rtol=0)
    assert torch.equal(net[0].bias[:6], net[0].bias[12:])


def test_only_affine_layers_with_what_belongs_to_them_go_back_by_hand():
    affine, relu, dropout = nn.Linear(4, 4), nn.ReLU(), layers.Dropout(0.5, 4)
    noise = layers.Noise(0.5, 4)
    for net in ([affine], [affine, relu], [dropout, affine], [noise, affine], [affine, affine]):
        assert isinstance(with_way_back(nn.Sequential(*net), speeds_of(affine), 0.0), ByHand)
    for net in (
        [affine, relu, relu],
        [noise, dropout, affine],
        [affine, dropout],
        [affine, nn.Softplus()],
        [relu, affine],
    ):
        assert isinstance(with_way_back(nn.Sequential(*net), speeds_of(affine), 0.0), ByAutograd)


def speeds_of(net):
    return {p: torch.zeros_like(p) for p in net.parameters()}


def test_joined_masks_are_those_of_the_first_rows_and_then_of_the_others():
    net = nn.Sequential(layers.Dropout(0.5, 3), nn.Linear(3, 2), layers.Dropout(0.0, 2))
    first, then = draw_masks(net, 4), draw_masks(net, 5)
    mask, none = joined(first, then)
    assert torch.equal(mask, torch.cat([first[0], then[0]]))
    assert none is None


# --- the slopes of both losses ---


def test_the_slopes_of_both_losses_are_those_of_autograd_and_finite():
    real, fake = torch.randn(2, 5, 1, requires_grad=True)
    real = torch.cat([real.detach(), torch.tensor([[-1e4], [1e4]])]).requires_grad_()
    fake = torch.cat([fake.detach(), torch.tensor([[-1e4], [1e4]])]).requires_grad_()
    expected = torch.cat(torch.autograd.grad(loss_D(real, fake), [real, fake]))
    torch.testing.assert_close(slope_D(real, fake), expected, atol=1e-12, rtol=0)
    for kind in ("non-saturating", "minimax"):
        (expected,) = torch.autograd.grad(loss_G(fake, kind), fake)
        torch.testing.assert_close(slope_G(fake, kind), expected, atol=1e-12, rtol=0)


# --- whole updates ---


class Textbook:
    """The same GAN with losses that autograd differentiates, modules that draw their own masks."""

    def __init__(self, gan):
        self.gan, self.G, self.D = gan, gan.G, gan.D
        self.v = {p: v.clone() for p, v in gan.velocity.items()}

    def update(self, x, t, momentum):
        step = self.together if self.gan.update == "simultaneous" else self.in_turn
        step(x, t, momentum)

    def together(self, x, t, momentum):
        a_real, a_fake = self.D(x), self.D(self.G(self.gan._noise(len(x))))
        L_D, L_G = loss_D(a_real, a_fake), loss_G(a_fake, self.gan.generator_loss)
        to_D = torch.autograd.grad(L_D, list(self.D.parameters()), retain_graph=True)
        to_G = torch.autograd.grad(L_G, list(self.G.parameters()))
        self.descend(self.D, to_D, t, momentum)
        self.descend(self.G, to_G, t, momentum)

    def in_turn(self, x, t, momentum):
        a_real, a_fake = self.D(torch.cat([x, self.gan.sample(len(x))])).split(len(x))
        to_D = torch.autograd.grad(loss_D(a_real, a_fake), list(self.D.parameters()))
        self.descend(self.D, to_D, t, momentum)
        if (t + 1) % self.gan.k == 0:
            a_fake = self.D(self.G(self.gan._noise(len(x))))
            L_G = loss_G(a_fake, self.gan.generator_loss)
            self.descend(self.G, torch.autograd.grad(L_G, list(self.G.parameters())), t, momentum)

    @torch.no_grad()
    def descend(self, net, gradients, t, momentum):
        for p, g in zip(net.parameters(), gradients, strict=True):
            self.v[p] = momentum * self.v[p] - self.gan.rate_at(t) * g
            p += self.v[p]
            if self.gan.max_norm and p.dim() == 2:
                p *= (self.gan.max_norm / p.norm(dim=1, keepdim=True)).clamp(max=1)


def twins(shape=(2, 3), **changes):
    """A GAN whose velocities are not 0, and the textbook's with the same state."""
    pair = []
    for _ in range(2):
        torch.manual_seed(5)
        pair.append(GAN(shape, **{**SMALL, **changes}))
        for v in pair[-1].velocity.values():
            v.uniform_(-0.1, 0.1)
    return pair[0], Textbook(pair[1])


def assert_equal_after(updates, tolerance, ours, theirs):
    d = ours.G(ours._noise(1)).shape[1]
    step = ours._together if ours.update == "simultaneous" else ours._in_turn
    for t in range(updates):
        x, momentum = torch.rand(4, d), ours.momentum_at(1 + t // 10)
        torch.manual_seed(100 + t)
        step(x, t, momentum)
        torch.manual_seed(100 + t)
        theirs.update(x, t, momentum)
    mine, other = ([*gan.G.parameters(), *gan.D.parameters()] for gan in (ours, theirs))
    for p, q in zip(mine, other, strict=True):
        torch.testing.assert_close(p, q, atol=tolerance, rtol=0)
        torch.testing.assert_close(ours.velocity[p], theirs.v[q], atol=tolerance, rtol=0)


UPDATES = [{"update": "simultaneous"}, {"update": "alternating"}, {"update": "alternating", "k": 2}]
NETS = [
    {},
    {"activations": ["sigmoid", "linear"]},
    {"activations": ["tanh", "relu"]},
    {"output": "linear"},
    {"generator": [], "activations": []},
    {"noise": "uniform", "discriminator": []},
    {"dropout_input": 0.0},
    {"dropout_hidden": 0.0},
    {"max_norm": 0.6},
    {"output_nonzeros": 2},
]


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
@pytest.mark.parametrize("update", UPDATES, ids=str)
@pytest.mark.parametrize("nets", NETS, ids=str)
def test_two_updates_equal_the_textbook(nets, update, loss):
    ours, theirs = twins(**nets, **update, generator_loss=loss)
    assert_equal_after(2, 1e-10, ours, theirs)


@pytest.mark.parametrize("update", UPDATES, ids=str)
@pytest.mark.parametrize("nets", [{}, {"max_norm": 0.6}], ids=str)
def test_a_hundred_updates_equal_the_textbook(nets, update):
    assert_equal_after(100, 1e-8, *twins(**nets, **update))


@pytest.mark.parametrize(("t", "rows"), [(0, [4]), (1, [8])])
def test_g_makes_the_fakes_for_both_nets_in_one_pass_where_it_moves(t, rows, monkeypatch):
    ours, _ = twins(update="alternating", k=2)
    passes, forward = [], ByHand.forward

    def counted(way, x, masks=()):
        passes.extend([len(x)] if x.shape[1] == ours.noise_size else [])
        return forward(way, x, masks)

    monkeypatch.setattr(ByHand, "forward", counted)
    monkeypatch.setattr(GAN, "sample", None)
    ours._in_turn(torch.rand(4, 6), t, 0.5)
    assert passes == rows


@pytest.mark.parametrize("update", UPDATES, ids=str)
@pytest.mark.parametrize("longest", [0.0, 0.6])
def test_convolutional_updates_go_by_autograd_and_equal_the_textbook(longest, update):
    ours, theirs = twins((1, 4, 6), **CONVOLUTIONAL, **update, max_norm=longest)
    assert [type(way) for way in ours._ways()] == [ByAutograd, ByAutograd]
    assert_equal_after(2, 1e-10, ours, theirs)


def test_fully_connected_nets_of_both_stages_go_back_by_hand():
    deep = {"deepen_after": 1, "deepening": [4, 3], "deepening_activations": ["relu", "sigmoid"]}
    gan, _ = twins(**deep)
    assert [type(way) for way in gan._ways()] == [ByHand, ByHand]
    gan._deepen()
    assert [type(way) for way in gan._ways()] == [ByHand, ByHand]


def test_an_update_leaves_the_layout_of_every_weight_as_it_was():
    gan, _ = twins()
    before = {name: (p.shape, p.stride(), p.data_ptr()) for name, p in gan.state_dict().items()}
    gan._together(torch.rand(4, 6), 0, 0.5)
    gan._in_turn(torch.rand(4, 6), 1, 0.5)
    after = {name: (p.shape, p.stride(), p.data_ptr()) for name, p in gan.state_dict().items()}
    assert after == before
    assert all(p.is_contiguous() for p in gan.state_dict().values())


@pytest.mark.parametrize("native", [True, False])
def test_products_in_bfloat16_are_those_of_rounded_factors(
    native: bool, monkeypatch: pytest.MonkeyPatch
):
    kind = torch.bfloat16 if native else torch.float32
    monkeypatch.setattr("genbench.models.backward.coarse_dtype", lambda device: kind)
    torch.manual_seed(0)
    affine = nn.Linear(40, 30)
    x, dy = torch.randn(20, 40), torch.randn(20, 30)
    W, b = (p.detach().clone() for p in affine.parameters())
    velocity = {p: torch.zeros_like(p) for p in affine.parameters()}
    way = with_way_back(nn.Sequential(affine), velocity, 0.0, "bfloat16")
    a, dx = way.forward(x), way.into(dy)
    way.move(dy, rate=1.0, momentum=0.0)

    def rounded(t):
        return t.bfloat16().double()

    def assert_close(actual, expected):
        tolerance = 2**-7 if native else 1e-5  # a native product's sums are rounded once more
        torch.testing.assert_close(actual.double(), expected, rtol=tolerance, atol=tolerance)

    assert_close(a, rounded(x) @ rounded(W).T + b.double())
    assert_close(dx, rounded(dy) @ rounded(W))
    assert_close(W - affine.weight.detach(), rounded(dy).T @ rounded(x))
    assert affine.weight.dtype == W.dtype


def test_nets_that_go_back_by_autograd_take_no_rounded_products():
    net = nn.Sequential(nn.Linear(4, 4), nn.Softplus())
    with pytest.raises(ValueError, match="bfloat16"):
        with_way_back(net, {}, 0.0, "bfloat16")
