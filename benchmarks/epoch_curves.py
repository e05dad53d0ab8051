"""Where does a long training end, beside the published value?

    python benchmarks/epoch_curves.py TRAINING TRAINING --out results/benchmarks

Each TRAINING is the folder of one, done or not, such as results/runs/mnist/gan/seed-0-*. Nothing is
trained or scored: its log has the score of every epoch that was looked at, on held-out rows, and
beside it that of another protocol, where the recipe asks for one. Written are long.png and long.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genbench.errors import UsageError
from genbench.figures import rows, style
from genbench.records import files
from genbench.records.watched import EVENTS, since_begun
from genbench.tables import published

NAME = "long"


@dataclass(frozen=True)
class Training:
    """What one training's log says of its epochs.

    scored, beside: value by epoch, in order, by the protocol that chooses and by the other. ended:
    by what, or "" while it has not.
    """

    name: str
    scored: dict[int, float]
    beside: dict[int, float]
    ended: str

    @property
    def best(self) -> int:
        """The epoch that is kept."""
        return max(self.scored, key=self.scored.__getitem__)


def training(folder: Path) -> Training:
    """Reads a log; an epoch that was made again counts once. Raises UsageError without scores."""
    events = since_begun(files.peeked_lines(folder / EVENTS))
    looks = {event["epoch"]: event for event in events if "score" in event}
    if not looks:
        raise UsageError(f"no epoch of {folder} was scored: its log has no score")
    scored = {epoch: looks[epoch]["score"] for epoch in sorted(looks)}
    beside = {e: v for e in scored for v in looks[e].get("beside", {}).values()}
    ended = [event["by"] for event in events if event.get("stage") == "ended"]
    name = folder.name.rpartition("-")[0].replace("-", " ")
    return Training(name, scored, beside, ended[-1] if ended else "")


def paper(model: str, dataset: str, metric: str) -> tuple[float, float, str]:
    """The published value, its error and its source."""
    asked = {"model": model, "dataset": dataset, "metric": metric}
    row = next(row for row in published.values() if asked.items() <= row.items())
    return float(row["value"]), float(row["stderr"]), row["source"]


def drawn(trainings: Sequence[Training], model: str, dataset: str, metric: str) -> style.Drawn:
    """Value by epoch, a line for each training and protocol, and the published value as a band."""
    value, stderr, source = paper(model, dataset, metric)
    with style.style():
        figure, [ax] = rows.grid(1, 7.0, 4.2)
        ax.axhspan(value - stderr, value + stderr, color=style.GREY, alpha=0.2, lw=0)
        ax.axhline(value, color=style.GREY, lw=0.8, label=f"published, {value:g} ± {stderr:g}")
        for i, one in enumerate(trainings):
            look = rows.nth(i)
            ax.plot(*_points(one.scored), color=look.colour, label=one.name)
            if one.beside:
                ax.plot(*_points(one.beside), color=look.colour, ls=":", lw=1)
            ax.plot(one.best, one.scored[one.best], look.marker, color=look.colour)
        ax.set_xlabel("epoch")
        ax.set_ylabel("held-out nats")
        ax.legend(loc="lower right", frameon=False)
        rows.finish(ax, f"{model} on {dataset}, by epoch")
    said = [
        "score of the epoch's samples on rows that are no test rows; marked: the best epoch",
        *(["dotted: sigma refined between the widths"] if any(t.beside for t in trainings) else []),
        f"the published value is of test rows: {source}",
        *(f"{one.name}: {_end(one)}" for one in trainings),
    ]
    alt = "; ".join(f"{t.name} is best after epoch {t.best} ({_best(t)})" for t in trainings)
    return style.Drawn(NAME, figure, alt, style.sentences(said))


def _points(values: Mapping[int, float]) -> tuple[list[int], list[float]]:
    return [*values], [*values.values()]


def _best(one: Training) -> str:
    return f"{one.scored[one.best]:.1f}"


def _end(one: Training) -> str:
    ends = {"patience": "ended by its rule", "epochs": "ended with its last epoch"}
    best = f"best {_best(one)} at {one.best}"
    return f"{ends.get(one.ended, 'not done yet')}, epoch {max(one.scored)}; {best}"


def page(trainings: Sequence[Training], every: int) -> str:
    """The same as a table in Markdown, of every so many epochs."""
    heads = [f"{one.name}{way}" for one in trainings for way in ("", ", sigma refined")]
    lines = [
        "# Held-out nats of a long training, by epoch",
        "",
        "![value by epoch](long.png)",
        "",
        "| epoch | " + " | ".join(heads) + " |",
        "|--:" * (len(heads) + 1) + "|",
    ]
    looked = sorted({epoch for one in trainings for epoch in one.scored})
    for epoch in (e for e in looked if e % every == 0):
        cells = [v.get(epoch) for one in trainings for v in (one.scored, one.beside)]
        shown = ["" if cell is None else f"{cell:.1f}" for cell in cells]
        lines.append(f"| {epoch} | " + " | ".join(shown) + " |")
    lines += ["", *(f"- {one.name}: {_end(one)}." for one in trainings)]
    return "\n".join(lines) + "\n"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trainings", type=Path, nargs="+", metavar="TRAINING")
    parser.add_argument("--every", type=int, default=50, help="epochs between lines of the table")
    parser.add_argument("--model", default="gan")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--metric", default="parzen")
    parser.add_argument("--out", type=Path, help="folder of long.png and long.md")
    o = parser.parse_args(given)
    trainings = [training(folder) for folder in o.trainings]
    print(page(trainings, o.every))
    if o.out:
        figure = drawn(trainings, o.model, o.dataset, o.metric)
        style.save(figure, o.out / f"{NAME}.png", "png")
        files.write_bytes(o.out / f"{NAME}.md", page(trainings, o.every).encode())


if __name__ == "__main__":
    main()
