"""The pages of the theory that are kept stand in the report, with their numbers and pictures."""

from pathlib import Path

import pytest

from genbench.errors import AlteredError
from genbench.report import theories
from genbench.theory import kept
from genbench.theory.kept import KeptPage

COLUMNS = ["number", "is", "should be", "within", "holds"]
ROWS = [["V", "-1.386", "-1.386", "0.02", "yes"]]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results with two pages; a picture of the first is there, of the second is not."""
    place = tmp_path / kept.FOLDER
    there = [("figure1.svg", "four panels")]
    first = KeptPage(0, "Figure 1", ["D learns."], COLUMNS, ROWS, there)
    kept.put(place, "z_figure", first)
    kept.put(
        place,
        "a_dirac",
        KeptPage(1, "Dirac", [], COLUMNS, [], [("gone.svg", ""), ("film.gif", "")]),
    )
    (place / "figure1.svg").write_text("<svg/>")
    return tmp_path


def test_pages_stand_in_their_order_with_their_numbers(results: Path) -> None:
    one, other = theories.sections([results / "none", results])
    assert (one.title, other.title) == ("Figure 1", "Dirac")
    assert [cell.text for cell in one.tables[0].groups[0].rows[0].cells][:2] == ["-1.386"] * 2
    assert other.tables == []


def test_pictures_that_are_there_and_can_stand_in_a_page_do(results: Path) -> None:
    (figure,) = theories.figures([results])
    assert (figure.form, figure.content, figure.alt) == ("svg", b"<svg/>", "four panels")


def test_a_page_cannot_name_a_picture_outside_its_folder(results: Path) -> None:
    (results / "secret.svg").write_text("<svg>secret</svg>")
    outside = KeptPage(2, "Out", [], COLUMNS, [], [("../secret.svg", "")])
    kept.put(results / kept.FOLDER, "out", outside)
    assert b"secret" not in b"".join(one.content for one in theories.figures([results]))


def test_a_page_that_was_edited_is_an_error(results: Path) -> None:
    path = results / kept.FOLDER / "z_figure.json"
    path.write_text(path.read_text().replace("-1.386", "+1.386"))
    with pytest.raises(AlteredError):
        theories.sections([results])


def test_where_no_page_is_kept_there_is_no_section(tmp_path: Path) -> None:
    assert theories.sections([tmp_path]) == theories.figures([tmp_path]) == []
