"""What to cite for a suite, a paper, a model, a dataset, a metric: BibTeX or plain text.

Entries are data: those of this project in `citations.toml`, a stranger's in a .bib file beside the
module that is registered.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files as package_files
from typing import Any

from genbench.errors import UsageError
from genbench.plugins import registry
from genbench.plugins.code import source

SUITE = "genbench"
FORMATS = ("bibtex", "text")
_ACCENTS = {"É": "{\\'E}", "é": "{\\'e}", "ä": '{\\"a}'}  # older BibTeX reads ASCII only


@cache
def known() -> dict[str, Any]:
    """The project's own entries, and which of them belong to a registered name."""
    found = tomllib.loads((package_files("genbench.plugins") / "citations.toml").read_text("utf-8"))
    with suppress(PackageNotFoundError):  # it may run from a folder that was not installed
        found["entry"][SUITE]["version"] = version(SUITE)
    return found


def entries(asked: Iterable[tuple[str, str]], form: str) -> list[str]:
    """The references of the suite, the paper and what is asked for, each once, as text.

    asked: (kind, name), such as ("model", "..."). Raises UsageError for an unknown name.
    """
    names, foreign = [*known()["suite"]], []
    for kind, name in asked:
        registered = registry.find(kind, name)
        if _ours(kind, registered.name):
            names += known()[kind][registered.name]
        else:
            foreign.append(_beside(kind, registered.name, form))
    render = {"bibtex": bibtex, "text": text}[form]
    own = [render(name, known()["entry"][name]) for name in dict.fromkeys(names)]
    return [*own, *dict.fromkeys(foreign)]


def _ours(kind: str, name: str) -> bool:
    """Whether a name is in our list, and is not a stranger's of the same name."""
    by = registry.owner(registry.find(kind, name)).partition(" ")[0]
    return by == SUITE and name in known()[kind]


def _beside(kind: str, name: str, form: str) -> str:
    """The .bib file beside a module, or that there is none."""
    entry = registry.find(kind, name)
    path = source(entry.module).with_suffix(".bib")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        mark = "% " if form == "bibtex" else ""
        return f"{mark}{kind} {name} ({registry.owner(entry)}) names no reference"


def bibtex(key: str, entry: Mapping[str, Any]) -> str:
    r"""One entry; the title keeps its capitals.

    >>> print(bibtex("x", {"type": "misc", "author": ["A, B.", "C, D."], "title": "T"}))
    @misc{x,
      author = {A, B. and C, D.},
      title = {{T}},
    }
    """
    said = {**entry, "author": " and ".join(entry["author"]), "title": f"{{{entry['title']}}}"}
    if "version" in said:
        said["note"] = f"Version {said.pop('version')}"
    lines = [f"  {name} = {{{_ascii(value)}}},\n" for name, value in said.items() if name != "type"]
    return f"@{entry['type']}{{{key},\n{''.join(lines)}}}"


def _ascii(value: str) -> str:
    return "".join(_ACCENTS.get(character, character) for character in value)


def text(key: str, entry: Mapping[str, Any]) -> str:
    """One reference as a line.

    >>> text("x", {"author": ["A, B.", "C, D."], "title": "T", "journal": "J", "year": "1962"})
    'A, B.; C, D. (1962). T. J.'
    """
    names = "; ".join(re.sub(r"[{}]", "", name) for name in entry["author"])
    year = f" ({entry['year']})" if "year" in entry else ""
    where = [
        entry[k] for k in ("journal", "booktitle", "institution", "howpublished") if k in entry
    ]
    number = f"({entry['number']})" if "volume" in entry else entry.get("number", "")
    volume = [entry.get("volume", "") + number] if "number" in entry else []
    pages = [entry["pages"].replace("--", "–")] if "pages" in entry else []
    arxiv = [f"arXiv:{entry['eprint']}"] if "eprint" in entry else []
    known_version = [f"version {entry['version']}"] if "version" in entry else []
    rest = ", ".join([*where, *volume, *pages, *arxiv, *known_version])
    return f"{names}{year}. {entry['title']}." + (f" {rest}." if rest else "")


def check_format(form: str) -> str:
    """The format as it was typed; raises UsageError for an unknown one."""
    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}; {registry.nearest(form, FORMATS)}")
    return form
