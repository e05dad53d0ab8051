"""Files of samples, scored: named, judged by each metric, kept where asked, and printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genbench.cli import parsing
from genbench.cli.outcomes import is_complete
from genbench.cli.scored_by import Judge, Scoring, judging
from genbench.cli.showing import echo, new_console, print_json, say
from genbench.cli.working import results_of
from genbench.defaults import DEFAULTS
from genbench.errors import GenbenchError, UsageError
from genbench.words import duration

if TYPE_CHECKING:
    from genbench.records.run import Result, Run
    from genbench.records.store import Store
    from genbench.running.brought import Brought
    from genbench.running.engines import Engine
    from genbench.running.runner import Environment
    from genbench.samples.judging import Judgement
    from genbench.samples.reading import Samples
    from genbench.tables.signature import Records
    from genbench.tables.texts import Options


@dataclass(frozen=True)
class Label:
    """Under which name a file's row is kept, if at all, and what is said of it."""

    name: str | None
    source: str
    date: str
    replace: bool

    @property
    def words(self) -> dict[str, str]:
        return {"source": self.source, "date": self.date}


def scoring_of(
    dataset: str | None, metrics: str, settings: list[str] | None, environment: Environment
) -> Scoring:
    """Raises UsageError and DataError where files cannot be scored so."""
    from genbench.plugins import registry
    from genbench.running.data import Sources
    from genbench.running.needs import Pair, unmet
    from genbench.running.plan import metrics_of
    from genbench.samples import featured, judging

    sources = Sources(environment.data_dir)
    name = registry.find("dataset", dataset or DEFAULTS.datasets[0]).name
    names, overrides = metrics_of(parsing.split(metrics, "--metrics")), parsing.settings(settings)
    for owner in overrides:
        if owner not in names:
            hint = registry.nearest(owner, names)
            raise UsageError(f"--set names {owner!r}, which scores no samples; {hint}")
    for metric in names:
        judging.metric_with(metric, overrides.get(metric, {}))
    source, folds = sources.dataset(name), sources.identities(name)
    settings_of = {
        metric: featured.settings_of(metric, overrides.get(metric, {}), name, source)
        for metric in names
    }
    lacks = {m: unmet(Pair(m, settings_of[m], folds[0]), sources) for m in names}
    return Scoring(name, names, overrides, settings_of, sources, folds, lacks)


def score_files(
    paths: Sequence[Path],
    scoring: Scoring,
    label: Label,
    environment: Environment,
    how: Engine | None,
    alone: bool,
    form: str,
    shown: Options,
) -> bool:
    """Scores files and prints what they score; returns whether all reference rows are there too."""
    from tempfile import TemporaryDirectory

    from genbench.records.run import flat
    from genbench.records.stores import Stores
    from genbench.running.plan import pending
    from genbench.samples import reading
    from genbench.tables import contents, texts

    found = [reading.read(path, scoring.dataset, scoring.source) for path in paths]
    rows = _brought(found, paths, label)
    if label.name:
        _check_name(rows[0], scoring, label, environment)
    runs = [] if alone else _reference_runs(found, scoring, environment)
    if label.name or pending(runs, environment.store):
        environment.store.prepare()  # before any work, where the folder cannot be written
    with TemporaryDirectory(prefix="genbench-score-") as folder:
        own = environment.store if label.name else Stores([Path(folder), *_read(environment)])
        failed: list[str] = []
        keep = bool(label.name)
        with judging(rows, paths, scoring, environment, how, keep, shown.quiet) as judge:
            judged = list(
                _judged(rows, scoring, environment, own, keep, form, shown.quiet, failed, judge)
            )
        references = results_of(runs, environment, how, shown.quiet)
        results = [result for _, kept in judged for result in kept]
        records = contents.records_of(results, own)
        if form == "json":
            scores = [_as_json(one, kept, records) for one, kept in judged]
            print_json(
                {"dataset": scoring.dataset, "scores": scores, "failed": failed, **_unmet(scoring)}
                | {"references": [*map(flat, references)]}
            )
        elif results or references:
            echo(texts.rendered([*results, *references], form, own, shown), nl=False)
    return is_complete(references, runs) and not failed


def _read(environment: Environment) -> list[Path]:
    return [environment.results_dir, *environment.beside]


def _unmet(scoring: Scoring) -> dict[str, Any]:
    return {"unmet": {metric: text for metric, text in scoring.unmet.items() if text}}


def _brought(found: Sequence[Samples], paths: Sequence[Path], label: Label) -> list[Brought]:
    """The rows that files give, each with a name: its stem, or its path where two have one."""
    from genbench.running.brought import Brought, row_name

    stems = [row_name(one.name) for one in found]
    names = [
        stem if stems.count(stem) == 1 else row_name(str(path))
        for stem, path in zip(stems, paths, strict=True)
    ]
    if len({*names}) < len(names):
        raise UsageError(f"files would have one name, {', '.join(names)}: score them one by one")
    return [
        Brought(label.name or name, one, {**label.words, "file": path.name})
        for name, one, path in zip(names, found, paths, strict=True)
    ]


def _check_name(one: Brought, scoring: Scoring, label: Label, environment: Environment) -> None:
    """Raises UsageError where other samples have the name; with --replace these take its place."""
    from genbench.plugins import registry
    from genbench.running import brought

    if one.name.replace("-", "_") in registry.names("model"):
        raise UsageError(f"{one.name!r} is a registered model; --as takes another name")
    runs = brought.runs(one, scoring.folds, scoring.metrics[0], {}, scoring.sources)
    others = brought.others(environment.store, runs)
    if others and not label.replace:
        raise UsageError(
            f"{one.name!r} on {scoring.dataset} is of other samples, of "
            f"{others[0].source.get('file', 'a model')}: give another name, or --replace"
        )
    for run in others:
        environment.store.drop(run)


def _reference_runs(
    samples: Sequence[Samples], scoring: Scoring, environment: Environment
) -> list[Run]:
    """The reference rows beside samples that are means: as many of each as there are samples."""
    from genbench.front import plan

    counts = dict.fromkeys(len(one.rows) for one in samples if not one.binary)
    metrics = [metric for metric in scoring.metrics if not scoring.unmet[metric]]
    return [
        run
        for count in (counts if metrics else ())
        for run in plan(
            DEFAULTS.references,
            scoring.dataset,
            metrics,
            samples=count,
            settings=scoring.overrides,
            data_dir=environment.data_dir,
        )
    ]


def _judged(
    rows: Sequence[Brought],
    scoring: Scoring,
    environment: Environment,
    store: Store,
    keep: bool,
    form: str,
    quiet: bool,
    failed: list[str],
    judge: Judge,
) -> Iterator[tuple[Judgement, list[Result]]]:
    """What each metric says of each file, one after the other, and the results that it makes.

    A metric that refuses is said and noted in `failed`; the others go on.
    """
    from genbench.running import brought
    from genbench.running.conditions import settled
    from genbench.running.runner import choose_device

    device = choose_device(environment.device)
    for one in rows:
        for name in scoring.metrics:
            if scoring.unmet[name]:
                say(new_console(), f"{one.name}, unmet: {scoring.unmet[name]}")
                continue
            runs, kept = scoring.runs(one, name), one.samples.rows if keep else None
            known = brought.kept(store, runs) if keep else []
            if not quiet:
                say(
                    new_console(),
                    f"{'scored before:' if known else 'scoring'} {one.name} by {name}",
                )
            try:
                found = judge(one, name)
                with settled(environment.threads):
                    results = known or brought.keep(store, runs, found, device, kept)
            except GenbenchError as error:
                if error.exit_code != 1:
                    raise
                failed.append(f"{name}: {error}")
                say(new_console(), f"Error: {failed[-1]}")
                continue
            if not quiet and not known:
                took = duration(found.seconds)
                say(new_console(), f"scored {one.name} by {name} in {took}")
            if form == "md":
                _print_judgement(found, results[0], quiet)
            yield found, results


def _print_judgement(judgement: Judgement, first: Result, quiet: bool) -> None:
    from genbench.records.names import head
    from genbench.samples.judging import remarks
    from genbench.words import value_and_error

    shown = value_and_error(judgement.value, judgement.error, judgement.bound)
    echo(f"{judgement.name} on {head(first)}: {shown} {judgement.unit} ({first.metric})")
    if not quiet:
        echo("".join(f"  {line}\n" for line in remarks(judgement)))


def _as_json(judgement: Judgement, results: Sequence[Result], records: Records) -> dict[str, Any]:
    from genbench.tables import signature

    plain = {**asdict(replace(judgement, per_example=())), "metric": results[0].metric}
    del plain["per_example"]
    settings = {key.partition(".")[2]: value for key, value in results[0].overrides.items()}
    line = signature.of(results, records).full
    return plain | {"settings": settings, "signature": line, "caveat": results[0].caveat}
