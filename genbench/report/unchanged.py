"""Whether a page shows already what it would show if it were made again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from genbench.plugins import installed
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

    Every file of the results, of what they hang on, of audits, judgements and theory, and their
    pictures; the sources of all that is registered; the versions of what draws; which data files
    there are. No place, no time.
    """
    records = _records(results, store)
    kept = {_named(path, folder): installed.sha256(path) for folder, path in records}
    kept |= {
        _named(path, folder): installed.sha256(path)
        for folder in folders
        for path in _beside(folder)
    }
    there = [
        (path.relative_to(data_dir).as_posix(), path.stat().st_size)
        for path in sorted(data_dir.glob("*/*"))  # of every dataset: some share their files
        if path.is_file()
    ]
    versions = {name: version(name) for name in PACKAGES}
    keys = [result.key for result in results]
    return sha256_of_json([keys, kept, installed.sources(), versions, there, figures])


def _beside(folder: Path) -> Iterator[Path]:
    """The files of a folder of results that a page shows beside the results."""
    judged = (f"{judgements.FOLDER}/*.json", *judgements.pictures("*"))
    for pattern in ("audit/*.json", *judged, "theory/*.*"):
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


def _named(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
