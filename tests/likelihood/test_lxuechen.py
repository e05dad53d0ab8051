"""Bounds on a VAE of others (the anchors), against numbers that this code did not produce."""

import pytest
from lxuechen import given

from genbench.likelihood import importance
from genbench.likelihood.doubling import Plan
from genbench.likelihood.importance import Proposal
from genbench.likelihood.jobs import Jobs
from genbench.likelihood.observations import OfRows, decoder_of
from genbench.seeding import seeded

pytestmark = pytest.mark.data
ELBO, IMPORTANCE, DRAWS = -78.990, -71.868, 20_000  # of the first 50 test images, thresholded


def sampled(model, x, draws):
    with seeded("importance"):
        return importance.bounds(decoder_of(model, x), x, Proposal(*model.posterior(x)), draws)


def test_the_elbo_is_as_stated() -> None:
    found = sampled(*given(50), 200)
    error = found.elbo_stderr.square().sum().sqrt().item() / 50
    assert abs(found.elbo.mean() - ELBO) < 4 * error + 0.01


@pytest.mark.slow
def test_importance_sampling_is_as_stated() -> None:
    assert abs(sampled(*given(50), DRAWS).iwae.mean() - IMPORTANCE) < 0.3


@pytest.mark.slow
def test_annealing_is_not_below_importance_sampling_by_more_than_its_error() -> None:
    model, x = given(50)
    bound = Jobs().bound("rows", OfRows(decoder_of(model, x), x), Plan(2, 4000, 4000, 0))
    error = bound.stderr_of_chains
    assert error is not None
    assert bound.rows.mean() > IMPORTANCE - error
    assert bound.rows[7] > -89  # where 20,000 draws give -95.35
