"""`genbench figure judgement`: what metrics say of generators at known distances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from genbench.cli import parsing
from genbench.cli.applications import figure_app
from genbench.cli.options import OnlyMetrics, ResultsDir, completing, option, out
from genbench.cli.showing import echo
from genbench.errors import UsageError

World = Annotated[
    str,
    option(
        "A world that was judged.", "WORLD", "--world", "-w", autocompletion=completing("dataset")
    ),
]
Rows = Annotated[
    int | None,
    option(
        "Of the judgement with so many rows a set; by default the one with most.",
        "ROWS",
        "--samples",
    ),
]
Out = Annotated[
    Path | None,
    out("A .png, .svg or .pdf file, written anew. Default: in the folder of results."),
]


@figure_app.command(
    "judgement", epilog="Example:  genbench figure judgement -w digits_mixture -o judgement.svg"
)
def figure_judgement(
    world: World,
    samples: Rows = None,
    metrics: OnlyMetrics = None,
    out: Out = None,
    results_dir: ResultsDir = None,
) -> None:
    """Each metric's value against the known KL divergence, from a judgement that is kept.

    In the folder of results, `genbench report` shows it.
    """
    from genbench.figures import ladders, style
    from genbench.records import judgements
    from genbench.worlds.judging import kept, wording
    from genbench.worlds.judging.measured import measured

    folders = parsing.folders(results_dir)
    records = [
        record
        for record in judgements.of_world(folders, world)
        if samples in (None, record["samples"])
    ]
    if not records:
        raise UsageError(f"no judgement of {world} is kept; `genbench judge -w {world}` makes one")
    board, values = kept.board(records[0]), kept.values(records[0])
    only = parsing.only(metrics, "--metrics")
    panels = []
    for grade in board.ranked:
        if only is None or grade.metric in only:
            of = measured(values[grade.metric])
            said, unit = wording.failure(grade, board.truths), values[grade.metric].unit
            panel = (grade.metric, unit, of.mean.tolist(), of.deviation.tolist(), said)
            panels.append(ladders.Panel(*panel))
    t = board.truths
    ladder = ladders.Ladder(board.title, t.families, t.kl.tolist(), t.copies.tolist())
    drawn = ladders.ladders(ladder, panels)
    usual = judgements.pictures(f"{board.world}-{board.samples}")[-1]
    path = parsing.writable(parsing.place(out, results_dir, usual))
    style.save(drawn, path, style.form(path))
    echo(str(path))
