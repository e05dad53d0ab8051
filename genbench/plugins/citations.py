"""What to cite for a suite, a paper, a model, a dataset, a metric, features: BibTeX or plain text.

The project's entries stand in `references.bib`; `citations.toml` says which names cite which of
them. A stranger's stand in a .bib file beside the module that is registered.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files as package_files
from typing import Any

from pybtex.backends.plaintext import Backend
from pybtex.database import parse_string
from pybtex.exceptions import PybtexError
from pybtex.style.formatting.unsrt import Style

from genbench.plugins import registry
from genbench.plugins.code import source

SUITE = "genbench"
FORMATS = ("bibtex", "text")


@cache
def cited() -> dict[str, Any]:
    """Which entries the suite and each of the project's registered names cite."""
    return tomllib.loads(_data("citations.toml"))


@cache
def references() -> dict[str, str]:
    """The project's entries in BibTeX, by key; a blank line parts them in the file."""
    entries = _data("references.bib").strip().split("\n\n")
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry for entry in entries}


def _data(name: str) -> str:
    return (package_files("genbench.plugins") / name).read_text("utf-8")


def entries(asked: Iterable[tuple[str, str]], form: str) -> list[str]:
    """The references of the suite, the paper and what is asked for, each once, as text.

    asked: (kind, name), such as ("model", "..."). Raises UsageError for an unknown name.
    """
    keys, foreign = [*cited()["suite"]], []
    for kind, name in asked:
        registered = registry.find(kind, name).name
        if _is_ours(kind, registered):
            keys += cited()[kind][registered]
        else:
            foreign += _beside(kind, registered, form)
    own = [references()[key] for key in dict.fromkeys(keys)]
    if form == "text":
        own = as_text("\n\n".join(own))
    return [*own, *dict.fromkeys(foreign)]


def _is_ours(kind: str, name: str) -> bool:
    """Whether a name is in our list, and is not a stranger's of the same name."""
    by = registry.owner(registry.find(kind, name)).partition(" ")[0]
    return by == SUITE and name in cited()[kind]


def _beside(kind: str, name: str, form: str) -> list[str]:
    """The references in the .bib file beside a module, or a line that says why there are none."""
    entry = registry.find(kind, name)
    path = source(entry.module).with_suffix(".bib")
    of = f"{'% ' if form == 'bibtex' else ''}{kind} {name} ({registry.owner(entry)})"
    if not path.exists():
        return [f"{of} names no reference"]
    try:
        content = path.read_text(encoding="utf-8").strip()
        found = as_text(content) if form == "text" else _checked(content)
    except (OSError, UnicodeDecodeError, PybtexError) as error:
        return [f"{of}: {path.name} cannot be read: {' '.join(str(error).split())}"]
    return found or [f"{of}: {path.name} holds no entry"]


def _checked(bibtex: str) -> list[str]:
    """The text as it stands, none if it has no entry; raises PybtexError where it is no BibTeX."""
    return [bibtex] if parse_string(bibtex, "bibtex").entries else []


def as_text(bibtex: str) -> list[str]:
    """A line for each entry, in their order; raises PybtexError where one cannot be read.

    >>> as_text("@article{x, author={B, A. and D, C.}, title={T}, journal={J}, year={1962}}")
    ['A. B and C. D. T. J, 1962.']
    """
    data, style = parse_string(bibtex, "bibtex"), Style()
    for entry in data.entries.values():
        if not hasattr(style, f"get_{entry.type}_template"):
            entry.type = "misc"  # as BibTeX takes a type that it does not know
    return [one.text.render(Backend()) for one in style.format_bibliography(data)]
