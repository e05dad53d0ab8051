"""Sheets of samples and walks in z: the first samples, the nearest images, the stated tones."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import install
from drawable import said

from genbench import figures
from genbench.errors import UsageError
from genbench.figures import pictures, sheets
from genbench.figures.images import Tones, picture, tones
from genbench.figures.sheets import Beside, Sheet
from genbench.figures.walks import Walks
from genbench.records.store import Store
from genbench.running import restored

GREY, COLOUR = (1, 6, 5), (3, 6, 5)
RUN = ("run", "-m", "plane", "-d", "tiny", "--no-references", "--samples", "50")

PLANE = """
import math
import torch
from genbench.protocols import Epoch
from made import altered


class Plane:
    samples = "mean"

    def __init__(self, shape, epochs=2):
        self.epochs, self.mean = epochs, torch.rand(math.prod(shape))
        self.axes = torch.rand(2, math.prod(shape)) - 0.5
        self.done = torch.tensor(0)

    def fit(self, train, valid):
        for epoch in range(int(self.done) + 1, self.epochs + 1):
            self.mean, self.done = train.mean(dim=0), torch.tensor(epoch)
            yield Epoch(epoch, self.epochs, {"distance": 1.0 / epoch})

    def decode(self, z):
        return (self.mean + z @ self.axes).clamp(0, 1)

    def interpolate(self, n, steps):
        start, end = torch.randn(2, n, 1, 2)
        share = torch.linspace(0, 1, steps).view(1, -1, 1)
        return self.decode(torch.lerp(start, end, share).flatten(0, 1))

    def sample(self, n):
        return self.decode(torch.randn(n, 2))

    def state_dict(self):
        return {"mean": self.mean, "axes": self.axes, "train.done": self.done}

    def load_state_dict(self, state):
        self.mean, self.axes = state["mean"], state["axes"]
        self.done = state.get("train.done", torch.tensor(self.epochs))
"""


def sheet(shape: tuple[int, ...] = GREY, **changed) -> Sheet:
    random = np.random.RandomState(0)
    d = int(np.prod(shape))
    pixel = Beside(random.rand(3, d), [1.25, 0.5, 2.0])
    tolerant = Beside(random.rand(3, d), [1.0, 0.5, 1.5], [(1, 0), (0, 0), (-2, 1)])
    made = Sheet(
        *("samples", "gan", "mnist", shape, Tones(0, 1), random.rand(3, 4, d)),
        *(pixel, tolerant, 2, 500),
    )
    return replace(made, **changed)


def images(figure) -> list[np.ndarray]:
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes]


# --- sheets ---


@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_a_sheet_shows_the_samples_in_their_order(shape) -> None:
    made = sheet(shape)
    strips = images(figures.samples(made).figure)[:3]
    gap = max(1, round(shape[2] / 12))
    for strip, row in zip(strips, made.samples, strict=True):
        for i, sample in enumerate(row):
            left = i * (shape[2] + gap)
            shown = strip[:, left : left + shape[2]].transpose(2, 0, 1)[: shape[0]]
            assert np.abs(shown - 255 * sample.reshape(shape)).max() <= 0.5


def test_whole_rows_of_the_first_samples_are_shown() -> None:
    rows = np.arange(50)[:, None]
    assert sheets.arranged(rows, 30).reshape(6, 5).tolist() == rows[:30].reshape(6, 5).tolist()
    assert sheets.arranged(rows, 11).shape == (3, 3, 1)
    assert sheets.arranged(rows[:2], 100).shape == (2, 1, 1)


def test_samples_that_were_asked_for_by_class_have_a_row_for_each() -> None:
    rows, labels = np.arange(20)[:, None], np.array([5, 0, 3, 0, 5] * 4)
    shown, classes = sheets.by_class(rows, labels, 10)
    assert classes == [0, 3, 5]
    assert shown[..., 0].tolist() == [[1, 3, 6], [2, 7, 12], [0, 4, 5]]
    assert sheets.by_class(rows, labels, 2)[0].shape == (3, 1, 1)
    assert sheets.by_class(rows, labels, 100)[0].shape == (3, 4, 1)


def test_the_caption_names_the_class_of_each_row() -> None:
    drawn = figures.samples(sheet(classes=[0, 3, 5]))
    first = "a row of the first 4 samples that were asked for of each class, not chosen"
    assert f"{first}: from the top 0, 3, 5" in said(drawn)
    assert "in the order in which they were drawn" not in said(drawn)
    assert "a row for each class" in drawn.alt


def test_the_neighbours_stand_in_two_frames_that_differ_without_colour() -> None:
    axes = figures.samples(sheet()).figure.axes
    pixel, tolerant = axes[3:6], axes[6:9]
    dashes = [{str(ax.spines["top"].get_linestyle()) for ax in own} for own in (pixel, tolerant)]
    assert [len(own) for own in dashes] == [1, 1]
    assert dashes[0] != dashes[1]
    assert all(ax.spines["left"].get_visible() for ax in (*pixel, *tolerant))
    assert [ax.texts[0].get_text() for ax in pixel] == ["1.25", "0.500", "2.00"]
    shifts = [ax.texts[0].get_text().split("\n")[1] for ax in tolerant]
    assert shifts == ["↓1", "no shift", "↑2 →1"]


def test_the_caption_says_how_samples_and_neighbours_were_found() -> None:
    words = said(figures.samples(sheet()))
    assert "the first 12 samples, in the order in which they were drawn, not chosen" in words
    assert "pixel distance misses shifted copies" in words
    assert "of 500 training images the nearest, by Euclidean distance" in words
    assert "the least of 25 distances, for shifts of up to 2 pixels" in words
    assert "0 is black and 1 is white" in words


@pytest.mark.parametrize("span", [(-1.0, 1.0), (0.0, 255.0)])
def test_another_range_is_mapped_as_the_caption_says(span) -> None:
    low, high = span
    found = tones(span, np.zeros(3))
    shown = picture(np.linspace(low, high, 30), GREY, found)
    assert shown[0, 0, 0] == 0
    assert shown[-1, -1, 0] == 255
    assert abs(int(shown.reshape(-1, 3)[15, 0]) - round(255 * 15 / 29)) <= 1
    assert f"{low:.3g} is black and {high:.3g} is white" in found.words


def test_data_without_a_range_are_mapped_by_what_is_shown() -> None:
    shown = np.random.RandomState(0).randn(10_000)
    found = tones((-np.inf, np.inf), shown)
    assert -5 < found.low < -2.5
    assert 2.5 < found.high < 5


def test_rows_that_are_no_images_are_refused() -> None:
    with pytest.raises(UsageError, match="no grey or colour images"):
        figures.samples(sheet(shape=(30,)))


def test_without_training_images_a_sheet_has_samples_alone() -> None:
    drawn = figures.samples(sheet(pixel=None, tolerant=None, searched=0))
    assert len(drawn.figure.axes) == 3
    assert "frame" not in said(drawn)


@pytest.mark.parametrize("form", figures.DATES)
def test_the_same_sheet_is_the_same_bytes(form: str) -> None:
    first, again = (figures.content(figures.samples(sheet()), form) for _ in range(2))
    assert first == again


def test_a_hostile_name_leaves_the_sheet_its_width() -> None:
    drawn = figures.samples(sheet(label="<b>$x$" * 60, head="\u202e" + "y" * 300))
    assert drawn.figure.get_tightbbox().width < 1.05 * drawn.figure.get_figwidth()


def test_what_a_title_has_no_room_for_stands_below_in_full() -> None:
    head = "tfd (TFD-layout file c5677aaf0123, not known to be the Toronto Face Database)"
    drawn = figures.samples(sheet(label="stacked_cae [quick]", head=head))
    assert drawn.caption.splitlines()[0] == f"stacked_cae [quick] on {head}"
    short = figures.samples(sheet(label="gan", head="mnist"))
    assert "mnist" not in short.caption


# --- walks in z ---


class Line:
    """From black to white."""

    def interpolate(self, n: int, steps: int) -> torch.Tensor:
        return torch.linspace(0, 1, steps).view(1, -1, 1).expand(n, -1, 30).reshape(-1, 30)


def test_the_rows_of_a_walk_stay_line_by_line() -> None:
    walk = pictures.walked(Line(), 3, steps=5)
    assert walk.shape == (3, 5, 30)
    assert np.allclose(walk, np.linspace(0, 1, 5)[None, :, None])


def test_walks_of_several_models_stand_below_each_other() -> None:
    own = [Walks(name, "mnist", pictures.walked(Line(), 2, 3)) for name in ("a", "b")]
    drawn = figures.interpolation("interpolation-mnist", own, GREY, Tones(0, 1), ())
    assert len(drawn.figure.axes) == 4
    assert drawn.alt.startswith("2 rows of images for each of a, b")
    assert "not chosen" in said(drawn)


@pytest.fixture
def plane(strangers, tmp_path_factory, monkeypatch) -> None:
    """A stranger's model that decodes a latent z."""
    site = tmp_path_factory.mktemp("plane")
    (site / "plane_model.py").write_text(PLANE)
    (site / "plane.toml").write_text("[default]\nepochs = 2\n")
    install(site, "plane", models={"plane": "plane_model:Plane"})
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()


def test_a_strangers_model_is_walked_through_by_its_latents(
    plane, genbench, tmp_path: Path
) -> None:
    ran = genbench(*RUN)
    assert ran.returncode == 0, ran.stderr
    done = genbench("figure", "interpolation", "--out", "walk.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "walk.png\n"
    first = (tmp_path / "walk.png").read_bytes()
    genbench("figure", "interpolation", "--out", "walk.png")
    assert (tmp_path / "walk.png").read_bytes() == first


def test_a_restored_model_gives_its_stored_samples_again(plane, genbench, tmp_path: Path) -> None:
    genbench(*RUN)
    store = Store(tmp_path / "results")
    result = next(iter(store))
    from genbench.seeding import seeded

    model = restored.model(store, result, (1, 4, 4))
    with seeded("plane", "tiny", 0, "sample"):
        rows = model.sample(50)
    kept = store.samples(result.run)
    assert kept is not None
    assert (kept[0] == (rows.double() * 255).round().numpy()).all()
    assert [e["epoch"] for e in store.events(result.run) if "epoch" in e] == [1, 2]


def test_a_model_that_cannot_is_refused_and_those_that_can_are_named(plane, genbench) -> None:
    genbench("run", "-m", "walk", "-d", "tiny", "--no-references", "--samples", "50")
    done = genbench("figure", "interpolation")
    assert done.returncode == 2
    assert "none of walk decodes a latent z" in done.stderr
    assert "plane" in done.stderr.split("those that do:")[1]


def test_sheets_of_several_rows_are_files_of_their_own(genbench, tmp_path: Path) -> None:
    genbench("run", "-m", "walk,drift", "-d", "tiny", "--no-references", "--samples", "50")
    done = genbench("figure", "samples", "--count", "9", "--out", "sheet.png")
    assert done.returncode == 0, done.stderr
    names = ["sheet-tiny-walk-50-samples.png", "sheet-tiny-drift-50-samples.png"]
    assert sorted(done.stdout.split()) == sorted(names)
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_other_files_of_a_dataset_give_no_sheet(plane, genbench, tmp_path: Path) -> None:
    from stranger.tiny import Tiny

    genbench(*RUN)
    store = Store(tmp_path / "results")
    other = Tiny(None)
    other.digest = "0" * 64
    from genbench.tables import cells

    found = [("", cells.cells(list(store), lambda result: True))]
    sources = figures.Sources(lambda name: other, restored.model, restored.able)
    (absent,) = figures.named("samples", found, store, (), sources)
    assert isinstance(absent, figures.Absent)
    assert "not those that the results are of" in absent.reason
