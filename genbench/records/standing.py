"""Whether a stored run would be asked in the same way by what is installed now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genbench.errors import UsageError
from genbench.plugins import code, recipe
from genbench.plugins.code import Part
from genbench.records.run import Run

JUDGES = ("metric",)  # roles whose revision decides what numbers mean


@dataclass(frozen=True)
class Standing:
    """How a stored run stands to the installed code and recipes.

    stale: another recipe, another metric, or code without a revision that is another now; then its
    number is shown apart. older: what has another revision now, in words; its number holds as the
    number of that revision.
    """

    stale: bool = False
    older: tuple[str, ...] = ()


def standing(run: Run) -> Standing:
    """How a run stands; one whose parts are no longer registered, or cannot be read, is stale."""
    said = {k: v for k, v in run.overrides.items() if "." not in k and k != "minutes"}
    try:
        written = recipe.written(run.model, run.data.name, run.preset, said)
        parts = code.identities(run.model, run.metric, recipe.judges(written))
    except UsageError:
        return Standing(stale=True)
    if written != run.recipe or parts.keys() != run.parts.keys():
        return Standing(stale=True)
    changed = {role: part for role, part in parts.items() if part != run.parts[role]}
    if any(not _renumbered(run.parts[role], part) for role, part in changed.items()):
        return Standing(stale=True)
    older = [_older(run.parts[role], part) for role, part in changed.items()]
    stages = code.stage_revisions()
    moved = [stage for stage in stages if stages[stage] != run.revisions.get(stage)]
    older += [f"revision {run.revisions.get(s)} of {s} made it, not {stages[s]}" for s in moved]
    stale = any(role in changed for role in JUDGES) or "scoring" in moved
    return Standing(stale, tuple(dict.fromkeys(older)))


def _renumbered(then: Part, now: Part) -> bool:
    """Whether two identities are revisions of one part."""
    same = (then.distribution, then.name) == (now.distribution, now.name)
    return same and then.revision is not None and now.revision is not None


def _older(then: Part, now: Part) -> str:
    return f"revision {then.revision} of {then.name} made it, revision {now.revision} is installed"


def edited(run: Run, stages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The parts whose code was edited since, at the same revision, by what was recorded then.

    stages: the provenance of the stages of the run.
    """
    try:
        now = code.digests(run.model, run.metric, recipe.judges(run.recipe))
    except UsageError:
        return []
    recorded = [about.get("code", {}) for about in stages.values()]
    then = {role: digest for about in recorded for role, digest in about.items()}
    names = {role: part.name for role, part in run.parts.items()}
    return [names[r] for r in names if r in then and now.get(r) != then[r]]
