"""The network in whole numbers: the same features on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from genbench.datasets._files import default_data_dir
from genbench.datasets.mnist import MNIST
from genbench.errors import DataError, UsageError
from genbench.features.checking import checks, digest_of, fixed_rows
from genbench.features.digits import FILE, Digits
from genbench.features.integers import CHUNK, IntegerNet, levels
from genbench.features.training import float_net, rounded

SHAPE, NOWHERE = (1, 28, 28), Path("nowhere")


@pytest.fixture(scope="module")
def digits():
    return Digits(SHAPE, NOWHERE)


@pytest.fixture(scope="module")
def mnist():
    folder = default_data_dir()
    if not (folder / "mnist").is_dir():
        pytest.skip("GENBENCH_DATA names no folder that holds mnist/")
    return MNIST(folder).split(0)


def changed(name, array):
    """The file of weights with one array in another's place."""
    return save({**load(FILE.read_bytes()), name: array})


def by_hand(content, image):
    """Features (64,) of one image (28, 28), in Python's own whole numbers."""
    a = {name: array.astype(object) for name, array in load(content).items()}
    q = np.vectorize(lambda x: int(255 * min(max(x, 0.0), 1.0) + 0.5))(image).astype(object)[None]
    for name in ("conv1", "conv2"):
        side, padded = q.shape[1], np.pad(q, ((0, 0), (2, 2), (2, 2)))
        places = [(i, j) for i in range(0, side, 2) for j in range(0, side, 2)]
        patches = np.stack([padded[:, i : i + 5, j : j + 5].ravel() for i, j in places], 1)
        sums = a[f"{name}.weight"] @ patches + a[f"{name}.bias"][:, None]
        q = shifted(sums, a[f"{name}.shift"][0]).reshape(-1, side // 2, side // 2)
    sums = a["linear1.weight"] @ q.ravel() + a["linear1.bias"]
    return shifted(sums, a["linear1.shift"][0])


def shifted(sums, e):
    return np.vectorize(lambda a: min(255, (max(0, a) + 2 ** (e - 1)) // 2**e))(sums).astype(object)


def test_features_are_those_of_whole_numbers_computed_by_hand(digits):
    (image,) = fixed_rows(SHAPE, 1).double().numpy().reshape(1, 28, 28)
    expected = by_hand(FILE.read_bytes(), image)
    assert digits(fixed_rows(SHAPE, 1))[0].tolist() == expected.tolist()
    assert sum(value > 0 for value in expected) > 10


def test_weights_and_biases_are_whole_numbers():
    for name, array in load(FILE.read_bytes()).items():
        assert array.dtype == (np.int8 if name.endswith("weight") else np.int32)


def test_the_weights_take_less_than_130_kb():
    assert FILE.stat().st_size < 130_000


def test_features_are_whole_numbers_from_0_to_255(digits):
    found = digits(fixed_rows(SHAPE))
    assert torch.equal(found, found.round())
    assert (found.min(), found.max()) >= (0, 0)
    assert found.max() <= 255
    assert found.unique().numel() > 50


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_are_the_same_on_each_thread_count_and_in_each_type(digits, threads, dtype):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = digits(fixed_rows(SHAPE).to(dtype))
    finally:
        torch.set_num_threads(before)
    assert digest_of(found) == Digits.known["fixed rows"]


def test_what_is_allowed_outside_does_not_reach_the_products(digits):
    before = torch.backends.mkldnn.matmul.fp32_precision
    try:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert digest_of(digits(fixed_rows(SHAPE))) == Digits.known["fixed rows"]
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


@pytest.mark.parametrize("cut", [1, CHUNK, CHUNK + 1])
def test_parts_of_the_rows_have_the_features_of_the_whole(digits, cut):
    rows = fixed_rows(SHAPE, CHUNK + 3)
    parts = torch.cat([digits(rows[:cut]), digits(rows[cut:])])
    assert torch.equal(parts, digits(rows))


def test_the_file_of_weights_is_the_one_that_was_measured(digits):
    assert digits.digest == Digits.known["weights"]


def test_every_digest_that_needs_no_data_is_checked(digits):
    found = checks(digits)
    assert [check.what for check in found] == ["weights", "fixed rows"]
    assert all(check.holds for check in found)


def test_a_pixel_is_rounded_to_the_nearest_level_and_clipped():
    k = torch.arange(256)
    assert torch.equal(levels((k / 255)[None])[0], k.float())
    assert levels(torch.tensor([[-1.0, 2.0, 0.4 / 255, 0.6 / 255]])).tolist() == [[0, 255, 0, 1]]


def test_a_row_that_is_no_number_has_features_that_are_none(digits):
    rows = fixed_rows(SHAPE, 3)
    rows[1, 5] = torch.nan
    assert digits(rows).isnan().any(1).tolist() == [False, True, False]


def test_no_rows_have_no_features(digits):
    assert digits(fixed_rows(SHAPE, 0)).shape == (0, 64)
    assert digits.classify(fixed_rows(SHAPE, 0)).shape == (0, 10)


@pytest.mark.parametrize("shape", [(1, 28, 29), (784,), (3, 32, 32)])
def test_rows_of_another_shape_are_refused_by_the_constructor(shape):
    with pytest.raises(UsageError, match=r"rows of shape 1x28x28, not .*: take features=pixels"):
        Digits(shape, NOWHERE)


def test_rows_of_another_width_are_refused(digits):
    with pytest.raises(ValueError, match=r"take rows \(n, 784\)"):
        digits(torch.zeros(2, 783))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not safetensors", "no file of an integer network"),
        (save({"a": np.zeros(1)}), "no file of an integer network"),
        (changed("linear2.weight", np.zeros((10, 64))), "float64 and int32, not int8"),
        (changed("conv1.weight", np.full((16, 25), -128, np.int8)), "beyond 127"),
        (changed("conv2.weight", np.zeros((32, 16), np.int8)), "another shape"),
        (changed("conv2.bias", np.full(32, 2**24, np.int32)), "sums that float32 cannot hold"),
    ],
)
def test_a_file_of_other_weights_is_refused(content, said):
    with pytest.raises(DataError, match=said):
        IntegerNet(content, 28)


def test_rounding_leaves_a_network_that_answers_as_the_float_one():
    torch.manual_seed(0)
    net, rows = float_net(28, 10), torch.rand(300, 784)
    whole = IntegerNet(rounded(net, rows, 28, "{}"), 28)
    with torch.no_grad():
        logits = net(rows.reshape(-1, 1, 28, 28))
    found = whole.logits(whole.features(rows))
    assert (found - logits).abs().max() < 0.1 * logits.std()


def test_the_first_layer_takes_pixels_as_whole_numbers_from_0_to_255():
    net = float_net(28, 10)
    with torch.no_grad():
        net[0].weight.fill_(0.99)
    whole = IntegerNet(rounded(net, torch.rand(10, 784), 28, "{}"), 28)
    assert whole.layers[0].weight.unique().tolist() == [round(0.99 * 256 / 255 * 2**6)] == [64]


@pytest.mark.data
def test_at_least_985_of_1000_test_digits_are_read_right(digits, mnist):
    right = digits.classify(mnist.test).argmax(1) == mnist.test_labels
    assert right.double().mean() >= 0.985
    assert f"{right.double().mean():.4f}"[1:] in Digits.quality


@pytest.mark.data
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_of_mnists_test_rows_are_the_ones_that_were_measured(digits, mnist, dtype):
    (*_, check) = checks(digits, mnist.test.to(dtype))
    assert (check.what, check.found) == ("test rows", Digits.known["test rows"])
