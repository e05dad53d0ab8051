"""The pages that train, small: what they find, what they draw, what the command says."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genbench import figures
from genbench.cli import theory as command
from genbench.figures.panels import Line, Panel, Picture
from genbench.theory import collapse, curves, figure_1, laws, normal_500, pages, training
from genbench.theory import optimal_discriminator as best
from genbench.theory.algorithm_1 import Game
from genbench.theory.claims import Number, Page
from genbench.theory.recipes import recipe_of

SMOKE = "smoke"
JUDGE = recipe_of("optimal_discriminator", "paper")
SHORT = replace(
    JUDGE, model={**JUDGE.model, "epochs": 4}, settings={**JUDGE.settings, "rows": 20_000}
)


# --- D alone ---


@pytest.mark.parametrize("pair", [best.PAIRS[2], best.PAIRS[9]], ids=lambda pair: pair.name)
def test_d_alone_reaches_p_over_p_plus_q(pair: best.Pair) -> None:
    found = best.train(pair, SHORT, 0)
    assert found.value == pytest.approx(pair.cost, abs=0.01)
    assert (found.value - laws.EQUILIBRIUM) / 2 == pytest.approx(pair.jsd, abs=0.01)
    assert found.gap < 0.02  # .01 of the whole training, in the slow test


@pytest.mark.slow
def test_d_reaches_every_pair_of_the_table() -> None:
    found = best.optimal_discriminator("paper", 0)
    assert len(found.numbers) == 80
    assert not found.broken


def test_a_d_that_ignores_its_input_is_caught() -> None:
    class Ignorant:
        def discriminate(self, x):
            return torch.zeros(len(x))

    pair = best.PAIRS[9]
    x, weights = laws.line(pair.p, pair.q, points=2001)
    blind = best.Trained(pair, x, weights, np.zeros_like(x))
    assert blind.value == pytest.approx(laws.EQUILIBRIUM)
    assert [n.what.split()[0] for n in best.of_training(blind, best.NEAR) if not n.holds] == [
        "V", "JSD", "mean"
    ]  # fmt: skip


def test_d_alone_moves_and_g_does_not() -> None:
    recipe = recipe_of("optimal_discriminator", SMOKE)
    model = training.built(recipe, 1, ("a test",))
    given = best.fixed_at(model, laws.Normal(2, 3))
    rows = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    critic = training.retrained(recipe, given, rows, ("a test",))
    z = torch.tensor([[-1.0], [0.0], [2.0]])
    fakes = critic.scale.back(critic.model.decode(z))
    torch.testing.assert_close(fakes, 2 + 3 * z, atol=1e-4, rtol=1e-4)
    assert not torch.equal(
        critic.model.D[1].weight, training.built(recipe, 1, ("a test",)).D[1].weight
    )


# --- Figure 1 and N(500, 5²) ---


def test_the_histogram_knows_the_right_law_and_a_shifted_one() -> None:
    source, _ = training.dataset("gaussian_1d", 10)
    z = np.random.RandomState(0).randn(100_000)
    log_prob = source.density.log_prob
    assert figure_1.jsd_by_histogram(4 + 1.25 * z, log_prob) < 0.001
    shifted = figure_1.jsd_by_histogram(4.5 + 1.25 * z, log_prob)
    p, q = laws.Normal(4, 1.25), laws.Normal(4.5, 1.25)
    x, weights = laws.line(p, q)
    exact = laws.jsd_of_densities(p.log_density(x), q.log_density(x), weights)
    assert shifted == pytest.approx(exact, abs=0.002)


def test_the_smoothed_density_is_that_of_the_draws() -> None:
    z = np.random.RandomState(0).randn(200_000)
    density = figure_1.smoothed(4 + 1.25 * z)
    normal = np.exp(laws.log_normal(figure_1._X, 4, 1.25))
    assert np.abs(density - normal).max() < 0.01


def test_an_end_that_is_off_or_a_judge_that_is_blind_breaks_the_claim() -> None:
    source, _ = training.dataset("gaussian_1d", 10)
    right = figure_1.End(4.02, 1.24, 0.001, -1.385)
    for end, count in (
        (right, 0),
        (replace(right, mean=4.2), 1),
        (replace(right, std=1.1), 1),
        (replace(right, jsd=0.02), 1),
        (replace(right, value=1.385), 1),
        (replace(right, value=-math.log(2)), 1),
    ):
        held = [number.holds for number in figure_1.numbers(end, source.density, judged=True)]
        assert held.count(False) == count


@pytest.mark.slow
def test_figure_1_and_normal_500_end_where_they_should() -> None:
    assert not figure_1.figure1("paper", 0).broken
    assert not normal_500.normal_500("paper", 0).broken


def test_the_scale_goes_there_and_back() -> None:
    rows = 500 + 5 * torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))
    scale = training.scale_of(rows)
    assert float(scale(rows).std()) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(scale.back(scale(rows)), rows)


# --- collapse ---


def test_modes_are_counted_by_hand() -> None:
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]], dtype=torch.float64)
    on_two = centres[[0, 0, 0, 1]].float().repeat(100, 1) + 0.1
    assert collapse.modes_kept(centres.float().repeat(100, 1), centres) == 4
    assert collapse.modes_kept(on_two, centres) == 2
    assert collapse.modes_kept(on_two + 1.5, centres) == 0


def test_algorithm_1_finds_one_gaussian() -> None:
    torch.manual_seed(0)
    rows = 1 + 0.5 * torch.randn(5000, 1)
    game = Game(1, 1, 1, 1, 0.0, 16, 128, 0.002, 400, 1)
    list(game.fit(rows, rows[:0]))
    made = game.sample(5000)
    assert made.mean().item() == pytest.approx(1, abs=0.25)
    assert made.std().item() == pytest.approx(0.5, abs=0.25)


# --- curves ---


class Kept:
    """A store of one training, resumed once."""

    def __init__(self, events):
        self._events = events

    def __iter__(self):
        from drawable import GAN

        return iter([GAN])

    def events(self, run):
        return self._events


def test_curves_are_those_that_a_training_recorded() -> None:
    said = [
        {"epoch": e, "losses": {"discriminator": 0.6 + e / 100, "D(x)": 0.7, "D(G(z))": 0.4}}
        for e in (1, 2, 2, 3)
    ]
    (one,) = curves.recorded(Kept([{"stage": "fit", "done": 0}, *said]))  # pyright: ignore
    assert one.of(curves.OF_DATA) == [0.7] * 3
    assert one.values == pytest.approx([-1.22, -1.24, -1.26])
    old = [{"epoch": e, "losses": {"discriminator": 0.6}} for e in (1, 2)]
    assert not list(curves.recorded(Kept(old)))  # pyright: ignore


# --- figures ---


PICTURE = Picture(
    "a",
    [
        Panel("one", "x", "y", [Line("p", [0, 1], [0.1, 0.9], "data"),
                                Line("D", [0, 1], [0.5, 0.5], "critic")],
              arrows=[(0.2, 0.4)], levels=[(0.5, "½")], y_span=(0, 1)),
        Panel("two", "x", "y", [Line("p", [1, 10], [1, 100], "data"),
                                Line("D", [1, 10], [1, 5], "critic")], log="xy"),
    ],
    "what is to be seen",
    ["a sentence"],
)  # fmt: skip


def test_a_picture_is_drawn_with_its_words() -> None:
    drawn = figures.page(PICTURE)
    first, second = drawn.figure.axes
    assert [line.get_label() for line in first.lines][:2] == ["p", "D"]
    assert (second.get_xscale(), second.get_yscale()) == ("log", "log")
    assert (drawn.alt, drawn.caption) == ("what is to be seen", "a sentence")
    assert figures.content(drawn, "svg") == figures.content(figures.page(PICTURE), "svg")


def test_named_looks_differ_without_colour() -> None:
    lines = [
        Line(name, [0, 1], [0, 1], name) for name in ("data", "generator", "critic", "optimum")
    ]
    (ax,) = figures.page(Picture("a", [Panel("t", "x", "y", lines)], "", [], 1)).figure.axes
    dashes = [str(line._dash_pattern) for line in ax.lines]  # pyright: ignore
    assert len({*dashes}) == 4


def test_a_film_has_a_frame_for_each_picture() -> None:
    other = replace(PICTURE, panels=[replace(PICTURE.panels[0], title="later"), PICTURE.panels[1]])
    film = Image.open(io.BytesIO(figures.animated([PICTURE, other, PICTURE])))
    assert film.format == "GIF"
    assert film.n_frames == 3


# --- the command ---


def test_the_command_knows_every_page_in_order() -> None:
    assert tuple(pages.PAGES) == command.NAMES


def test_a_training_cut_short_is_called_so_where_it_is_held_to_nothing() -> None:
    shown = Page("a", "A", ["G arrives."], [Number("b", 1.0)], [])
    assert "Preset smoke" in command._text(shown, [], SMOKE)
    assert "Preset" not in command._text(shown, [], "paper")
    held = replace(shown, numbers=[Number("b", 1.0, 1.0, 0.5)])
    assert "Preset" not in command._text(held, [], SMOKE)


def test_the_command_prints_numbers_and_writes_pictures_with_their_texts(
    genbench, tmp_path: Path
) -> None:
    done = genbench("theory", "dirac", "--preset", "smoke", "--out", "there", "--format", "svg")
    assert done.returncode == 0, done.stderr
    assert "| greatest \\|λ\\|: simultaneous" in done.stdout
    assert (tmp_path / "there" / "dirac.svg").read_text().lstrip().startswith("<?xml")
    text = (tmp_path / "there" / "theory.md").read_text()
    assert "![Four paths of (θ, ψ) from (1, 0)" in text


def test_an_unknown_page_gets_the_nearest_and_ends_in_2(genbench) -> None:
    done = genbench("theory", "figure2")
    assert done.returncode == 2
    assert "'figure1'" in done.stderr


def test_an_unknown_preset_gets_the_known_ones_and_ends_in_2(genbench) -> None:
    done = genbench("theory", "dirac", "--preset", "quick")
    assert done.returncode == 2
    assert done.stderr == "Error: unknown preset 'quick'; known: paper, smoke\n"


def test_a_number_that_does_not_hold_is_said() -> None:

    shown = command._frame(Page("a", "A", [], [Number("b", 2.0, 1.0, 0.5), Number("c", 1.0)], []))
    assert list(shown["holds"]) == ["NO", ""]
