"""Which lines the golden runs of a part execute, and which none of them reaches."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from coverage import Coverage

T = TypeVar("T")


def watched(action: Callable[[], T], files: Iterable[Path]) -> tuple[T, dict[Path, list[int]]]:
    """What the action returns, and the lines inside functions of the files that it left out.

    Lines in other threads count too. Lines outside functions are run by the import.
    """
    paths = list(files)
    coverage = Coverage(data_file=None, config_file=False, include=[str(path) for path in paths])
    coverage.clear_exclude()
    coverage.start()
    try:
        returned = action()
    finally:
        coverage.stop()
    missed = {path: _missed(coverage, path) for path in paths}
    return returned, {path: lines for path, lines in missed.items() if lines}


def _missed(coverage: Coverage, path: Path) -> list[int]:
    *_, missing, _ = coverage.analysis2(str(path))
    inside = _inside_functions(ast.parse(path.read_text()))
    return [line for line in missing if line in inside]


def _inside_functions(tree: ast.Module) -> set[int]:
    """The lines of all bodies of functions, but of those that only a type checker reads."""
    spans = [
        (node.body[0].lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if ast.unparse(node.body[-1]) != "..."
    ]
    return {line for first, last in spans for line in range(first, last + 1)}
