"""What the sources do that the house does not allow, read by `ast`; nothing is run.

Sources are plain values, path -> text, so that a test can plant what must be reported.
"""

import ast
import builtins
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import chain

from house import ACTS, ARROWS, BASELINES_MAY_USE

Sources = Mapping[str, str]
_TOUCHES = {
    rule: re.compile(
        "|".join(translate(t + end) for t in act.touches.split() for end in ("", ".*"))
    )
    for rule, act in ACTS.items()
    if act.touches
}
_OPENERS = {"open", "ZipFile", "TarFile", "GzipFile", "memmap", "open_memmap"}
_TABLES = {"to_csv", "to_json", "to_parquet", "to_pickle", "to_excel", "to_html", "to_latex"}
_WRITES = re.compile(r"(?=.*[wax+])[rwaxbtU+]{1,4}([:|].*)?")
_BROAD = {"builtins.Exception", "builtins.BaseException"}


@dataclass(frozen=True, order=True)
class Finding:
    """One line that the house does not allow."""

    file: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.text}"


@dataclass(frozen=True)
class Import:
    """`name` out of `module` (the same, where a module is imported), maybe for type checkers."""

    line: int
    module: str
    name: str
    for_types: bool


class Reader(ast.NodeVisitor):
    """Reads one file: its imports, its strings, and what a line touches; names in full."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        self.imports: list[Import] = []
        self.strings: list[tuple[int, str, str]] = []  # line, what stands around it, string
        self.touched: list[tuple[int, str, str, str]] = []  # line, around it, rule, what
        self._around: list[str] = []
        self._functions, self._for_types = 0, False
        self._full = dict(_bound(tree))
        self._called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.visit(tree)

    def _touch(self, node: ast.AST, rule: str, what: str) -> None:
        self.touched.append((node.lineno, ".".join(self._around) or "<module>", rule, what))

    def _name(self, node: ast.AST | None) -> str:
        """After `import sys as s`: s.exit -> "sys.exit"; what is not imported is "?"."""
        if isinstance(node, ast.Name):
            unknown = f"builtins.{node.id}" if hasattr(builtins, node.id) else "?"
            return self._full.get(node.id, unknown)
        return f"{self._name(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"

    def _refer(self, node: ast.AST, name: str) -> None:
        for rule, touches in _TOUCHES.items():
            if touches.match(name) and not name.startswith("genbench."):
                self._touch(node, rule, name.removeprefix("?"))

    def visit_Name(self, node: ast.Name) -> None:
        self._refer(node, self._name(node))
        if self._name(node) in ("builtins.open", "io.open") and id(node) not in self._called:
            self._touch(node, "write", "open is handed on")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._refer(node, self._name(node))
        if self._name(node).startswith("?"):
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        name = self._name(node.func)
        *_, last = name.split(".")
        if last in _OPENERS and _to_write(node, first=name.startswith("?")):
            self._touch(node, "write", f"{last} to write")
        if last in _TABLES and node.args:
            self._touch(node, "write", f".{last} of a file")
        if last == "replace" and name[0] == "?" and len(node.args) == 1 and not node.keywords:
            self._touch(node, "write", ".replace of a path")  # of a text it takes two
        if name == "contextlib.suppress" and _BROAD & {*map(self._name, node.args)}:
            self._touch(node, "catch everything", "suppress")

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is None or _BROAD & {*map(self._name, ast.walk(node.type))}:
            self._touch(node, "catch everything", "except")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        outside = self._for_types
        self._for_types |= self._name(node.test) == "typing.TYPE_CHECKING"
        for child in node.body:
            self.visit(child)
        self._for_types = outside
        for child in [node.test, *node.orelse]:
            self.visit(child)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = node.module if isinstance(node, ast.ImportFrom) else None
        if self._functions:
            self._touch(node, "import late", "inside a function")
        if getattr(node, "level", 0) or node.names[0].name == "*":
            self._touch(node, "import unclearly", "relative, or everything")
        for alias in node.names:
            name = f"{module}.{alias.name}" if module else alias.name
            self._refer(node, name)
            self.imports.append(Import(node.lineno, module or name, name, self._for_types))

    visit_ImportFrom = visit_Import

    def visit_ClassDef(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        is_function = not isinstance(node, ast.ClassDef)
        self._around.append(node.name)
        self._functions += is_function
        self.generic_visit(node)
        self._functions -= is_function
        self._around.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring names what it likes
            self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.strings.append((node.lineno, ".".join(self._around) or "<module>", node.value))


def _bound(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that imports bind, with the full name of what each is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = alias.name if start or alias.asname else alias.name.split(".")[0]
                yield alias.asname or name, start + name


def _to_write(call: ast.Call, first: bool) -> bool:
    """Whether a mode says so, the `first` argument (of a path's own open) or a later one."""
    modes = [m for m in call.args[0 if first else 1 : 3] if isinstance(m, ast.Constant)]
    modes += [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    return any(not isinstance(m, ast.Constant) or _WRITES.fullmatch(str(m.value)) for m in modes)


read = cache(Reader)  # a text is read once, in however many copies of the sources it stands


def judged(sources: Sources, known: Collection[str]) -> Iterator[tuple[Finding, str | None]]:
    """All that lines do which they may do at home only, and which home or exception allows it.

    known: the names of models, datasets, metrics and presets.
    """
    for file, text in sources.items():
        by_name = [(*at, "know by name", repr(s)) for *at, s in read(text).strings if s in known]
        for line, around, rule, what in chain(read(text).touched, by_name):
            allowed = chain(ACTS[rule].homes.split(), ACTS[rule].exceptions)
            within = (a for a in allowed if re.match(re.escape(a) + "[/:.]", f"{file}:{around}."))
            yield Finding(file, line, rule, f"{what} in {around}"), next(within, None)


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__")


def _room(module: str) -> str:
    """genbench/records/run -> records; genbench/errors -> errors; baselines/dbn -> baselines."""
    package, _, inside = module.partition("/")
    return inside.split("/")[0] if package == "genbench" and inside else package


def imports(sources: Sources) -> Iterator[tuple[str, Import, str]]:
    """File, import and the module of the project that it reaches."""
    modules = {_module(file) for file in sources}
    for file, text in sources.items():
        for found in read(text).imports:
            name, module = found.name.replace(".", "/"), found.module.replace(".", "/")
            ours = name.split("/")[0] in ("genbench", "baselines")
            if ours and name != "genbench/__version__":
                yield file, found, name if name in modules else module


def arrows(sources: Sources) -> Iterator[Finding]:
    """Imports that go along no arrow, and files that stand in no room."""
    for file, text in sources.items():
        room = _room(_module(file))
        if room not in (*ARROWS, "genbench"):
            yield Finding(file, 1, "arrow", f"{room} is no room of the house")
        for found in read(text).imports if room == "baselines" else ():
            if found.name.split(".")[0] not in BASELINES_MAY_USE | sys.stdlib_module_names:
                yield Finding(file, found.line, "arrow", f"baselines -> {found.name}")
    for file, found, target in imports(sources):
        room, target = _room(_module(file)), target.removeprefix("genbench/")
        along = any(f"{target}/".startswith(f"{known}/") for known in ARROWS.get(room, ()))
        if not along and not (room == "genbench" and found.for_types):
            yield Finding(file, found.line, "arrow", f"{room} -> {target}")


def circles(sources: Sources) -> Iterator[Finding]:
    """Files that import each other, be it for types only or by way of others; a line of each."""
    lines: dict[str, dict[str, int]] = {}
    for file, found, target in imports(sources):
        if file != "genbench/__init__.py":
            lines.setdefault(_module(file), {}).setdefault(target, found.line)
    files = {_module(file): file for file in sources}
    while True:
        try:
            TopologicalSorter(lines).prepare()
            return
        except CycleError as error:
            first, second, *_ = circle = error.args[1][::-1]  # each imports the next
            yield Finding(files[first], lines[first].pop(second), "circle", " -> ".join(circle))


def findings(sources: Sources, known: Collection[str]) -> set[Finding]:
    """All that the house does not allow."""
    acts = (finding for finding, allowed in judged(sources, known) if allowed is None)
    return {*acts, *arrows(sources), *circles(sources)}
