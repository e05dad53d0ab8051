"""The network of FID: its architecture, its resizing, and which files are opened."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from genbench.errors import DataError, UsageError
from genbench.features import bringing
from genbench.features.bringing import SHA256, brought
from genbench.features.inception import Inception, prepared, resized

SHAPES = json.loads(Path(__file__).with_name("inception_shapes.json").read_text("utf-8"))

# printed by torch-fidelity 0.4.0 for `random_weights` and `images`, see `summary`
GOLDEN = [
    0.7952395,
    0.9084674,
    0.982591,
    0.9636956,
    0.9954227,
    0.8798567,
    0.9580634,
    0.9797711,
    0.01649584,
]


def random_weights():
    """A state of the network's shapes whose activations stay near 1."""
    draw = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in SHAPES.items():
        scale = (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        state[f"{name}.conv.weight"] = torch.randn(shape, generator=draw) * scale
        for part, least in (("running_mean", -0.1), ("running_var", 0.9), ("bias", 0.0)):
            values = torch.rand(shape[0], generator=draw) * 0.2 + least
            state[f"{name}.bn.{part}"] = values
        state[f"{name}.bn.weight"] = torch.rand(shape[0], generator=draw) * 0.2 + 0.9
    state["fc.weight"] = torch.randn(1008, 2048, generator=draw) / 2048**0.5
    state["fc.bias"] = torch.randn(1008, generator=draw)
    return state


def images(shape, n=2):
    """Images (n, c, h, w) of levels 0..255."""
    return torch.randint(0, 256, (n, *shape), generator=torch.Generator().manual_seed(1))


def summary(features):
    """Means over 8 stretches of channels, and how much two images differ."""
    means = features.double().reshape(2, 8, 256).mean((0, 2)).tolist()
    return [*means, (features[0] - features[1]).abs().double().mean().item()]


@pytest.fixture(scope="module")
def weights():
    return random_weights()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, weights):
    place = Inception.place(tmp_path_factory.mktemp("data"))
    place.parent.mkdir()
    place.write_bytes(save(weights))
    return place.parent.parent


@pytest.fixture(scope="module")
def peer(weights):
    """torch-fidelity's network with the same weights, and its resizing.

    Its package imports torchvision for other networks, so only the two modules are imported.
    """
    found = importlib.util.find_spec("torch_fidelity")
    if found is None or not found.submodule_search_locations:
        pytest.skip("torch-fidelity is not installed")
    before = {name: module for name, module in sys.modules.items() if "torch_fidelity" in name}
    package = types.ModuleType("torch_fidelity")
    package.__path__ = list(found.submodule_search_locations)
    with pytest.MonkeyPatch.context() as patched:
        for name in before:
            patched.delitem(sys.modules, name)
        patched.setitem(sys.modules, "torch_fidelity", package)
        theirs = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
        counts = {f"{name}.bn.num_batches_tracked": torch.tensor(0) for name in SHAPES}
        patched.setattr(torch, "load", lambda *_, **__: {**weights, **counts})
        net = theirs.FeatureExtractorInceptionV3("x", ["2048", "logits"], "a file")
        for name in [name for name in sys.modules if name.startswith("torch_fidelity.")]:
            patched.delitem(sys.modules, name)
    return net, theirs.interpolate_bilinear_2d_like_tensorflow1x


def test_features_are_those_that_torch_fidelity_gave_for_these_weights(folder):
    found = Inception((3, 32, 32), folder)(images((3, 32, 32)).flatten(1) / 255)
    assert found.shape == (2, 2048)
    assert summary(found) == pytest.approx(GOLDEN, rel=1e-4)


def test_features_and_logits_agree_with_torch_fidelity(peer, folder):
    found, rows = Inception((3, 32, 32), folder), images((3, 32, 32))
    with torch.no_grad():
        features, logits = peer[0](rows.to(torch.uint8))
    assert torch.allclose(found(rows.flatten(1) / 255), features, rtol=1e-5, atol=1e-5)
    assert torch.allclose(found.classify(rows.flatten(1) / 255), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (1, 48, 48), (3, 310, 300)])
def test_resizing_agrees_with_torch_fidelity_bit_for_bit(peer, shape):
    k = images(shape).float()
    assert torch.equal(resized(k), peer[1](k, size=(299, 299), align_corners=False))


def test_pixel_i_is_taken_at_i_in_by_299_without_a_half_pixel():
    ramp = torch.arange(32.0).expand(1, 1, 32, 32)
    expected = (torch.arange(299) * 32 / 299).clamp_max(31)
    assert torch.allclose(resized(ramp)[0, 0, 0], expected, atol=1e-4)


def test_an_image_of_299_is_not_changed_by_resizing():
    k = images((3, 299, 299), 1).float()
    assert torch.equal(prepared(k), (k - 128) / 128)


def test_a_grey_image_is_three_times_the_same():
    k = images((1, 28, 28)).float()
    assert torch.equal(prepared(k), prepared(k.expand(-1, 3, -1, -1)))


def test_without_the_file_the_constructor_names_the_command(tmp_path):
    with pytest.raises(UsageError, match="genbench features import inception FILE --data-dir"):
        Inception((3, 32, 32), tmp_path)


@pytest.mark.parametrize("shape", [(2,), (2, 28, 28)])
def test_rows_that_are_no_images_are_refused(folder, shape):
    with pytest.raises(UsageError, match=r"takes images \(1 or 3, height, width\), not rows"):
        Inception(shape, folder)


def test_a_kept_file_that_lacks_a_layer_is_refused(tmp_path, weights):
    place = Inception.place(tmp_path)
    place.parent.mkdir()
    less = {k: v for k, v in weights.items() if k != "Mixed_6c.branch7x7dbl_4.conv.weight"}
    place.write_bytes(save(less))
    with pytest.raises(DataError, match=r"it lacks Mixed_6c.branch7x7dbl_4.conv.weight"):
        Inception((3, 32, 32), tmp_path)


# --- which files are opened ------------------------------------------------------------------


class Runs:
    """What a pickle may do when it is read."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.write_text, (self.place, "run")


def written(path, content):
    """The file, and its sha256."""
    torch.save(content, path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_tensors_of_the_known_file_are_kept_by_name(tmp_path):
    state = {"a": torch.arange(3.0), "count": torch.tensor(1)}
    kept = load(brought(*written(tmp_path / "w.pth", state)))
    assert kept.keys() == {"a"}
    assert torch.equal(kept["a"], state["a"])


def test_a_file_of_another_sha256_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(bringing.subprocess, "run", None)  # nothing is started
    path, _ = written(tmp_path / "w.pth", {"a": torch.zeros(1)})
    with pytest.raises(DataError, match=f"and not opened: only .* of sha256 {SHA256} is"):
        brought(path)


def test_a_larger_file_is_not_even_read(tmp_path, monkeypatch):
    monkeypatch.setattr(bringing, "SIZE", 10)
    path, sha256 = written(tmp_path / "w.pth", {"a": torch.zeros(1)})
    with pytest.raises(DataError, match=r"is of [\d,]+ bytes, and not opened"):
        brought(path, sha256)


def test_code_in_a_pickle_is_not_run(tmp_path):
    place = tmp_path / "ran"
    with pytest.raises(DataError, match="holds more than tensors, or is damaged"):
        brought(*written(tmp_path / "w.pth", {"a": Runs(place)}))
    assert not place.exists()


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_torchscript_file_is_refused(tmp_path):
    path = tmp_path / "w.pt"
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), path)
    with pytest.raises(DataError, match="holds more than tensors, or is damaged"):
        brought(path, hashlib.sha256(path.read_bytes()).hexdigest())


def test_the_torchscript_that_papers_use_is_named(tmp_path, monkeypatch):
    path, sha256 = written(tmp_path / "w.pt", {})
    monkeypatch.setattr(bringing, "SCRIPT", sha256)
    with pytest.raises(DataError, match="is a TorchScript, which is code"):
        brought(path)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        brought(tmp_path / "none.pth")


def test_the_command_refuses_another_file(genbench, tmp_path):
    path, _ = written(tmp_path / "w.pth", {"a": torch.zeros(1)})
    ended = genbench("features", "import", "inception", str(path), "--data-dir", str(tmp_path))
    assert ended.returncode == 2
    assert SHA256 in ended.stderr
    assert not Inception.place(tmp_path).exists()


def test_the_command_keeps_the_known_file_where_the_features_look(
    genbench, tmp_path, monkeypatch, weights
):
    monkeypatch.setattr(Inception, "brought", staticmethod(lambda _: save(weights)))
    ended = genbench("features", "import", "inception", "FILE", "--data-dir", str(tmp_path))
    assert ended.returncode == 0
    assert Inception((3, 32, 32), tmp_path).width == 2048
