"""The committed texts of judgements are those of their records."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import judgements

FOLDER = Path(__file__).parents[2] / "results" / "judgement"


def test_the_committed_boards_are_what_their_records_say():
    every = dict(judgements.texts(FOLDER))
    assert len(every) > 30
    assert not [name for name, text in every.items() if (FOLDER / name).read_text() != text]
