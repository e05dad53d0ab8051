"""The few lines under a table: what no reader may miss, in eight lines whatever stands in it."""

from made import made

from genbench.records.run import Result
from genbench.tables import brief, cells


def result(model: str = "gan", metric: str = "parzen", **more) -> Result:
    about = {"unit": "nats", "best": "high", "stderr": 0.1, "scored": 10_000, "value": 1.0}
    return made(model=model, metric=metric, key=f"{model}{metric}{more}", **{**about, **more})


def lines(*results: Result, further: tuple[str, ...] = ()) -> list[str]:
    return brief.lines(cells.cells(results, lambda _: True), ["replay"], further)


def test_metrics_of_one_direction_stand_together_with_their_units() -> None:
    many = (result(), result(metric="precision", unit="share"), result(metric="mmd", best="low"))
    assert lines(*many)[0] == (
        "parzen (nats), precision (share): higher is better; mmd (nats): lower is better"
    )


def test_a_bound_is_explained_with_the_rows_that_it_is_of() -> None:
    bound = result("vae", "ais", bound=">=", over="over 50 of 500 test rows")
    assert lines(bound, result())[0].endswith(
        "; >=: the likelihood is at least this, in expectation, over 50 of 500 test rows"
    )


def test_over_what_each_error_is_is_said_by_row_where_that_differs() -> None:
    seeds = (result(seed=0), result(seed=1, value=2.0))
    assert "± is one standard error, over seeds" in lines(*seeds)
    both = lines(*seeds, result("dbn"))
    assert "± is one standard error: over seeds (gan); within one run (dbn)" in both


def test_over_what_each_error_is_is_said_by_column_where_it_differs_in_a_row() -> None:
    seeds = (
        result(seed=0),
        result(seed=1, value=2.0),
        result("dbn"),
        result("dbn", seed=1, value=3.0),
    )
    within = (result("dbn", "frechet"), result("vae"), result("vae", "frechet"))
    assert lines(*seeds, *within)[1] == (
        "± is one standard error: over seeds (gan, dbn by parzen); within one run (all else)"
    )
    elsewhere = (result(), result(dataset="tfd"), result(dataset="tfd", seed=1, value=2.0))
    assert lines(*elsewhere)[1] == (
        "± is one standard error: within one run (gan on mnist); over seeds (all else)"
    )


def test_rows_of_other_counts_are_named() -> None:
    assert "10000 samples a set; dbn: 500" in lines(
        result(), result("replay"), result("dbn", scored=500)
    )


def test_why_a_cell_is_empty_is_said_whatever_else_there_is() -> None:
    failed = result("dbn", status="failed", error="no memory", value=None, stderr=None)
    assert "dbn on mnist, seed 0, failed: no memory" in lines(result(), failed)
    unmet = result("dbn", status="unmet", error="dbn has no log_prob", value=None, stderr=None)
    assert "n/a: dbn has no log_prob" in lines(result(), unmet)


def test_a_training_that_failed_is_one_line_whatever_metrics_were_to_score_it() -> None:
    about = {"status": "failed", "error": "no memory", "value": None, "stderr": None}
    failed = [result("dbn", metric, **about) for metric in ("parzen", "frechet", "mmd")]
    assert "dbn on mnist, seed 0, failed: no memory" in lines(result(), *failed)


def test_rows_that_a_budget_cut_or_that_other_code_made_are_named() -> None:
    assert "gan: cut by the time budget" in lines(result(cut=True))
    stale = cells.cells([result()], lambda _: False)
    (line,) = [line for line in brief.lines(stale, [], ()) if "other code" in line]
    assert line.endswith("made by other code or another recipe than the installed one")


def test_warnings_are_counted_with_their_rows() -> None:
    last = lines(result(warnings=["a", "b"]), result("dbn"))[-1]
    assert last.startswith("2 warnings on gan; ")


def test_there_are_at_most_eight_lines_with_the_signature() -> None:
    broken = (
        result(f"m{i}", status="failed", error="x", value=None, stderr=None) for i in range(9)
    )
    rows = [result(), result("dbn", seed=1, cut=True), *broken]
    assert len(lines(*rows, further=("a", "b", "c", "d"))) == brief.MOST - 1
    assert "and 7 more" in "\n".join(lines(*rows))


def test_what_changes_how_a_column_is_read_takes_the_lines_that_are_left() -> None:
    assert {"first", "second"} <= {*lines(result(), further=("first", "second"))}


def test_bold_is_explained_only_where_something_is_bold() -> None:
    assert "bold" not in "".join(lines(result()))
