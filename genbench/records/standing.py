"""Whether a stored run would be asked in the same way by what is installed now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genbench.errors import UsageError
from genbench.plugins import code, recipe
from genbench.plugins.code import Part, Roles
from genbench.records.run import Run

JUDGES = ("metric", code.FEATURES)  # roles whose revision decides what numbers mean


@dataclass(frozen=True)
class Standing:
    """How a stored run stands to the installed code and recipes.

    stale: another recipe, another metric, or code without a revision that is another now; then its
    number is shown apart. older: what has another revision now, in words; its number holds as the
    number of that revision. other: which parts are not what made it, in words.
    """

    stale: bool = False
    older: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


def standing(run: Run) -> Standing:
    """How a run stands; one whose parts are no longer registered, or cannot be read, is stale."""
    said = {k: v for k, v in run.overrides.items() if "." not in k and k != "minutes"}
    try:
        parts = installed(run)
        written = {}
        if not run.source:
            written = recipe.written(run.model, run.data.name, run.preset, said)
    except UsageError:
        return Standing(stale=True)
    changed = {role: part for role, part in parts.items() if part != run.parts.get(role)}
    pairs = [(run.parts[role], part) for role, part in changed.items() if role in run.parts]
    older = [_older(*pair) for pair in pairs if _renumbered(*pair)]
    other = [_other(*pair) for pair in pairs if not _renumbered(*pair)]
    stages = code.stage_revisions()
    moved = [stage for stage in stages if stages[stage] != run.revisions.get(stage)]
    older += [f"revision {run.revisions.get(s)} of {s} made it, not {stages[s]}" for s in moved]
    judged = any(role in changed for role in JUDGES) or "scoring" in moved
    asked = written == run.recipe and parts.keys() == run.parts.keys()
    stale = judged or bool(other) or not asked
    return Standing(stale, tuple(dict.fromkeys(older)), tuple(dict.fromkeys(other)))


def installed(run: Run) -> dict[str, Part]:
    """The parts of a run as they are installed now; brought samples stay what they are."""
    now = code.identities(roles(run))
    return {"model": run.parts["model"], **now} if run.source else now


def roles(run: Run) -> Roles:
    """The registered names behind a run."""
    features = str(run.settings.get(code.FEATURES, ""))
    if run.source:
        return Roles("", run.metric, features)
    return Roles(run.model, run.metric, features, recipe.judges(run.recipe))


def _renumbered(then: Part, now: Part) -> bool:
    """Whether two identities are revisions of one part."""
    same = (then.distribution, then.name) == (now.distribution, now.name)
    return same and then.revision is not None and now.revision is not None


def _older(then: Part, now: Part) -> str:
    return f"revision {then.revision} of {then.name} made it, revision {now.revision} is installed"


def _other(then: Part, now: Part) -> str:
    if then.distribution != now.distribution:
        return f"{then.name} of {then.distribution} made it, {now.distribution} registers it now"
    if then.revision is None and now.revision is None:
        return f"{then.name} was edited"
    return f"{then.name} with {_revised(then)} made it, {_revised(now)} is installed"


def _revised(part: Part) -> str:
    return "no revision" if part.revision is None else f"revision {part.revision}"


def edited(run: Run, stages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The parts whose code was edited since, at the same revision, by what was recorded then.

    stages: the provenance of stages of the run, each of which may have used another code.
    """
    try:
        parts = installed(run)
        now = code.digests(roles(run))
    except UsageError:
        return []
    same = [r for r, part in run.parts.items() if part == parts.get(r) and r in now]
    recorded = [
        (role, about.get("code", {}).get(role, "")) for role in same for about in stages.values()
    ]
    differ = {role for role, digest in recorded if _differ(digest, now[role])}
    return list(dict.fromkeys(run.parts[role].name for role in same if role in differ))


def _differ(then: str, now: str) -> bool:
    """Whether two digests, of one way of reading sources, are of different code."""
    return then != now and then.partition(":")[0] == now.partition(":")[0]
