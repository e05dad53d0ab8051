"""`genbench judge`: how far each metric is to be believed, on worlds whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.executing import TLS, JudgedBy, Resources, Scheduler, engine, threads_each
from genbench.cli.judge_boards import Judged, drawing, text
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
from genbench.errors import GenbenchError, UsageError

if TYPE_CHECKING:
    from genbench.records.store import Store
    from genbench.running.data import Sources
    from genbench.running.engines import Engine
    from genbench.worlds.judging.asked import Judgement, Unit
    from genbench.worlds.judging.making import Plan
    from genbench.worlds.judging.trained import Beside

_WORLDS = "Comma-separated datasets whose density is known, and which have a ladder."
Worlds = Annotated[
    str | None, option(_WORLDS, "WORLDS", "--worlds", "-w", autocompletion=completing("dataset"))
]
Judges = Annotated[str, of_metrics("Comma-separated; a group, or all.")]
_MODELS = "Also show these trained models beside the ladder; comma-separated."
Models = Annotated[  # not GENBENCH_MODELS, which says what `run` trains
    str | None,
    option(_MODELS, "JUDGE_MODELS", "--models", "-m", autocompletion=completing("model")),
]
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
    "genbench judge -w digits_mixture_small --models vae,kmeans  |  "
    "genbench judge --metrics my_metric --draw 7 --format csv > board.csv"
)
def judge(
    worlds: Worlds = None,
    metrics: Judges = "all",
    models: Models = None,
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

    With --models a second table says where each metric puts trained models among the rungs of the
    ladder; `genbench run -m MODEL -d WORLD` trains one there.

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
    wanted = [] if models is None else parsing.split(models, "--models")
    folders = parsing.store(results_dir), parsing.data_folder(data_dir)
    how = _How(workers, each, *folders, quiet, by)
    with settled(each):
        judged = list(_made(asked, names, wanted, how))
    echo(text(judged, form, quiet), nl=False)


@dataclass(frozen=True)
class _How:
    """By how many processes, of how many threads, and where files are."""

    workers: int
    threads: int
    store: Store
    data_dir: Path
    quiet: bool
    engine: Engine | None = None

    @property
    def results_dir(self) -> Path:
        """The folder that is written."""
        return self.store.places[0]


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


def _made(
    asked: Sequence[Judgement], metrics: Sequence[str], models: Sequence[str], how: _How
) -> Iterator[Judged]:
    from genbench.running.data import Sources
    from genbench.worlds.judging import making, places

    sources, console = Sources(how.data_dir), new_console()
    found = {one.world: _beside(one.world, models, how.store, sources) for one in asked}
    for one in asked:
        making.check_world(one.world, sources)
    how.store.prepare()
    for one in asked:
        if not how.quiet:
            say(console, f"{one.world}: makes its ladder first, for minutes where it is new")
        plan, beside = making.planned(one, metrics, sources, how.results_dir), found[one.world]
        further = places.units(beside, plan) if beside else {}
        _score(plan, [unit for units in further.values() for unit in units], how)
        record = making.finished(plan)
        if not record.board.grades:
            raise GenbenchError(
                "; ".join(f"{m}: {why}" for m, why in record.board.left_out.items())
            )
        path = making.put(record, how.results_dir)
        if not how.quiet:
            say(console, f"kept in {path}")
        placed = places.placed(beside, plan, record, how.store, sources) if beside else None
        yield Judged(record, placed)


def _beside(world: str, models: Sequence[str], store: Store, sources: Sources) -> Beside | None:
    """What is kept of models on a world, if some are asked for; UsageError where that is none."""
    from genbench.worlds.judging import asked, beside, making, trained

    if not models:
        return None
    making.check_world(world, sources)
    found = trained.find(store, sources.identity(world, asked.FOLD), models)
    if not found.models:
        lacks = [beside.unkept(one, drawing) for one in found.unkept]
        raise UsageError(f"no samples of these models on {world} are kept: {'; '.join(lacks)}")
    return found


def _score(plan: Plan, further: Sequence[Unit], how: _How) -> None:
    """All sets of the ladder, then those of models."""
    from genbench.worlds.judging import scoring

    asked = plan.scorer.work.judgement
    left = scoring.scored(
        plan.scorer, [*plan.units, *further], how.workers, how.threads, how.engine
    )
    title = f"{asked.world}, {asked.samples:,} rows"
    try:
        watched(left, title, new_console(), how.quiet)
    except KeyboardInterrupt:
        echo("Interrupted; the same command goes on from the last set.", err=True)
        raise
