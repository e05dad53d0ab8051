"""A score of a grid of blocks is one number, wherever and in whichever order they are computed."""

from __future__ import annotations

import json
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_parzen import images

from genbench.metrics.parzen import Parzen, Windows, estimator
from genbench.metrics.parzen.blocks import PRUNED
from genbench.metrics.parzen.counts import Parts
from genbench.metrics.parzen.pruning import Outline

ROWS, SAMPLES = 17, 100  # of a block
Rows = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture(params=[False, True], ids=["dense", "pruned"])
def pruned(request, monkeypatch) -> bool:
    monkeypatch.setattr(Outline, "pays", lambda outline, *_: request.param and outline.columns > 0)
    return request.param


@pytest.fixture
def rows() -> Rows:
    """Samples, validation and test rows; fewer and more rows than a block has."""
    return images(303, 256, 1, 300), images(30, 256, 2, 300), images(40, 256, 3, 300)


def metric(column: int = SAMPLES, **given) -> Parzen:
    found = Parzen(**given)
    found.at_once = ROWS, column
    return found


def elsewhere(rows: Rows, seen: list, **given):
    """Computes blocks in a random order, each by a metric of its own, from JSON alone."""

    def spread(blocks):
        seen.extend(blocks)
        order, found = list(enumerate(map(json.dumps, blocks))), {}
        random.Random(0).shuffle(order)
        names = dict(zip(("samples", "valid", "test"), rows, strict=True))
        for at, block in order:
            found[at] = Parzen(**given).part(json.loads(block), **names)
        return [found[at] for at in range(len(blocks))]

    return spread


@settings(derandomize=True, max_examples=40, deadline=None)
@given(m=st.integers(1, 70), column=st.integers(1, 40), size=st.integers(1, 40))
def test_columns_hold_the_samples_of_the_pass_in_its_order(m, column, size):
    parts = Parts.of(torch.arange(m)[:, None], (4, 2))
    wanted = [block.flatten().tolist() for *_, block, _ in parts.blocks(m)]
    found: list[list[int]] = [[] for _ in wanted]
    for start in range(0, m, column):
        of_column = parts.column(start, start + column)
        ended = []
        for which, before, block, ends in of_column.blocks(size):
            assert before == sum(map(len, found))
            found[which] += block.flatten().tolist()
            ended += [which] * ends
        assert ended == list(range(len(wanted)))  # a count ends in each column, maybe with nothing
    assert found == wanted


@pytest.mark.parametrize("given", [{}, {"sigma_search": "refine", "scale": 0.5}])
def test_blocks_that_others_compute_in_any_order_give_the_same_bytes(given, rows, pruned):
    here, there = metric(**given), metric(**given)
    seen: list = []
    there.spread = elsewhere(rows, seen, **given)
    one, other = here(*rows), there(*rows)
    assert torch.equal(one.per_example, other.per_example)
    one_text, other_text = (
        (s.value, s.stderr, s.curves, s.warnings, s.notes) for s in (one, other)
    )
    assert one_text == other_text
    assert len([block for block in seen if block["of"] == "test"]) == 3 * 4  # rows by columns


def test_blocks_are_the_same_ones_for_whoever_asks(rows):
    asked = []
    for _ in range(2):
        of, seen = metric(), []
        of.spread = elsewhere(rows, seen)
        of(*rows)
        asked.append(seen)
    assert asked[0] == asked[1]


@pytest.mark.parametrize("precision", ["auto", "float64"])
def test_the_score_of_a_grid_is_the_one_without_it_but_for_rounding(precision, rows, pruned):
    plain, grid = Parzen(precision=precision)(*rows), metric(precision=precision)(*rows)
    least = {"auto": 1e-4, "float64": 1e-9}[precision]
    torch.testing.assert_close(grid.per_example, plain.per_example, rtol=0, atol=least)
    assert grid.notes["sigma by samples"] == plain.notes["sigma by samples"]
    effective = (score.notes["effective"]["median"] for score in (grid, plain))
    assert next(effective) == pytest.approx(next(effective), rel=1e-3)
    ways = {PRUNED[t] for t in PRUNED} & {*grid.notes["certificate"]["how"]}
    assert bool(ways) == pruned
    for (m, value), (count, other) in zip(
        grid.curves["score by samples"], plain.curves["score by samples"], strict=True
    ):
        assert m == count
        assert value == pytest.approx(other, abs=least)


def test_with_no_more_samples_than_a_column_the_bytes_are_those_without_a_grid(rows, monkeypatch):
    monkeypatch.setattr(estimator, "AT_ONCE", ROWS)  # the rows of a pass are those of a block
    assert torch.equal(metric(column=303)(*rows).per_example, Parzen()(*rows).per_example)


def test_of_no_more_rows_than_a_pass_serves_nothing_is_spread(rows):
    of, seen = Parzen(), []
    of.spread = elsewhere(rows, seen)
    of(*rows)
    assert seen == []


def test_samples_that_cannot_be_are_refused_before_any_block(rows):
    of, seen = metric(), []
    of.spread = elsewhere(rows, seen)
    rows[0][200, 3] = float("nan")
    with pytest.raises(ValueError, match="samples must be finite, row 200"):
        of(*rows)
    assert seen == []


def test_a_block_looks_at_its_own_samples_alone(rows):
    windows = Windows(rows[0], checked=True)
    assert windows.columns == [(0, 303)]
    (sums,) = windows.block(rows[2], (100, 200), [[0.3]])
    assert sums.looked_at.max() <= 100
    alone = Windows(rows[0][100:200]).score(rows[2], [0.3])
    exact = sums.sums - torch.log(torch.tensor(100.0, dtype=torch.float64))
    norm = 256 * torch.log(0.3 * torch.sqrt(2 * torch.tensor(torch.pi, dtype=torch.float64)))
    torch.testing.assert_close(exact - norm, alone.log_likelihood, rtol=0, atol=1e-3)
