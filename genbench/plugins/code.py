"""Which code a registered part is: who registered it, its revision, the digest of its files.

A part that declares a `revision`, an integer literal in its class's own body, is identified by it:
its numbers are promised to stay while it stays. Any other part is identified by the digest of the
files that its distribution owns and it can reach, and of the revisions of what it builds on. All
of this is read from sources; nothing is imported.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from genbench.plugins import imports, registry
from genbench.plugins.imports import Reach

__all__ = ["FEATURES", "Part", "Roles", "digest_of", "digests", "identify", "identities"]
__all__ += ["source", "stage_revisions", "unfollowed"]

source: Callable[[str], Path] = imports.source
READING = 2  # raised when the same sources would have other digests; those of two do not compare
_STAGES = "genbench.running.revisions"
_CODE = (".py", ".pyc", ".so", ".pyd")
FEATURES = "features"  # the role of what rows are turned into before a metric looks at them
_TOP = re.compile(r'^"?([^"/.,\n]+)', re.MULTILINE)  # of each path in a RECORD
_HOMES = "_HOMES"  # what a package calls its mapping of names to modules that it loads lazily


@dataclass(frozen=True)
class Part:
    """What a number depends on: a registered thing, by its revision or else by its code.

    distribution: that registers it. revision: None where its class declares none; then `digest`
    is the sha256, in hex, of its code.
    """

    distribution: str
    name: str
    revision: int | None = None
    digest: str = ""


@dataclass(frozen=True)
class Roles:
    """The registered names behind a result.

    model: empty for samples that were brought. features: those that the metric is computed in,
    empty where it takes none. judges: by role, the metrics that choose something before the score.
    """

    model: str
    metric: str
    features: str = ""
    judges: Mapping[str, str] = field(default_factory=dict[str, str])

    def named(self) -> dict[str, tuple[str, str]]:
        """By role, kind and name of each part."""
        metrics = {role: ("metric", name) for role, name in self.judges.items()}
        own = {"model": ("model", self.model)} if self.model else {}
        rows = {FEATURES: (FEATURES, self.features)} if self.features else {}
        return own | {"metric": ("metric", self.metric)} | rows | metrics


def identities(roles: Roles) -> dict[str, Part]:
    """The parts that a result depends on, by role; loads none of them."""
    return {role: identify(*of) for role, of in roles.named().items()}


def digests(roles: Roles) -> dict[str, str]:
    """sha256, in hex, of the installed code of those parts, by role, for the record.

    Before it, and a colon, stands which way of reading sources it is by.
    """
    return {role: f"{READING}:{digest_of(*of)}" for role, of in roles.named().items()}


def identify(kind: str, name: str) -> Part:
    """The identity of a registered part; raises UsageError where its source cannot be read."""
    entry = registry.find(kind, name)
    revision = _revision(entry.module, entry.attr)
    digest = digest_of(kind, name) if revision is None else ""
    return Part(registry.distribution(entry), entry.name, revision, digest)


def digest_of(kind: str, name: str) -> str:
    """sha256, in hex, of the code of a registered part and of the revisions of what it uses."""
    entry = registry.find(kind, name)
    return _digest(entry.module, registry.distribution(entry))


def unfollowed(kind: str, name: str) -> list[str]:
    """Where the code of a part without a revision loads what reading it cannot follow."""
    entry = registry.find(kind, name)
    if _revision(entry.module, entry.attr) is not None:
        return []
    found = _reach(entry.module, registry.distribution(entry))
    behind = [place for use in _uses(found, ()) for place in use.unfollowed]
    return list(dict.fromkeys([*found.unfollowed, *behind]))


# --- revisions ---


@cache
def _revision(module: str, name: str) -> int | None:
    """The literal in the body of the class that `module` calls `name`, wherever it is defined."""
    found = _definition(module, name)
    return _literal(found[1]) if found else None


@cache
def _definition(module: str, name: str) -> tuple[str, ast.ClassDef] | None:
    """The class that `module` calls `name`, and the module that defines it.

    None where a name is bound more than once: which of them it is, only running tells.
    """
    seen: set[tuple[str, str]] = set()
    while (module, name) not in seen:
        seen.add((module, name))
        said = imports.read(module)
        bound = [node for node in _statements(said.tree) if name in _binds(node)]
        if len(bound) != 1 or bound[0] not in said.tree.body:
            return None
        if isinstance(bound[0], ast.ClassDef):
            return module, bound[0]
        found = [one for one in said.imports if one.called == name and one.name]
        if len(found) != 1 or not imports.has_file(found[0].base):
            return None
        module, name = found[0].base, found[0].name
    return None


def stage_revisions() -> dict[str, int]:
    """The revisions of our own "training", "drawing" and "scoring", read as those of parts are."""
    body = imports.read(_STAGES).tree.body
    named = {name: node for node in body for name in _binds(node)}
    values = {name: getattr(node, "value", None) for name, node in named.items()}
    return {
        name.lower(): value.value
        for name, value in values.items()
        if isinstance(value, ast.Constant) and type(value.value) is int
    }


def _literal(cls: ast.ClassDef) -> int | None:
    """The integer that `revision` is in a class's own body, if nothing else there binds it."""
    bound = [node for node in _statements(cls) if "revision" in _binds(node)]
    if len(bound) != 1 or bound[0] not in cls.body:
        return None
    value = bound[0].value if isinstance(bound[0], ast.Assign | ast.AnnAssign) else None
    number = value.value if isinstance(value, ast.Constant) else None
    return number if type(number) is int else None


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node that run in its own scope, in any branch."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            yield from _statements(child)


def _binds(node: ast.AST) -> set[str]:
    """The names that one statement gives a meaning, apart from those of statements inside it."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    own = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
    every = [name for child in own for name in ast.walk(child) if isinstance(name, ast.Name)]
    return {name.id for name in every if not isinstance(name.ctx, ast.Load)}


def _declared(module: str) -> list[str]:
    """The classes that declare a revision in a module, each with it."""
    nodes = ast.walk(imports.read(module).tree)
    found = [(node.name, _literal(node)) for node in nodes if isinstance(node, ast.ClassDef)]
    return [f"{name} {revision}" for name, revision in found if revision is not None]


# --- digests ---


@dataclass(frozen=True)
class Use:
    """What stands for a module of another distribution.

    text: the revisions behind it, and the digest of what none of them covers. unfollowed: where
    that loads what reading cannot follow.
    """

    text: str
    unfollowed: tuple[str, ...] = ()


@cache
def _reach(module: str, distribution: str) -> Reach:
    return imports.reach(module, _owner(module, distribution))


@cache
def _digest(module: str, distribution: str) -> str:
    found = _reach(module, distribution)
    return imports.sha256(found.places, found.places, _said(_uses(found, (module,))))


def _said(uses: list[Use]) -> str:
    return "\n".join(sorted({use.text for use in uses}))


def _uses(found: Reach, above: tuple[str, ...]) -> list[Use]:
    """What stands for each module of another distribution; `above`: those that led here."""
    return [_use(module, (*above, module)) for module in _used(found) if module not in above]


def _used(found: Reach) -> list[str]:
    """Modules of other distributions that register parts too, the lazily loaded ones resolved.

    Packages above another of them run with it, and are left out.
    """
    tops = registry.tops()
    used = [module for module in found.foreign if module.partition(".")[0] in tops]
    used += [module for name in found.places for module in _lazily(name)]
    used = [module for module in dict.fromkeys(used) if module not in imports.INTERFACES]
    return [one for one in used if not any(other.startswith(f"{one}.") for other in used)]


def _lazily(module: str) -> Iterator[str]:
    """Where the names lie that a module takes of an interface which loads them when asked."""
    said = imports.read(module)
    for one in said.imports:
        if one.base in imports.INTERFACES:
            homes = _homes(one.base)
            names = {one.name} if one.name else _attributes(said.tree, one.called)
            yield from (homes[name] for name in sorted(names & homes.keys()))


def _attributes(tree: ast.AST, name: str) -> set[str]:
    """All x of which a file says `name.x`."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {n.attr for n in nodes if isinstance(n.value, ast.Name) and n.value.id == name}


@cache
def _homes(module: str) -> dict[str, str]:
    """Where a package finds the names that it loads lazily; empty if it loads none."""
    for node in imports.read(module).tree.body:
        if isinstance(node, ast.Assign) and _HOMES in _binds(node):
            return ast.literal_eval(node.value)
    return {}


def _use(module: str, above: tuple[str, ...]) -> Use:
    """The revisions behind a module of another distribution, and what they do not cover.

    The revision of a class covers all that its module reaches, but no registered class that has
    none.
    """
    distribution = _distribution_of(module)
    found = _reach(module, distribution)
    declared = {name: _declared(name) for name in found.places}
    covered = {c for name in declared if declared[name] for c in _reach(name, distribution).places}
    rest = [name for name in found.places if name not in covered - _without_revision(found)]
    said = sorted({text for texts in declared.values() for text in texts})
    if not rest:
        return Use(f"{distribution}: {', '.join(said)}")
    uses = _uses(found, above)
    said.append(imports.sha256(rest, found.places, _said(uses)))
    behind = [place for use in uses for place in use.unfollowed]
    return Use(f"{distribution}: {', '.join(said)}", (*found.unfollowed, *behind))


def _without_revision(found: Reach) -> set[str]:
    """The modules that define a registered model or metric which declares no revision."""
    every = [entry for kind in ("model", "metric") for entry in registry.entries(kind)]
    near = [(entry.module, entry.attr) for entry in every if entry.module in found.places]
    without = [of for of in near if _revision(*of) is None]
    defined = [(module, _definition(module, name)) for module, name in without]
    return {where[0] if where else module for module, where in defined}


# --- who owns a file ---


def _distribution_of(module: str) -> str:
    """The distribution that a module of a registered package belongs to."""
    owners = sorted(registry.tops()[module.partition(".")[0]])
    path = imports.source(module).resolve()
    return next((owner for owner in owners if path in _listed(owner)), owners[0])


@cache
def _owner(module: str, distribution: str) -> Callable[[Path], bool]:
    """Tells whether a file is a distribution's: by its list of files, else by where it lies.

    Also its own is a file that nobody installed and nobody else claims.
    """
    own, listed = imports.source(module).resolve(), _listed(distribution)
    root = None if own in listed else _root(module, own)
    packages = {path.parent for path in listed if path.stem == "__init__"}

    def owns(path: Path) -> bool:
        path = path.resolve()
        if path in listed or any(parent in packages for parent in path.parents):
            return True
        inside = root is not None and root in path.parents
        beyond = path.relative_to(root) if inside and root is not None else path
        return not imports.INSTALLED & set(beyond.parts) and not _claimed(path, distribution)

    return owns


def _root(module: str, own: Path) -> Path:
    """The folder in which the top-level package of a module lies."""
    depth = len(module.split(".")) + (own.stem == "__init__")
    return own.parents[min(depth, len(own.parents)) - 1]


@cache
def _listed(distribution: str) -> set[Path]:
    """The code files that an installed distribution says that it owns."""
    found = registry.installed(distribution)
    files = (found.files or ()) if found is not None else ()
    return {Path(str(file.locate())).resolve() for file in files if file.suffix in _CODE}


def _claimed(path: Path, distribution: str) -> bool:
    """Whether a file is of another distribution that registers parts, or is installed beside it."""
    tops = registry.tops()
    homes = [_home(top) for top, owners in tops.items() if distribution not in owners]
    if any(home in (path, *path.parents) for home in homes):
        return True
    folders = [Path(folder).resolve() for folder in sys.path]
    near = [folder for folder in folders if folder in path.parents]
    if not near:
        return False
    folder = max(near, key=lambda folder: len(folder.parts))
    owners = _owners(folder, path.relative_to(folder).parts[0].partition(".")[0])
    return bool(owners) and distribution not in owners


def _home(top: str) -> Path | None:
    """The folder of a top-level package, or the file of a top-level module."""
    if not imports.has_file(top):
        return None
    path = imports.source(top).resolve()
    return path.parent if path.stem == "__init__" else path


@cache
def _owners(folder: Path, top: str) -> set[str]:
    """The distributions in a folder that have a top-level module there."""
    return {one.name for one in _claims(folder).get(top, ())}  # parses their metadata


@cache
def _claims(folder: Path) -> dict[str, list[Distribution]]:
    """The top-level modules in a folder by the distributions that are installed there."""
    found: dict[str, list[Distribution]] = {}
    for one in distributions(path=[str(folder)]):
        tops = {*(one.read_text("top_level.txt") or "").split(), *_listed_tops(one)}
        tops |= {entry.module.partition(".")[0] for entry in one.entry_points}
        for top in tops:
            found.setdefault(top, []).append(one)
    return found


def _listed_tops(found: Distribution) -> set[str]:
    """The names at the top of a distribution's list of files.

    Its text is read: to make a path of each line takes half a second beside 200 distributions.
    """
    record = found.read_text("RECORD")
    if record is not None:
        return set(_TOP.findall(record))
    return {file.parts[0].partition(".")[0] for file in found.files or ()}


def forget() -> None:
    """Drops what was read of sources, for whoever changes them while the process runs."""
    own = (_definition, _revision, _reach, _digest)
    for cached in (*own, _homes, _owner, _listed, _owners, _claims):
        cached.cache_clear()
    imports.forget()
