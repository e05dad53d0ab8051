"""What a module reaches and says, read from sources without an import."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from genbench.errors import UsageError
from genbench.plugins import imports

ROOT = Path(__file__).parents[2]
ROOMS = ("genbench/models", "genbench/metrics", "genbench/plugins", "baselines")
OURS = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, first on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    imports.forget()


def written(folder: Path, files: dict[str, str]) -> None:
    """Writes modules: `written(folder, {"toy": "...", "pkg/sub": "..."})`."""
    for name, said in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said)
    imports.forget()
    importlib.invalidate_caches()


def reached(folder: Path, module: str = "toy") -> list[str]:
    """The modules that one reaches of those in a folder."""
    return [*imports.reach(module, lambda path: folder in path.parents).places]


def said(folder: Path, text: str) -> str:
    """What a file with this text says, where the module `helper` has a place."""
    written(folder, {"toy": text, "helper": "", "pkg/helper": ""})
    return imports.plain("toy", {"toy": 0, "helper": 1, "pkg.helper": 2})


# --- what is reached ---


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("import helper", ["helper"]),
        ("import helper as h", ["helper"]),
        ("from helper import f", ["helper"]),
        ("def fit():\n    from helper import f", ["helper"]),
        ("try:\n    import helper\nexcept ImportError:\n    helper = None", ["helper"]),
        ("import pkg.helper", ["pkg", "pkg.helper"]),
        ("from pkg import helper", ["pkg", "pkg.helper"]),
        ("from pkg.helper import f", ["pkg", "pkg.helper"]),
        ("from pkg import *", ["pkg", "pkg.helper"]),
    ],
)
def test_every_way_to_import_a_module_is_followed(folder: Path, text: str, more: list) -> None:
    written(folder, {"toy": text, "helper": "", "pkg/helper": ""})
    (folder / "pkg" / "__init__.py").write_text("__all__ = ['helper']")
    assert sorted(reached(folder)) == sorted(["toy", *more])


@pytest.mark.parametrize("text", ["from . import b", "from .b import f", "from ..pkg.b import f"])
def test_a_relative_import_is_followed(folder: Path, text: str) -> None:
    written(folder, {"top/pkg/__init__": "", "top/pkg/a": text, "top/pkg/b": ""})
    assert "top.pkg.b" in reached(folder, "top.pkg.a")


def test_the_packages_above_a_module_are_reached_as_they_run_before_it(folder: Path) -> None:
    files = {"top/__init__": "import helper", "top/pkg/__init__": "", "top/pkg/a": ""}
    written(folder, {**files, "helper": ""})
    assert sorted(reached(folder, "top.pkg.a")) == ["helper", "top", "top.pkg", "top.pkg.a"]


def test_a_package_without_an_init_file_is_passed_through(folder: Path) -> None:
    text = "from . import b\nfrom space import c"
    written(folder, {"space/a": text, "space/b": "", "space/c": ""})
    assert sorted(reached(folder, "space.a")) == ["space.a", "space.b", "space.c"]


def test_modules_that_import_each_other_are_reached_once(folder: Path) -> None:
    written(folder, {"toy": "import helper", "helper": "import toy"})
    assert reached(folder) == ["toy", "helper"]


def test_the_library_of_python_is_not_reached_wherever_it_is_installed(folder: Path) -> None:
    text = "import json\nimport helper\nfrom email.message import Message"
    written(folder, {"toy": text, "helper": ""})
    found = imports.reach("toy", lambda path: True)
    assert list(found.places) == ["toy", "helper"]


def test_a_helper_called_like_a_module_of_python_is_reached(folder: Path) -> None:
    written(folder, {"toy": "from this import f", "this": ""})
    assert reached(folder) == ["toy", "this"]


def test_a_compiled_module_is_reached_and_not_parsed(folder: Path) -> None:
    written(folder, {"toy": "import helper"})
    (folder / f"helper{EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF\0")
    assert reached(folder) == ["toy", "helper"]


def test_a_file_that_is_no_python_is_an_error_of_its_user(folder: Path) -> None:
    written(folder, {"toy": "print 'hello'"})
    with pytest.raises(UsageError, match=r"toy\.py cannot be parsed"):
        reached(folder)


# --- what cannot be followed ---


@pytest.mark.parametrize(
    "line",
    [
        "importlib.import_module('helper')",
        "x = import_module",
        "from importlib import import_module as load",
        "__import__('helper')",
        "exec(text)",
        "value = eval(text)",
        "runpy.run_path('helper.py')",
        "spec_from_file_location('helper', path)",
        "loader.exec_module(module)",
        "ctypes.CDLL('libhelper.so')",
        "torch.ops.load_library('libhelper.so')",
        "from torch.utils.cpp_extension import load",
        "WEIGHTS = np.load(Path(__file__).parent / 'weights.npz')",
        "from importlib import resources",
        "sys.path.insert(0, 'elsewhere')",
        "from sys import path",
        "pkgutil.get_data('pkg', 'weights')",
    ],
)
def test_what_loads_code_or_data_unseen_is_named_by_file_and_line(folder: Path, line: str) -> None:
    written(folder, {"toy": f"import math\n\n{line}\n"})
    assert imports.reach("toy", lambda path: folder in path.parents).unfollowed == ["toy.py:3"]


@pytest.mark.parametrize(
    "line",
    [
        "net.eval()",
        "cursor.exec(query)",
        "from importlib.metadata import version",
        "os.path.join(a)",
    ],
)
def test_what_only_looks_like_it_is_not_named(folder: Path, line: str) -> None:
    written(folder, {"toy": f"{line}\n"})
    assert imports.reach("toy", lambda path: folder in path.parents).unfollowed == []


# --- what it says ---


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_the_same_in_any_layout(folder: Path, path: Path) -> None:
    text = path.read_text()
    written(folder, {"toy": text, "again": ast.unparse(ast.parse(text))})
    assert imports.plain("again", {}) == imports.plain("toy", {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # a comment", "x = 1"),
        ("'''A docstring.'''\nx = 1", "x = 1"),
        ("x = 1\n'''What x is.'''", "x = 1"),
        ("def f():\n    '''A docstring.'''", "def f():\n    pass"),
        ("x = 0x10 + 1e3", "x = (16 + 1000.0)"),
        ("from helper import f as g", "from helper import (f as g)"),
        ("import helper\nhelper.f()", "import helper as h\nh.f()"),
        ("from pkg import helper\nhelper.f()", "from pkg import helper as h\nh.f()"),
    ],
)
def test_what_means_the_same_reads_the_same(folder: Path, one: str, other: str) -> None:
    assert said(folder, one) == said(folder, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = None", "x = ..."),
        ("x = []", "x = ()"),
        ("if a:\n    f()", "if a:\n    pass\nelse:\n    f()"),
        ("def f(a, b): return a", "def f(b, a): return a"),
        ("def f(a, *, b): pass", "def f(a, b): pass"),
        ("f(a)", "f(*a)"),
        ("x = a - (b - c)", "x = a - b - c"),
        ("for i in a:\n    f()\ng()", "for i in a:\n    f()\n    g()"),
        ("from helper import f", "from helper import g as f"),
        ("from helper import f", "from pkg.helper import f"),
        ("from helper import f", "from numpy import f"),
        ("from numpy import f", "from scipy import f"),
        ("async def f(): pass", "def f(): pass"),
        ("x = f'{a!r}'", "x = f'{a}'"),
        ("x: int = 1", "x: float = 1"),
        ("global x", "global y"),
        (
            "from pkg import helper\ndef f(helper): return helper",
            "from pkg import helper as h\ndef f(helper): return h",
        ),
    ],
)
def test_what_means_another_thing_reads_otherwise(folder: Path, one: str, other: str) -> None:
    assert said(folder, one) != said(folder, other)


def test_every_constant_and_operator_of_a_model_counts(folder: Path) -> None:
    text = (ROOT / "baselines" / "kmeans.py").read_text()
    written(folder, {"toy": text})
    usual = imports.plain("toy", {})
    for changed in _mutants(text):
        written(folder, {"toy": changed})
        assert imports.plain("toy", {}) != usual, changed


def _mutants(text: str) -> Iterator[str]:
    """The file with one number, or one sum, changed each time."""
    count = len([*ast.walk(ast.parse(text))])
    for i in range(count):
        tree = ast.parse(text)
        node = [*ast.walk(tree)][i]
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            node.value += 1
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            node.op = ast.Sub()
        else:
            continue
        yield ast.unparse(tree)


def test_a_long_sum_is_read_too(folder: Path) -> None:
    written(folder, {"toy": "x = " + " + ".join(["1"] * 900)})
    with_one_more = imports.plain("toy", {})
    written(folder, {"toy": "x = " + " + ".join(["1"] * 899)})
    assert imports.plain("toy", {}) != with_one_more
