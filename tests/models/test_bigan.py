"""The BiGAN: its losses and steps restated literally in float64, its statistics, its schedule."""

import math

import pytest
import torch

from genbench.models.bigan import BiGAN, loss_D, loss_EG
from genbench.models.normalised import Net, alone, full_batches

SMALL = {
    "latent": 3,
    "generator": [6, 5],
    "encoder": [7, 4],
    "discriminator": [5, 6],
    "leak": 0.2,
    "std": 0.6,
    "epochs": 2,
    "batch": 8,
    "rate": 0.01,
    "decaying": 0.5,
    "final_rate": 0.01,
    "beta1": 0.5,
    "l2": 0.1,
    "deploy": 3,
    "deploy_between": 2,
}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def bigan(**changes):
    return BiGAN((4,), **{**SMALL, **changes})


def rows(n=24, d=4):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


# --- what is minimised, restated ---


def sigma(a):
    return 1 / (1 + (-a).exp())


def normalised(a):
    return (a - a.mean(dim=0)) / (((a - a.mean(dim=0)) ** 2).mean(dim=0) + 1e-8).sqrt()


def leaky(a):
    return torch.where(a > 0, a, 0.2 * a)


def of_G(w, z):
    h = normalised(z @ w["G.layers.0.W"].T).clamp(min=0)
    h = normalised(h @ w["G.layers.1.W"].T + z @ w["G.layers.1.V"].T).clamp(min=0)
    return sigma(h @ w["G.top"].T)


def of_E(w, x):
    h = leaky(x @ w["E.layers.0.W"].T)
    h = leaky(normalised(h @ w["E.layers.1.W"].T))
    return 2 * sigma(h @ w["E.top"].T) - 1


def of_D(w, x, z):
    h = leaky(x @ w["D.layers.0.W"].T)
    h = leaky(normalised(h @ w["D.layers.1.W"].T + z @ w["D.layers.1.V"].T))
    return sigma(h @ w["D.top"].T)


def losses(w, x, z):
    real, fake = of_D(w, x, of_E(w, x)), of_D(w, of_G(w, z), z)
    L_D = -(real.log().mean() + (1 - fake).log().mean()) / 2
    return L_D, -((1 - real).log().mean() + fake.log().mean()) / 2


def weights(model):
    named = {n: getattr(model, n).named_parameters() for n in "GED"}
    return {
        f"{n}.{k.removesuffix('.weight')}": p.detach().clone().requires_grad_()
        for n, parameters in named.items()
        for k, p in parameters
    }


def test_the_losses_are_the_cross_entropies_of_d_and_those_swapped():
    a_real, a_fake = torch.randn(9), torch.randn(9)
    real, fake = sigma(a_real), sigma(a_fake)
    expected = -(real.log().mean() + (1 - fake).log().mean()) / 2
    torch.testing.assert_close(loss_D(a_real, a_fake), expected)
    expected = -((1 - real).log().mean() + fake.log().mean()) / 2
    torch.testing.assert_close(loss_EG(a_real, a_fake), expected)


def test_the_losses_of_a_batch_are_the_formulas_of_all_three_nets(monkeypatch):
    model, x, z = bigan(), rows(8), torch.rand(8, 3) * 2 - 1
    torch.nn.init.normal_(model.D.top.weight)
    monkeypatch.setattr(model, "prior", lambda n: z)
    with alone(model.G, model.E, model.D):
        found = model._losses(x)
    for ours, literal in zip(found, losses(weights(model), x, z), strict=True):
        torch.testing.assert_close(ours, literal)


def test_two_updates_are_adams_on_slopes_of_both_losses_at_the_same_weights(monkeypatch):
    model, x = bigan(), rows(8)
    torch.nn.init.normal_(model.D.top.weight)
    w, codes = weights(model), [torch.rand(8, 3) * 2 - 1 for _ in range(2)]
    m = {k: torch.zeros_like(p) for k, p in w.items()}
    v = {k: torch.zeros_like(p) for k, p in w.items()}
    for t, z in enumerate(codes, start=1):
        monkeypatch.setattr(model, "prior", lambda n, z=z: z)
        with alone(model.G, model.E, model.D):
            model._update(x)
        L_D, L_EG = losses(w, x, z)
        slopes = {
            k: torch.autograd.grad(L_D if k[0] == "D" else L_EG, p, retain_graph=True)[0]
            for k, p in w.items()
        }
        for k, slope in slopes.items():
            g = slope + 0.1 * w[k].detach()
            m[k] = 0.5 * m[k] + 0.5 * g
            v[k] = 0.999 * v[k] + 0.001 * g**2
            step = m[k] / (1 - 0.5**t) / ((v[k] / (1 - 0.999**t)).sqrt() + 1e-8)
            w[k] = (w[k].detach() - 0.01 * step).requires_grad_()
    for k, p in weights(model).items():
        torch.testing.assert_close(p, w[k], rtol=1e-9, atol=1e-9)


def test_before_training_the_logit_is_0_and_both_losses_are_log_2():
    model = bigan(rate=0.0, l2=0.0)
    for epoch in model.fit(rows(), rows()[:0]):
        assert epoch.losses == pytest.approx({"JD": math.log(2), "E/G": math.log(2)})


def test_the_rate_is_constant_and_falls_to_its_end_in_the_last_share_of_the_epochs():
    model = bigan(epochs=8)
    rates = [model.rate_at(epoch) for epoch in range(1, 9)]
    assert rates[:4] == [0.01] * 4
    assert rates[4:] == pytest.approx([0.01 * 0.01 ** (k / 4) for k in (1, 2, 3, 4)])
    assert bigan(decaying=0.0).rate_at(2) == 0.01


# --- normalised layers ---


def test_afterwards_rows_are_normalised_by_the_means_over_the_batches():
    net = Net(4, [5, 3], 2, std=0.7, leak=0.2)
    batches = rows().split(8)
    with alone(net):
        net(torch.full((8, 4), 9.0))
    with alone(net):  # which forgets the nines
        for x in batches:
            net(x)
    first, second = net.layers
    a = [second.W(leaky(first.W(x))) for x in batches]
    mean = torch.stack([part.mean(dim=0) for part in a]).mean(dim=0)
    variance = torch.stack([part.var(dim=0) for part in a]).mean(dim=0)  # n - 1 below
    expected = leaky((a[0] - mean) / (variance + 1e-8).sqrt())
    torch.testing.assert_close(net.hidden(batches[0]), expected)
    torch.testing.assert_close(net(batches[0]), net.top(expected))


def test_rows_of_a_trained_model_do_not_meet():
    model = bigan()
    list(model.fit(rows(), rows()[:0]))
    x, z = rows(6), model.prior(6)
    for of, given in [(model.encode, x), (model.decode, z), (model.discriminate, x)]:
        torch.testing.assert_close(of(given)[2:3], of(given[2:3]))


def test_every_batch_is_full_and_every_row_is_in_one():
    for n, batch in [(20, 8), (16, 8), (3, 8)]:
        batches = full_batches(n, batch, torch.device("cpu"))
        assert {len(part) for part in batches} == {batch}
        assert len(batches) == math.ceil(n / batch)
        assert torch.cat(batches).unique().tolist() == list(range(n))


def test_a_batch_of_one_row_is_refused():
    with pytest.raises(ValueError, match="batch must be at least 2"):
        bigan(batch=1)


# --- what it can do ---


def test_codes_lie_between_plus_and_minus_1_and_a_row_is_judged_with_its_own_code():
    model = bigan()
    list(model.fit(rows(), rows()[:0]))
    x = rows(6)
    z = model.encode(x)
    assert z.abs().max() < 1
    torch.testing.assert_close(model.discriminate(x), model.D(x, z)[:, 0])


def test_it_represents_rows_by_what_its_code_is_read_off():
    model = bigan()
    first = [p.clone() for p in model.E.parameters()]
    list(model.fit(rows(), rows()[:0]))
    x = rows(6)
    code = 2 * model.E.top(model.represent(x)).sigmoid() - 1
    torch.testing.assert_close(code, model.encode(x))
    for now, then in zip(model.first_E.parameters(), first, strict=True):
        assert torch.equal(now, then)
    assert not torch.equal(model.represent_initial(x), model.represent(x))
