"""Pages of the theory as they are kept beside their pictures, so that a report can show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from genbench.records import files

FOLDER = "theory"  # below a folder of results


@dataclass(frozen=True)
class KeptPage:
    """order: its place among the pages. columns, rows: of its table, texts. pictures: of each file
    beside it the name, and what it shows in words.
    """

    order: int
    title: str
    sentences: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    pictures: Sequence[tuple[str, str]]


def put(place: Path, name: str, page: KeptPage) -> None:
    """Keeps a page in the folder of its pictures."""
    files.write_json(place / f"{name}.json", asdict(page))


def pages(folders: Sequence[Path]) -> list[tuple[Path, KeptPage]]:
    """The pages in the first of these folders of results that has some, each with its folder.

    Raises AlteredError for one that is damaged or was edited.
    """
    places = (folder / FOLDER for folder in folders)
    place = next((place for place in places if any(place.glob("*.json"))), None)
    found = [] if place is None else [(place, _read(path)) for path in place.glob("*.json")]
    return sorted(found, key=lambda one: one[1].order)


def _read(path: Path) -> KeptPage:
    record = files.read_json(path)
    pictures = [(str(name), str(alt)) for name, alt in record.pop("pictures")]
    return KeptPage(**record, pictures=pictures)
