"""Which code a registered part is made of: its file, and the digest of all that it imports."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from genbench.errors import UsageError
from genbench.plugins.registry import find


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
