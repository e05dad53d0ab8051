"""Values, and scores along sigma, samples and epochs: what is drawn is what was measured."""

import math

import numpy as np
import pytest
from made import altered
from matplotlib.axes import Axes
from matplotlib.text import Text
from scipy import stats
from test_figures import every_text, said
from test_table import GAN, REFERENCES, REPLAY, current

from genbench import figures
from genbench.errors import UsageError
from genbench.figures import rows, trainings
from genbench.records.run import Result
from genbench.tables import cells

CURVE = [[0.1, -50.0], [0.2, 100.0], [0.4, 40.0], [0.8, -300.0]]
DETAILS = {
    "sigma": 0.2,
    "valid": 100.0,
    "curve": CURVE,
    "between": [[0.25, 104.0]],
    "by_count": [[2500, 0.3, 80.0], [5000, 0.2, 95.0], [10_000, 0.2, 110.0]],
    "training": {"curve": [[10, 60.0], [20, 90.0], [30, 70.0]], "epoch": 20, "epochs": 30},
}
FULL = altered(GAN, details=DETAILS)
OTHER = altered(
    REPLAY,
    key="o",
    details={**DETAILS, "sigma": 0.8, "valid": 140.0, "curve": [[0.1, 100.0], [0.8, 140.0]]},
)


def found(*results: Result) -> list:
    tables = cells.tables(list(results))
    return [(title, cells.cells(own, current)) for title, own in tables]


def lines(ax: Axes) -> list[list[tuple[float, float]]]:
    """The points of every line of a panel, keys and single marks aside."""
    drawn = [line.get_xydata() for line in ax.lines if line.get_transform() == ax.transData]
    return [[(x, y) for x, y in points] for points in drawn if len(points) > 1]


def marks(ax: Axes) -> list[tuple[float, float]]:
    drawn = [line.get_xydata() for line in ax.lines if line.get_transform() == ax.transData]
    return [tuple(points[0]) for points in drawn if len(points) == 1]


# --- values ---


def test_the_interval_over_seeds_is_students_t() -> None:
    seeds = [altered(FULL, seed=seed, key=str(seed), value=v) for seed, v in enumerate((1, 2, 4))]
    drawn = figures.values(found(*seeds), REFERENCES)
    (ax,) = drawn.figure.axes
    reach = stats.t.ppf(0.975, 2) * stats.sem([1, 2, 4])
    (interval,) = [points for points in lines(ax) if points[0][1] == points[1][1] == 0]
    assert [x for x, _ in interval] == pytest.approx([7 / 3 - reach, 7 / 3 + reach])
    assert "standard error over the seeds" in said(drawn)


def test_every_seed_is_a_dot() -> None:
    seeds = [altered(FULL, seed=seed, key=str(seed), value=v) for seed, v in enumerate((1, 2, 4))]
    (ax,) = figures.values(found(*seeds), REFERENCES).figure.axes
    dots = [line for line in ax.lines if line.get_marker() == "."]
    assert list(dots[0].get_xdata()) == [1, 2, 4]


def test_one_seed_is_said_to_leave_other_trainings_out() -> None:
    drawn = figures.values(found(FULL), REFERENCES)
    assert "what another training would score is not in the interval" in said(drawn)


def test_the_published_value_stands_in_the_figure_and_in_its_words() -> None:
    drawn = figures.values(found(FULL), REFERENCES)
    (ax,) = drawn.figure.axes
    published = [line for line in ax.lines if line.get_marker() == "d"]
    assert list(published[0].get_xdata()) == [225]
    assert "published 225" in drawn.alt
    assert "Goodfellow et al. 2014, Table 1" in said(drawn)


def test_reference_rows_stand_apart_below_the_others() -> None:
    (ax,) = figures.values(found(REPLAY, GAN), REFERENCES).figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["gan", "replay"]
    assert [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "None"][-1] == 0.5


def test_a_failed_row_is_shown_as_failed() -> None:
    failed = altered(GAN, model="dbn", status="failed", value=None, stderr=None)
    drawn = figures.values(found(GAN, failed), REFERENCES)
    assert "failed" in [text.get_text() for text in drawn.figure.axes[0].texts]
    assert "dbn failed" in drawn.alt
    assert "without a score: dbn" in said(drawn)


def test_each_dataset_has_a_panel_of_its_own_scale() -> None:
    drawn = figures.values(found(GAN, altered(GAN, dataset="tfd", value=2000.0)), REFERENCES)
    first, second = drawn.figure.axes
    assert first.get_xlim()[1] < 1000 < second.get_xlim()[0]


# --- sigma ---


def test_a_curve_of_sigma_is_the_grid_and_what_lies_between() -> None:
    (ax,) = figures.sigma(found(FULL), REFERENCES).figure.axes
    expected = sorted([tuple(point) for point in [*CURVE, *DETAILS["between"]]])
    assert expected in lines(ax)


def test_the_chosen_sigma_is_marked_and_one_at_an_end_is_named() -> None:
    drawn = figures.sigma(found(FULL, OTHER), REFERENCES)
    (ax,) = drawn.figure.axes
    assert marks(ax) == [(0.2, 100.0), (0.8, 140.0)]
    assert "a better one may lie outside: replay" in said(drawn)
    assert "gan best at 0.2 (100.0)" in drawn.alt


def test_scores_below_the_panel_are_said_not_to_be_shown() -> None:
    drawn = figures.sigma(found(FULL, OTHER), REFERENCES)
    bottom = drawn.figure.axes[0].get_ylim()[0]
    assert -300 < bottom < 40
    assert "are not shown" in said(drawn)


# --- number of samples ---


def test_the_axis_of_samples_doubles_and_the_published_value_is_dashed() -> None:
    drawn = figures.count(found(FULL), REFERENCES)
    (ax,) = drawn.figure.axes
    assert [(2500, 80.0), (5000, 95.0), (10_000, 110.0)] in lines(ax)
    assert ax.get_xscale() == "log"
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks == ["2,500", "5,000", "10,000"]
    assert any(set(line.get_ydata()) == {225.0} for line in ax.lines)
    assert "gan, published 225" in [text.get_text() for text in ax.texts]
    assert "gan 80.0 with 2,500 to 110.0 with 10,000" in drawn.alt


def test_several_seeds_are_thin_lines_of_one_row() -> None:
    seeds = [altered(FULL, seed=seed, key=str(seed)) for seed in range(3)]
    (ax,) = figures.count(found(*seeds), REFERENCES).figure.axes
    own = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert [line.get_linewidth() for line in own] == [0.8] * 3
    assert len({line.get_color() for line in own}) == 1
    assert [text.get_text() for text in ax.texts].count("gan") == 1


# --- epochs ---


def event(epoch: int, **losses: float) -> dict:
    return {"epoch": epoch, "of": 9, "losses": losses, "seconds": 1.0}


def test_scores_by_epoch_are_drawn_and_the_epoch_kept_is_marked() -> None:
    drawn = figures.epochs(found(FULL), REFERENCES, {})
    (ax,) = drawn.figure.axes
    assert [(10, 60.0), (20, 90.0), (30, 70.0)] in lines(ax)
    assert marks(ax) == [(20, 90.0)]
    assert "best after epoch 20 (90.0)" in drawn.alt


def test_losses_are_drawn_where_epochs_were_not_scored() -> None:
    log = [{"stage": "fit", "done": 0}, event(1, a=3.0, b=1.0), event(2, a=2.0, b=1.5)]
    drawn = figures.epochs(found(GAN), REFERENCES, {"k": log})
    (ax,) = drawn.figure.axes
    assert [(1, 3.0), (2, 2.0)] in lines(ax)
    assert {"a", "b"} <= {text.get_text() for text in ax.texts}
    assert "those of different models do not compare" in said(drawn)


def test_a_training_made_again_replaces_its_epochs_and_a_resumed_one_goes_on() -> None:
    start = [{"stage": "fit", "done": 0}, event(1, a=1.0), event(2, a=2.0), event(3, a=3.0)]
    resumed = [{"stage": "fit", "done": 2}, event(3, a=30.0)]
    again = [{"stage": "fit", "done": 0}, event(1, a=10.0)]
    assert trainings.losses_of(start + resumed) == {"a": [(1, 1.0), (2, 2.0), (3, 30.0)]}
    assert trainings.losses_of(start + again) == {"a": [(1, 10.0)]}


# --- all of them ---


KINDS = {
    "values": lambda own: figures.values(own, REFERENCES),
    "sigma": lambda own: figures.sigma(own, REFERENCES),
    "count": lambda own: figures.count(own, REFERENCES),
    "epochs": lambda own: figures.epochs(own, REFERENCES, {}),
}


@pytest.mark.parametrize(
    ("kind", "form"), [("values", "pdf"), ("sigma", "svg"), ("count", "png"), ("epochs", "svg")]
)
def test_the_same_results_are_the_same_bytes(kind: str, form: str) -> None:
    first, again = (figures.content(KINDS[kind](found(FULL, OTHER)), form) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_draw_is_an_error(kind: str) -> None:
    empty = altered(GAN, status="failed", value=None, stderr=None, details={})
    with pytest.raises(UsageError, match="no "):
        KINDS[kind](found(empty))


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_covers_another(kind: str) -> None:
    many = [
        altered(FULL, model=f"model_{i}", key=str(i), value=100 + 0.01 * i, preset="quick")
        for i in range(9)
    ]
    figure = KINDS[kind](found(*many, OTHER)).figure
    renderer = figure.canvas.get_renderer()
    names = [text for text in every_text(figure) if "_" in text.get_text()]
    assert len(names) == 9
    boxes = [Text.get_window_extent(text, renderer) for text in names]  # without joining lines
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert box.y0 >= -1
        assert box.y1 <= figure.bbox.y1 + 1


def test_rows_differ_in_more_than_colour() -> None:
    cells = found(*(altered(FULL, model=f"m{i}", key=str(i)) for i in range(14)), OTHER)
    looks = rows.looks(cells, REFERENCES)
    seen = {(look.marker, str(look.dashes), look.face == "white") for look in looks.values()}
    assert len(seen) == len(looks) == 15


def test_names_are_as_near_to_their_lines_as_can_be() -> None:
    random = np.random.RandomState(0)
    for _ in range(20):
        wanted = random.rand(6)
        placed = rows.spread(wanted.tolist(), 0.15, 0, 1)
        ranked = np.sort(placed)
        assert (np.diff(ranked) >= 0.15 - 1e-9).all()
        assert ranked[0] >= -1e-9
        assert ranked[-1] <= 1 + 1e-9
        assert (np.argsort(placed) == np.argsort(wanted)).all()
    assert rows.spread([0.2, 0.5], 0.1, 0, 1) == pytest.approx([0.2, 0.5])
    assert math.isclose(sum(rows.spread([0.5, 0.5], 0.2, 0, 1)), 1.0)
