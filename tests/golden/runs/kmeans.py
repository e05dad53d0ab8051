"""Runs of k-means: as many centroids as it may have, and as were asked for."""

from __future__ import annotations

from baselines.kmeans import KMeans

from ..fingerprints import Given
from ._training import pictures, trained

SHAPE = (1, 3, 3)


def a_fifth_of_the_rows() -> Given:
    """As many steps as it makes if nothing is said."""
    model = KMeans(SHAPE)
    given = trained(model, pictures(40, SHAPE))
    return {**given, "centroids": model.sample(9)}


def three_centroids() -> Given:
    """A copy restored after the first step goes on; a centroid far from all rows stays."""
    train = pictures(40, SHAPE)
    first = KMeans(SHAPE, centroids=3, steps=2)
    next(first.fit(train, train[:0]))
    state = first.state_dict()
    state["centroids"][1] = 9.0
    model = KMeans(SHAPE, centroids=3, steps=2)
    model.load_state_dict(state)
    given = trained(model, train)
    return {**given, "centroids": model.sample(2)}


def one_centroid() -> Given:
    """Of fewer than ten rows."""
    model = KMeans(SHAPE, steps=1)
    given = trained(model, pictures(4, SHAPE))
    return {**given, "centroids": model.sample(2)}


def finished() -> Given:
    """A model restored from its weights alone is finished: it steps no further."""
    model = KMeans(SHAPE, steps=2)
    model.load_state_dict({"centroids": pictures(2, SHAPE)})
    given = trained(model, pictures(10, SHAPE))
    return {**given, "centroids": model.sample(2)}


TOLERANCE = 1e-5
RUNS = (a_fifth_of_the_rows, three_centroids, one_centroid, finished)
