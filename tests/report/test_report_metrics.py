"""A stranger's metric beside the usual one: what figures and the report say of any result."""

from __future__ import annotations

import dataclasses
import html
import json
from pathlib import Path
from typing import Any

from drawable import GAN, REFERENCES, found, said, stages, title
from made import altered
from test_page import Read, shape

from genbench import figures
from genbench.records.observed import Mixing, Training, Tuned
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.report import assembly, cell, page

EVIL = "<img src=x onerror='window.trapped=1'>"
NOTES = {"trees": 7, "depth": None, "sigma": [1.0, 2.0], "deep": {"a": [{"b": [True, EVIL]}]}}
NOTES |= {"tuned": 2, "training": "mine", EVIL: EVIL, "long": "x" * 90}
CURVES = {
    "": [(1.0, 2.0), (2.0, 3.0)],
    f"{EVIL} by {EVIL}: {EVIL}": [(1, 0.5), (64, 0.75)],
    "accuracy by trees: kept": [(8, 0.7)],
    "score by rows: all": [(10, 0.6), (100, 0.75)],
}
STRANGE = altered(
    *(GAN,),
    metric="c2st",
    key="s",
    unit="",
    best=0.5,
    value=0.75,
    stderr=None,
    notes=NOTES,
    curves=CURVES,
    warnings=(f"only {EVIL} rows",),
)
SAMPLELESS = altered(STRANGE, metric="weighs", key="w", draws=False, kind="", scored=0, distinct=0)
UNMET = altered(GAN, metric="logp", key="u", status="unmet", value=None, stderr=None, best="low")
UNMET = altered(UNMET, error="gan has no log_prob", kind="", unit=EVIL, notes={})
OBSERVED = {
    "training": Training(250, 240, rows=5000, curve=((10, 1.0), (20, None))),
    "tuned": Tuned("noise", 0.5, ((0.1, 1.0), (0.5, 2.0), (1.0, None))),
    "mixing": Mixing(100, 90, near_copies=0.25),
    "model_notes": {"depth": {"of": [1, 2]}},
}
OWN = dataclasses.replace(altered(GAN, **OBSERVED, stderr=2.0), sampling={"chains": 10})
EVERY = [OWN, STRANGE, SAMPLELESS, UNMET]


def facts(record: page.Record) -> dict[str, str]:
    return dict(record.facts)


def blocks(record: page.Record) -> dict[str, str]:
    return dict(record.blocks)


def record_of(result: Result) -> page.Record:
    ((_, (own,)),) = found(result)
    return cell.record(own, {})


def reported(results: list[Result], tmp_path: Path) -> page.Report:
    """The report of made-up results, with the figures that need no store."""
    store = Store(tmp_path)
    pictures = [
        page.Figure(one.name, "svg", figures.as_svg(one.figure).encode(), one.alt, one.caption)
        for one in (
            figures.values(found(*results), REFERENCES),
            figures.curves(found(*results), REFERENCES),
        )
    ]
    return assembly.report(results, store, [tmp_path], pictures, "0.1.0")


# --- figures ---


def test_a_stranger_s_metric_stands_in_every_figure_beside_the_usual_one() -> None:
    values = figures.values(found(*EVERY), REFERENCES)
    assert [title(ax) for ax in values.figure.axes] == [
        "mnist, parzen",
        "mnist, c2st",
        "mnist, weighs",
    ]
    curves = figures.curves(found(*EVERY), REFERENCES)
    assert "mnist, c2st: score by rows" in [title(ax) for ax in curves.figure.axes]
    records = {key: stages() for key in ("k", "s")}
    speed = figures.speed(found(*EVERY), REFERENCES, records)
    assert [title(ax) for ax in speed.figure.axes] == ["mnist, parzen", "mnist, c2st"]
    for one in (values, curves, speed):
        assert "without a score (unmet: gan has no log_prob): gan on mnist, logp" in said(one)
        assert figures.content(one, "svg").startswith(b"<?xml")


def test_a_score_without_a_known_error_has_no_bar_in_the_figure_of_speed() -> None:
    speed = figures.speed(found(STRANGE), REFERENCES, {"s": stages()})
    (ax,) = speed.figure.axes
    assert not [segment for segment in ax.collections[0].get_segments() if len(segment)]
    assert "no bar, since no standard error is known: gan" in said(speed)
    assert ax.get_ylabel() == "c2st (nearer to 0.5 is better)"


def test_samples_are_shown_once_whichever_metrics_scored_them(genbench) -> None:
    genbench("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "50")
    genbench(
        "run",
        "-m",
        "drift",
        "-d",
        "tiny",
        "--no-references",
        "--samples",
        "50",
        "--metrics",
        "parzen,nearness",
    )
    done = genbench("figure", "samples", "-d", "tiny", "--out", "s.png")
    assert done.stdout.split() == ["s.png"], done.stderr


# --- report ---


def test_a_metric_s_notes_stand_in_the_record_as_it_gave_them() -> None:
    record = record_of(STRANGE)
    assert json.loads(blocks(record)["Notes of the metric"]) == NOTES
    assert (
        f"score by rows: all: {json.dumps([[10, 0.6], [100, 0.75]])}"
        in blocks(record)["Curves of the metric"]
    )
    assert facts(record)["warnings"] == f"only {EVIL} rows"
    assert facts(record)["metric"] == "c2st, nearer to 0.5 is better"
    assert facts(record)["score"] == "0.75, no standard error is known"


def test_only_short_notes_are_columns_of_the_runs() -> None:
    runs = record_of(STRANGE).runs
    assert runs is not None
    names = [column.name for column in runs.columns]
    assert {"trees", "tuned", "training"} <= set(names)
    assert not {"depth", "sigma", "deep", "long"} & set(names)
    ((row,),) = [group.rows for group in runs.groups]
    assert [each.text for each in row.cells[:3]] == ["0.75", "–", "7"]


def test_what_the_runner_observed_stands_in_the_record_under_names_of_its_own() -> None:
    record = record_of(EVERY[0])
    assert facts(record)["training"] == "epoch 240 of 250 made, on 5,000 rows"
    assert facts(record)["tuned"] == "noise 0.5"
    of = {name: json.loads(text) for name, text in blocks(record).items() if name[0] in "NSTM"}
    assert of["Notes of the model"] == {"depth": {"of": [1, 2]}}
    assert of["Tuned"]["curve"] == [[0.1, 1.0], [0.5, 2.0], [1.0, None]]
    assert of["Mixing of the samples"] == {
        "looked_at": 100,
        "distinct_nearest": 90,
        "near_copies": 0.25,
    }
    assert of["Training"]["epoch"] == 240
    assert of["Sampling"] == {"chains": 10}


def test_an_unmet_cell_gives_its_reason() -> None:
    assert facts(record_of(UNMET))["unmet"] == "gan has no log_prob"


def test_a_metric_without_samples_counts_none() -> None:
    assert "samples" not in facts(record_of(SAMPLELESS))


def test_a_page_of_several_metrics_says_each_and_counts_what_is_unmet(tmp_path: Path) -> None:
    report = reported(EVERY, tmp_path)
    compared = dict(report.compared)
    glance = report.summary.tables[0].groups[0].rows
    told = {row.name: row.cells[0].text for row in glance}
    assert told["parzen"] == "higher is better (nats)"
    assert told["c2st"] == "nearer to 0.5 is better"
    assert compared["runs"] == "3 done, 1 unmet"
    (table,) = report.tables
    assert table.title == "Scores by parzen, c2st, weighs, logp on mnist"
    titles = [record.title.partition(" on ")[2] for record in report.records]
    assert titles[:2] == ["mnist, parzen: 222.3 ± 2.0", "mnist, c2st: 0.75"]
    assert {absent.command for absent in report.absent} >= {
        "genbench audit --dataset mnist",
        "genbench audit --dataset mnist --metrics c2st",
    }


def test_nothing_that_a_metric_says_becomes_markup(tmp_path: Path) -> None:
    def plain(value: Any) -> Any:
        return json.loads(json.dumps(value).replace(EVIL, "plain"))

    tame = [
        altered(r, notes=plain(r.notes), curves=plain(r.curves), unit=plain(r.unit)) for r in EVERY
    ]
    tame = [altered(r, warnings=tuple(plain(r.warnings))) for r in tame]
    nasty = page.render(reported(EVERY, tmp_path))
    assert shape(nasty) == shape(page.render(reported(tame, tmp_path)))
    assert EVIL not in nasty
    assert html.escape(EVIL, quote=False).replace("'", "&#39;") in nasty
    assert "trapped" not in Read(nasty).texts["script"]
