"""Algorithm 1 against a textbook step, known values, finite differences and itself resumed."""

import math

import pytest
import torch
from torch.nn.functional import linear, softplus

from genbench.errors import UsageError
from genbench.models import layers
from genbench.models.backward import ByHand
from genbench.models.gan import GAN, loss_D, loss_G
from genbench.plugins import recipe
from genbench.testing import check_model

SMALL = {
    "epochs": 3,
    "batch": 4,
    "noise": "gaussian",
    "noise_size": 3,
    "generator": [5],
    "activations": ["relu"],
    "output": "sigmoid",
    "generator_range": 0.7,
    "output_range": 0.7,
    "discriminator": [4, 3],
    "pieces": 2,
    "discriminator_range": 0.7,
    "dropout_input": 0.2,
    "dropout_hidden": 0.5,
    "rate": 0.3,
    "rate_decay": 1.1,
    "rate_floor": 0.01,
    "momentum": 0.5,
    "final_momentum": 0.7,
    "momentum_epochs": 3,
}

DEEP = {
    "epochs": 5,
    "deepen_after": 3,
    "deepening": [4, 3],
    "deepening_activations": ["relu", "sigmoid"],
    "sigmoid_bias": -2.0,
}
CONVOLUTIONAL = {
    "transposed_convolution": [2, 2, 2],
    "generator": [12],
    "convolutions": [[3, 3, 1, 2, 1], [2, 2, 1, 2, 2]],
    "discriminator": [4],
}


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def small(seed=0, **changes):
    torch.manual_seed(seed)
    return GAN((2, 3), **{**SMALL, **changes})


def rows(n=12, d=6):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


def trained(model, train, last=None, first=1):
    """The model after its epoch `last`, each seeded as the runner does."""
    epochs = model.fit(train, train[:0])
    for index in range(first, (last or model.epochs) + 1):
        torch.manual_seed(index)
        next(epochs)
    return model


def values(state):
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def of(prefix, state):
    return {name: tensor for name, tensor in state.items() if name.startswith(prefix)}


def unallocated(dataset, preset, shape):
    """The model of a recipe, of tensors that have shapes alone."""
    values = recipe.resolve("gan", dataset, preset, {}).hyperparameters
    with torch.device("meta"):
        return GAN(shape, **values)


def count(net):
    return sum(p.numel() for p in net.parameters())


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


# --- the definitions ---


def test_both_losses_are_log_2_where_d_is_a_half():
    a = torch.zeros(5, 1)
    assert loss_D(a, a).item() == pytest.approx(math.log(2))
    assert loss_G(a, "non-saturating").item() == pytest.approx(math.log(2))
    assert loss_G(a, "minimax").item() == pytest.approx(-math.log(2))


def test_losses_of_the_mnist_recipe_start_at_log_2():
    torch.manual_seed(0)
    values = recipe.resolve("gan", "mnist", "paper", {"max_updates": 1}).hyperparameters
    losses = next(GAN((28, 28), **values).fit(rows(100, 784), rows(0, 784))).losses
    assert losses["discriminator"] == pytest.approx(0.6931, abs=0.001)
    assert losses["generator"] == pytest.approx(0.6931, abs=0.001)


@pytest.mark.parametrize(("kind", "slope"), [("non-saturating", -(1 - 0.2)), ("minimax", -0.2)])
def test_generator_is_pulled_towards_what_d_takes_for_real(kind, slope):
    a = torch.tensor(0.2).logit().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_G(a, kind), a)
    assert gradient.item() == pytest.approx(slope)


def test_extreme_logits_give_finite_losses():
    a = torch.tensor([-1e4, 1e4])
    assert loss_D(a, a).item() == pytest.approx(5e3)
    assert loss_G(a, "non-saturating").item() == pytest.approx(5e3)


@pytest.mark.usefixtures("float64")
def test_trained_alone_d_becomes_p_over_p_plus_q():
    p, q = torch.tensor([5, 3, 2]), torch.tensor([1, 3, 6])
    states = torch.eye(3)
    torch.manual_seed(0)
    model = GAN((3,), **{**SMALL, "dropout_input": 0.0, "dropout_hidden": 0.0})
    optimizer = torch.optim.LBFGS(model.D.parameters(), max_iter=100, tolerance_change=1e-12)

    def closure():
        optimizer.zero_grad()
        a = model.D(states)
        loss = loss_D(a.repeat_interleave(p, 0), a.repeat_interleave(q, 0))
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(model.D(states).sigmoid()[:, 0], p / (p + q), atol=1e-4, rtol=0)
    m = (p + q) / 20
    jsd = ((p / 10) * (p / 10 / m).log() + (q / 10) * (q / 10 / m).log()).sum() / 2
    assert closure().item() == pytest.approx(math.log(2) - jsd.item(), abs=1e-7)


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
def test_an_epoch_records_the_means_of_d_over_data_and_fakes(update):
    model = small(batch=12, rate=1e-30, rate_floor=0.0, update=update, output="linear")
    model.dropout_input = 0.0
    for layer in model.D:
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    torch.manual_seed(1)
    losses = next(model.fit(rows(), rows(0))).losses
    torch.manual_seed(1)
    torch.randperm(12)
    fakes = model.sample(12)
    means = [model.discriminate(part).sigmoid().mean().item() for part in (rows(), fakes)]
    assert [losses["D(x)"], losses["D(G(z))"]] == pytest.approx(means, abs=1e-5)


# --- the schedules ---


def test_momentum_rises_linearly_to_epoch_250_and_stays():
    model = small(momentum_epochs=250)
    at = {epoch: model.momentum_at(epoch) for epoch in (1, 125, 250, 400)}
    assert at == pytest.approx({1: 0.5, 125: 0.5 + 0.2 * 124 / 249, 250: 0.7, 400: 0.7})


def test_rate_decays_with_every_update_down_to_its_floor():
    model = small(rate=0.1, rate_decay=1.000004, rate_floor=1e-6)
    assert model.rate_at(0) == 0.1
    assert model.rate_at(50_000) == pytest.approx(0.0818731, abs=1e-7)
    assert model.rate_at(3_000_000) == 1e-6


# --- the steps ---


def textbook(model, train, epochs):
    """Weights after `epochs`, by the formulas alone, from the same draws."""
    G = [p.detach().clone().requires_grad_() for p in model.G.parameters()]
    D = [p.detach().clone().requires_grad_() for p in model.D.parameters()]
    G[-1] = train.mean(dim=0).clamp(1e-7, 1 - 1e-7).logit().requires_grad_()
    speed = {id(p): torch.zeros_like(p) for p in G + D}

    def generate():
        z = torch.empty(4, 3).normal_()
        h = linear(z, *G[:2]).clamp(min=0)
        if model.generator_noise:
            h = h + model.generator_noise * torch.randn_like(h)
        if model.generator_dropout:
            h = dropout(h, model.generator_dropout)
        return linear(h, *G[2:]).sigmoid()

    def dropout(x, rate):
        return x * (torch.rand_like(x) >= rate) / (1 - rate)

    def units(a, width):
        kinds = {"relu": torch.relu, "sigmoid": torch.sigmoid}
        f = kinds.get(model.discriminator_activation)
        return f(a) if f else a.reshape(-1, 2, width).amax(1)

    def logit(x):
        h = units(linear(dropout(x, model.dropout_input), *D[:2]), 4)
        h = units(linear(dropout(h, model.dropout_hidden), *D[2:4]), 3)
        return linear(dropout(h, model.dropout_hidden), *D[4:])

    def move(parameters, gradients, mu, rate):
        for p, g in zip(parameters, gradients, strict=True):
            speed[id(p)] = mu * speed[id(p)] - rate * g
            p.data += speed[id(p)]
            if model.max_norm and p.dim() == 2:
                p.data *= (model.max_norm / p.data.norm(dim=1, keepdim=True)).clamp(max=1)

    t = 0
    for epoch in range(1, epochs + 1):
        torch.manual_seed(epoch)
        mu = 0.5 + 0.2 * (epoch - 1) / 2
        for batch in torch.randperm(12).split(4):
            rate = max(0.3 / 1.1**t, 0.01)
            if model.update == "simultaneous":
                real, fake = logit(train[batch]), logit(generate())
            else:  # one pass of both
                real, fake = logit(torch.cat([train[batch], generate()])).chunk(2)
            L_D = 0.5 * (softplus(-real).mean() + softplus(fake).mean())
            D_gradients = torch.autograd.grad(L_D, D, retain_graph=True)
            if model.update == "simultaneous":
                G_gradients = torch.autograd.grad(softplus(-fake).mean(), G)
                move(D, D_gradients, mu, rate)
                move(G, G_gradients, mu, model.rate_ratio * rate)
            else:
                move(D, D_gradients, mu, rate)
                if t % model.k == model.k - 1:
                    L_G = softplus(-logit(generate())).mean()
                    move(G, torch.autograd.grad(L_G, G), mu, model.rate_ratio * rate)
            t += 1
    return G, D


@pytest.mark.parametrize(
    "changes",
    [
        {"update": "simultaneous"},
        {"update": "simultaneous", "max_norm": 0.8},
        {"update": "alternating"},
        {"update": "alternating", "k": 2},
        {"update": "simultaneous", "rate_ratio": 0.25},
        {"update": "alternating", "rate_ratio": 4.0},
        {"generator_noise": 0.3},
        {"generator_dropout": 0.4},
        {"generator_noise": 0.3, "generator_dropout": 0.4},
        {"discriminator_activation": "relu"},
        {"discriminator_activation": "sigmoid"},
    ],
    ids=str,
)
@pytest.mark.usefixtures("float64")
def test_three_epochs_equal_the_textbook(changes):
    model, train = small(**changes), rows().double()
    G, D = textbook(model, train, epochs=3)
    trained(model, train)
    for ours, theirs in zip((*model.G.parameters(), *model.D.parameters()), G + D, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["non-saturating", "minimax"])
def test_generator_step_follows_finite_differences(kind):
    plain = {"dropout_input": 0.0, "dropout_hidden": 0.0, "momentum": 0.0, "final_momentum": 0.0}
    model = small(rate=1.0, rate_decay=1.0, batch=12, generator_loss=kind, **plain)
    train = rows().double()
    before = [p.detach().clone() for p in model.G.parameters()]
    before[-1] = train.mean(dim=0).logit()
    D = values(model.D.state_dict())
    trained(model, train, last=1)
    steps = [p.detach() - old for p, old in zip(model.G.parameters(), before, strict=True)]
    model.D.load_state_dict(D)

    def loss_with(moved, index, amount):
        for p, old in zip(model.G.parameters(), before, strict=True):
            p.data.copy_(old)
        moved = list(model.G.parameters())[moved]
        moved.data.view(-1)[index] += amount
        torch.manual_seed(1)
        torch.randperm(12)
        return loss_G(model.D(model.sample(12)), kind).item()

    for tensor, step in enumerate(steps):
        for index in range(0, step.numel(), 3):
            slope = (loss_with(tensor, index, 1e-5) - loss_with(tensor, index, -1e-5)) / 2e-5
            assert -step.view(-1)[index].item() == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("changes", [{}, DEEP], ids=str)
def test_max_norm_holds_for_every_layer_of_both_nets(changes):
    model = trained(small(max_norm=0.3, **changes), rows())
    for net in (model.G, model.D):
        weights = [p for p in net.parameters() if p.dim() == 2]
        assert max(w.norm(dim=1).max() for w in weights) <= 0.3 + 1e-6


def test_dropout_keeps_the_mean_of_what_enters_a_layer_of_d():
    model = small()
    for place, keep, units in ((0, 0.8, 6), (3, 0.5, 4), (6, 0.5, 3)):
        kept = model.D[place](torch.ones(40_000, units))
        assert set(kept.unique().tolist()) == {0.0, 1 / keep}
        assert kept.mean().item() == pytest.approx(1, abs=4 * (1 / keep - 1) ** 0.5 / 120_000**0.5)


def test_biases_of_a_sigmoid_output_start_at_the_marginals():
    train = rows()
    train[:, 0] = 0
    model = trained(small(rate=1e-30, rate_floor=0.0), train, last=1)
    bias = list(model.G.parameters())[-1]
    assert bias[0].item() == pytest.approx(-16.118, abs=0.001)
    torch.testing.assert_close(bias.sigmoid(), train.mean(dim=0), atol=1e-6, rtol=0)


def test_biases_of_a_linear_output_start_at_0():
    model = trained(small(output="linear", rate=1e-30, rate_floor=0.0), rows(), last=1)
    assert list(model.G.parameters())[-1].abs().max() < 1e-20


# --- the noise, the choices, the recipes ---


def test_instance_noise_falls_linearly_from_epoch_to_epoch():
    model, zeros = small(instance_noise=0.6), torch.zeros(20_000, 6)
    for done, deviation in ((0, 0.6), (1, 0.4), (2, 0.2), (3, 0.0)):
        model.epoch.fill_(done)
        assert model._blurred(zeros).std().item() == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize(
    ("update", "seen"), [("simultaneous", [8, 8, 8]), ("alternating", [8, 4, 8, 4, 8, 4])]
)
def test_instance_noise_is_on_all_rows_that_d_sees(update, seen, monkeypatch):
    model, blurred, fed = small(update=update, instance_noise=0.5), [], []
    blur, forward = model._blurred, ByHand.forward
    monkeypatch.setattr(model, "_blurred", lambda x: blurred.append(blur(x)) or blurred[-1])
    monkeypatch.setattr(ByHand, "forward", lambda *given: fed.append(given[1]) or forward(*given))
    trained(model, rows(), last=1)
    of_d = [x for x in fed if x.shape[1] == 6]
    assert [len(x) for x in of_d] == seen
    assert all(one is other for one, other in zip(of_d, blurred, strict=True))


@pytest.mark.parametrize("changes", [{"generator_noise": 0.3}, {"generator_dropout": 0.4}], ids=str)
def test_what_g_draws_inside_its_layers_it_draws_whenever_it_samples(changes):
    z = torch.randn(5, 3)
    plain, drawing = small(), small(**changes)
    assert torch.equal(plain.decode(z), plain.decode(z))
    assert not torch.equal(drawing.decode(z), drawing.decode(z))
    assert GAN.unmet({"model"}, changes, {})
    assert not GAN.unmet({"samples"}, changes, {})
    assert not GAN.unmet({"model"}, {}, {})


def test_hyperparameters_that_came_later_are_in_no_key_at_their_defaults():
    usual = recipe.resolve("gan", "ring", "paper", {}).hyperparameters
    assert not set(GAN.later) & usual.keys()
    defaults = {name: GAN.__dataclass_fields__[name].default for name in GAN.later}
    assert recipe.resolve("gan", "ring", "paper", defaults).hyperparameters == usual
    other = recipe.resolve("gan", "ring", "paper", {"rate_ratio": 2}).hyperparameters
    assert other == {**usual, "rate_ratio": 2.0}


def test_both_kinds_of_noise_have_unit_variance():
    for noise, largest in (("uniform", math.sqrt(3)), ("gaussian", math.inf)):
        z = small(noise=noise)._noise(100_000)
        assert z.var().item() == pytest.approx(1, abs=0.02)
        assert z.abs().max() <= largest


def test_max_updates_limits_the_updates_of_an_epoch():
    train = rows()
    moved = {}
    for most in (0, 1, 2, 3, 100):
        model = trained(small(max_updates=most), train, last=1)
        moved[most] = values(model.state_dict())["D.1.weight"]
    assert not torch.equal(moved[1], moved[2])
    assert not torch.equal(moved[2], moved[3])
    assert torch.equal(moved[3], moved[100])
    assert torch.equal(moved[3], moved[0])


@pytest.mark.parametrize(
    "changes",
    [{"noise": "normal"}, {"output": "tanh"}, {"update": "both"}, {"generator_loss": "hinge"}],
    ids=str,
)
def test_unknown_choices_are_refused_by_the_recipe(changes):
    with pytest.raises(UsageError, match="Input should be"):
        recipe.resolve("gan", "mnist", "paper", changes)


def test_every_layer_of_the_generator_needs_its_activation():
    with pytest.raises(ValueError, match="needs one activation"):
        small(generator=[5, 5])


def test_k_other_than_1_is_refused_where_both_nets_move_at_once():
    with pytest.raises(ValueError, match="k must be 1"):
        small(k=2)


@pytest.mark.parametrize(
    ("dataset", "preset", "shape", "of_G", "of_D"),
    [
        ("mnist", "paper", (1, 28, 28), 2_503_984, 1_231_441),
        ("tfd", "paper", (1, 48, 48), 83_250_304, 21_037_201),
        ("cifar10_gcn", "paper", (3, 32, 32), 89_395_072, 37_393_601),
        ("cifar10_gcn", "convolutional", (3, 32, 32), 64_825_072, 12_454_073),
    ],
)
def test_recipes_build_the_nets_of_the_released_code(dataset, preset, shape, of_G, of_D):
    model = unallocated(dataset, preset, shape)
    assert count(model.G) == of_G
    assert count(model.D) == of_D


def test_stage_2_of_tfd_has_the_generator_of_the_released_code():
    model = unallocated("tfd", "paper", (1, 48, 48))
    with torch.device("meta"):
        model._deepen()
    widths = [layer.out_features for layer in model.G if isinstance(layer, torch.nn.Linear)]
    assert widths == [8000, 100, 8000, 8000, 2304]
    assert count(model.G) == 84_858_404
    assert count(model.D) == 21_037_201


def test_tfd_trains_50_epochs_and_then_22():
    values = recipe.resolve("gan", "tfd", "paper", {}).hyperparameters
    assert (values["deepen_after"], values["epochs"] - values["deepen_after"]) == (50, 22)


def test_pictures_that_the_convolutions_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="side of 28"):
        unallocated("cifar10_gcn", "convolutional", (1, 28, 28))


# --- two stages ---


def test_stage_2_begins_with_the_weights_of_stage_1_above_a_new_bottom():
    model = trained(small(**DEEP), rows(), last=3)
    before = values(model.state_dict())
    stage_1 = list(model.G.parameters())
    model._deepen()
    assert_equal(of("G.", model.state_dict()), of("G.", before))
    assert (before["stage"], model.stage) == (1, 2)
    new, old = list(model.G.parameters())[:4], list(model.G.parameters())[4:]
    assert [list(p.shape) for p in new] == [[4, 3], [4], [3, 4], [3]]
    assert (new[3] == -2).all()
    assert [id(p) for p in old] == [id(p) for p in stage_1]


def test_stage_2_has_a_new_discriminator_and_no_velocity():
    model = trained(small(**DEEP), rows(), last=3)
    before = values(model.state_dict())
    torch.manual_seed(7)
    model._deepen()
    after = values(model.state_dict())
    for name, old in of("D.", before).items():
        assert not torch.equal(after[name], old)
        assert after[name].abs().max() <= SMALL["discriminator_range"]
    assert all((v == 0).all() for v in of("train.velocity", after).values())
    assert any((v != 0).any() for v in of("train.velocity", before).values())


def test_the_bottom_rests_in_stage_1_and_all_layers_move_in_stage_2():
    model = small(**DEEP)
    first = values(model.state_dict())
    third = values(trained(model, rows(), last=3).state_dict())
    last = values(trained(model, rows(), first=4).state_dict())
    assert_equal(of("G.bottom", third), of("G.bottom", first))
    assert not any(torch.equal(last[name], third[name]) for name in of("G.", last))


def test_schedules_start_anew_with_stage_2():
    model = small(**DEEP)
    seen = []
    model._together = lambda x, t, momentum: seen.append((t, momentum)) or (torch.zeros(()),) * 4
    trained(model, rows())
    assert [t for t, _ in seen] == [*range(9), *range(6)]
    assert [mu for _, mu in seen[::3]] == pytest.approx([0.5, 0.6, 0.7, 0.5, 0.6])


@pytest.mark.usefixtures("float64")
def test_the_first_update_of_stage_2_equals_the_textbook():
    changes, train = {**DEEP, "max_norm": 0.8, "max_updates": 1}, rows().double()
    model = trained(small(**changes), train, last=4)
    twin = trained(small(**changes), train, last=3)
    torch.manual_seed(4)
    twin._deepen()
    a_real = twin.D(train[torch.randperm(12)[:4]])
    a_fake = twin.D(twin.top(twin.bottom(torch.empty(4, 3).normal_())))
    L_D, L_G = loss_D(a_real, a_fake), loss_G(a_fake, "non-saturating")
    for loss, ours, theirs in ((L_D, model.D, twin.D), (L_G, model.G, twin.G)):
        gradients = torch.autograd.grad(loss, list(theirs.parameters()), retain_graph=True)
        for p, old, g in zip(ours.parameters(), theirs.parameters(), gradients, strict=True):
            expected = old.detach() - 0.3 * g
            if p.dim() == 2:
                expected *= (0.8 / expected.norm(dim=1, keepdim=True)).clamp(max=1)
            torch.testing.assert_close(p.detach(), expected, atol=1e-12, rtol=0)


def test_fewer_epochs_than_those_of_stage_1_never_leave_it():
    part = trained(small(**{**DEEP, "epochs": 2}), rows())
    whole = trained(small(**DEEP), rows(), last=2)
    assert_equal(part.state_dict(), whole.state_dict())
    assert part.stage == 1


@pytest.mark.parametrize(("epoch", "stage"), [(2, 1), (3, 1), (4, 2), (5, 2)])
def test_weights_of_any_epoch_are_sampled_as_in_their_stage(epoch, stage):
    model = trained(small(**DEEP), rows(), last=epoch)
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("train.")}
    finished = small(seed=99, **DEEP)
    finished.load_state_dict(values(state))
    assert finished.stage == stage
    torch.manual_seed(5)
    expected = model.sample(9)
    torch.manual_seed(5)
    assert torch.equal(finished.sample(9), expected)


@pytest.mark.parametrize("deepening", [[], [4, 5]], ids=str)
def test_a_bottom_that_does_not_end_in_the_width_of_the_noise_is_refused(deepening):
    with pytest.raises(ValueError, match=r"end with noise_size = 3, got \["):
        small(deepen_after=1, deepening=deepening, deepening_activations=["relu"] * len(deepening))


# --- convolutions ---


def test_dropout_comes_before_every_layer_of_a_convolutional_discriminator():
    model = GAN((1, 4, 6), **{**SMALL, **CONVOLUTIONAL})
    dropouts = [layer.rate for layer in model.D if isinstance(layer, layers.Dropout)]
    assert dropouts == [0.2, 0.5, 0.5, 0.5]
    kinds = [type(layer).__name__ for layer in model.D]
    convolution, affine = ["Dropout", "MaxoutConvolution"], ["Dropout", "Linear"]
    assert kinds == [*convolution, *convolution, *affine, "Maxout", *affine]


def test_a_convolutional_sigmoid_output_starts_at_the_marginals():
    torch.manual_seed(0)
    model = GAN((1, 4, 6), **{**SMALL, **CONVOLUTIONAL, "rate": 1e-30, "rate_floor": 0.0})
    train = rows(12, 24)
    bias = list(trained(model, train, last=1).G.parameters())[-1]
    torch.testing.assert_close(bias.sigmoid(), train.mean(dim=0), atol=1e-6, rtol=0)


# --- the contract ---


ALTERNATING = {"update": "alternating", "k": 2}


@pytest.mark.parametrize("changes", [{}, ALTERNATING, DEEP, {**DEEP, **ALTERNATING}], ids=str)
@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_resumed_after_any_epoch_it_equals_the_uninterrupted_run(stop, changes):
    stop = min(stop, changes.get("epochs", 3))
    whole = trained(small(**changes), rows())
    state = values(trained(small(**changes), rows(), last=stop).state_dict())
    resumed = small(seed=99, **changes)
    resumed.load_state_dict(state)
    trained(resumed, rows(), first=stop + 1)
    assert_equal(resumed.state_dict(), whole.state_dict())


def test_finished_weights_are_both_nets_and_train_no_further():
    whole = trained(small(), rows())
    state = {k: v for k, v in whole.state_dict().items() if not k.startswith("train.")}
    assert {name.split(".")[0] for name in state} == {"G", "D", "stage"}
    finished = small(seed=99)
    finished.load_state_dict(state)
    torch.manual_seed(5)
    expected = whole.sample(9)
    torch.manual_seed(5)
    assert torch.equal(finished.sample(9), expected)
    assert list(finished.fit(rows(), rows(0))) == []


def finished(state):
    return {name: tensor for name, tensor in state.items() if not name.startswith("train.")}


def as_before(state):
    """The state as it was when D was there for the training alone."""
    return {f"train.{k}" if k.startswith("D.") else k: tensor for k, tensor in state.items()}


def test_the_critic_is_the_same_after_its_finished_weights_were_loaded():
    whole = trained(small(), rows())
    loaded = small(seed=99)
    loaded.load_state_dict(finished(whole.state_dict()))
    assert torch.equal(loaded.discriminate(rows()), whole.discriminate(rows()))


def test_the_critic_gives_the_logit_of_every_row_without_dropout():
    model = trained(small(), rows())
    plain = small(dropout_input=0.0, dropout_hidden=0.0)
    plain.load_state_dict(model.state_dict())
    assert model.discriminate(rows()).shape == (12,)
    assert torch.equal(model.discriminate(rows()), plain.D(rows())[:, 0].detach())


def test_the_critic_takes_data_for_data_once_it_is_trained():
    x = 0.1 * rows(200)
    model = trained(small(epochs=20, rate=0.05), x, last=5)
    far = 1 - x
    assert model.discriminate(x).mean() > model.discriminate(far).mean()


def test_older_weights_without_d_draw_the_same_samples_and_refuse_to_discriminate():
    whole = trained(small(), rows())
    loaded = small(seed=99)
    loaded.load_state_dict(finished(as_before(whole.state_dict())))
    torch.manual_seed(5)
    expected = whole.sample(9)
    torch.manual_seed(5)
    assert torch.equal(loaded.sample(9), expected)
    with pytest.raises(RuntimeError, match=r"kept without the critic D.*train the model again"):
        loaded.discriminate(rows())


def test_a_model_without_its_critic_keeps_none():
    loaded = small(seed=99)
    loaded.load_state_dict(finished(as_before(small().state_dict())))
    assert not of("D.", loaded.state_dict())


def test_a_state_that_lacks_a_part_of_d_is_refused():
    state = finished(small().state_dict())
    del state[next(reversed(of("D.", state)))]
    with pytest.raises(KeyError, match=r"D\."):
        small().load_state_dict(state)


def test_a_checkpoint_that_names_d_as_it_was_called_before_resumes_exactly():
    whole = trained(small(), rows())
    resumed = small(seed=99)
    resumed.load_state_dict(as_before(values(trained(small(), rows(), last=2).state_dict())))
    trained(resumed, rows(), first=3)
    assert_equal(resumed.state_dict(), whole.state_dict())


def test_samples_are_decoded_draws_of_the_prior():
    model = trained(small(), rows())
    torch.manual_seed(5)
    expected = model.sample(9)
    torch.manual_seed(5)
    z = model.prior(9)
    assert z.shape == (9, 3)
    assert torch.equal(model.decode(z), expected)


def test_two_stages_keep_the_contract_and_resume_at_their_border():
    claims = check_model(GAN, **{**SMALL, **DEEP, "epochs": 4, "deepen_after": 2})
    assert "resumed after epoch 2 of 4 it ends as if uninterrupted, (1, 4, 4)" in claims


def test_convolutions_of_d_keep_the_contract():
    convolutions = CONVOLUTIONAL["convolutions"]
    assert check_model(GAN, **{**SMALL, "convolutions": convolutions, "rate": 0.1})


def test_a_convolutional_gan_resumes_exactly():
    def fresh(seed):
        torch.manual_seed(seed)
        return GAN((1, 4, 6), **{**SMALL, **CONVOLUTIONAL})

    train = rows(12, 24)
    state = values(trained(fresh(0), train, last=2).state_dict())
    resumed = fresh(99)
    resumed.load_state_dict(state)
    whole = trained(fresh(0), train)
    assert_equal(trained(resumed, train, first=3).state_dict(), whole.state_dict())


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ({"generator": [32]}, "every hidden width of G needs one activation"),
        ({"output_nonzeros": 33}, "at most 32 weights of an output can be nonzero, got 33"),
        ({"convolutions": [[4, 3, 1]]}, "a convolution is 5 numbers"),
        ({"transposed_convolution": [8, 4]}, "transposed_convolution is 3 numbers"),
        ({"transposed_convolution": [8, 4, 0]}, "stride 0"),
    ],
    ids=str,
)
def test_nets_that_cannot_be_built_are_refused_with_the_reason(said: dict, hint: str) -> None:
    smoke = recipe.resolve("gan", "mnist", "smoke", {}).hyperparameters
    with pytest.raises(ValueError, match=hint):
        GAN((1, 28, 28), **{**smoke, **said})


def test_an_unknown_activation_is_refused_before_any_work() -> None:
    with pytest.raises(UsageError, match="activations"):
        recipe.resolve("gan", "mnist", "smoke", {"activations": ["softplus", "relu"]})


def test_interpolations_are_straight_lines_in_z_whose_ends_are_samples() -> None:
    model = GAN((1, 4, 4), **{**SMALL, "generator": [], "activations": [], "output": "linear"})
    torch.manual_seed(0)
    rows = model.interpolate(3, 5).view(3, 5, 16)
    steps = rows.diff(dim=1)  # G is affine here
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))
    torch.manual_seed(0)
    ends = model.G(model._noise(6)).view(2, 3, 16)
    torch.testing.assert_close(rows[:, 0], ends[0])
    torch.testing.assert_close(rows[:, -1], ends[1])


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_codes_of_normal_rows_are_distributed_as_the_noise(noise):
    model = small(noise=noise)
    drawn, codes = model.prior(20_000), model.code(torch.randn(20_000, 3))
    for quantile in (0.0, 0.1, 0.5, 0.9, 1.0):
        apart = drawn.quantile(quantile) - codes.quantile(quantile)
        assert apart.abs() < (0.03 if 0 < quantile < 1 or noise == "uniform" else 2)


def test_decoding_has_slopes_only_where_the_codes_require_them():
    model, t = small(noise="uniform"), torch.randn(2, 3, requires_grad=True)
    assert model.decode(model.code(t)).requires_grad
    with torch.no_grad():
        assert not model.decode(model.code(t)).requires_grad
    assert not model.decode(model.prior(2)).requires_grad
