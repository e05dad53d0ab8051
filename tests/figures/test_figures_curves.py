"""Values, curves and epochs: what is drawn is what was measured."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from drawable import (
    GAN,
    REFERENCES,
    REPLAY,
    every_text,
    found,
    lines,
    marks,
    said,
    title,
)
from made import altered
from matplotlib.text import Text
from scipy import stats

from genbench import figures
from genbench.errors import UsageError
from genbench.figures import rows, trainings
from genbench.records.observed import Training

GRID = [(0.1, -50.0), (0.2, 100.0), (0.4, 40.0), (0.8, -300.0)]
BETWEEN = [(0.25, 104.0), (0.15, 60.0)]
COUNTS = [(2500, 80.0), (5000, 95.0), (10_000, 110.0)]
SIGMA, SAMPLES = "validation score by sigma", "score by samples"
CURVES = {
    f"{SIGMA}: grid": GRID,
    f"{SIGMA}: between its points": BETWEEN,
    f"{SIGMA}: chosen": [(0.2, 100.0)],
    SAMPLES: COUNTS,
}
TRAINING = Training(30, 20, curve=((10, 60.0), (20, 90.0), (30, 70.0)))
FULL = altered(GAN, curves=CURVES, training=TRAINING)
EDGE = {f"{SIGMA}: grid": [(0.1, 100.0), (0.8, 140.0)], f"{SIGMA}: chosen": [(0.8, 140.0)]}
OTHER = altered(REPLAY, key="o", curves={**EDGE, SAMPLES: COUNTS}, training=TRAINING)


def curved(curves: Mapping, **changed) -> figures.Drawn:
    """The figure of one result with these curves."""
    return figures.curves(found(altered(GAN, curves=curves, **changed)), REFERENCES)


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


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [("failed", "boom", "(failed): dbn"), ("unmet", "it has no log_prob", "(unmet: it has no")],
)
def test_a_row_without_a_score_is_left_out_and_named_with_its_reason(status, error, words) -> None:
    without = altered(GAN, model="dbn", status=status, value=None, stderr=None, error=error)
    drawn = figures.values(found(GAN, without), REFERENCES)
    assert [text.get_text() for text in drawn.figure.axes[0].get_yticklabels()] == ["gan"]
    assert f"without a score {words}" in said(drawn)
    assert "dbn" not in drawn.alt


def test_a_value_without_a_known_error_has_no_interval_and_says_so() -> None:
    drawn = figures.values(found(altered(GAN, stderr=None), REPLAY), REFERENCES)
    (ax,) = drawn.figure.axes
    assert not [points for points in lines(ax) if points[0][1] == points[1][1] == 0]
    assert "no interval: no standard error is known (gan on mnist)" in said(drawn)
    assert "gan 222.3, published" in drawn.alt


def test_each_metric_and_setting_has_a_panel_that_says_what_is_better() -> None:
    near = altered(GAN, metric="c2st", key="c", unit="", best=0.5, value=0.75, stderr=None)
    other = altered(near, overrides={"c2st.trees": 7}, key="d", best="real")
    drawn = figures.values(found(GAN, near, other), REFERENCES)
    titles = ["mnist, parzen", "mnist, c2st", "mnist, c2st [trees=7]"]
    assert [title(ax) for ax in drawn.figure.axes] == titles
    assert [ax.get_xlabel() for ax in drawn.figure.axes] == [
        "parzen, nats (higher is better)",
        "c2st (nearer to 0.5 is better)",
        "c2st (nearer to held-out data's is better)",
    ]
    assert "parzen in nats on mnist, parzen: gan" in drawn.alt


def test_each_dataset_has_a_panel_of_its_own_scale() -> None:
    drawn = figures.values(found(GAN, altered(GAN, dataset="tfd", value=2000.0)), REFERENCES)
    first, second = drawn.figure.axes
    assert first.get_xlim()[1] < 1000 < second.get_xlim()[0]


# --- curves ---


def test_what_stands_before_a_colon_is_a_panel_with_axes_of_its_own() -> None:
    first, second = curved(CURVES).figure.axes
    assert [title(first), title(second)] == [f"mnist: {SAMPLES}", f"mnist: {SIGMA}"]
    assert [first.get_xlabel(), second.get_xlabel()] == ["samples", "sigma (logarithmic)"]
    assert first.get_ylabel() == "parzen, nats (higher is better)"
    assert second.get_ylabel() == "validation parzen, nats (higher is better)"


def test_curves_of_one_panel_are_one_line_by_x_and_a_curve_of_one_point_is_a_mark() -> None:
    drawn = curved(CURVES)
    ax = drawn.figure.axes[1]
    assert sorted([*GRID, *BETWEEN]) in lines(ax)
    assert marks(ax) == [(0.2, 100.0)]
    assert [text.get_text() for text in drawn.figure.legends[0].get_texts()] == ["chosen"]
    assert '"between its points" and "grid" are one line' in said(drawn)
    assert "gan 100.0 at 0.2 (chosen)" in drawn.alt


def test_curves_that_share_an_x_are_lines_of_their_own() -> None:
    train, held_out = [(1, 3.0), (2, 1.0)], [(1, 4.0), (2, 2.0)]
    (ax,) = curved({"loss by epoch: train": train, "loss by epoch: held out": held_out}).figure.axes
    assert lines(ax) == [held_out, train]
    assert [text.get_text() for text in ax.texts] == ["gan\nheld out", "gan\ntrain"]
    assert len({line.get_linestyle() for line in ax.lines if len(line.get_xdata()) == 2}) == 2


def test_what_is_marked_at_an_end_is_named() -> None:
    drawn = figures.curves(found(FULL, OTHER), REFERENCES)
    assert marks(drawn.figure.axes[1]) == [(0.2, 100.0), (0.8, 140.0)]
    assert "a better one may lie outside: replay" in said(drawn)


@pytest.mark.parametrize(("best", "sign"), [("high", 1), ("low", -1)])
def test_far_worse_scores_are_said_not_to_be_shown(best: str, sign: int) -> None:
    own = [altered(each, best=best, curves=_signed(each.curves, sign)) for each in (FULL, OTHER)]
    drawn = figures.curves(found(*own), REFERENCES)
    worst = drawn.figure.axes[1].get_ylim()[0 if best == "high" else 1]
    assert -300 < sign * worst < 40
    assert f"scores {'below' if best == 'high' else 'above'}" in said(drawn)


def _signed(curves: Mapping, sign: int) -> Mapping:
    return {name: [(x, sign * y) for x, y in points] for name, points in curves.items()}


@pytest.mark.parametrize(
    ("xs", "scale", "ticks"),
    [
        ((2500, 5000, 10_000), "linear", ["2,500", "5,000", "10,000"]),
        ((1250, 2500, 10_000), "log", ["1,250", "2,500", "10,000"]),
        ((0, 4, 80), "linear", ["0", "4", "80"]),
        ((0.1, 0.2, 0.79), "linear", None),
        ((0.1, 0.3, 0.8), "log", None),
        ((-1.0, 2.5, 100.0), "linear", None),
    ],
)
def test_a_wide_axis_is_logarithmic_and_few_whole_numbers_are_its_ticks(xs, scale, ticks) -> None:
    (ax,) = curved({"a by b": [(x, 1.0 + x) for x in xs]}).figure.axes
    assert ax.get_xscale() == scale
    if ticks:
        assert [text.get_text() for text in ax.get_xticklabels()] == ticks
        assert ("base 2" in ax.get_xlabel()) == (scale == "log")


def test_whole_numbers_that_lie_close_are_no_ticks() -> None:
    (ax,) = curved({"a by b": [(1000, 1.0), (1001, 2.0), (5000, 3.0)]}).figure.axes
    assert "1,001" not in [text.get_text() for text in ax.get_xticklabels()]


def test_a_published_value_is_dashed_in_panels_of_the_score_alone() -> None:
    drawn = curved(CURVES)
    dashed = [[set(line.get_ydata()) == {225.0} for line in ax.lines] for ax in drawn.figure.axes]
    assert [any(each) for each in dashed] == [True, False]
    assert "gan, published 225" in [text.get_text() for text in drawn.figure.axes[0].texts]
    assert "dashed: published, Goodfellow et al. 2014, Table 1" in said(drawn)
    assert "gan 80.0 at 2,500 to 110.0 at 10,000" in drawn.alt


def test_a_published_value_is_not_drawn_for_another_metric() -> None:
    drawn = figures.curves(found(FULL, altered(FULL, metric="other", key="x")), REFERENCES)
    of_other = [ax for ax in drawn.figure.axes if "other" in title(ax)]
    assert len(of_other) == 2
    assert not any(set(line.get_ydata()) == {225.0} for ax in of_other for line in ax.lines)


@pytest.mark.parametrize(
    "name", ["", ":", " by ", "a:b:c", " by x", "y by ", "\u202e by $x$: \x00"]
)
@pytest.mark.filterwarnings("error")
def test_a_curve_of_any_name_is_drawn(name: str) -> None:
    drawn = curved({name: [(1.0, 2.0), (2.0, 1.0)], f"{name}:mark": [(1.5, 3.0)]})
    assert any([(1.0, 2.0), (2.0, 1.0)] in lines(ax) for ax in drawn.figure.axes)
    assert not set("\u202e\x00") & set(drawn.alt + drawn.caption)
    figures.content(drawn, "svg")


@pytest.mark.parametrize("y", [0.0, 1e300, -1e-300])
@pytest.mark.filterwarnings("error")
def test_curves_of_any_numbers_are_drawn(y: float) -> None:
    drawn = curved(
        {"score by x": [(1e-300, y), (1e300, -y), (5, y)], "flat by x": [(2, y), (2, y)]}
    )
    figures.content(drawn, "png")


def test_more_panels_than_a_page_holds_are_named_and_not_drawn() -> None:
    drawn = curved({f"y{i:02} by x": [(1, 1.0), (2, 2.0)] for i in range(26)})
    assert len(drawn.figure.axes) == 24
    assert "not drawn: mnist: y24 by x, mnist: y25 by x" in said(drawn)


def test_several_seeds_are_thin_lines_of_one_row() -> None:
    seeds = [altered(FULL, seed=seed, key=str(seed)) for seed in range(3)]
    ax = figures.curves(found(*seeds), REFERENCES).figure.axes[0]
    own = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert [line.get_linewidth() for line in own] == [0.8] * 3
    assert len({line.get_color() for line in own}) == 1
    assert [text.get_text() for text in ax.texts].count("gan") == 1


# --- epochs ---


def test_a_training_that_two_metrics_scored_is_drawn_once_by_the_metric_that_chose() -> None:
    other = altered(FULL, metric="other", key="x", unit="bits", selection={"metric": "parzen"})
    own = altered(FULL, selection={"metric": "parzen"})
    (ax,) = figures.epochs(found(other, own), REFERENCES, {}).figure.axes
    assert title(ax) == "mnist, parzen"
    assert ax.get_ylabel() == "held-out parzen, nats (higher is better)"


def test_epochs_that_a_metric_of_no_column_chose_are_said_to_be_its_own() -> None:
    other = altered(FULL, metric="other", unit="bits", selection={"metric": "parzen"})
    (ax,) = figures.epochs(found(other), REFERENCES, {}).figure.axes
    assert title(ax) == "mnist: epochs chosen by parzen"
    assert ax.get_ylabel() == "held-out parzen"


def test_losses_of_a_training_that_two_metrics_scored_are_drawn_once() -> None:
    log = [{"stage": "fit", "done": 0}, event(1, a=3.0), event(2, a=2.0)]
    both = found(GAN, altered(GAN, metric="other", key="x"))
    assert len(figures.epochs(both, REFERENCES, {"k": log, "x": log}).figure.axes) == 1


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
    dropped = [{"stage": "fit", "dropped": "a checkpoint by other code"}, *again]
    assert trainings.losses_of(start + resumed) == {"a": [(1, 1.0), (2, 2.0), (3, 30.0)]}
    assert trainings.losses_of(start + again) == {"a": [(1, 10.0)]}
    assert trainings.losses_of(start + dropped) == {"a": [(1, 10.0)]}


# --- all of them ---


KINDS = {
    "values": lambda own: figures.values(own, REFERENCES),
    "curves": lambda own: figures.curves(own, REFERENCES),
    "epochs": lambda own: figures.epochs(own, REFERENCES, {}),
}


@pytest.mark.parametrize(
    ("kind", "form"), [("values", "pdf"), ("curves", "svg"), ("curves", "png"), ("epochs", "svg")]
)
def test_the_same_results_are_the_same_bytes(kind: str, form: str) -> None:
    first, again = (figures.content(KINDS[kind](found(FULL, OTHER)), form) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_draw_is_an_error(kind: str) -> None:
    empty = altered(GAN, status="failed", value=None, stderr=None, curves={}, training=Training())
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
    assert len(names) == (18 if kind == "curves" else 9)
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
