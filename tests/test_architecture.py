"""The house: who may import whom, and where a line may do what; and that a breach is reported."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from findings import Finding, findings, judged
from house import ACTS, WORDS

from tests.conftest import LONGEST

ROOT = Path(__file__).parent.parent
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for package in ("genbench", "baselines")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def _names() -> set[str]:
    """The models, datasets and metrics that we register, and the presets of their recipes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = {name for group in project["entry-points"].values() for name in group}
    recipes = [*ROOT.glob("genbench/models/*.toml"), *ROOT.glob("baselines/*.toml")]
    tables = [tomllib.loads(path.read_text(encoding="utf-8")) for path in recipes]
    while tables:
        inner = {k: v for k, v in tables.pop().items() if isinstance(v, dict)}
        parts |= inner.keys()
        tables += inner.values()
    return parts - {"default"} - WORDS | {"paper"}


NAMES = _names()
TODAY = findings(SOURCES, NAMES)


@pytest.mark.parametrize("rule", ["arrow", "circle", *ACTS])
def test_the_sources_keep_the_rule(rule: str) -> None:
    broken = sorted(finding for finding in TODAY if finding.rule == rule)
    assert not broken, "\n" + "\n".join(map(str, broken))


@pytest.mark.parametrize("rule", ACTS)
def test_every_exception_is_needed(rule: str) -> None:
    needed = {allowed for finding, allowed in judged(SOURCES, NAMES) if finding.rule == rule}
    assert not ACTS[rule].exceptions.keys() - needed


# rule -> what breaks it, each at the end of a file of a room that has no exception
BREACHES = {
    "write": [
        "Path('x').write_text('')",
        "from pathlib import Path as P; P('x').write_bytes(b'')",
        "save = Path('x').write_bytes",
        "open('x', 'w')",
        "open('x', mode=mode)",
        "keep = open",
        "from builtins import open as o; o('x', 'ab')",
        "Path('x').open('r+')",
        "import torch as t; t.save({}, 'x')",
        "from numpy import savez as s; s('x')",
        "from safetensors.torch import save_file as s; s({}, 'x')",
        "from os import replace as swap; swap('x', 'y')",
        "Path('x').replace(y)",
        "Path('x').mkdir()",
        "import shutil; shutil.rmtree('x')",
        "from tempfile import NamedTemporaryFile",
        "frame.to_csv('x')",
        "import zipfile as z; z.ZipFile('x', 'w')",
    ],
    "speak": [
        "print('x')",
        "from rich import print as p; p('x')",
        "import sys; sys.stdout.write('x')",
        "from sys import stderr",
        "import traceback; traceback.print_exc()",
        "import sys; sys.exit(1)",
        "import sys as s; s.exit()",
        "from sys import exit as e; e()",
        "raise SystemExit(1)",
        "import os; os._exit(1)",
        "import sys; sys.argv[1]",
        "x = input()",
    ],
    "environment": [
        "import os; os.environ['X']",
        "from os import environ",
        "import os as o; o.getenv('X')",
    ],
    "process": [
        "import subprocess; subprocess.run(['x'])",
        "from subprocess import run",
        "import os as o; o.system('x')",
        "import multiprocessing as m",
        "from concurrent.futures import ProcessPoolExecutor as P",
    ],
    "network": ["import urllib.request as u", "from requests import get", "import http.client"],
    "clock": ["from time import perf_counter as now", "import datetime as d; d.datetime.now()"],
    "seed": [
        "import torch as t; t.manual_seed(0)",
        "torch.Generator().manual_seed(0)",
        "import numpy as np; np.random.seed(0)",
        "from random import seed as s",
    ],
    "device": ["import torch as t; t.set_num_threads(1)", "from torch.cuda import is_available"],
    "precision": ["import torch; torch.backends.cuda.matmul.allow_tf32 = True"],
    "load by name": ["__import__('genbench.cli')", "from importlib import import_module as i"],
    "catch everything": [
        "try: pass\nexcept: pass",
        "try: pass\nexcept (ValueError, Exception): pass",
        "import contextlib as c; c.suppress(BaseException)",
    ],
    "import late": ["def f():\n    import json", "class A:\n    def f(self):\n        import json"],
    "import unclearly": ["from . import cells", "from os import *"],
    "know by name": ["x = 'gan'", "x = ['mnist']", "x == 'quick'", "x = {'parzen': 1}"],
}
# what breaks the arrows, at the end of which file
TURNED = [
    ("genbench/records/run.py", "from genbench.running import work"),
    (
        "genbench/records/run.py",
        "import typing as t\nif t.TYPE_CHECKING:\n    import genbench.tables",
    ),
    ("genbench/records/run.py", "from genbench import Epoch"),
    ("genbench/comparing/variance.py", "import genbench.plugins.registry as r"),
    ("genbench/timing.py", "from genbench import errors"),
    ("genbench/__init__.py", "from genbench import protocols"),
    ("genbench/metrics/parzen/dense.py", "from genbench.samples import neighbours, judging"),
    ("genbench/models/gan.py", "from genbench.seeding import seeded"),
    ("genbench/datasets/ring.py", "from genbench.records import store"),
    ("genbench/cli/run.py", "import baselines.dbn as b"),
    ("baselines/dbn.py", "from baselines import kmeans"),
    ("baselines/dbn.py", "from genbench.models import layers"),
    ("baselines/dbn.py", "import pandas"),
    ("genbench/likelihood/ais.py", "from genbench.records import run"),
    ("genbench/utils/text.py", "x = 1"),
]
CIRCLES = [
    {"models/a.py": "import genbench.models.b", "models/b.py": "from genbench.models import a"},
    {
        "models/a.py": "from genbench.models.b import x",
        "models/b.py": "import typing\nif typing.TYPE_CHECKING:\n    import genbench.models.a",
    },
    {
        "models/a.py": "from genbench.models import b",
        "models/b.py": "from genbench.models.c import x",
        "models/c.py": "def f():\n    from genbench.models.a import x",
    },
]
INNOCENT = {
    "genbench/tables/cells.py": "'a'.replace('a', 'b')\nPath('x').open('rb')\nopen('w', 'r')",
    "genbench/cli/run.py": "from genbench import __version__\nimport genbench.theory\nprint('x')",
    "genbench/auditing/kept.py": "from genbench.records import files as f\nf.write_bytes(p, b'')",
    "genbench/running/work.py": "from dataclasses import replace as r\nr(x)\nsave(x)\n'a gan'",
    "genbench/metrics/parzen/dense.py": "from genbench.samples.neighbours import x\ntime.x\n'gan'",
    "genbench/worlds/rings.py": "from genbench.running import work\nimport genbench.words",
    "baselines/dbn.py": "import torch.nn, scipy\nfrom genbench.models.state import x",
}


def planted(code: dict[str, str]) -> set[Finding]:
    """What there is more to report where each file ends in its piece of code."""
    more = {file: f"{SOURCES.get(file, '')}\n{text}\n" for file, text in code.items()}
    return findings({**SOURCES, **more}, NAMES) - TODAY


@pytest.mark.parametrize(("rule", "code"), [(r, c) for r in BREACHES for c in BREACHES[r]])
def test_a_planted_breach_is_reported_and_nothing_else(rule: str, code: str) -> None:
    file = "genbench/tables/cells.py"
    end = len(SOURCES[file].splitlines())
    found = planted({file: code})
    assert {finding.rule for finding in found} == {rule}
    assert all(finding.file == file and finding.line > end for finding in found)


def test_every_rule_about_acts_has_a_planted_breach() -> None:
    assert BREACHES.keys() == ACTS.keys()


@pytest.mark.parametrize(("file", "code"), TURNED)
def test_an_import_along_no_arrow_is_reported(file: str, code: str) -> None:
    assert (file, "arrow") in {(finding.file, finding.rule) for finding in planted({file: code})}


@pytest.mark.parametrize(
    "code", CIRCLES, ids=["direct", "for types", "of three, inside a function"]
)
def test_files_that_import_each_other_are_reported(code: dict[str, str]) -> None:
    found = planted({f"genbench/{file}": text for file, text in code.items()})
    assert [finding for finding in found if finding.rule == "circle"]


def test_what_only_looks_like_a_breach_is_not_reported() -> None:
    assert not planted(INNOCENT)


@pytest.mark.parametrize("command", ["--help", "list models", "list datasets", "data list"])
def test_what_should_be_quick_loads_no_torch(command: str) -> None:
    code = (
        "import sys; from genbench.cli import app\n"
        f"try: app({command.split()!r})\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules"
    )
    python = [sys.executable, "-c", code]  # in a process of its own: this one has torch
    done = subprocess.run(python, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_test_files_that_begin_first_are_there() -> None:
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert not {*LONGEST.split()} - there
