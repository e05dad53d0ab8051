"""Which code a registered part is: who registered it, its revision, the digest of its files.

A part that declares a `revision`, an integer literal in its class's own body, is identified by it:
its numbers are promised to stay while it stays. Any other part is identified by the digest of the
files that its distribution owns and it can reach, and of the revisions of what it builds on. All
of this is read from sources; nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from genbench.plugins import imports, registry
from genbench.plugins.imports import Reach

__all__ = ["Part", "digest_of", "digests", "identify", "identities"]
__all__ += ["source", "stage_revisions", "unfollowed"]

source = imports.source
_STAGES = "genbench.running.revisions"
_CODE = (".py", ".so", ".pyd")


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


def identities(model: str, metric: str, judges: Mapping[str, str]) -> dict[str, Part]:
    """The parts that a result depends on, by role; loads none of them.

    `judges` names the metrics that choose something before the score, by role.
    """
    return {role: identify(*of) for role, of in _roles(model, metric, judges).items()}


def digests(model: str, metric: str, judges: Mapping[str, str]) -> dict[str, str]:
    """sha256, in hex, of the installed code of those parts, by role, for the record."""
    return {role: digest_of(*of) for role, of in _roles(model, metric, judges).items()}


def _roles(model: str, metric: str, judges: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    metrics = {role: ("metric", name) for role, name in judges.items()}
    return {"model": ("model", model), "metric": ("metric", metric)} | metrics


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
    return _reach(entry.module, registry.distribution(entry)).unfollowed


# --- revisions ---


@cache
def _revision(module: str, name: str) -> int | None:
    """The literal in the body of the class that `module` calls `name`, wherever it is defined."""
    path = imports.source(module)
    if path.suffix != ".py":
        return None
    tree = imports.parsed(path)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _literal(node)
    for node, base, _ in imports.imported(tree, imports.package_of(module)):
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if (alias.asname or alias.name) == name and imports.spec(base) is not None:
                return _revision(base, alias.name)
    return None


def stage_revisions() -> dict[str, int]:
    """The revisions of our own "training", "drawing" and "scoring", read as those of parts are."""
    tree = imports.parsed(imports.source(_STAGES))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {
                t.id.lower(): node.value.value for t in node.targets if isinstance(t, ast.Name)
            }
    return found


def _literal(cls: ast.ClassDef) -> int | None:
    """The integer that `revision` is in a class's own body."""
    for node in cls.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named = any(isinstance(t, ast.Name) and t.id == "revision" for t in targets)
        value = getattr(node, "value", None)
        if named and isinstance(value, ast.Constant) and type(value.value) is int:
            return value.value
    return None


def _declared(files: Iterable[Path]) -> list[str]:
    """The classes that declare a revision in these files, each with it."""
    trees = [imports.parsed(path) for path in files if path.suffix == ".py"]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return sorted(f"{cls.name} {_literal(cls)}" for cls in classes if _literal(cls) is not None)


# --- digests ---


@cache
def _reach(module: str, distribution: str) -> Reach:
    return imports.reach(module, _owner(module, distribution))


@cache
def _digest(module: str, distribution: str) -> str:
    found = _reach(module, distribution)
    uses = [_foreign(other) for other in _used(found)]
    return imports.sha256(found, "\n".join(sorted({text for text in uses if text})))


def _used(found: Reach) -> list[str]:
    """Modules of other distributions that register parts too, the lazily loaded ones resolved."""
    tops = registry.tops()
    used = [module for module in found.foreign if module.partition(".")[0] in tops]
    for module in found.places:
        path = imports.source(module)
        if path.suffix == ".py":
            tree = imports.parsed(path)
            for node, base, _ in imports.imported(tree, imports.package_of(module)):
                if isinstance(node, ast.ImportFrom) and base in imports.INTERFACES:
                    homes = _homes(base)
                    used += [homes[a.name] for a in node.names if a.name in homes]
    return [module for module in dict.fromkeys(used) if module not in imports.INTERFACES]


@cache
def _homes(module: str) -> dict[str, str]:
    """Where a package finds the names that it loads lazily: its mapping of names to modules."""
    for node in imports.parsed(imports.source(module)).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            pairs = zip(node.value.keys, node.value.values, strict=True)
            if all(isinstance(part, ast.Constant) for pair in pairs for part in pair):
                return ast.literal_eval(node.value)
    return {}


def _foreign(module: str) -> str:
    """What stands for a module of another distribution: the revisions behind it, or its digest."""
    distribution = registry.tops()[module.partition(".")[0]]
    found = _reach(module, distribution)
    declared = _declared(found.files())
    said = ", ".join(declared) or imports.sha256(found)
    return f"{distribution}: {said}"


@cache
def _owner(module: str, distribution: str) -> Callable[[Path], bool]:
    """Tells whether a distribution owns a file: by its list of files, else by where it lies."""
    own = imports.source(module).resolve()
    listed = _listed(distribution)
    if own in listed:
        return lambda path: path.resolve() in listed
    top = imports.spec(module.partition(".")[0])
    inside = top is not None and top.submodule_search_locations is not None
    first = imports.source(module.partition(".")[0]).resolve() if inside else own
    root = first.parent.parent if inside else own.parent
    others = _claimed(root, distribution)

    def owns(path: Path) -> bool:
        path = path.resolve()
        if root not in path.parents:
            return False
        parts = path.relative_to(root).parts
        installed = {"site-packages", "dist-packages"} & set(parts)
        return not installed and Path(parts[0]).stem not in others

    return owns


def _listed(distribution: str) -> set[Path]:
    """The code files that an installed distribution says that it owns."""
    found = registry.installed(distribution)
    files = (found.files or ()) if found is not None else ()
    return {Path(str(file.locate())).resolve() for file in files if file.suffix in _CODE}


def _claimed(root: Path, distribution: str) -> set[str]:
    """The top-level modules in a folder of installed packages that other distributions own."""
    if len(list(root.glob("*.dist-info"))) < 2:
        return set()
    owners = packages_distributions()
    return {top for top, names in owners.items() if distribution not in names}


def forget() -> None:
    """Drops what was read of sources, for whoever changes them while the process runs."""
    for cached in (_revision, _reach, _digest, _homes, _owner):
        cached.cache_clear()
