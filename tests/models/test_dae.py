"""The denoising auto-encoder against slow twins, and its chain against one that is enumerated."""

from itertools import islice, product

import pytest
import torch

from baselines.dae import DAE, STARTS, bits, corrupted
from genbench.testing import check_model, steps

SMALL = {
    "hidden": 4,
    "epochs": 3,
    "batch": 5,
    "walkback": 3,
    "corruption": 0.3,
    "rate": 0.5,
    "rate_decay": 0.8,
    "threshold": 0.0,
    "chains": 5,
    "start": "noise",
    "burn_in": 3,
    "thinning": 2,
}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def small(seed=0, d=6, **changes):
    torch.manual_seed(seed)
    model = DAE((d,), **{**SMALL, **changes})
    model.b.normal_()
    model.c.normal_()
    model.mean.copy_(torch.linspace(0.2, 0.6, d))
    return model


def rows(n=12, d=6):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1))


def trained(model, train, last=None, done=0):
    for _ in islice(steps(model, train, train[:0], done=done), last and last - done):
        pass
    return model


# --- what it learns ---


@pytest.mark.parametrize("walkback", [1, 3])
def test_a_step_descends_the_sum_over_the_walkback_by_finite_differences(walkback):
    """The images that are drawn on the way are constants of the step."""
    model, x = small(walkback=walkback), rows()
    seen = []

    def loss_of(W, b, c):
        """Σ_t mean -[x log p_t + (1 - x) log(1 - p_t)], at the images that were seen."""
        total = 0.0
        for y in seen:
            p = ((y @ W + c).sigmoid() @ W.T + b).sigmoid()
            total += -(x * p.log() + (1 - x) * (1 - p).log()).mean().item()
        return total

    logits = model._logits
    model._logits = lambda y: seen.append(y.detach()) or logits(y)
    before = [p.clone() for p in (model.W, model.b, model.c)]
    last = model._learn(x, 0.5)
    assert len(seen) == walkback
    p = ((seen[-1] @ before[0] + before[2]).sigmoid() @ before[0].T + before[1]).sigmoid()
    assert last.item() == pytest.approx(-(x * p.log() + (1 - x) * (1 - p).log()).mean().item())
    for i, (now, then) in enumerate(zip((model.W, model.b, model.c), before, strict=True)):
        for place in range(0, then.numel(), 3):
            ends = []
            for amount in (1e-6, -1e-6):
                moved = [p.clone() for p in before]
                moved[i].view(-1)[place] += amount
                ends.append(loss_of(*moved))
            slope = (ends[0] - ends[1]) / 2e-6
            step = (now - then).view(-1)[place].item()
            assert step == pytest.approx(-0.5 * slope, abs=1e-8)


def test_walkback_goes_on_from_images_drawn_from_what_was_given_back():
    model, x = small(walkback=3, corruption=0.0), rows()
    model.b.fill_(50.0)  # every pixel is drawn white
    seen = []
    logits = model._logits
    model._logits = lambda y: seen.append(y.detach()) or logits(y)
    model._learn(x, 0.0)
    assert torch.equal(seen[0], x)
    assert all(torch.equal(y, torch.ones_like(x)) for y in seen[1:])


def test_corruption_hides_the_image_from_the_net_but_not_from_the_loss():
    """All pixels being salt or pepper, what is learned is the mean image."""
    x = rows(1).expand(100, -1)
    model = small(corruption=1.0, walkback=1, batch=100, epochs=300, rate=5.0, rate_decay=1.0)
    trained(model, x)
    assert (model._logits(corrupted(x, 1.0)).sigmoid() - x).abs().max() < 0.05


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_salt_and_pepper_are_equally_likely_and_the_rest_stays(share):
    x = torch.full((100_000, 2), 0.3)
    y = corrupted(x, share)
    for value in (0.0, 1.0):
        assert (y == value).double().mean().item() == pytest.approx(share / 2, abs=0.006)
    assert ((y == x) | (y == 0) | (y == 1)).all()
    assert bits(x).mean().item() == pytest.approx(0.3, abs=0.006)


def test_a_threshold_makes_images_black_and_white_for_training_and_codes():
    x = rows()
    grey, black = small(threshold=0.5), small(threshold=0.5)
    trained(grey, x)
    trained(black, (x > 0.5).double())
    assert torch.equal(grey.W, black.W)
    assert torch.equal(grey.encode(x), grey.encode((x > 0.5).double()))
    assert set(grey.starts.unique().tolist()) == {0.0, 1.0}


def test_the_rate_decays_every_epoch():
    model, seen = small(), []
    learn = model._learn
    model._learn = lambda x, rate: seen.append(rate) or learn(x, rate)
    trained(model, rows())
    assert seen == pytest.approx([rate for rate in (0.5, 0.4, 0.32) for _ in range(3)])


# --- its chain ---


def every(d):
    return torch.tensor(list(product((0.0, 1.0), repeat=d)))


def corruptions(d, share):
    """P(x~ | x) of all images of d pixels: (2^d, 2^d)."""
    differ = (every(d)[:, None] != every(d)[None]).double()
    return torch.where(differ.bool(), share / 2, 1 - share / 2).prod(dim=2)


def probabilities(p):
    """Of all images, where each pixel is 1 with probability p (n, d): (n, 2^d)."""
    x = every(p.shape[1])
    return torch.where(x.bool()[None], p[:, None], 1 - p[:, None]).prod(dim=2)


@pytest.mark.parametrize("start", ["noise", "data"])
def test_samples_are_means_after_burn_in_and_thinning_steps_of_the_enumerated_chain(start):
    n, d = 60_000, 2
    model = small(d=d, burn_in=1, thinning=2, chains=n, start=start)
    model.W.mul_(3)
    model.b.sub_(0.5 * model.W.sum(dim=1))
    p = model._logits(every(d)).sigmoid()
    C = corruptions(d, model.corruption)
    first = {"noise": probabilities(model.mean[None])[0], "data": torch.eye(4)[0]}[start]
    exact = {
        t: first @ torch.linalg.matrix_power(C @ probabilities(p), t - 1) @ C @ p for t in (2, 3, 4)
    }
    m = model.sample(n)
    stderr = m.std(dim=0) / n**0.5
    assert ((m.mean(dim=0) - exact[3]).abs() < 4 * stderr).all()
    assert ((m[:, None] - p).abs().amax(dim=2).amin(dim=1) < 1e-12).all()


def test_the_learned_chain_has_the_data_as_its_stationary_distribution():
    """Of pixels that are independent, as the net takes them to be given x~."""
    p = torch.tensor([0.42, 0.28, 0.18, 0.12])
    train = every(2).repeat_interleave(p.mul(200).round().long(), dim=0)
    model = small(d=2, hidden=8, epochs=300, walkback=1, batch=100, rate=2.0, rate_decay=0.985)
    trained(model, train)
    step = corruptions(2, 0.3) @ probabilities(model._logits(every(2)).sigmoid())
    stationary = torch.linalg.matrix_power(step, 200)[0]
    assert 0.5 * (stationary - p).abs().sum() < 0.03


def test_each_kept_state_follows_from_the_one_before():
    torch.manual_seed(5)
    every_step = small(burn_in=0, thinning=1)
    torch.manual_seed(5)
    states = every_step.sample(5 * 11).split(5)
    some = small(burn_in=3, thinning=4)
    torch.manual_seed(5)
    kept = some.sample(10).split(5)
    torch.testing.assert_close(torch.cat(kept), torch.cat([states[6], states[10]]))


# --- the runner's side ---


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resumed_after_any_epoch_it_equals_the_uninterrupted_run(stop):
    whole = trained(small(), rows()).state_dict()
    state = {k: v.clone() for k, v in trained(small(), rows(), last=stop).state_dict().items()}
    resumed = small(seed=99)
    resumed.load_state_dict(state)
    after = trained(resumed, rows(), done=stop).state_dict()
    assert all(torch.equal(after[name], whole[name]) for name in whole)


def test_sampling_settings_change_nothing_in_training():
    settings = {"chains": 2, "start": "data", "burn_in": 9, "thinning": 1}
    assert settings.keys() == set(DAE.sampling)
    one, other = trained(small(), rows()), trained(small(**settings), rows())
    assert torch.equal(one.W, other.W)
    assert len(other.starts) == STARTS


@pytest.mark.parametrize(
    "changes", [{"epochs": 2}, {"walkback": 1, "threshold": 0.5, "start": "data"}], ids=str
)
def test_it_keeps_the_contract(changes):
    torch.set_default_dtype(torch.float32)
    assert len(check_model("dae", **changes)) > 20


@pytest.mark.parametrize(
    "changes",
    [{"hidden": 0}, {"walkback": 0}, {"corruption": 1.5}, {"threshold": 1.0}, {"burn_in": -1}],
    ids=str,
)
def test_impossible_settings_are_refused_before_any_training(changes):
    with pytest.raises(ValueError, match="must be"):
        small(**changes)
