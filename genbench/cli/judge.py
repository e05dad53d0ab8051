"""`genbench judge`: how far each metric is to be believed, on worlds whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.executing import TLS, JudgedBy, Resources, Scheduler, engine, threads_each
from genbench.cli.judge_watch import watched
from genbench.cli.options import (
    DataDir,
    Quiet,
    ResultsDir,
    Threads,
    completing,
    form,
    of_metrics,
    option,
)
from genbench.cli.showing import echo, new_console, say
from genbench.defaults import DEFAULTS
from genbench.errors import GenbenchError, UsageError, json_text

if TYPE_CHECKING:
    import pandas as pd

    from genbench.running.engines import Engine
    from genbench.worlds.judging.asked import Judgement
    from genbench.worlds.judging.making import Plan, Record

_WORLDS = "Comma-separated datasets whose density is known, and which have a ladder."
Worlds = Annotated[
    str | None, option(_WORLDS, "WORLDS", "--worlds", "-w", autocompletion=completing("dataset"))
]
Judges = Annotated[str, of_metrics("Comma-separated; a group, or all.")]
Samples = Annotated[
    str | None,
    option(
        "Rows in each set that is scored; 1000,10000 gives a board for each.", "ROWS", "--samples"
    ),
]
Seeds = Annotated[
    str | None, option("One set of every generator for each seed.", "SEEDS", "--seeds")
]
Preset = Annotated[
    str | None,
    option(f"Worlds, rows and seeds: {', '.join(DEFAULTS.judging)}.", "JUDGE_PRESET", "--preset"),
]
Draw = Annotated[
    int | None, option("Draw the strengths of the defects anew from this seed.", "DRAW", "--draw")
]
Workers = Annotated[int, option("Processes that score at a time.", "WORKERS", "--workers", min=1)]
Form = Annotated[str, form("md, latex, csv, html or json.")]

_USUAL = "default"


@app.command(
    epilog="Examples:  genbench judge  |  genbench judge --preset quick --workers 2  |  "
    "genbench judge -w digits_mixture --metrics frechet,prdc --samples 1000,10000  |  "
    "genbench judge --metrics my_metric --draw 7 --format csv > board.csv"
)
def judge(
    worlds: Worlds = None,
    metrics: Judges = "all",
    samples: Samples = None,
    seeds: Seeds = None,
    preset: Preset = None,
    draw: Draw = None,
    form: Form = "md",
    workers: Workers = 1,
    threads: Threads = None,
    executor: JudgedBy = None,
    scheduler: Scheduler = None,
    resources: Resources = None,
    tls: TLS = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
    quiet: Quiet = False,
) -> None:
    """Judge metrics on data whose density is known: do they rank better generators higher?

    A world is a dataset of known density; its ladder is generators at known distances. Every metric
    scores sets of rows of each, and the board says how well it ordered them, with intervals.

    Judgements are kept in the results folder, and the notes of later tables quote them where they
    are of the same kind of data. One that was interrupted goes on.
    """
    from genbench.running.conditions import settled
    from genbench.running.plan import metrics_of
    from genbench.tables.texts import FORMATS

    parsing.one_of(FORMATS, form, "format")
    names = metrics_of(parsing.split(metrics, "--metrics"))
    asked = _asked(worlds, samples, seeds, preset, draw)
    by = engine(executor, scheduler, resources, tls)
    each = threads_each(threads, workers, by)
    folders = parsing.folders(results_dir)[0], parsing.data_folder(data_dir)
    how = _How(workers, each, *folders, quiet, by)
    with settled(each):
        records = list(_made(asked, names, how))
    echo(_text(records, form, quiet), nl=False)


@dataclass(frozen=True)
class _How:
    """By how many processes, of how many threads, and where files are."""

    workers: int
    threads: int
    results_dir: Path
    data_dir: Path
    quiet: bool
    engine: Engine | None = None


def _asked(
    worlds: str | None, samples: str | None, seeds: str | None, preset: str | None, draw: int | None
) -> list[Judgement]:
    """A judgement for each world and number of rows; what is not said is the preset's."""
    from genbench.plugins import registry
    from genbench.worlds.judging.asked import Judgement

    usual: dict[str, Any] = dict(DEFAULTS.judging[_USUAL])
    if preset is not None:
        usual |= DEFAULTS.judging[parsing.one_of(list(DEFAULTS.judging), preset, "preset")]
    names = parsing.only(worlds, "--worlds") or usual["worlds"]
    found = [registry.find("dataset", name).name for name in names]
    counts = _counts(samples) if samples is not None else usual["samples"]
    chosen = tuple(parsing.whole_numbers(seeds) if seeds is not None else usual["seeds"])
    if any(seed < 0 for seed in chosen):
        raise UsageError(f"--seeds of a judgement are numbers of sets, 0 and above; got {seeds}")
    return [Judgement(w, n, chosen, draw, usual.get("train")) for w in found for n in counts]


def _counts(text: str) -> list[int]:
    """Rows of a set; raises UsageError where they are no whole numbers of 2 at least."""
    try:
        counts = [int(part) for part in parsing.split(text, "--samples")]
    except ValueError:
        counts = [0]
    if min(counts) < 2:
        raise UsageError(f"--samples takes numbers of rows such as 1000,10000; got {text!r}")
    return counts


def _made(asked: Sequence[Judgement], metrics: Sequence[str], how: _How) -> Iterator[Record]:
    from genbench.running.data import Sources
    from genbench.worlds.judging import making

    sources, console = Sources(how.data_dir), new_console()
    for one in asked:
        if not how.quiet:
            say(console, f"{one.world}: makes its ladder first, for minutes where it is new")
        plan = making.planned(one, metrics, sources, how.results_dir)
        _score(plan, how)
        record = making.finished(plan)
        if not record.board.grades:
            raise GenbenchError(
                "; ".join(f"{m}: {why}" for m, why in record.board.left_out.items())
            )
        path = making.put(record, how.results_dir)
        if not how.quiet:
            say(console, f"kept in {path}")
        yield record


def _score(plan: Plan, how: _How) -> None:
    from genbench.worlds.judging import scoring

    asked = plan.scorer.work.judgement
    left = scoring.scored(plan.scorer, plan.units, how.workers, how.threads, how.engine)
    title = f"{asked.world}, {asked.samples:,} rows"
    try:
        watched(left, title, new_console(), how.quiet)
    except KeyboardInterrupt:
        echo("Interrupted; the same command goes on from the last set.", err=True)
        raise


def _text(records: Sequence[Record], form: str, quiet: bool) -> str:
    """The boards in one of the formats of tables."""
    import pandas as pd

    from genbench.worlds.judging import board, making, sweeps

    if form == "json":
        every = [making.as_json(record) for record in records]
        return json_text(every) + "\n"
    boards = [record.board for record in records]
    if form == "csv":
        from genbench.tables import formats

        return formats.comma_separated(pd.concat([board.numbers(one) for one in boards]))
    texts = [
        _table(board.frame(one), [] if quiet else board.notes(one), one.title, one.world, form)
        for one in boards
    ]
    texts += [
        _table(one.frame, [] if quiet else [one.note], one.title, one.name, form)
        for one in sweeps.tables(boards)
    ]
    return "\n".join(texts)


def _table(shown: pd.DataFrame, lines: Sequence[str], title: str, name: str, form: str) -> str:
    from genbench.tables import formats, latex

    if form == "md":
        return f"{formats.escape_markdown(title)}:\n\n{formats.markdown(shown, lines)}"
    if form == "html":
        return formats.html(shown, lines, title)
    return latex.latex(shown, lines, title, f"judgement {name}")
