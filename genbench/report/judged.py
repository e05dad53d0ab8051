"""What worlds of known truth say of the page's metrics: kept judgements as sections and figures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.defaults import DEFAULTS
from genbench.figures import ladders, style
from genbench.records import judgements, names
from genbench.records.run import Result
from genbench.report import page
from genbench.worlds.judging import board as boards
from genbench.worlds.judging import kept, wording
from genbench.worlds.judging.board import Board
from genbench.worlds.judging.grading import Grade

GROUP = "Metrics, judged on worlds of known truth"
_SHOWN = ("preferred to the truth", "order in families", "least KL noticed", "copies, ROC area")
_FAILURE = "worst failure"
_CAPTION = (
    "Preferred to the truth: generators of a better mean than the truth's own, beyond noise. Order "
    "in families: how far the metric's order agrees with that by KL within one kind of defect (1: "
    "the same, -1: the reverse). Least KL noticed: in nats, in the median kind of defect. Copies: "
    "how well copies of training rows are told from all others (.50: by chance, 1: always). In "
    "brackets 95 % intervals over sets drawn anew."
)


@dataclass(frozen=True)
class Judged:
    """A kept judgement of metrics of a page: its board, and the datasets that its world stands for.

    own: the page's metrics that it judged, by the same settings, features and revisions. lacking:
    of the others why not. pictures: where its figure may lie.
    """

    board: Board
    datasets: Sequence[str]
    own: Sequence[str]
    lacking: Mapping[str, str]
    pictures: Sequence[Path]


def found(
    results: Sequence[Result], folders: Sequence[Path]
) -> tuple[list[Judged], list[page.Absent]]:
    """Judgements of the page's metrics, world by world; and datasets whose metrics have none."""
    of: dict[str, dict[str, Result]] = {}
    for one in results:
        if one.status == "done" and not one.protocol:
            of.setdefault(one.dataset, {}).setdefault(names.judge(one), one)
    worlds: dict[str, list[str]] = {}
    for dataset in of:
        for world in DEFAULTS.judged_on.get(dataset, (dataset,)):
            worlds.setdefault(world, []).append(dataset)
    every = [
        _judged(path, record, {dataset: of[dataset] for dataset in datasets}, folders)
        for world, datasets in worlds.items()
        for path, record in judgements.kept(folders, world)
    ]
    told = [one for one in every if one.own]
    known = {dataset for one in told for dataset in one.datasets}
    absent = [_absent(dataset, own) for dataset, own in of.items() if dataset not in known]
    return told, [one for one in absent if one is not None]


def _judged(
    path: Path,
    record: Mapping[str, Any],
    of: Mapping[str, Mapping[str, Result]],
    folders: Sequence[Path],
) -> Judged:
    """of: the columns of each dataset that the world stands for, by the metric's name there."""
    columns = {name: one for columns in of.values() for name, one in columns.items()}
    own, lacking = [], {}
    for name, one in columns.items():
        asked = one.metric, one.run.settings, one.run.parts
        if judgements.of_metric(record, *asked) is not None:
            own.append(one.metric)
        else:
            known = any(each["metric"] == one.metric for each in record["metrics"])
            other = "there by other settings, features or revision" if known else "not asked for"
            lacking[name] = record["left_out"].get(one.metric, other)
    places = [path.parent.parent, *folders]
    pictures = [place / name for place in places for name in judgements.pictures(path.stem)]
    return Judged(kept.board(record), list(of), own, lacking, pictures)


def _absent(dataset: str, columns: Mapping[str, Result]) -> page.Absent | None:
    """How to judge the metrics that take samples, by usual settings; None without a world."""
    worlds = DEFAULTS.judged_on.get(dataset, ())
    if any(dataset in of for of in DEFAULTS.judged_on.values()):
        worlds = (dataset,)
    usual = [r.metric for r in columns.values() if r.run.draws and not names.settings(r)]
    if not worlds or not usual:
        return None
    command = ["genbench", "judge", "-w", worlds[0], "--metrics", ",".join(dict.fromkeys(usual))]
    what = f"judgement, where the truth is known, of metrics on {dataset}"
    return page.Absent(what, shlex.join(command))


def section(one: Judged) -> page.Section:
    """How the page's metrics did, in a sentence, what was judged, and the board in short."""
    ranked = one.board.ranked
    own = [grade for grade in ranked if grade.metric in one.own]
    others = [grade for grade in ranked if grade.metric not in one.own]
    rows = _rows(one.board)
    groups = [page.Group([rows[g.metric] for g in own], "this page's metrics" if others else "")]
    if others:
        title = "other metrics judged there"
        groups.append(page.Group([rows[grade.metric] for grade in others], title))
    columns = [*map(page.Column, _SHOWN), page.Column(_FAILURE, words=True)]
    notes = [f"not judged: {name}, {reason}" for name, reason in one.lacking.items()]
    table = page.Table(one.board.title, "metric", columns, groups, _CAPTION, notes=notes)
    return page.Section(one.board.name, [_first(own), _made(one)], [table], GROUP)


def _rows(board: Board) -> dict[str, page.Row]:
    """A row for each metric, with the board's own texts."""
    texts = boards.frame(board)[list(_SHOWN)].values.tolist()
    failures = [wording.failure(grade, board.truths) for grade in board.ranked]
    return {
        grade.metric: page.Row(grade.metric, [page.cell(str(text)) for text in [*own, failure]])
        for grade, own, failure in zip(board.ranked, texts, failures, strict=True)
    }


def _first(own: Sequence[Grade]) -> str:
    """Which of the page's metrics stands first on the board, what does as well, and which last."""
    told = {grade.metric: f"{grade.metric} ({wording.short(grade)})" for grade in own}
    first, *others = own
    if not others:
        return f"Of this page's metrics one was judged: {told[first.metric]}."
    alike = [grade.metric for grade in others if grade.cluster == first.cluster]
    said = f"Of this page's {len(own)} metrics judged here {told[first.metric]} is first"
    said += f", not shown to differ from {', '.join(alike)}" if alike else ""
    last = others[-1].metric
    return f"{said}." if last in alike else f"{said}; {told[last]} is last."


def _made(one: Judged) -> str:
    board = one.board
    by = f"{len(board.grades)} metrics" if len(board.grades) > 1 else "one metric"
    of = [dataset for dataset in one.datasets if dataset != board.world]
    kind = f" and its data are of the kind of {' and '.join(of)}" if of else ""
    return (
        f"The density of {board.world} is known{kind}: {len(board.truths.names)} generators at "
        f"known divergences from it, the truth among them, were scored by {by}, "
        f"{wording.sets(board.sets)} of {board.samples:,} rows of each."
    )


def figures(every: Sequence[Judged]) -> list[page.Figure]:
    """The pictures of judgements that are still there."""
    shown: list[page.Figure] = []
    for one in every:
        path = next((path for path in one.pictures if path.is_file()), None)
        if path is not None:
            title = one.board.title
            alt = (
                f"{title}: a panel for each metric, what it says of each generator by the known "
                "KL divergence from the truth; the table of this judgement says it in numbers"
            )
            caption = style.sentences(ladders.caption(title))
            shown.append(page.Figure(title, "png", path.read_bytes(), alt, caption))
    return shown
