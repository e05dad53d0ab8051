"""The texts beside kept judgements: each board in four formats, and boards beside each other.

    python benchmarks/judgements.py

Nothing is scored or graded: all of it is read from the records in results/judgement.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from genbench.cli import judge_boards
from genbench.records import files, judgements
from genbench.worlds.judging import kept

FORMATS = {"md": "md", "latex": "tex", "csv": "csv", "html": "html"}
BESIDE = {
    "agreement.md": ("digits_mixture-2500", "binary_4x4-2500", "digits_mixture_squashed-2500"),
    "fashion.md": ("digits_mixture-2500", "fashion_mixture-2500"),
    "sizes.md": (
        "digits_mixture_7x7-1000",
        "digits_mixture_7x7-2500",
        "digits_mixture_7x7-10000",
        "digits_mixture_7x7-100000",
        "digits_mixture_14x14-2500",
        "digits_mixture-2500",
    ),
}


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    boards = {
        path.stem: kept.board(files.read_json(path)) for path in sorted(folder.glob("*.json"))
    }
    for name, board in boards.items():
        for form, ending in FORMATS.items():
            yield f"{name}.{ending}", judge_boards.shown(board, form, quiet=False)
    for name, beside in BESIDE.items():
        of = [boards[one] for one in beside]
        yield name, "\n".join(judge_boards.compared(of, "md", quiet=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results-dir", type=Path, default=Path("results"))
    folder = parser.parse_args().results_dir / judgements.FOLDER
    for name, text in texts(folder):
        files.write_bytes(folder / name, text.encode())
        print(folder / name)


if __name__ == "__main__":
    main()
