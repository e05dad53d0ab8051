"""The mixing report against brute force, and on chains whose mixing is known."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.samples import chains as mixing

CORNERS = torch.eye(4)  # four training rows, far apart
CLASSES = torch.tensor([0, 0, 1, 1])
BETWEEN = torch.full((3, 4), 0.25)  # real rows that were not trained on


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed))


def report(*given, **named) -> dict:
    """The report, by its fields."""
    return asdict(mixing.report(*given, **named))


def visits(order: list[list[int]], **other):
    """The report of chains that stand exactly at the corners `order[t][chain]`."""
    at = torch.tensor(order)
    given = {"chains": at.shape[1], "thinning": 1, "labels": CLASSES, **other}
    return report(CORNERS[at.flatten()], train=CORNERS, held_out=BETWEEN, **given)


def test_samples_of_no_chain_are_near_to_images_but_go_nowhere() -> None:
    found = visits([[0, 0, 3, 2]], chains=None)
    assert found == visits([[0, 0, 3, 2]], chains=4) | {"chains": None, "steps": None}
    assert found["classes"] == {"0": 0.5, "1": 0.5}


def brute_force(samples, chains, thinning, train, labels, held_out) -> dict:
    """The definitions, row by row in float64, all samples looked at."""
    x, y, h = (np.asarray(part, dtype=np.float64) for part in (samples, train, held_out))
    distances = [[math.dist(a, b) for b in y] for a in x]
    near = [int(np.argmin(row)) for row in distances]
    seen = [int(labels[i]) for i in near]
    usual = np.median([min(math.dist(a, b) for b in y) for a in h])
    pairs = [(i, i + chains) for i in range(len(x) - chains)]
    shares = {str(c): seen.count(c) / len(seen) for c in sorted(set(seen))}
    changes = sum(seen[i] != seen[j] for i, j in pairs)
    return {
        "looked_at": len(x),
        "chains": chains,
        "steps": thinning,
        "class_transitions_per_100_steps": 100 * changes / (len(pairs) * thinning),
        "distinct_nearest": len(set(near)),
        "near_copies": float(np.mean([min(row) < usual / 2 for row in distances])),
        "classes": shares,
        "class_entropy": -sum(p * math.log(p) for p in shares.values()),
    }


def close(one: dict, other: dict) -> bool:
    """Equal keys and values, floats to rounding."""
    return one.keys() == other.keys() and all(one[key] == pytest.approx(other[key]) for key in one)


@given(
    chains=st.integers(1, 7),
    kept=st.integers(2, 9),
    n=st.integers(1, 40),
    d=st.integers(1, 6),
    thinning=st.integers(1, 20),
    seed=st.integers(0, 99),
)
@settings(derandomize=True, deadline=None, max_examples=100)
def test_the_report_is_that_of_brute_force(chains, kept, n, d, thinning, seed) -> None:
    train = rows(n, d, seed)
    labels = torch.randint(3, (n,), generator=torch.Generator().manual_seed(seed))
    noise = 0.3 * (rows(chains * kept, d, seed + 1) - 0.5)
    samples = train[torch.arange(chains * kept) * 7 % n] + noise
    given = samples, chains, thinning, train, labels, rows(6, d, seed + 2)
    assert close(report(*given), brute_force(*given))


def test_frozen_chains_at_training_rows_never_change_class_and_are_near_copies() -> None:
    found = visits([[0, 2, 3]] * 5)
    assert found["class_transitions_per_100_steps"] == 0
    assert found["near_copies"] == 1
    assert found["distinct_nearest"] == 3


@pytest.mark.parametrize(("thinning", "expected"), [(1, 100), (10, 10)])
def test_chains_that_change_class_at_each_kept_state(thinning: int, expected: float) -> None:
    found = visits([[0, 3], [2, 1], [0, 3], [2, 1]], thinning=thinning)
    assert found["class_transitions_per_100_steps"] == expected
    assert found["steps"] == thinning


def test_two_chains_that_stand_at_two_classes_make_no_transition() -> None:
    assert visits([[0, 3]] * 4)["class_transitions_per_100_steps"] == 0  # columns, not rows


def test_a_move_within_a_class_is_no_transition() -> None:
    found = visits([[0], [1], [0], [1]])
    assert (found["class_transitions_per_100_steps"], found["distinct_nearest"]) == (0, 2)


def test_a_last_step_that_is_not_whole_is_not_looked_at() -> None:
    order = torch.tensor([0, 0, 0, 1, 1, 1, 2])  # the last would be chain 0's change of class
    found = report(CORNERS[order], 3, 1, CORNERS, CLASSES, BETWEEN)
    assert found["looked_at"] == 6
    assert found["class_transitions_per_100_steps"] == 0


def test_more_chains_than_samples_are_chains_of_one_state_each() -> None:
    found = visits([[0, 2, 1]], chains=10)
    assert (found["looked_at"], found["chains"]) == (3, 3)
    assert found["class_transitions_per_100_steps"] is None
    assert found["classes"] == {"0": pytest.approx(2 / 3), "1": pytest.approx(1 / 3)}


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 0, 1, -1])], ids=["none", "negative"])
def test_unknown_classes_leave_the_rest(labels: torch.Tensor | None) -> None:
    known, found = visits([[0, 3], [2, 1]]), visits([[0, 3], [2, 1]], labels=labels)
    of_classes = {"class_transitions_per_100_steps", "classes", "class_entropy"}
    assert {key for key, value in found.items() if value is None} == of_classes
    assert all(found[key] == known[key] for key in found.keys() - of_classes)


def test_the_entropy_of_one_class_is_0_and_of_two_equal_ones_log_2() -> None:
    assert visits([[0, 1]])["class_entropy"] == 0
    assert visits([[0, 2]])["class_entropy"] == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("m", "chains", "expected"),
    [
        (10_000, 1000, (10, 200)),  # kept, looked at
        (10_000, 100, (100, 20)),
        (10_000, 3, (2000, 1)),
        (10_000, 1, (2000, 1)),
        (10_000, 7000, (1, 2000)),
        (4000, 2000, (2, 1000)),
        (500, 100, (5, 100)),
    ],
)
def test_whole_chains_are_looked_at_and_no_more_than_2000_states(m, chains, expected) -> None:
    assert mixing.looked_at(torch.zeros(m, 1), chains).shape[:2] == expected


def test_a_file_that_is_sorted_by_class_is_looked_at_from_end_to_end() -> None:
    labels = torch.arange(5).repeat_interleave(1000)
    train = labels.float()[:, None]
    found = mixing.report(train, None, 1, train, labels, train[:0])
    assert found.classes == {str(label): 0.2 for label in range(5)}


def test_a_chain_that_is_looked_at_is_that_chain_from_its_start() -> None:
    states = mixing.looked_at(torch.arange(10_000.0)[:, None], 1000)
    assert torch.equal(states[:, 7, 0], 35 + 1000 * torch.arange(10.0))


@pytest.mark.parametrize("block", [1, 3, 50, 51])
def test_the_block_size_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    train = rows(51, 5, 0).repeat(2, 1)  # each row twice: of equally near ones the first
    labels = torch.arange(102) // 20
    given = rows(60, 5, 1), 6, 2, train, labels, rows(9, 5, 2)
    whole = mixing.report(*given), mixing.nearest(given[0], train)[0].tolist()
    monkeypatch.setattr(mixing, "ROWS", block)
    assert (mixing.report(*given), mixing.nearest(given[0], train)[0].tolist()) == whole


def test_rows_far_from_the_origin_have_their_neighbours_all_the_same() -> None:
    grid = (rows(300, 8, 0) * 256).round() / 256  # exact in float32, there and 2,048 further
    x = (rows(50, 8, 1) * 256).round() / 256
    here, there = mixing.nearest(x, grid), mixing.nearest(x + 2048, grid + 2048)
    assert torch.equal(here[0], there[0])
    assert torch.equal(here[1], there[1])


def test_a_copy_is_at_distance_0_exactly() -> None:
    train = rows(200, 784, 0) + 100
    assert mixing.nearest(train[50:60], train)[1].tolist() == [0.0] * 10


def test_a_near_copy_is_nearer_than_half_of_what_is_usual() -> None:
    line, held_out = torch.tensor([[0.0], [10.0]]), torch.tensor([[1.0], [2.0], [7.0]])
    samples = torch.tensor([[0.9], [1.1], [9.2], [6.0]])  # usual: 2
    found = report(samples, 4, 1, line, None, held_out)
    assert found["near_copies"] == 0.5


def test_without_held_out_rows_nothing_is_said_of_copies() -> None:
    assert report(CORNERS, 2, 1, CORNERS, CLASSES, CORNERS[:0])["near_copies"] is None


def test_only_the_first_500_held_out_rows_say_what_is_usual() -> None:
    far = torch.full((2000, 4), 9.0)
    given = CORNERS + 0.3, 2, 1, CORNERS, CLASSES
    near = BETWEEN.repeat(200, 1)[:500]
    assert mixing.report(*given, torch.cat([near, far])) == mixing.report(*given, near)


def test_a_report_survives_json() -> None:
    found = visits([[0, 3], [2, 1]])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chains": 0}, "chains must be at least 1, got 0"),
        ({"thinning": 0}, "thinning must be at least 1, got 0"),
        ({"samples": CORNERS[:0]}, "samples must be"),
        ({"train": CORNERS[0]}, "train must be"),
        ({"held_out": torch.zeros(2, 3)}, "one d, got 4, 4, 3"),
        ({"labels": CLASSES[:3]}, "labels must be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_reported_is_said(wrong: dict, said: str) -> None:
    given = {"samples": CORNERS, "chains": 2, "thinning": 1, "train": CORNERS, "labels": CLASSES}
    with pytest.raises(ValueError, match=said):
        mixing.report(**{**given, "held_out": BETWEEN, **wrong})
