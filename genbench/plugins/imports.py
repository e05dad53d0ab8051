"""What a module imports, read from its source: nothing is imported to find out.

A distribution's own modules are followed, in the order in which they are met; interfaces of
genbench are not, since they compute nothing. Module paths do not count, only what the files say:
a module that is renamed reads the same.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    ModuleSpec,
    PathFinder,
)
from importlib.util import find_spec
from pathlib import Path

from genbench.errors import UsageError

INTERFACES = {"genbench", "genbench.protocols", "genbench.errors", "genbench.testing"}
INTERFACES |= {"genbench.models.state"}
INSTALLED = {"site-packages", "dist-packages"}  # folders that installers write into
_COMPILED = tuple(EXTENSION_SUFFIXES + BYTECODE_SUFFIXES)
_STANDARD = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
_BUILTINS = {"exec", "eval"}  # as names only: `net.eval()` is something else
_HIDING = {"import_module", "__import__", "run_module", "run_path", "load_module", "exec_module"}
_HIDING |= {"spec_from_file_location", "load_source", "get_data", "__file__"}
_HIDING |= {"CDLL", "LoadLibrary", "load_library", "load_inline", "addsitedir", "__path__"}
_HIDING_MODULES = {"importlib.resources", "torch.utils.cpp_extension", "sys.path"}
_NO_CODE = {"ctx", "kind", "type_comment", "type_ignores"}  # fields of a tree that say nothing


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
    if not has_file(module):
        raise UsageError(f"module {module!r} has no file that could be read")
    return Path(str(found.origin))


def has_file(module: str) -> bool:
    """Whether a module is there, and is a file: built-in ones are none."""
    found = spec(module)
    return found is not None and found.origin is not None and found.has_location


def is_compiled(path: Path) -> bool:
    """Whether a module's file has no source to read: then all its bytes count."""
    return path.name.endswith(_COMPILED)


@cache
def is_standard(path: Path) -> bool:
    """Whether a file is of Python's own library, wherever that is installed."""
    path = path.resolve()
    homes = [home for home in _STANDARD if home in path.parents]
    return any(not INSTALLED & set(path.relative_to(home).parts) for home in homes)


def forget() -> None:
    """Drops what was read, for whoever writes sources while the process runs."""
    _spec.cache_clear()
    _read.cache_clear()


# --- what a file says ---


@dataclass(frozen=True)
class Import:
    """`from base import name as called`, or `import base as called`, whose `name` is empty.

    base: absolute. called: what it binds, "*" where a package says what that is.
    """

    base: str
    name: str
    called: str

    @property
    def module(self) -> str:
        """The module that it may name: what is imported from another may be one too."""
        return f"{self.base}.{self.name}" if self.name else self.base


@dataclass(frozen=True)
class Source:
    """A module as it is written; a compiled one has an empty tree.

    bound: names with a meaning that no import gives them. hiding: lines that load code, or data
    beside it, in a way that cannot be read off them.
    """

    tree: ast.Module
    package: str
    imports: tuple[Import, ...] = ()
    bound: frozenset[str] = frozenset()
    hiding: tuple[int, ...] = ()

    @cached_property
    def written(self) -> tuple[str | ast.AST, ...]:
        """The tree as text; nodes stand in it for what hangs on the places of modules.

        These are imports, and names that an import gives a meaning.
        """
        imported = {one.called for one in self.imports}
        found: list[str | ast.AST] = []
        text: list[str] = []
        todo: list[ast.AST | str] = [self.tree]
        while todo:
            piece = todo.pop()
            if isinstance(piece, str):
                text.append(piece)
            elif isinstance(piece, ast.Import | ast.ImportFrom) or _name(piece) in imported:
                found += ["".join(text), piece]
                text.clear()
            else:
                todo += reversed(list(_pieces(piece)))
        return (*found, "".join(text))


def read(module: str) -> Source:
    """What the file of a module says, not to be changed; raises UsageError if it is no Python."""
    path = source(module)
    if is_compiled(path):
        return Source(ast.Module([], []), "")
    try:
        return _read(path, package_of(module))
    except (SyntaxError, ValueError, OSError) as error:
        raise UsageError(f"{path} cannot be parsed: {error}") from error


@cache
def _read(path: Path, package: str) -> Source:
    tree = ast.parse(path.read_bytes())
    imports: list[Import] = []
    bound: set[str] = set()
    hiding: set[int] = set()
    for node in _nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            own = list(_imports(node, package))
            imports += own
            hiding |= {node.lineno} if any(map(_hides, own)) else set()
        elif isinstance(node, ast.Name):
            bound |= set() if isinstance(node.ctx, ast.Load) else {node.id}
            hiding |= {node.lineno} if node.id in _HIDING | _BUILTINS else set()
        elif isinstance(node, ast.Attribute):
            on_path = node.attr == "path" and getattr(node.value, "id", "") == "sys"
            hidden = node.attr in _HIDING or on_path
            hiding |= {node.lineno} if hidden else set()
        elif not isinstance(node, ast.alias | ast.keyword):  # they bind nothing by themselves
            names = getattr(node, "name", None), getattr(node, "arg", None)
            bound |= {name for name in names if isinstance(name, str)}
    return Source(tree, package, tuple(imports), frozenset(bound), tuple(sorted(hiding)))


def _nodes(tree: ast.AST) -> list[ast.AST]:
    """As `ast.walk`, in half the time: all nodes of a tree, those near its root first.

    Left out are contexts, such as `ast.Load`, which say nothing.
    """
    found = [tree]
    for node in found:  # which grows meanwhile
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                found += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST) and name != "ctx":
                found.append(value)
    return found


def _hides(one: Import) -> bool:
    """Whether what loads code is imported by a name of which its use cannot be told."""
    renamed = one.name in _HIDING and one.name != one.called
    return renamed or bool({one.base, one.module} & _HIDING_MODULES)


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, "", alias.asname or alias.name.partition(".")[0])
        return
    base = _base(node, package)
    for alias in node.names:
        yield Import(base, alias.name, alias.asname or alias.name)


def _base(node: ast.ImportFrom, package: str) -> str:
    """The absolute name of what a statement imports from."""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def package_of(module: str) -> str:
    """The package in which a module's relative imports are resolved."""
    found = spec(module)
    inside = found is not None and found.submodule_search_locations is not None
    return module if inside else module.rpartition(".")[0]


# --- what a module reaches ---


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
    """All that a module imports, directly or not, of the files for which `owns` is true.

    The packages above a module are imported before it, and so are among them.
    """
    found, pending = Reach({module: 0}), [module]
    while pending:
        name = pending.pop(0)
        said = read(name)
        found.unfollowed += [f"{source(name).name}:{line}" for line in said.hiding]
        for other in _with_packages([name, *_named(said)]):
            _meet(other, owns, found, pending)
    return found


def _named(said: Source) -> Iterator[str]:
    """The modules that the import statements of a file may name."""
    for one in said.imports:
        yield one.base
        names = _exported(one.base) if one.name == "*" else [one.name]
        yield from (f"{one.base}.{name}" for name in names if name)


def _exported(module: str) -> list[str]:
    """What `from module import *` takes, where a literal `__all__` says so: maybe modules."""
    if not has_file(module):
        return []
    for node in read(module).tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        named = any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)
        listed = getattr(getattr(node, "value", None), "elts", []) if named else []
        if listed:
            every = [getattr(element, "value", None) for element in listed]
            return [name for name in every if isinstance(name, str)]
    return []


def _with_packages(modules: Iterable[str]) -> list[str]:
    """Modules and the packages above them, whose files run first."""
    every: dict[str, None] = {}
    for module in modules:
        parts = module.split(".")
        every |= dict.fromkeys(".".join(parts[: i + 1]) for i in range(len(parts)))
    return list(every)


def _meet(module: str, owns: Callable[[Path], bool], found: Reach, pending: list[str]) -> None:
    """Notes a module that is imported; one of the distribution's own will be read too."""
    if module in INTERFACES or module in found.places or module in found.foreign:
        return
    if not has_file(module):
        return
    path = source(module)
    if is_standard(path):
        return
    if owns(path):
        found.places[module] = len(found.places)
        pending.append(module)
    else:
        found.foreign[module] = None


# --- what it amounts to ---


def sha256(modules: Iterable[str], places: Mapping[str, int], also: str = "") -> str:
    """sha256, in hex, of what modules say, one after the other, and of a further text.

    places: what stands for the path of a module. Comments, docstrings and layout are left out; of
    compiled files all bytes count.
    """
    digest = hashlib.sha256(also.encode())
    for module in modules:
        path = source(module)
        text = path.read_bytes() if is_compiled(path) else plain(module, places).encode()
        digest.update(hashlib.sha256(text).digest())
    return digest.hexdigest()


def plain(module: str, places: Mapping[str, int]) -> str:
    """A module's syntax tree as text, in which modules are named by their places.

    Statements that do nothing, such as docstrings, and fields that are empty are left out, so that
    every version of Python gives the same text.
    """
    said = read(module)
    local = _modules_called(said, places)
    return "".join(_placed(piece, said.package, places, local) for piece in said.written)


def _placed(
    piece: str | ast.AST, package: str, places: Mapping[str, int], local: Mapping[str, str]
) -> str:
    """A piece of `Source.written`, once it is known which modules have which places."""
    if isinstance(piece, str):
        return piece
    if isinstance(piece, ast.Import | ast.ImportFrom):
        return _statement(piece, package, places, local)
    name = _name(piece)
    return f"({local.get(name, name)})"


def _name(node: ast.AST) -> str:
    """What a name says; empty for any other node."""
    return node.id if isinstance(node, ast.Name) else ""


def _modules_called(said: Source, places: Mapping[str, int]) -> dict[str, str]:
    """The names that stand for one module of `places` wherever they stand, each with its place."""
    bound: dict[str, set[str]] = {name: {""} for name in said.bound}
    for one in said.imports:
        meant = f"<{places[one.module]}>" if _is_whole(one, places) else ""
        bound.setdefault(one.called, set()).add(meant)
    return {name: min(meant) for name, meant in bound.items() if len(meant) == 1 and min(meant)}


def _is_whole(one: Import, places: Mapping[str, int]) -> bool:
    """Whether an import binds a module that has a place; `import a.b` binds but a."""
    below = not one.name and "." in one.base and one.called == one.base.partition(".")[0]
    return one.module in places and not below


def _pieces(node: ast.AST) -> Iterator[ast.AST | str]:
    """What stands for a node that is no import: texts, and the nodes below it."""
    if isinstance(node, ast.Name):
        yield f"({node.id})"
    else:
        yield f"({type(node).__name__}"
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                value = [one for one in value if not _does_nothing(one)]
            if name not in _NO_CODE and value is not None and value != []:
                yield f" {name}="
                yield from _values(value)
        yield ")"


def _values(value: object) -> Iterator[ast.AST | str]:
    if isinstance(value, list):
        yield "["
        for one in value:
            yield one if isinstance(one, ast.AST) else ascii(one)
            yield ","
        yield "]"
    else:
        yield value if isinstance(value, ast.AST) else ascii(value)


def _does_nothing(node: object) -> bool:
    """Whether it is a docstring, another constant that nobody takes, or `pass`."""
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant or isinstance(node, ast.Pass)


def _statement(
    node: ast.Import | ast.ImportFrom,
    package: str,
    places: Mapping[str, int],
    local: Mapping[str, str],
) -> str:
    """An import statement with the modules that have a place named by it."""
    said = []
    for alias, one in zip(node.names, _imports(node, package), strict=True):
        place = f"<{places[one.module]}> as {one.called}" if _is_whole(one, places) else ""
        said.append(local.get(one.called) or place or f"{alias.name} as {alias.asname}")
    base = ""
    if isinstance(node, ast.ImportFrom):
        above = _base(node, package)
        base = f"<{places[above]}>" if above in places else f"{'.' * node.level}{node.module}"
    return f"(from {base} import {', '.join(said)})"
