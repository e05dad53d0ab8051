"""A value that is a bound: it says so wherever it stands, and orders rows only as bounds can."""

import csv
import io
import json
from dataclasses import replace

import pytest
from made import altered, made

from genbench.comparing import comparison
from genbench.protocols import Score
from genbench.records.run import answered
from genbench.samples.judging import answer, fold_score
from genbench.tables import cells, formats, frames, notes
from genbench.tables.latex import latex as to_latex
from genbench.tables.published import Published, verdict

ROW = made(
    model="rbm",
    dataset="mnist",
    metric="ais",
    status="done",
    value=-84.863,
    stderr=0.12,
    unit="nats",
    kind="binary",
)
PAPER = Published(-86.34, 0.1, "nats", "2008", {}, ())


def named(model, values, bound="", **fields):
    """A row of one result a seed."""
    return [
        altered(
            ROW, model=model, seed=seed, key=f"{model}{seed}", value=value, bound=bound, **fields
        )
        for seed, value in enumerate(values)
    ]


def frame(*results):
    found = cells.cells(results, lambda result: True)
    return found, frames.frame(found, ())


def test_a_score_hands_its_bound_to_the_result_that_is_kept() -> None:
    said = answer(fold_score(0, Score(-84.0, bound="<=")), None)
    assert said["bound"] == "<="
    assert answered(made(**said))["bound"] == "<="


def test_of_a_score_that_is_no_bound_nothing_more_is_kept_than_before() -> None:
    assert "bound" not in answered(ROW)


@pytest.mark.parametrize(("bound", "latex"), [(">=", r"$\geq$"), ("<=", r"$\leq$")])
def test_every_format_prints_the_bound_before_the_number(bound: str, latex: str) -> None:
    found, shown = frame(altered(ROW, bound=bound))
    text = f"{bound} -84.86 ± 0.12"
    assert f" {text} |" in formats.markdown(shown, [])
    assert f"{latex} {{-}}84.86 $\\pm$ 0.12" in to_latex(shown, [])
    assert text.replace(">", "&gt;").replace("<", "&lt;") in formats.html(shown, [])
    line = next(csv.DictReader(io.StringIO(formats.comma_separated(frames.numbers(found)))))
    assert (line["bound"], line["value"]) == (bound, "-84.863")
    assert json.loads(formats.as_json(found[0].results))[0]["bound"] == bound


def test_a_csv_without_bounds_has_no_column_of_them() -> None:
    found, _ = frame(ROW)
    assert "bound" not in frames.numbers(found)


def test_under_the_table_stands_what_a_sign_means() -> None:
    found, _ = frame(altered(ROW, bound="<="))
    lines = notes.under_table(found, ())
    assert "<=: what the column is named for is at most this value, in expectation" in lines
    assert not any(line.startswith((">=", "~")) for line in lines)


def test_a_mean_of_bounds_on_both_sides_is_a_bound_on_neither() -> None:
    found, _ = frame(*named("a", [1.0], "<="), *named("a", [2.0], ">=")[0:0])
    assert found[0].bound == "<="
    seeds = [*named("a", [1.0], "<="), replace(named("a", [1.0, 2.0], ">=")[1])]
    assert frame(*seeds)[0][0].bound == "~"


HIGH, LOW = [-80.0, -80.1, -80.2], [-90.0, -90.1, -90.2]


@pytest.mark.parametrize(
    ("higher", "lower", "bold"),
    [
        ("", "", True),
        (">=", "<=", True),
        (">=", "", True),
        ("", "<=", True),
        (">=", ">=", False),
        ("<=", "<=", False),
        ("<=", ">=", False),
        ("<=", "", False),
        ("", ">=", False),
        ("~", "", False),
        ("", "~", False),
    ],
)
def test_a_row_is_bold_only_where_the_bounds_order_it(higher: str, lower: str, bold: bool) -> None:
    found, _ = frame(*named("a", HIGH, higher), *named("b", LOW, lower))
    assert cells.best(found, ()) == ({("a", "mnist")} if bold else set())


def test_where_lower_is_better_the_sides_are_turned() -> None:
    found, _ = frame(*named("a", HIGH, ">=", best="low"), *named("b", LOW, "<=", best="low"))
    assert cells.best(found, ()) == {("b", "mnist")}
    found, _ = frame(*named("a", HIGH, "<=", best="low"), *named("b", LOW, ">=", best="low"))
    assert cells.best(found, ()) == set()


def test_bounds_that_are_not_shown_to_differ_mark_no_row() -> None:
    found, _ = frame(*named("a", HIGH, ">="), *named("b", HIGH, "<="))
    assert cells.best(found, ()) == set()


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (">=", "<=", "a scores at least 10.000 nats more than b"),
        (">=", "", "a scores at least 10.000 nats more than b"),
        ("", "", "a scores 10.000 nats more than b"),
    ],
)
def test_a_comparison_is_one_sided_where_bounds_order_the_rows(ours, theirs, said) -> None:
    found = comparison.compare(named("a", HIGH, ours), named("b", LOW, theirs), lambda result: None)
    assert said in comparison.verdict(found)


@pytest.mark.parametrize(("ours", "theirs"), [("<=", ">="), (">=", ">="), ("<=", ""), ("", "~")])
def test_a_comparison_says_that_bounds_leave_the_order_open(ours: str, theirs: str) -> None:
    found = comparison.compare(named("a", HIGH, ours), named("b", LOW, theirs), lambda result: None)
    assert "which row has more does not follow" in comparison.verdict(found)
    back = comparison.compare(named("b", LOW, theirs), named("a", HIGH, ours), lambda result: None)
    assert "which row has more does not follow" in comparison.verdict(back)


@pytest.mark.parametrize(
    ("value", "bound", "said"),
    [
        (-80.0, ">=", "higher by at least 6.3 nats"),
        (-90.0, "<=", "lower by at least 3.7 nats"),
        (-90.0, ">=", "not ordered"),
        (-80.0, "<=", "not ordered"),
        (-86.3, "~", "not ordered"),
    ],
)
def test_a_verdict_on_a_bound_is_one_sided(value: float, bound: str, said: str) -> None:
    assert verdict([value] * 3, {}, PAPER, bound)[0] == said
