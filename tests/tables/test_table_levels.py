"""Of what a table's error and interval are, as there are more sample sets and seeds."""

import math

import numpy as np
import pytest
from made import altered
from scipy import stats
from test_table import GAN, current

from genbench.tables import cells, centroids, notes
from genbench.words import value_and_error


def cell(*results):
    (found,) = cells.cells(results, current)
    return found


def runs(values: dict[tuple[int, int], float]):
    """A result for each (seed, sample set)."""
    return [
        altered(GAN, seed=seed, sample_set=which, value=value, stderr=2.0, key=f"{seed}-{which}")
        for (seed, which), value in values.items()
    ]


def test_one_run_has_the_error_over_its_test_examples() -> None:
    found = cell(*runs({(0, 0): 100.0}))
    assert (found.over, found.error) == ("examples", 2.0)
    assert found.interval == pytest.approx((100 - 1.95996 * 2, 100 + 1.95996 * 2), abs=1e-4)


def test_sample_sets_of_one_training_add_their_spread_to_that_of_the_examples() -> None:
    found = cell(*runs({(0, 0): 99.0, (0, 1): 100.0, (0, 2): 104.0}))
    spread = stats.sem([99.0, 100.0, 104.0])
    assert found.over == "sets"
    assert found.value == pytest.approx(101.0)
    assert found.error == pytest.approx(math.hypot(2.0, spread))


def test_seeds_are_what_varies_where_there_are_several_whatever_the_sets() -> None:
    values = {(s, k): 10.0 * s + k for s in range(3) for k in range(2)}
    found = cell(*runs(values))
    assert (found.over, found.value) == ("seeds", pytest.approx(10.5))
    assert found.error == pytest.approx(stats.sem([0.5, 10.5, 20.5]))
    low, high = stats.t.interval(0.95, 2, loc=10.5, scale=found.error)
    assert found.interval == pytest.approx((low, high))
    assert found.by_seed == {0: 0.5, 1: 10.5, 2: 20.5}


def test_a_result_by_another_protocol_is_in_no_main_table() -> None:
    other = altered(GAN, protocol="sigma refined", key="other")
    assert cells.tables([GAN, other]) == [("", [GAN])]


def test_warnings_that_differ_in_numbers_are_said_once_and_counted() -> None:
    said = [
        altered(r, warnings=[f"sigma {r.seed} is at the edge"])
        for r in runs({(s, 0): float(s) for s in range(3)})
    ]
    lines = [line for line in notes.under_table([cell(*said)], ()) if "edge" in line]
    assert len(lines) == 1
    assert lines[0].endswith("sigma 0 is at the edge (and 2 more like it)")


def several(model: str, values: list[float], **changed):
    rows = [
        altered(GAN, model=model, seed=s, value=v, key=f"{model}{s}") for s, v in enumerate(values)
    ]
    return [altered(row, **changed) for row in rows]


def marked(*results) -> set[str]:
    return {name for name, _ in cells.best(cells.cells(results, current), ("replay",))}


def test_best_is_a_set_of_rows_with_three_seeds() -> None:
    low, high = several("dbn", [139.0, 140.0, 141.0]), several("gan", [220.0, 221.0, 222.0])
    near = several("deep_gsn", [219.0, 221.0, 223.0])
    assert marked(*low, *high, *near) == {"gan", "deep_gsn"}
    assert marked(*low, *high[:2]) == set()


def test_nothing_is_best_beside_a_better_row_of_one_seed() -> None:
    rows = [*several("dbn", [139.0, 140.0, 141.0]), *several("cae", [120.0, 122.0, 121.0])]
    assert marked(*rows) == {"dbn"}
    assert marked(*rows, *several("gan", [250.0])) == set()


def test_nothing_is_best_among_rows_of_other_sample_counts() -> None:
    rows = [*several("dbn", [139.0, 140.0, 141.0]), *several("cae", [1.0, 2.0, 3.0], samples=2000)]
    assert marked(*rows) == set()


def test_less_is_best_where_less_is_better_even_beside_a_failure() -> None:
    failed = altered(GAN, model="gan", status="failed", value=None, stderr=None, kind="")
    less = {"best": "low"}
    rows = [*several("a", [10.0, 11.0, 12.0], **less), *several("b", [50.0, 51.0, 52.0], **less)]
    assert marked(failed, *rows) == {"a"}


def test_a_row_that_no_seed_changes_keeps_its_error_over_examples() -> None:
    found = cell(*runs({(0, 0): 100.0, (1, 0): 100.0}))
    assert (found.over, found.error) == ("examples", 2.0)


@pytest.mark.parametrize("error", [1e-320, 1e-12, 1e25, 1e299])
def test_an_absurd_error_stays_short(error: float) -> None:
    assert len(value_and_error(-2057.3, error)) < 25


def test_sample_sets_are_no_further_test_rows_of_the_centroids_note() -> None:
    rng = np.random.RandomState(0)
    scores = {"kmeans": rng.randn(50) + 5, "replay": rng.randn(50)}
    rows = [altered(GAN, model=m, sample_set=k, key=f"{m}{k}") for m in scores for k in range(3)]
    lines = centroids.on_centroids(rows, lambda r: scores[r.model], "kmeans", "replay")
    assert len(set(lines)) == 1
