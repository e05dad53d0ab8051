"""Whether a page shows already what it would show if it were made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from genbench.plugins import imports, registry
from genbench.records import judgements
from genbench.records.files import sha256_of_json
from genbench.records.run import Result
from genbench.records.store import Store

PACKAGES = ("genbench", "jinja2", "matplotlib", "numpy", "pandas", "seaborn", "torch")
MARK = '<meta name="made-of" content="{}">'
HEAD = 4096  # characters of a page, among which the mark is


def made_of(
    results: Sequence[Result],
    store: Store,
    folders: Sequence[Path],
    data_dir: Path,
    figures: bool,
) -> str:
    """sha256, in hex, of all that a page is made from.

    Every file of the results, of what they hang on, of audits, judgements and theory; the sources
    of all that is registered; the versions of what draws; which data files there are. No place, no
    time.
    """
    kept = {_named(path, folder): _sha256(path) for folder, path in _records(results, store)}
    kept |= {_named(path, folder): _sha256(path) for folder in folders for path in _beside(folder)}
    there = [
        (path.relative_to(data_dir).as_posix(), path.stat().st_size)
        for path in sorted(data_dir.glob("*/*"))  # of every dataset: some share their files
        if path.is_file()
    ]
    versions = {name: version(name) for name in PACKAGES}
    keys = [result.key for result in results]
    return sha256_of_json([keys, kept, dict(_sources()), versions, there, figures])


def _beside(folder: Path) -> Iterator[Path]:
    """The files of a folder of results that a page shows beside the results."""
    for pattern in ("audit/*.json", f"{judgements.FOLDER}/*.json", "theory/*.*"):
        yield from folder.glob(pattern)


def is_made_of(page: Path, wanted: str) -> bool:
    """Whether a file is a page that says it was made from this."""
    try:
        with page.open(encoding="utf-8") as file:
            return MARK.format(wanted) in file.read(HEAD)
    except (OSError, UnicodeDecodeError):
        return False


def _records(results: Sequence[Result], store: Store) -> Iterator[tuple[Path, Path]]:
    """The files behind some results, each after the folder of results that it is in."""
    for result in results:
        folder, run = store.folder_of(result), result.run
        for place in (run.folder, run.sample_folder, run.fit_folder):
            for path in sorted((folder / "runs" / place).glob("*.*")):
                if path.is_file() and not path.name.startswith("."):
                    yield folder, path


def _sources() -> Iterator[tuple[str, str]]:
    """Every source of what is registered, by its place in its package."""
    for top in sorted(registry.tops()):
        if imports.spec(top) is None or not imports.has_file(top):
            continue
        home = imports.source(top)
        own = home.parent.rglob("*") if home.name == "__init__.py" else home.parent.glob(f"{top}.*")
        for path in sorted(own):
            if path.is_file() and path.suffix not in (".pyc", ".pyo"):
                yield f"{top}: {path.relative_to(home.parent).as_posix()}", _sha256(path)


def _named(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
