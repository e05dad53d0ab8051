"""What a module imports, read from its source: nothing is imported to find out.

A distribution's own modules are followed, in the order in which they are met; interfaces of
genbench are not, since they compute nothing. Module paths do not count, only what the files say:
a module that is renamed reads the same.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from genbench.errors import UsageError

INTERFACES = {"genbench", "genbench.protocols", "genbench.errors", "genbench.testing"}
_HIDING = {"import_module", "__import__", "exec", "eval", "run_module", "run_path", "CDLL"}
_COMPILED = tuple(EXTENSION_SUFFIXES)


def spec(module: str) -> ModuleSpec | None:
    """Where a module lies, found without importing it or a package above it; None if nowhere."""
    return _spec(module, tuple(sys.path))


@cache
def _spec(module: str, path: tuple[str, ...]) -> ModuleSpec | None:
    top, *below = module.split(".")
    try:
        found = find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module without a spec, such as __main__
        return None
    for name in below:
        if found is None or found.submodule_search_locations is None:
            return None
        found = PathFinder.find_spec(f"{found.name}.{name}", found.submodule_search_locations)
    return found


def source(module: str) -> Path:
    """The file of a module; raises UsageError where there is none."""
    found = spec(module)
    if found is None:
        raise UsageError(f"module {module!r} cannot be found")
    if found.origin is None or not found.has_location:
        raise UsageError(f"module {module!r} has no file that could be read")
    return Path(found.origin)


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file, docstrings removed; not to be changed."""
    return _parsed(path, path.stat().st_mtime_ns)


@cache
def _parsed(path: Path, written: int) -> ast.Module:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path} cannot be parsed: {error}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def imported(tree: ast.AST, package: str) -> Iterator[tuple[ast.stmt, str, list[str]]]:
    """Each import statement, what it imports from, and the modules that it may name.

    package: in which relative imports are resolved. `from a import b` may name the module a.b.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, [alias.name]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield node, base, [base, *(f"{base}.{alias.name}" for alias in node.names)]


def package_of(module: str) -> str:
    """The package in which a module's relative imports are resolved."""
    found = spec(module)
    inside = found is not None and found.submodule_search_locations is not None
    return module if inside else module.rpartition(".")[0]


@dataclass
class Reach:
    """What one module reaches inside its distribution.

    places: the modules, by the order in which they are met. foreign: modules of others.
    unfollowed: "file:line", where code is loaded in a way that reading cannot follow.
    """

    places: dict[str, int] = field(default_factory=dict)
    foreign: dict[str, None] = field(default_factory=dict)
    unfollowed: list[str] = field(default_factory=list)

    def files(self) -> list[Path]:
        """The files, in order."""
        return [source(module) for module in self.places]


def reach(module: str, owns: Callable[[Path], bool]) -> Reach:
    """All that a module imports, directly or not, of the files for which `owns` is true."""
    found, pending = Reach(), [module]
    found.places[module] = 0
    while pending:
        name = pending.pop(0)
        path = source(name)
        if path.name.endswith(_COMPILED):
            continue
        tree = parsed(path)
        found.unfollowed += [f"{path.name}:{line}" for line in _hiding(tree)]
        for _, _, candidates in imported(tree, package_of(name)):
            for other in _with_packages(candidates):
                _meet(other, owns, found, pending)
    return found


def _meet(module: str, owns: Callable[[Path], bool], found: Reach, pending: list[str]) -> None:
    """Notes a module that is imported; one of the distribution's own will be read too."""
    if module in INTERFACES or module in found.places or module in found.foreign:
        return
    there = spec(module)
    if there is None or there.origin is None or not there.has_location:
        return
    if owns(Path(there.origin)):
        found.places[module] = len(found.places)
        pending.append(module)
    else:
        found.foreign[module] = None


def _with_packages(modules: list[str]) -> list[str]:
    """Modules and the packages above them, whose files run first."""
    every: dict[str, None] = {}
    for module in modules:
        parts = module.split(".")
        every |= dict.fromkeys(".".join(parts[: i + 1]) for i in range(len(parts)))
    return list(every)


def _hiding(tree: ast.AST) -> list[int]:
    """Lines that load code in a way that cannot be read off them."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [(c.lineno, getattr(c.func, "id", getattr(c.func, "attr", ""))) for c in calls]
    return sorted(line for line, name in names if name in _HIDING)


def sha256(found: Reach, also: str = "") -> str:
    """sha256, in hex, of what the files say, one after the other, and of a further text.

    Comments, docstrings, layout and the paths of modules are left out; of compiled files all bytes
    count.
    """
    digest = hashlib.sha256(also.encode())
    for module in found.places:
        path = source(module)
        compiled = path.name.endswith(_COMPILED)
        text = path.read_bytes() if compiled else _plain(module, found.places).encode()
        digest.update(hashlib.sha256(text).digest())
    return digest.hexdigest()


def _plain(module: str, places: Mapping[str, int]) -> str:
    """A module's source with the modules of its own distribution named by their places."""
    tree = ast.parse(ast.unparse(parsed(source(module))))
    local: dict[str, str] = {}
    for node, base, _ in imported(tree, package_of(module)):
        if isinstance(node, ast.ImportFrom) and base in places:
            node.module, node.level = f"_{places[base]}", 0
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if f"{base}.{alias.name}" in places:
                local[alias.asname or alias.name] = f"_{places[f'{base}.{alias.name}']}"
                alias.name, alias.asname = local[alias.asname or alias.name], None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in local:
            node.id = local[node.id]
    return ast.unparse(tree)
