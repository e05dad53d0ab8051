"""The page in short: who leads by which metric, how to read it, and what judges the metric."""

from pathlib import Path

from made import made

from genbench.records import judgements
from genbench.records.store import Store
from genbench.report import page, summary
from genbench.tables import cells


def row(model: str, value: float, metric: str = "parzen", best: str = "high", **more):
    about = {"unit": "nats", "best": best, "stderr": 0.1, "scored": 10_000, "value": value}
    return made(model=model, metric=metric, key=f"{model}{metric}", **{**about, **more})


ROWS = [row("gan", 1.0), row("dbn", 2.0), row("held_out", 3.0), row("kmeans", 9.0)]
ROWS += [row("gan", 5.0, "frechet", "low"), row("dbn", 7.0, "frechet", "low")]


def short(*results, folder: Path = Path("nowhere")) -> page.Section | None:
    return summary.section([("", cells.cells(results, lambda _: True))], Store(folder))


def line(section: page.Section | None, metric: str) -> list[str]:
    assert section is not None
    (table,) = section.tables
    rows = {one.name: one for group in table.groups for one in group.rows}
    return [cell.text for cell in rows[metric].cells]


def test_each_metric_names_its_leader_among_trained_rows_in_its_own_direction() -> None:
    found = short(*ROWS)
    assert found is not None
    leads = "On mnist, of 2 trained rows, dbn has the best value by parzen; gan by frechet."
    assert found.sentences[0] == leads
    assert line(found, "parzen")[1] == "dbn: 2.00 ± 0.10"
    assert line(found, "frechet")[1] == "gan: 5.00 ± 0.10"


def test_held_out_data_stand_beside_the_leader_and_are_named_as_the_yardstick() -> None:
    found = short(*ROWS)
    assert line(found, "parzen")[2] == "3.00 ± 0.10"
    assert found is not None
    assert any("beside held_out" in sentence for sentence in found.sentences)
    without = short(row("gan", 1.0), row("dbn", 2.0))
    assert without is not None
    assert not any("held_out" in sentence for sentence in without.sentences)


def test_a_metric_whose_aim_is_held_out_data_has_no_leader_without_them() -> None:
    rows = [row("gan", 1.0, "authenticity", "real"), row("dbn", 2.0, "authenticity", "real")]
    assert line(short(*rows), "authenticity")[1] == "–"
    beside = [*rows, row("held_out", 2.2, "authenticity", "real")]
    assert line(short(*beside), "authenticity")[1] == "dbn: 2.00 ± 0.10"


def test_a_metric_carries_its_grade_and_says_where_it_was_not_judged(monkeypatch) -> None:
    assert line(short(*ROWS), "parzen")[3] == "not judged"
    said = {"digits_mixture": "truth 2nd of 9, order .50 [.40, .60]"}
    monkeypatch.setattr(judgements, "grades", lambda *_, **__: said)
    assert (
        line(short(*ROWS), "parzen")[3] == "truth 2nd of 9, order .50 [.40, .60] (digits_mixture)"
    )


def test_nothing_done_is_no_summary() -> None:
    failed = made(model="gan", status="failed", error="x", key="f")
    assert short(failed) is None
