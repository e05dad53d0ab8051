"""What changes a key and what does not, shown on edited copies of the sources."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from keyed import PLANNED, STRANGERS
from plugin import Plugin

ROOT = Path(__file__).parents[2]
Edit = Callable[[Path], None]
STAGES = ("fit", "sample", "score")


def replaced(file: str, before: str, after: str) -> Edit:
    """An edit that puts one text in the place of another, which must be there once."""

    def edit(copy: Path) -> None:
        said = (copy / file).read_text()
        assert said.count(before) == 1, f"{file} says {before!r} {said.count(before)} times"
        (copy / file).write_text(said.replace(before, after))

    return edit


def renamed(file: str, name: str, user: str, before: str, after: str) -> Edit:
    """An edit that renames a module, and the import of the one module that uses it."""

    def edit(copy: Path) -> None:
        (copy / file).rename((copy / file).with_name(name))
        replaced(user, before, after)(copy)

    return edit


def appended(file: str, text: str) -> Edit:
    """An edit that adds lines at the end."""

    def edit(copy: Path) -> None:
        (copy / file).write_text(f"{(copy / file).read_text()}\n\n{text}")

    return edit


def reformatted(file: str) -> Edit:
    """An edit that writes a file anew from its syntax: no comment, another layout."""

    def edit(copy: Path) -> None:
        (copy / file).write_text(ast.unparse(ast.parse((copy / file).read_text())))

    return edit


GAN, PARZEN, RUN = "genbench/models/gan.py", "genbench/metrics/parzen", "genbench/records/run.py"
PROTOCOLS, RING = "genbench/protocols.py", "genbench/datasets/_toys.py"
REVISIONS = "genbench/running/revisions.py"
LOSSES = "losses: Mapping[str, float] = field(default_factory=dict[str, float])\n"
FIELD = "notes: Mapping[str, JSON] = field(default_factory=dict[str, JSON])\n"

NOTHING: dict[str, Edit] = {
    "a field more in Score": replaced(PROTOCOLS, FIELD, f"{FIELD}    kind: str = ''\n"),
    "a field more in Epoch": replaced(PROTOCOLS, LOSSES, f"{LOSSES}    kind: str = ''\n"),
    "a field more in Run": replaced(
        RUN, '    protocol: str = ""\n', '    protocol: str = ""\n    note: str = ""\n'
    ),
    "a field more in Data": replaced(
        RUN, "    levels: int | None\n", '    levels: int | None\n    note: str = ""\n'
    ),
    "a field more in Result": replaced(
        RUN, '    per_example: str = ""\n', '    per_example: str = ""\n    note: str = ""\n'
    ),
    "a field more in Part": replaced(
        "genbench/plugins/code.py",
        '    digest: str = ""\n',
        '    digest: str = ""\n    note = ""\n',
    ),
    "a module of the GAN renamed": renamed(
        "genbench/models/networks.py",
        "nets.py",
        GAN,
        "layers, networks",
        "layers, nets as networks",
    ),
    "a module of the metric renamed": renamed(
        f"{PARZEN}/dense.py",
        "near.py",
        f"{PARZEN}/blocks.py",
        "import dense, pruning",
        "import near as dense, pruning",
    ),
    "a reformatted GAN": reformatted(GAN),
    "a reformatted metric": reformatted(f"{PARZEN}/metric.py"),
    "another docstring": replaced(GAN, '"""Generative adversarial nets:', '"""Two nets at play:'),
    "another comment": replaced(GAN, "# rows sampled at a time", "# rows made by one call"),
    "another comment in a recipe": replaced(
        "genbench/models/gan.toml", "# goodfeli/adversarial mnist.yaml, but", "# theirs, but"
    ),
    "more of the interfaces": appended(PROTOCOLS, "class Another(Protocol):\n    size: int\n"),
    "another error": appended("genbench/errors.py", "class Another(GenbenchError):\n    pass\n"),
    "another public name": replaced(
        "genbench/__init__.py", "_HOMES = {\n", '_HOMES = {\n    "plan": "genbench.running.plan",\n'
    ),
}

SCORES = {f"{model} score" for model in PLANNED}
OF_GAN = {f"gan {stage}" for stage in STAGES}
OF_WINDOWS = {"by_name", "by_attribute", "by_module"}
SOMETHING: dict[str, tuple[Edit, set[str]]] = {
    "another caveat": (replaced(RING, 'caveat = ""', 'caveat = "a toy"'), {"caveat"}),
    "another revision of the GAN": (
        replaced(GAN, "    revision = 1\n", "    revision = 2\n"),
        {*OF_GAN, "gan code", "ours_extended"},
    ),
    "another revision of k-means": (
        replaced("baselines/kmeans.py", "    revision = 1\n", "    revision = 2\n"),
        {*(f"kmeans {stage}" for stage in STAGES), "kmeans code"},
    ),
    "another revision of the metric, by which the GAN selects": (
        replaced(f"{PARZEN}/metric.py", "    revision = 1\n", "    revision = 2\n"),
        {*SCORES, *OF_GAN, *OF_WINDOWS, "parzen code"},
    ),
    "another number in the GAN, at the same revision": (
        replaced(GAN, "CHUNK = 1000", "CHUNK = 999"),
        {"gan code"},
    ),
    "another number in the metric, at the same revision": (
        replaced(f"{PARZEN}/metric.py", "STRIDES = (4, 2)", "STRIDES = (8, 4)"),
        {"parzen code"},
    ),
    "another revision of training": (
        replaced(REVISIONS, "TRAINING = 1", "TRAINING = 2"),
        {f"{model} {stage}" for model in PLANNED for stage in STAGES},
    ),
    "another revision of drawing": (
        replaced(REVISIONS, "DRAWING = 1", "DRAWING = 2"),
        {f"{model} {stage}" for model in PLANNED for stage in ("sample", "score")},
    ),
    "another revision of scoring": (replaced(REVISIONS, "SCORING = 1", "SCORING = 2"), SCORES),
    "another number in a recipe": (
        replaced("baselines/kmeans.toml", "steps = 12", "steps = 13"),
        {f"kmeans {stage}" for stage in STAGES},
    ),
}


def _copied(folder: Path) -> Path:
    """A copy of the sources, and of strangers that build on them."""
    for package in ("genbench", "baselines"):
        shutil.copytree(ROOT / package, folder / package)
    replaced("genbench/models/gan.toml", "\n[ring]\n", '\n[ring]\nselect = "parzen"\n')(folder)
    plugin = Plugin(folder / "site")
    plugin.write(
        {
            "extended.py": "from genbench.models.gan import GAN\nclass Mine(GAN): pass\n",
            "plain.py": "from genbench import Epoch, Score\nimport genbench.protocols as p\n"
            "from genbench.errors import ModelError\nclass Mine: pass\n",
            "by_name.py": "from genbench import log_likelihood, Score\nclass Mine: pass\n",
            "by_attribute.py": "import genbench as g\nclass Mine:\n    f = g.log_likelihood\n",
            "by_module.py": "from genbench.metrics.parzen import Windows\nclass Mine: pass\n",
        }
    )
    modules = {"ours_extended": "extended"}
    for kind, name in STRANGERS:
        plugin.register(kind, name, f"{modules.get(name, name)}:Mine")
    return folder


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """By the name of an edit, what the edited copy says; "" is the copy as it is."""
    home = tmp_path_factory.mktemp("copies")
    edits: dict[str, Edit] = {"": lambda copy: None}
    edits |= NOTHING | {name: edit for name, (edit, _) in SOMETHING.items()}
    copies = [_copied(home / str(i)) for i in range(len(edits))]
    for copy, edit in zip(copies, edits.values(), strict=True):
        edit(copy)
    script = Path(__file__).with_name("keyed.py")
    done = subprocess.run(
        [sys.executable, script, *copies], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(edits, map(json.loads, done.stdout.splitlines()), strict=True))


def changed(found: Mapping[str, Mapping[str, str]], name: str) -> set[str]:
    """What an edit changes of all that a copy says."""
    return {what for what in found[""] if found[name][what] != found[""][what]}


@pytest.mark.parametrize("name", NOTHING)
def test_no_key_and_no_identity_is_changed_by(found, name: str) -> None:
    assert changed(found, name) == set()


@pytest.mark.parametrize("name", SOMETHING)
def test_nothing_but_what_depends_on_it_is_changed_by(found, name: str) -> None:
    assert changed(found, name) == SOMETHING[name][1]


def test_a_class_that_extends_the_gan_is_known_by_its_own_digest(found) -> None:
    assert "revision=None" in found[""]["ours_extended"]
