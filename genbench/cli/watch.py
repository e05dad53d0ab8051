"""`genbench watch`: trainings as they go on, and what they have logged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import ResultsDir, option, switch
from genbench.cli.showing import echo, new_console
from genbench.errors import UsageError, plain

if TYPE_CHECKING:
    from genbench.records.watched import Training

PAUSE = 1.0  # seconds between two looks

Once = Annotated[bool, switch("Look once, at all trainings, and end.", "--once")]
AsCsv = Annotated[bool, switch("Print the losses of every epoch as CSV, and end.", "--csv")]
Board = Annotated[
    Path | None,
    option(
        "Write losses and grids for TensorBoard into this folder, and end.",
        "BOARD",
        "--tensorboard",
    ),
]


@app.command(
    epilog="Examples:  genbench watch  |  genbench watch --once  |  "
    "genbench watch --csv > losses.csv  |  genbench watch --tensorboard logs"
)
def watch(
    once: Once = False,
    csv: AsCsv = False,
    tensorboard: Board = None,
    results_dir: ResultsDir = None,
) -> None:
    """Watch the trainings of another terminal: epoch, losses, time left; ends when all are done.

    `genbench run --grids 5` also keeps a grid of samples every five epochs, whose place is shown.
    """
    folder = parsing.folders(results_dir)[0]
    if csv:
        echo(_csv(_trainings(folder)), nl=False)
    elif tensorboard is not None:
        _write_board(_trainings(folder), parsing.folder(tensorboard, "--tensorboard"))
    elif once:
        new_console_out().print(_table(_trainings(folder)))
    else:
        _follow(folder)


def _trainings(folder: Path) -> list[Training]:
    from genbench.records.watched import trainings

    found = list(trainings(folder))
    if not found:
        raise UsageError(f"no training has logged anything in {folder / 'runs'}")
    return found


def new_console_out() -> Any:
    from rich.console import Console

    return Console()


def _follow(folder: Path) -> None:
    """Shows what is at work until nothing is; then all of it once more."""
    from rich.live import Live

    with Live(console=new_console(), transient=True) as live:
        while working := [one for one in _trainings(folder) if one.at_work]:
            live.update(_table(working))
            time.sleep(PAUSE)
    new_console_out().print(_table(_trainings(folder)))


def _table(found: list[Training]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    from genbench.records.watched import best_so_far

    table = Table("training", "epoch", "losses", "left", "samples", box=None)
    for one in found:
        last = one.epochs[-1] if one.epochs else {}
        said = ", ".join(f"{name} {loss:.4g}" for name, loss in last.get("losses", {}).items())
        said += f", held-out {last['score']:.5g}" if last.get("score") is not None else ""
        stands = best_so_far(one.epochs) if one.at_work or one.unfinished else ""
        said += f", {stands}" if stands else ""
        epoch = f"{last['epoch']}/{last['of']}" if last else "–"
        grid = str(one.grids[max(one.grids)]) if one.grids else ""
        cells = (f"{one.model} on {one.dataset}, {one.name}", epoch, said, _left(one), grid)
        table.add_row(*(escape(plain(cell)) for cell in cells))
    return table


def _left(one: Training) -> str:
    """The time left of a training at work, or how it stands."""
    from genbench.records.watched import best_so_far
    from genbench.words import duration

    if not one.at_work:
        if one.stage in ("score", "sample", "end"):
            return "done"
        return "failed" if one.failed else "stopped"
    if not one.epochs or one.stage != "fit":
        return one.stage
    recent, last = one.epochs[-5:], one.epochs[-1]
    each = sum(event["seconds"] for event in recent) / len(recent)
    most = "at most " if best_so_far(one.epochs) else ""
    return f"{most}{duration((last['of'] - last['epoch']) * each)} left"


def _csv(found: list[Training]) -> str:
    """A line for each loss of each epoch."""
    import pandas as pd

    from genbench.tables.formats import comma_separated

    about = ["dataset", "model", "training", "epoch", "of", "seconds", "name", "value"]
    rows = [
        [one.dataset, one.model, one.name, e["epoch"], e["of"], e["seconds"], name, value]
        for one in found
        for e in one.epochs
        for name, value in _values(e).items()
    ]
    return comma_separated(pd.DataFrame(rows, columns=about))


def _values(epoch: Any) -> dict[str, float]:
    score = epoch.get("score")
    return {**epoch["losses"], **({} if score is None else {"held-out score": score})}


def _write_board(found: list[Training], folder: Path) -> None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError("TensorBoard is not installed: pip install tensorboard") from None
    import numpy as np
    from PIL import Image

    for one in found:
        with SummaryWriter(str(folder / one.dataset / one.model / one.name)) as board:
            for epoch in one.epochs:
                for name, value in _values(epoch).items():
                    board.add_scalar(name, value, epoch["epoch"])
            for index, path in one.grids.items():
                with Image.open(path) as image:
                    pixels = np.asarray(image.convert("RGB"))
                board.add_image("samples", pixels, index, dataformats="HWC")
    echo(str(folder))
