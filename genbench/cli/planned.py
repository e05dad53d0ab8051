"""What `genbench run` is going to do and how long that takes, before it does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from genbench.cli.showing import echo, print_json
from genbench.defaults import DEFAULTS

if TYPE_CHECKING:
    from genbench.records.run import Run
    from genbench.running.cost import Cost
    from genbench.running.runner import Environment

LONGEST = 5.0  # seconds that a beginning command spends on telling how long the rest takes


def full_recipes(runs: Sequence[Run], preset: str) -> list[str]:
    """Which models run in full since their recipe has nothing of a preset that was asked for."""
    full: dict[str, dict[str, None]] = {}
    for run in runs:
        if run.preset != preset and run.model not in DEFAULTS.references:
            full.setdefault(run.data.name, {})[run.model] = None
    return [
        f"{', '.join(models)} on {dataset}: no preset {preset!r}, so the full recipe runs"
        for dataset, models in full.items()
    ]


def announced(todo: Sequence[Run], environment: Environment, here: bool) -> Iterator[str]:
    """What is to be done, and how long its trainings take as far as that is told quickly.

    here: whether this machine does the work; what another one takes is not known. Projected are
    models of this suite alone: a stranger's code runs in a process of its own.
    """
    from genbench.plugins import registry
    from genbench.running import cost
    from genbench.running.plan import by_training, must_train
    from genbench.timing import Since
    from genbench.words import duration

    store, rerun, clock = environment.store, environment.rerun, Since()
    groups = [group for group in by_training(todo) if must_train(group, store, rerun)]
    yield f"to do: {_plan(todo, len(groups))}"
    trained = (run for group in groups for run in group)
    ours = [run for run in trained if run.parts["model"].distribution == registry.SUITE]
    total, told = 0.0, 0
    for one in cost.costs(ours, environment) if here else ():
        told += not one.unknown
        total += one.seconds
        if clock.seconds > LONGEST:
            break
    if told:
        which = "training" if told == len(groups) else f"{told} of the {len(groups)} trainings"
        yield (
            f"{which}: about {duration(total)}, one after the other; drawing samples and scoring "
            "them come on top"
        )


def _plan(todo: Sequence[Run], trainings: int) -> str:
    """ "3 trainings, 15 scores: gan, dbn, replay on mnist5k"; "15 scores: ..." of what is kept."""
    models = ", ".join(dict.fromkeys(run.model for run in todo))
    datasets = ", ".join(dict.fromkeys(run.data.name for run in todo))
    counts = [_several(trainings, "training")] if trainings else []
    counts.append(_several(len(todo), "score"))
    return f"{', '.join(counts)}: {models} on {datasets}"


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def print_costs(runs: Sequence[Run], environment: Environment, as_json: bool) -> bool:
    """The plan, and what its trainings would cost, projected from a timed piece of each.

    False where a training cannot begin.
    """
    from genbench.running.cost import costs
    from genbench.words import duration

    found: list[Cost] = []
    for one in costs(runs, environment):
        found.append(one)
        if not as_json:
            echo(_line(one))
    total = sum(one.seconds for one in found)
    if as_json:
        print_json({"trainings": [*map(_as_json, found)], "seconds": total})
    else:
        echo(
            f"all training, one after the other: about {duration(total)}; "
            "sampling and scoring not counted"
        )
    return not any(one.unknown for one in found)


def _line(one: Cost) -> str:
    run, fold = one.run, "" if one.fold is None else f", fold {one.fold}"
    return (
        f"{run.model} on {run.data.name}{fold}, preset {run.preset}, seed {run.seed}, "
        f"{one.left} of {one.scores} scores to do: {_said(one)}"
    )


def _as_json(one: Cost) -> dict[str, Any]:
    run = one.run
    about = {"model": run.model, "dataset": run.data.name, "preset": run.preset, "seed": run.seed}
    about |= {} if one.fold is None else {"fold": one.fold}
    counts = {"scores": one.scores, "scores_to_do": one.left, "epochs": one.epochs}
    return {**about, **counts, "seconds": one.seconds, "said": _said(one)}


def _said(cost: Cost) -> str:
    from genbench.words import duration

    if not cost.left:
        return "done"
    if cost.empty:
        return f"nothing to train, all stay empty: {cost.run.unmet}"
    if cost.unknown:
        return f"it would fail, {cost.unknown}"
    if not cost.epochs:
        return "trained; to sample and score only"
    most = "at most " if cost.run.selection.get("patience") else ""
    return f"{most}{_several(cost.epochs, 'epoch')}, about {duration(cost.seconds)}"
