"""A page is made again where anything that it shows has changed, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbench.plugins import installed
from genbench.records import files

ASKED = ("run", "-m", "drift", "-d", "tiny", "--no-references", "--samples", "20")
REPORT = ("report", "--no-figures")


def made_again(genbench, *words: str) -> bool:
    done = genbench(*REPORT, *words)
    assert done.returncode == 0, done.stderr
    return "nothing that it shows has changed" not in done.stderr


def test_a_page_of_what_has_not_changed_is_left_as_it_is(genbench) -> None:
    genbench(*ASKED)
    assert made_again(genbench)
    before = Path("results/report.html").stat().st_mtime_ns
    assert not made_again(genbench)
    assert Path("results/report.html").stat().st_mtime_ns == before


def test_another_result_makes_it_again(genbench) -> None:
    genbench(*ASKED)
    made_again(genbench)
    genbench(*ASKED, "--seeds", "0,1")
    assert made_again(genbench)


def test_another_question_or_place_makes_it_again(genbench) -> None:
    genbench(*ASKED, "--seeds", "0,1")
    genbench(*ASKED)
    made_again(genbench)
    assert made_again(genbench, "--all")
    assert made_again(genbench, "--out", "other.html")
    genbench("report")
    assert made_again(genbench)  # without figures


@pytest.mark.parametrize("name", ["provenance.json", "events.jsonl", "samples.npz", "audit"])
def test_another_file_behind_it_makes_it_again(name: str, genbench, monkeypatch) -> None:
    genbench(*ASKED)
    made_again(genbench)
    if name == "audit":
        files.write_json(Path("results/audit/tiny.json"), {"a": 1})
        monkeypatch.setattr("genbench.report.sections.sections", lambda *_: ([], []))
    else:
        path = next(Path("results").rglob(name))
        told = installed.sha256
        monkeypatch.setattr(
            installed, "sha256", lambda one: "other" if one.name == path.name else told(one)
        )
    assert made_again(genbench)


def test_data_that_arrive_make_it_again_whichever_dataset_they_are_called_by(
    genbench, tmp_path: Path
) -> None:
    genbench(*ASKED)
    data = ("--data-dir", str(tmp_path / "data"))
    made_again(genbench, *data)
    assert not made_again(genbench, *data)
    (tmp_path / "data" / "shared").mkdir(parents=True)
    (tmp_path / "data" / "shared" / "rows.bin").write_bytes(b"1")
    assert made_again(genbench, *data)


def test_another_source_of_ours_or_a_strangers_makes_it_again(genbench, plugged) -> None:
    toy = plugged({"toy.py": "class Toy: ...", "toy.toml": "[default]\n"})
    genbench(*ASKED)
    made_again(genbench)
    assert not made_again(genbench)
    toy.write({"toy.toml": "[default]\nrate = 1\n"})
    assert made_again(genbench)
    assert any(name.startswith("genbench: report/page.html") for name in installed.sources())


def test_a_page_that_is_edited_or_none_of_ours_is_made_again(genbench) -> None:
    genbench(*ASKED)
    for text in ("", "not ours", "\xff"):
        Path("results/report.html").write_text(text, "latin-1")
        assert made_again(genbench)
