"""Which code a part is: a stranger's by what its files say, a revised one by what it promises."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from plugin import fresh, identity

from genbench.plugins import code, imports, registry

TOY = "class Toy:\n    def sample(self, n):\n        return shift(n)\n"
SHIFT = "def shift(n):\n    return n + 1\n"
OTHER = "def shift(n):\n    return n + 2\n"

# how a plug-in uses a helper: its files, its entry point, and which of them is the helper
LAYOUTS: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "import x": (
        {"toy.py": f"import near\n{TOY.replace('shift', 'near.shift')}", "near.py": SHIFT},
        "toy:Toy",
        "near.py",
    ),
    "from x import y": (
        {"toy.py": f"from near import shift\n{TOY}", "near.py": SHIFT},
        "toy:Toy",
        "near.py",
    ),
    "inside a function": (
        {"toy.py": TOY.replace("return", "from near import shift; return"), "near.py": SHIFT},
        "toy:Toy",
        "near.py",
    ),
    "relative": (
        {"pkg/__init__.py": "", "pkg/a.py": f"from .b import shift\n{TOY}", "pkg/b.py": SHIFT},
        "pkg.a:Toy",
        "pkg/b.py",
    ),
    "relative module": (
        {
            "pkg/__init__.py": "",
            "pkg/a.py": f"from . import b\n{TOY.replace('shift', 'b.shift')}",
            "pkg/b.py": SHIFT,
        },
        "pkg.a:Toy",
        "pkg/b.py",
    ),
    "in the package": (
        {"pkg/__init__.py": SHIFT, "pkg/a.py": f"from pkg import shift\n{TOY}"},
        "pkg.a:Toy",
        "pkg/__init__.py",
    ),
    "by the package, unasked": (
        {"pkg/__init__.py": "import pkg.b", "pkg/a.py": TOY, "pkg/b.py": SHIFT},
        "pkg.a:Toy",
        "pkg/b.py",
    ),
    "through another helper": (
        {
            "toy.py": f"from far import shift\n{TOY}",
            "far.py": "from near import shift",
            "near.py": SHIFT,
        },
        "toy:Toy",
        "near.py",
    ),
    "all that a package offers": (
        {
            "pkg/__init__.py": "__all__ = ['b']",
            "pkg/b.py": SHIFT,
            "toy.py": f"from pkg import *\n{TOY}",
        },
        "toy:Toy",
        "pkg/b.py",
    ),
    "without __init__.py": (
        {"space/a.py": f"from space.b import shift\n{TOY}", "space/b.py": SHIFT},
        "space.a:Toy",
        "space/b.py",
    ),
    "under the class's own name": (
        {"pkg/__init__.py": "from pkg.b import Toy", "pkg/b.py": TOY + SHIFT},
        "pkg:Toy",
        "pkg/b.py",
    ),
}


@pytest.fixture(params=LAYOUTS, ids=str)
def layout(request: pytest.FixtureRequest) -> tuple[dict[str, str | bytes], str, str]:
    files, value, helper = LAYOUTS[request.param]
    return dict(files), value, helper


# --- a stranger's part is what its files say ---


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_an_edited_helper_makes_another_part(plugged, layout, recorded: bool) -> None:
    files, value, helper = layout
    plugin = plugged(files, value, recorded=recorded)
    before = identity()
    said = plugin.files[helper].read_text()
    plugin.write({helper: said.replace("n + 1", "n + 2") + OTHER})
    assert before.revision is None
    assert identity() != before


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_an_edited_comment_docstring_or_layout_does_not(plugged, layout, recorded: bool) -> None:
    files, value, _ = layout
    plugin = plugged(files, value, recorded=recorded)
    before = identity()
    for name, path in [*plugin.files.items()]:
        said = path.read_text().replace("class Toy:\n", "class Toy:\n    'A toy.'\n\n")
        said = said.replace("def shift(n):\n", "def shift(\n    n\n):\n    'Shifts.'\n\n")
        said = said.replace("return n + 1", "return (n  +  1)  # one more")
        plugin.write({name: f"'A helper.'\n# a comment\n{said}\n\n"})
    assert identity() == before


@pytest.mark.parametrize(
    ("text", "helper"),
    [
        ("from near import shift", "near.py"),
        ("import near\nshift = near.shift", "near.py"),
        ("import near as a_name\nshift = a_name.shift", "near.py"),
        ("from pkg.near import shift", "pkg/near.py"),
        ("from pkg import near\nshift = near.shift", "pkg/near.py"),
    ],
)
def test_a_renamed_helper_does_not(plugged, text: str, helper: str) -> None:
    plugin = plugged({"pkg/__init__.py": "", "toy.py": f"{text}\n{TOY}", helper: SHIFT})
    before = identity()
    plugin.rename(helper, helper.replace("near", "beside"))
    plugin.write({"toy.py": f"{text.replace('near', 'beside')}\n{TOY}"})
    assert identity() == before


def test_helpers_that_swap_what_they_say_make_another_part(plugged) -> None:
    text = f"from one import shift\nfrom two import shift as back\n{TOY}"
    plugin = plugged({"toy.py": text, "one.py": SHIFT, "two.py": OTHER})
    before = identity()
    plugin.write({"one.py": OTHER, "two.py": SHIFT})
    assert identity() != before


def test_helpers_that_swap_names_and_places_are_the_same_part(plugged) -> None:
    text = f"from one import shift\nfrom two import shift as back\n{TOY}"
    plugin = plugged({"toy.py": text, "one.py": SHIFT, "two.py": OTHER})
    before = identity()
    swapped = text.replace("one", "1").replace("two", "one").replace("1", "two")
    plugin.write({"one.py": OTHER, "two.py": SHIFT, "toy.py": swapped})
    assert identity() == before


@pytest.mark.parametrize("suffix", [*EXTENSION_SUFFIXES, ".pyc"])
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_a_byte_of_a_compiled_helper_makes_another_part(
    plugged, suffix: str, recorded: bool
) -> None:
    files = {"toy.py": f"from near import shift\n{TOY}", f"near{suffix}": b"\x7fELF\x00\x01"}
    plugin = plugged(files, recorded=recorded)
    before = identity()
    plugin.write({f"near{suffix}": b"\x7fELF\x00\x02"})
    assert identity() != before


def test_a_compiled_part_is_known_by_its_bytes(plugged) -> None:
    plugin = plugged({f"toy{EXTENSION_SUFFIXES[0]}": b"\x7fELF\x00\x01"})
    before = identity()
    plugin.write({f"toy{EXTENSION_SUFFIXES[0]}": b"\x7fELF\x00\x02"})
    assert before.revision is None
    assert identity() != before


def test_a_file_that_is_not_imported_does_not_count(plugged) -> None:
    plugin = plugged({"toy.py": TOY, "near.py": SHIFT})
    before = identity()
    plugin.write({"near.py": OTHER})
    assert identity() == before


# --- whose a file is ---


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_a_file_of_another_distribution_in_the_folder_does_not_count(
    plugged, recorded: bool
) -> None:
    plugged({"toy.py": f"from near import shift\n{TOY}"}, recorded=recorded)
    other = plugged({"near.py": SHIFT}, name="nearby", recorded=True, model={})
    before = identity()
    other.write({"near.py": OTHER})
    assert identity() == before


def test_a_module_that_an_installed_package_does_not_list_counts_if_it_lies_in_it(plugged) -> None:
    text = f"from pkg.near import shift\n{TOY}"
    plugin = plugged({"pkg/__init__.py": "", "pkg/a.py": text}, "pkg.a:Toy", recorded=True)
    (plugin.site / "pkg" / "near.py").write_text(SHIFT)
    before = identity()
    (plugin.site / "pkg" / "near.py").write_text(OTHER)
    assert identity() != before


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_a_helper_elsewhere_on_the_path_that_nobody_installed_counts(
    plugged, recorded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged({"toy.py": f"from near import shift\n{TOY}"}, recorded=recorded)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere" / "near.py").write_text(SHIFT)
    before = identity()
    (tmp_path / "elsewhere" / "near.py").write_text(OTHER)
    assert identity() != before


def test_a_python_without_an_imported_package_gives_the_same_part(
    plugged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged({"toy.py": f"import not_installed_package\n{TOY}"})
    before = identity()
    packages = tmp_path / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "not_installed_package.py").write_text(SHIFT)
    monkeypatch.syspath_prepend(str(packages))
    fresh()
    assert imports.spec("not_installed_package")
    assert identity() == before


# --- revisions ---


def revised(body: str, text: str = "") -> str:
    """A part with a class body, and what stands above it."""
    return f"{text}\nclass Toy:\n    def sample(self, n):\n        return n + 1\n{body}\n"


@pytest.mark.parametrize("line", ["revision = 3", "revision: int = 3", "a = revision = 3"])
def test_a_literal_in_the_class_identifies_it_whatever_else_is_edited(plugged, line: str) -> None:
    plugin = plugged({"toy.py": revised(f"    {line}")})
    before = identity()
    plugin.write({"toy.py": revised(f"    {line}").replace("n + 1", "n + 2")})
    assert (before.revision, before.digest) == (3, "")
    assert identity() == before


@pytest.mark.parametrize(
    "text",
    [
        revised("    revision = True"),
        revised("    revision = 1 + 1"),
        revised("    revision = -1"),
        revised("    revision = '1'"),
        revised("    revision = 1.0"),
        revised("    revision = ONE", "ONE = 1"),
        revised("    revision: int"),
        revised("    revision, other = 1, 2"),
        revised("    revision = 1\n    revision = 2"),
        revised("    revision = 1\n    revision += 1"),
        revised("    revision = 1\n    if FAST:\n        revision = 2", "FAST = True"),
        revised("    if FAST:\n        revision = 2", "FAST = True"),
        revised("    @property\n    def revision(self):\n        return 1"),
        revised("", "revision = 1"),
        revised("    class Inner:\n        revision = 1"),
        revised("    revision = 1") + "Toy = make(Toy)\n",
        revised("    revision = 1") + "class Toy(Toy):\n    pass\n",
        "class Old:\n    revision = 1\nclass Toy(Old):\n    pass\n",
        "try:\n    from fast import Toy\nexcept ImportError:\n"
        "    class Toy:\n        revision = 1\n",
        "class Old:\n    revision = 1\nToy = Old\n",
    ],
)
def test_what_is_no_single_literal_in_its_own_body_does_not(plugged, text: str) -> None:
    plugin = plugged({"toy.py": text})
    before = identity()
    plugin.write({"toy.py": text + "x = 1\n"})
    assert before.revision is None
    assert identity() != before


@pytest.mark.parametrize(
    "files",
    [
        {"pkg/__init__.py": "from pkg.b import Toy", "pkg/b.py": revised("    revision = 3")},
        {"pkg/__init__.py": "from .b import Mine as Toy", "pkg/b.py": "class Mine: revision = 3"},
        {
            "pkg/__init__.py": "from .b import Toy",
            "pkg/b.py": "from .c import Toy",
            "pkg/c.py": revised("    revision = 3"),
        },
    ],
)
def test_a_class_is_found_where_it_is_imported_from(plugged, files: dict) -> None:
    plugged(files, "pkg:Toy")
    assert identity().revision == 3


def test_modules_that_import_one_name_from_each_other_are_no_endless_search(plugged) -> None:
    plugged({"a.py": "from b import Toy", "b.py": "from a import Toy"}, "a:Toy")
    assert identity().revision is None


def test_one_name_at_one_revision_of_two_distributions_is_two_parts(
    plugged, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("one", "other"):
        plugin = plugged({"toy.py": revised("    revision = 1")}, site=name, name=name)
        found.append(identity())
        monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(plugin.site)])
    assert [part.distribution for part in found] == ["one", "other"]
    assert found[0] != found[1]


# --- what it builds on ---


def test_a_class_of_ours_without_a_revision_of_its_own_is_a_part_of_its_own(plugged) -> None:
    plugged({"toy.py": "from genbench.models.gan import GAN\nclass Toy(GAN):\n    pass\n"})
    assert identity().revision is None
    assert identity() != code.identify("model", "gan")


BUILT_ON = {
    "a class": "from base import Base\nclass Toy(Base): pass\n",
    "a module": "import base\nclass Toy(base.Base): pass\n",
    "a function": f"from base import shift\n{TOY}",
}


@pytest.mark.parametrize("text", BUILT_ON.values(), ids=BUILT_ON)
def test_what_a_strangers_revision_covers_counts_by_it(plugged, text: str) -> None:
    plugged({"toy.py": text})
    base = f"class Base:\n    revision = 1\n{SHIFT}"
    other = plugged({"base.py": base}, site="other", name="other", model={"base": "base:Base"})
    before = identity()
    other.write({"base.py": base.replace("n + 1", "n + 2")})
    assert identity() == before
    other.write({"base.py": base.replace("revision = 1", "revision = 2")})
    assert identity() != before


@pytest.mark.parametrize("text", BUILT_ON.values(), ids=BUILT_ON)
def test_what_no_revision_covers_counts_by_what_it_says(plugged, text: str) -> None:
    plugged({"toy.py": text})
    base = f"class Base: pass\n{SHIFT}"
    other = plugged({"base.py": base}, site="other", name="other", model={"base": "base:Base"})
    before = identity()
    other.write({"base.py": base.replace("n + 1", "n + 2")})
    assert identity() != before


@pytest.mark.parametrize("name", ["another", "other"])
def test_a_revision_does_not_cover_a_registered_class_beside_it(plugged, name: str) -> None:
    plugged({"toy.py": "from base import Other\nclass Toy(Other): pass\n"})
    base = "class Base:\n    revision = 1\nclass Other:\n    x = 1\n"
    models = {"base": "base:Base", name: "base:Other"}
    other = plugged({"base.py": base}, site="other", name="other", model=models)
    before = identity()
    other.write({"base.py": base.replace("x = 1", "x = 2")})
    assert identity() != before


def test_a_broken_plugin_does_not_keep_others_from_being_known(plugged) -> None:
    plugged({"toy.py": "from genbench.models.gan import GAN\nclass Toy(GAN): pass\n"})
    before = identity()
    broken = {"gone": "gone:Gone", "typo": "typo:Typo"}
    plugged({"typo.py": "class Typo(:"}, site="broken", name="broken", model=broken)
    assert identity() == before


def test_a_name_that_is_imported_from_what_is_no_file_has_no_revision(plugged) -> None:
    plugged({"toy.py": "from sys import Toy\n"})
    assert identity().revision is None


def test_a_revision_does_not_cover_a_module_that_imports_its_class(plugged) -> None:
    plugged({"toy.py": f"from pkg.tools import shift\n{TOY}"})
    tools = f"from pkg.base import Base\n{SHIFT}"
    files = {
        "pkg/__init__.py": "",
        "pkg/base.py": "class Base: revision = 1",
        "pkg/tools.py": tools,
    }
    other = plugged(files, site="other", name="other", model={"base": "pkg.base:Base"})
    before = identity()
    other.write({"pkg/tools.py": tools.replace("n + 1", "n + 2")})
    assert identity() != before


def test_a_part_on_a_part_on_a_third_changes_with_the_third(plugged) -> None:
    plugged({"toy.py": "from middle import Middle\nclass Toy(Middle): pass\n"})
    middle = "from base import Base\nclass Middle(Base): pass\n"
    plugged({"middle.py": middle}, site="m", name="m", model={"middle": "middle:Middle"})
    base = "class Base:\n    revision = 1\n"
    other = plugged({"base.py": base}, site="b", name="b", model={"base": "base:Base"})
    before = identity()
    other.write({"base.py": base.replace("1", "2")})
    assert identity() != before


def test_distributions_that_import_each_other_are_no_endless_search(plugged) -> None:
    plugged({"toy.py": "from base import Base\nclass Toy(Base): pass\n"})
    base = "import toy\nclass Base: pass\n"
    other = plugged({"base.py": base}, site="b", name="b", model={"base": "base:Base"})
    before = identity()
    other.write({"base.py": base + "x = 1\n"})
    assert identity() != before


# --- what reading cannot do ---


@pytest.mark.parametrize("line", ["net = import_module(name)", "exec(text)"])
def test_a_part_that_loads_code_unseen_is_named_with_the_line(plugged, line: str) -> None:
    plugged({"toy.py": f"import near\n{TOY}", "near.py": f"{SHIFT}\n\n{line}\n"})
    assert code.unfollowed("model", "toy") == ["near.py:5"]


def test_a_part_with_a_revision_is_not_named_as_its_revision_says_what_it_is(plugged) -> None:
    plugged({"toy.py": revised("    revision = 1") + "exec(text)\n"})
    assert code.unfollowed("model", "toy") == []


def test_what_a_part_builds_on_is_named_too(plugged) -> None:
    plugged({"toy.py": "from base import Base\nclass Toy(Base): pass\n"})
    base = {"base.py": "exec(text)\nclass Base: pass\n"}
    plugged(base, site="other", name="other", model={"base": "base:Base"})
    assert code.unfollowed("model", "toy") == ["base.py:1"]


def test_none_of_ours_loads_code_unseen() -> None:
    every = [(kind, name) for kind in ("model", "metric") for name in registry.names(kind)]
    reached = [code._reach(registry.find(*of).module, registry.SUITE) for of in every]
    assert [place for found in reached for place in found.unfollowed] == []


# --- nothing is run ---

WATCHED = """
import sys
from genbench.plugins import code
code.identify("model", "toy"), code.digest_of("model", "toy"), code.digest_of("model", "gan")
print(sorted({name.partition(".")[0] for name in sys.modules} & {"toy", "near", "torch"}))
"""


def test_a_part_is_identified_without_an_import_of_it_or_of_torch(plugged) -> None:
    text = f"import torch\nimport near\nraise ValueError\n{TOY}"
    plugin = plugged({"toy.py": text, "near.py": "raise ValueError"})
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env={"PYTHONPATH": f"{plugin.site}:{Path(code.__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


COUNTED = """
import ast, collections
from genbench.plugins import code, registry
texts, parse = [], ast.parse
ast.parse = lambda text, *rest, **more: texts.append(text) or parse(text, *rest, **more)
for kind in ("model", "metric"):
    for name in registry.names(kind):
        code.identify(kind, name), code.digest_of(kind, name)
print(len(texts) > 20, max(collections.Counter(filter(None, texts)).values()))
"""


def test_no_file_of_our_parts_is_parsed_twice() -> None:
    command = [sys.executable, "-c", COUNTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True 1\n"


def test_the_text_of_a_distributions_list_of_files_names_its_modules(tmp_path: Path) -> None:
    text = 'toy/__init__.py,sha256=a,1\n\n"odd, name.py",,\nnear.py,,\n../../bin/run,,\n'
    folder = tmp_path / "x-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1\n")
    (folder / "RECORD").write_text(text)
    (found,) = code.distributions(path=[str(tmp_path)])
    assert {"toy", "near", "odd"} <= code._listed_tops(found)
