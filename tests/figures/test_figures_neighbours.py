"""The nearest training image: exact, and not blind to a shift of a pixel or two."""

import numpy as np
import pytest
import torch

from genbench.samples import chains, neighbours

SHAPES = [(1, 6, 5), (3, 5, 7)]


def rows(n: int, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, int(np.prod(shape)), generator=generator)


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Pixel by pixel: what stood `down` above and `right` left of it, or at the nearest edge."""
    channels, height, width = image.shape
    found = np.empty_like(image)
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                above = min(max(y - down, 0), height - 1)
                beside = min(max(x - right, 0), width - 1)
                found[c, y, x] = image[c, above, beside]
    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (-2, 0), (0, 2), (2, -1), (-1, -2)])
def test_a_shift_moves_pixels_and_repeats_the_edge(shape, offset) -> None:
    x = rows(3, shape)
    found = neighbours.shifted(x, shape, *offset).reshape(3, *shape).numpy()
    expected = [moved(image, *offset) for image in x.reshape(3, *shape).numpy()]
    assert (found == np.stack(expected)).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reach", [0, 1, 2])
@pytest.mark.parametrize("copies", [1, 60, 4096])
def test_the_nearest_are_those_of_all_pairs_and_all_shifts(shape, reach, copies, monkeypatch):
    monkeypatch.setattr(neighbours, "COPIES", copies)
    monkeypatch.setattr(chains, "ROWS", 7)
    x, train = rows(5, shape), rows(23, shape, 1)
    found = neighbours.nearest(x, train, shape, reach)
    steps = range(-reach, reach + 1)
    for i, image in enumerate(x.reshape(5, *shape).double().numpy()):
        every = {
            (np.linalg.norm(moved(image, down, right).ravel() - row), j, down, right)
            for down in steps
            for right in steps
            for j, row in enumerate(train.double().numpy())
        }
        distance, j, down, right = min(every)
        assert float(found.distances[i]) == pytest.approx(distance, rel=1e-6)
        assert (int(found.rows[i]), *found.shifts[i].tolist()) == (j, down, right)


def test_a_shifted_copy_is_found_with_shifts_and_missed_by_pixels() -> None:
    shape = (1, 12, 12)
    train = torch.zeros(40, 12, 12)
    generator = torch.Generator().manual_seed(0)
    train[:, 3:9, 3:9] = torch.rand(40, 6, 6, generator=generator).round()
    train[0, 3:9, 3:9] = 0.5  # grey, as near to any as can be
    train = train.reshape(40, -1)
    copy = neighbours.shifted(train[17:18], shape, -1, 2)
    by_pixels = neighbours.nearest(copy, train, shape)
    tolerant = neighbours.nearest(copy, train, shape, reach=2)
    assert int(by_pixels.rows) != 17
    assert float(by_pixels.distances) > 2
    assert int(tolerant.rows) == 17
    assert float(tolerant.distances) == 0
    assert tolerant.shifts.tolist() == [[1, -2]]
    assert neighbours.nearest(copy, train, shape, reach=1).distances > 1  # too short a reach


def test_of_equal_distances_the_least_shift_is_named() -> None:
    flat = torch.full((1, 30), 0.5)
    found = neighbours.nearest(flat, torch.zeros(4, 30), (1, 6, 5), reach=2)
    assert found.shifts.tolist() == [[0, 0]]


def test_a_shift_is_never_farther_than_none() -> None:
    x, train = rows(9, SHAPES[0]), rows(50, SHAPES[0], 1)
    far, near = (neighbours.nearest(x, train, SHAPES[0], reach) for reach in (0, 2))
    assert (near.distances <= far.distances).all()


@pytest.mark.parametrize(
    ("x", "train", "shape", "reach"),
    [
        (rows(2, (1, 4, 4)), rows(2, (1, 4, 4)), (1, 4, 4), -1),
        (rows(2, (1, 4, 4)), rows(2, (1, 4, 4)), (1, 4, 4), 4),
        (rows(2, (1, 4, 4)), rows(2, (1, 4, 4)), (16,), 0),
        (rows(2, (1, 4, 4))[:0], rows(2, (1, 4, 4)), (1, 4, 4), 0),
        (rows(2, (1, 4, 4)), rows(2, (1, 4, 5)), (1, 4, 4), 0),
    ],
)
def test_what_are_no_images_is_refused(x, train, shape, reach) -> None:
    with pytest.raises(ValueError, match="must be"):
        neighbours.nearest(x, train, shape, reach)
