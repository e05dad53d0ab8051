"""The committed texts of judgements are those of their records."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import judgements

FOLDER = ROOT / "results" / "judgement"


def test_the_committed_boards_are_what_their_records_say():
    every = dict(judgements.texts(FOLDER))
    assert len(every) > 30
    assert not [name for name, text in every.items() if (FOLDER / name).read_text() != text]
