"""Samples that were brought in a file, scored and kept as a row like any other.

Their run has no model of ours: the part in its place is named as the user says and identified by
the sha256 of the rows, and nothing can be trained or drawn again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch

from genbench.plugins import registry
from genbench.plugins.code import FEATURES, Part, Roles, digests, identities, stage_revisions
from genbench.plugins.recipe import PAPER
from genbench.plugins.settings import of_settings
from genbench.records.files import sha256_of_arrays
from genbench.records.observed import Drawn, Training, as_note
from genbench.records.run import Data, Result, Run
from genbench.records.standing import roles
from genbench.records.store import Store
from genbench.running import provenance
from genbench.running.data import Sources
from genbench.samples import featured
from genbench.samples.judging import Counted, FoldScore, Judgement, answer, over_folds
from genbench.samples.reading import Samples


@dataclass(frozen=True)
class Brought:
    """Samples, the name of their row, and what is said of them: "source", "date", "file"."""

    name: str
    samples: Samples
    source: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """sha256 of the rows, which every question of them needs: read once, they may be many."""
        return sha256_of_arrays({"rows": np.ascontiguousarray(self.samples.rows)})


def row_name(text: str) -> str:
    """A name that a row may have, like a file's.

    >>> row_name("../our samples")
    'our-samples'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:64] or "samples"


def runs(
    one: Brought,
    folds: Sequence[Data],
    metric: str,
    overrides: Mapping[str, Any],
    sources: Sources,
) -> list[Run]:
    """What is asked of brought samples: a run for each fold; raises UsageError for a bad name."""
    registry.check_name("model", one.name)
    name = folds[0].name
    settings = featured.settings_of(metric, overrides, name, sources.dataset(name))
    installed = identities(Roles("", metric, settings.get(FEATURES, "")))
    parts = {"model": Part("", one.name, digest=one.digest), **installed}
    said = {f"{metric}.{key}": value for key, value in overrides.items()}
    return [
        Run(
            model=one.name,
            data=data,
            seed=0,
            preset=PAPER,
            metric=metric,
            samples=len(one.samples.rows),
            hyperparameters={},
            settings=settings,
            parts=parts,
            revisions=stage_revisions(),
            overrides=said,
            score_reads=sources.computed_with(settings, name),
            source={**one.source, "rows": one.digest},
        )
        for data in folds
    ]


def keep(
    store: Store,
    asked: Sequence[Run],
    judged: Judgement,
    device: torch.device,
    rows: np.ndarray | None,
) -> list[Result]:
    """The results of a judgement, a fold each, kept in a store; with the rows, where given."""
    found = []
    for run, said in zip(asked, judged.folds, strict=True):
        single = judged.per_example[said.fold]
        result = Result(
            run,
            "done",
            unit=judged.unit,
            best=judged.best,
            kind=judged.kind,
            scored=judged.samples,
            distinct=judged.distinct,
            **answer(said, single),
        )
        if rows is not None and not store.keeps_samples(run):
            note = as_note(Drawn(judged.kind, Training()))
            store.put_samples(run, rows, note, _machine(device))
        signature = of_settings(run.metric, run.settings, run.data.levels)
        more = {"code": digests(roles(run)), "seconds": {"score": judged.seconds / len(asked)}}
        store.put(result, {**_machine(device), **more, "signature": signature}, single)
        found.append(result)
    return found


def kept(store: Store, asked: Sequence[Run]) -> list[Result]:
    """The results of the same samples that a store has, of every fold; none if one is lacking.

    Also none where other words were said of the samples, or they are gone.
    """
    found = [store.result(run) for run in asked if run in store and store.keeps_samples(run)]
    said = [result.run.source for result in found if result is not None]
    return [*filter(None, found)] if said == [run.source for run in asked] else []


def judgement(store: Store, results: Sequence[Result], counts: Counted) -> Judgement:
    """What was said of samples when these results of them were kept."""
    first = results[0]
    folds = [
        FoldScore(**{field.name: getattr(one, field.name) for field in fields(FoldScore)})
        for one in results
    ]
    seconds = [store.provenance(one.run, "score")["seconds"]["score"] for one in results]
    about = first.model, first.kind, first.scored, counts, first.unit, first.best
    return over_folds(*about, folds, [*map(store.per_example, results)], sum(seconds))


def _machine(device: torch.device) -> dict[str, Any]:
    about = {"device": str(device), "threads": torch.get_num_threads()}
    return {**provenance.machine(), **about}


def others(store: Store, asked: Sequence[Run]) -> list[Run]:
    """Kept rows of the same name, dataset and metric that are of other samples."""
    wanted = {(run.model, run.data.name) for run in asked}
    digest = asked[0].parts["model"].digest
    return [
        result.run
        for result in store
        if (result.model, result.dataset) in wanted and result.run.parts["model"].digest != digest
    ]
