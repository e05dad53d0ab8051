"""How much stands under a table: eight lines, all that there is, or nothing."""

import pytest


@pytest.fixture
def ran(genbench, monkeypatch):
    monkeypatch.delenv("GENBENCH_NOTES")
    done = genbench("run", "-m", "drift", "-d", "tiny", "--samples", "50")
    assert done.returncode == 0, done.stderr
    return done


def notes(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("- ")]


def test_a_run_and_a_table_have_at_most_eight_lines_the_last_a_signature(ran, genbench) -> None:
    for text in (ran.stdout, genbench("table").stdout):
        assert 3 < len(notes(text)) <= 8
        assert notes(text)[-1].startswith("- signature: parzen|d:tiny")


def test_full_notes_say_more_of_each_row(ran, genbench) -> None:
    full = genbench("table", "--notes", "full").stdout
    assert len(notes(full)) > len(notes(genbench("table").stdout))
    assert "sigma" in full


def test_without_notes_latex_keeps_caption_label_and_signature(ran, genbench) -> None:
    for quiet in (("-q",), ("--notes", "none")):
        text = genbench("table", "--format", "latex", *quiet).stdout
        assert "\\caption{" in text
        assert "\\label{" in text
        assert "Signature: parzen" in text
        assert "\\parbox" not in text


def test_a_word_for_notes_that_is_unknown_is_a_usage_error(genbench) -> None:
    ended = genbench("table", "--notes", "shrt")
    assert ended.returncode == 2
    assert "short" in ended.stderr
