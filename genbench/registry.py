"""Names -> objects, by entry point; ours and a stranger's are found the same way."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from genbench.errors import UsageError

KINDS = ("model", "dataset", "metric")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def entries(kind: str) -> list[EntryPoint]:
    """All registered entry points of a kind, sorted by name; nothing is imported."""
    return sorted(entry_points(group=f"genbench.{kind}s"), key=lambda entry: entry.name)


def names(kind: str) -> list[str]:
    """The registered names of a kind, sorted, each once."""
    return sorted({entry.name for entry in entries(kind)})


def find(kind: str, name: str) -> EntryPoint:
    """The entry point called `name`; a hyphen typed reads as an underscore.

    Raises UsageError for an unknown name (with the nearest one), for a name that two
    distributions claim, and for one that could not be a file name.
    """
    wanted = name.replace("-", "_")
    found = [entry for entry in entries(kind) if entry.name.replace("-", "_") == wanted]
    if not found:
        known = names(kind)
        raise UsageError(f"unknown {kind} {name!r}; {nearest(wanted, known)}")
    if len(found) > 1:
        owners = " and ".join(sorted(owner(entry) for entry in found))
        raise UsageError(f"{kind} {wanted!r} is registered by {owners}; uninstall one of them")
    if not _NAME.fullmatch(wanted):
        raise UsageError(f"{kind} {wanted!r} is registered under a name that is no file name")
    return found[0]


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence end that helps after a typo: the nearest known name, or all of them."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    listed = f"known: {', '.join(known)}" if known else "none is known"
    return f"did you mean {close[0]!r}? ({listed})" if close else listed


def owner(entry: EntryPoint) -> str:
    """Distribution and version that registered an entry point."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"


def load(kind: str, name: str) -> Any:
    """Imports what `name` stands for; raises UsageError where its module cannot be imported."""
    entry = find(kind, name)
    try:
        return entry.load()
    except Exception as error:  # a stranger's module may raise anything while it is imported
        raise UsageError(
            f"{kind} {entry.name!r} ({owner(entry)}) cannot be imported from {entry.value}: "
            f"{type(error).__name__}: {error}"
        ) from error


def source(module: str) -> Path:
    """The file of a module, found without importing it."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError) as error:
        raise UsageError(f"module {module!r} cannot be found: {error}") from error
    if spec is None or spec.origin is None:
        raise UsageError(f"module {module!r} has no file that could be read")
    return Path(spec.origin)


@cache
def code_digest(module: str) -> str:
    """sha256, in hex, of what a module and the project modules it imports do.

    Comments, docstrings and layout are left out. The project is the module's own top-level
    package and genbench.
    """
    digest = hashlib.sha256()
    for name, tree in sorted(_sources(module).items()):
        digest.update(f"{name}\n{ast.unparse(tree)}\n".encode())
    return digest.hexdigest()


def code_of(model: str, metric: str, judges: Mapping[str, str]) -> dict[str, str]:
    """sha256 of the installed code that a result depends on, by role; loads none of it.

    `judges` names the metrics that choose something before the score, by role.
    """
    roles = {"model": ("model", model), "metric": ("metric", metric)}
    roles |= {role: ("metric", name) for role, name in judges.items()}
    found = {role: find(kind, name) for role, (kind, name) in roles.items()}
    return {role: code_digest(entry.module) for role, entry in found.items()}


def _sources(module: str) -> dict[str, ast.Module]:
    """Parsed sources, docstrings removed, of a module and of all it imports in the project."""
    inside = {module.partition(".")[0], "genbench"}
    trees: dict[str, ast.Module] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name in trees or name == "genbench" or (name != module and _missing(name)):
            continue
        path = source(name)
        try:
            trees[name] = _without_docstrings(ast.parse(path.read_bytes()))
        except SyntaxError as error:
            raise UsageError(f"module {name!r} cannot be parsed: {error}") from error
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found = _imports(trees[name], package)
        pending += [other for other in found if other.partition(".")[0] in inside]
    return trees


def _missing(name: str) -> bool:
    """Whether `name` is no module: `from a import b` may name a function of `a`."""
    try:
        return find_spec(name) is None
    except ModuleNotFoundError:
        return True


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Absolute names that a module imports, `from a import b` giving both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            prefix = ".".join(above) if node.level else ""
            base = ".".join(part for part in (prefix, node.module) if part)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
