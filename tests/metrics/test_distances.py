"""Blockwise distances against scikit-learn, the direct definition, and exact integers."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from genbench.metrics import _distances
from genbench.metrics._distances import nearest, sq_distances, sq_radii, within


def rows(n: int, w: int, seed: int, offset: float = 0.0) -> torch.Tensor:
    return torch.randn(n, w, generator=torch.Generator().manual_seed(seed)) + offset


def direct(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x.double()[:, None] - y.double()).pow(2).sum(dim=2)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("w", [1, 3, 64, 500])
def test_neighbours_are_those_of_scikit_learn(w, offset):
    x, y = rows(150, w, 1, offset), rows(200, w, 2, offset)
    oracle = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(y.double().numpy())
    dist, index = oracle.kneighbors(x.double().numpy())
    sq_dist, found = nearest(x, y, 5, block=1000)
    assert np.array_equal(found.numpy(), index)
    np.testing.assert_allclose(sq_dist.sqrt().numpy(), dist, rtol=1e-6)
    torch.testing.assert_close(sq_dist, direct(x, y).sort(dim=1)[0][:, :5], rtol=1e-13, atol=0)


def test_no_row_is_its_own_neighbour_though_its_equals_are():
    x = rows(40, 3, 1)
    x[7] = x[3]
    sq_dist, index = nearest(x, x, 39, excluding_self=True)
    assert (index != torch.arange(40)[:, None]).all()
    assert (index[7, 0].item(), sq_dist[7, 0].item()) == (3, 0)
    expected = direct(x, x).fill_diagonal_(torch.inf).sort(dim=1)[0][:, :39]
    torch.testing.assert_close(sq_dist, expected, rtol=1e-13, atol=0)
    assert torch.equal(sq_radii(x, 4), sq_dist[:, 3])


def test_integers_are_exact_whatever_ties_there_are():
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randint(0, 3, (n, 4), generator=draw).float() for n in (90, 120))
    expected = direct(x, y)
    sq_dist, index = nearest(x, y, 7)
    assert torch.equal(sq_dist, expected.sort(dim=1)[0][:, :7])
    assert torch.equal(expected.gather(1, index), sq_dist)
    assert torch.equal(torch.cat([part for _, part in sq_distances(x, y)]).double(), expected)


def test_near_ties_that_float32_products_cannot_tell_are_told():
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    near = torch.full((300, 400), 0.7, dtype=torch.float64)
    near[:, 0] += 1e-9 * order.double()
    y = torch.cat([near, torch.full_like(near, -0.8)])
    _, index = nearest(torch.zeros(1, 400, dtype=torch.float64), y, 3)
    assert torch.equal(index[0], order.argsort()[:3])


def test_without_the_float64_products_near_ties_are_mistaken(monkeypatch):
    candidates = _distances._candidates

    def never_unsure(*given):
        *found, sure = candidates(*given)
        return (*found, torch.ones_like(sure))

    monkeypatch.setattr(_distances, "_candidates", never_unsure)
    with pytest.raises(AssertionError):
        test_near_ties_that_float32_products_cannot_tell_are_told()


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("x", [rows(120, 20, 5), rows(120, 2, 5).round()], ids=["real", "lattice"])
def test_rows_within_radii_are_those_of_the_definition(x, closed):
    y = rows(80, 20, 6) if x.shape[1] == 20 else rows(80, 2, 6).round()
    radius = sq_radii(y, 3)
    inside = direct(x, y) <= radius if closed else direct(x, y) < radius
    of_x, of_y = within(x, y, radius, closed=closed, block=999)
    assert torch.equal(of_x, inside.sum(dim=1))
    assert torch.equal(of_y, inside.sum(dim=0))


def test_the_row_that_sets_a_radius_lies_on_it_exactly():
    y = rows(60, 30, 1)
    radius = sq_radii(y, 2)
    open_, closed = (within(y, y, radius, closed=closed)[1] for closed in (False, True))
    assert (set(open_.tolist()), set(closed.tolist())) == ({2}, {3})  # the centre counts


def test_constant_rows_are_at_distance_zero_and_in_no_open_ball():
    x = torch.full((500, 30), 0.3)
    assert (sq_radii(x, 5) == 0).all()
    assert (within(x, x, sq_radii(x, 5))[0] == 0).all()
    assert (within(x, x, sq_radii(x, 5), closed=True)[0] == 500).all()


def test_the_block_changes_nothing():
    x, y = rows(70, 9, 1), rows(90, 9, 2)
    for one, many in zip(nearest(x, y, 4, block=1), nearest(x, y, 4), strict=True):
        assert torch.equal(one, many)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite_are_refused(bad):
    x, y = rows(10, 2, 1), rows(10, 2, 2)
    y[3, 1] = bad
    with pytest.raises(ValueError, match="1 of 10 rows with NaN or infinity"):
        nearest(x, y, 1)


def test_more_neighbours_than_rows_are_refused():
    with pytest.raises(ValueError, match="from 1 to the 4 rows that can be neighbours, got 5"):
        nearest(rows(5, 2, 1), rows(5, 2, 1), 5, excluding_self=True)


def test_many_equal_rows_among_others_cost_no_direct_comparison(monkeypatch):
    y = torch.cat([rows(300, 5, 1), torch.full((300, 5), 0.3)])
    radius = sq_radii(y, 5)
    compared: list[int] = []
    direct = _distances._direct
    monkeypatch.setattr(
        _distances, "_direct", lambda *given: (compared.append(len(given[2])), direct(*given))[1]
    )
    assert (within(y, y, radius)[1][300:] == 0).all()
    assert sum(compared) < 5000
