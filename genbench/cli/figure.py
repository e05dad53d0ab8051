"""`genbench figure`: pictures of a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import figure_app
from genbench.cli.options import (
    DataDir,
    Everything,
    OnlyDatasets,
    OnlyModels,
    ResultsDir,
    form,
    option,
    out,
)
from genbench.cli.showing import echo
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.figures import Absent, Drawn, Sources
    from genbench.records.run import Result
    from genbench.records.store import Store
    from genbench.tables.cells import Cell

WHERE = "Default: in the folder of results that is written."
Out = Annotated[Path | None, out(f"A .png, .svg or .pdf file, written anew. {WHERE}")]
Sheets = Annotated[
    Path | None,
    out(f"A .png, .svg or .pdf file; of several figures, each has its name added. {WHERE}"),
]
Folder = Annotated[Path | None, out(f"A folder. {WHERE}")]
Forms = Annotated[str, form("png, svg or pdf, or several of them.")]
Count = Annotated[
    int,
    option(
        "How many samples; as many are shown as fill whole rows.",
        "COUNT",
        "--count",
        min=1,
        max=400,
    ),
]


@figure_app.command("values", epilog="Example:  genbench figure values -d mnist,tfd -o values.pdf")
def figure_values(
    out: Out = None,
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    results_dir: ResultsDir = None,
) -> None:
    """Scores with 95 % intervals, single seeds and published values."""
    _one("values", out, _Of(models, dataset, everything, results_dir))


@figure_app.command("speed", epilog="Example:  genbench figure speed -d mnist --out speed.pdf")
def figure_speed(
    out: Out = None,
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    results_dir: ResultsDir = None,
) -> None:
    """Scores against samples per second, a panel for each dataset."""
    _one("speed", out, _Of(models, dataset, everything, results_dir))


@figure_app.command("curves", epilog="Example:  genbench figure curves -m gan,dbn -o curves.svg")
def figure_curves(
    out: Out = None,
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    results_dir: ResultsDir = None,
) -> None:
    """The curves that metrics give, such as scores by the number of samples."""
    _one("curves", out, _Of(models, dataset, everything, results_dir))


def _replaced(context: typer.Context) -> None:
    old = context.info_name
    raise UsageError(f"there is no figure {old} now: genbench figure curves draws all curves")


_ANY = {"ignore_unknown_options": True, "allow_extra_args": True}
for _old in ("sigma", "count"):
    figure_app.command(_old, hidden=True, context_settings=_ANY)(_replaced)


@figure_app.command("epochs", epilog="Example:  genbench figure epochs -m gan --out epochs.svg")
def figure_epochs(
    out: Out = None,
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    results_dir: ResultsDir = None,
) -> None:
    """Scores on held-out rows by epochs, or losses where epochs were not scored."""
    _one("epochs", out, _Of(models, dataset, everything, results_dir))


@figure_app.command(
    "samples",
    epilog="Examples:  genbench figure samples -m gan -d mnist -o gan.png  |  "
    "genbench figure samples -d tfd --count 49 --out sheets/tfd.svg",
)
def figure_samples(
    out: Sheets = None,
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    count: Count = 100,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
) -> None:
    """Sheets of the first samples of each row, with the nearest training images."""
    _several("samples", out, _Of(models, dataset, everything, results_dir), data_dir, count)


@figure_app.command(
    "interpolation",
    epilog="Example:  genbench figure interpolation -m gan -d mnist -o interpolation.png",
)
def figure_interpolation(
    out: Sheets = None,
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
) -> None:
    """Images along straight lines in z, for models that decode a latent z."""
    _several("interpolation", out, _Of(models, dataset, everything, results_dir), data_dir)


@figure_app.command(
    "all",
    epilog="Examples:  genbench figure all  |  "
    "genbench figure all -d mnist --out figures --format svg,png",
)
def figure_all(
    out: Folder = None,
    form: Forms = "png",
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    everything: Everything = False,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
) -> None:
    """Every figure that the results allow, and why there are no others."""
    from genbench import figures

    of = _Of(models, dataset, everything, results_dir)
    place = parsing.folder(parsing.place(out, results_dir, "figures"), "--out")
    parsing.writable(place)
    forms = [form.lower().removeprefix(".") for form in parsing.split(form, "--format")]
    for each in forms:
        parsing.one_of(list(figures.DATES), each, "format")
    beside = sources(of.store, data_dir)
    made = figures.available(of.cells(), of.store, DEFAULTS.references, beside)
    _write(made, lambda drawn: [place / f"{drawn.name}.{form}" for form in forms])


@dataclass(frozen=True)
class _Of:
    """Of which results a figure is."""

    models: str | None
    dataset: str | None
    everything: bool
    results_dir: Sequence[Path] | None

    @property
    def store(self) -> Store:
        return parsing.store(self.results_dir)

    def cells(self) -> list[tuple[str, list[Cell]]]:
        """The titles and cells of what is to be drawn: of all results where the last run has none.

        Says on stderr where that is so.
        """
        from genbench.tables import chosen, contents

        only = parsing.only(self.models, "--models"), parsing.only(self.dataset, "--dataset")
        results = chosen.asked_last(self.store, *only, self.everything)
        if not _any_done(results):
            results = chosen.only(self.store, *only)
            if _any_done(results):
                echo("nothing of the last run is done, so all results are drawn", err=True)
        return contents.tables_of(chosen.ordered(results))


def _any_done(results: Sequence[Result]) -> bool:
    return any(result.status == "done" for result in results)


def sources(store: Store, data_dir: Path | None) -> Sources:
    """The datasets and the trained models that pictures are made of."""
    from genbench.figures import Sources
    from genbench.running import data, restored

    datasets = data.Sources(parsing.data_folder(data_dir))
    return Sources(datasets.dataset, partial(restored.model, store), restored.able)


def _one(name: str, out: Path | None, of: _Of) -> None:
    """Draws the figure of this name into a file."""
    from genbench import figures

    path = parsing.writable(parsing.place(out, of.results_dir, f"{name}.png"))
    figures.form(path)
    _write(figures.named(name, of.cells(), of.store, DEFAULTS.references), lambda _: [path])


def _several(
    name: str, out: Path | None, of: _Of, data_dir: Path | None, count: int | None = None
) -> None:
    """Draws the figures of this name; into one file, or into one each, whose name says of what."""
    from genbench import figures

    path = parsing.writable(parsing.place(out, of.results_dir, f"{name}.png"))
    store = of.store
    form, beside, count = figures.form(path), sources(store, data_dir), count or figures.COUNT
    made = list(figures.named(name, of.cells(), store, DEFAULTS.references, beside, count))
    single = sum(isinstance(figure, figures.Drawn) for figure in made) == 1

    def place(drawn: Drawn) -> list[Path]:
        own = drawn.name.removeprefix(f"{name}-")
        return [path if single else path.with_name(f"{path.stem}-{own}.{form}")]

    if not _write(made, place):
        raise UsageError(f"no figure of {name} could be drawn")


def _write(made: Iterable[Drawn | Absent], places: Callable[[Drawn], Iterable[Path]]) -> int:
    """Writes each figure and prints where; says on stderr which there is none of, and why."""
    from genbench import figures

    written = 0
    for figure in made:
        if isinstance(figure, figures.Absent):
            echo(f"no {figure.name}: {figure.reason}", err=True)
            continue
        for path in places(figure):
            figures.save(figure, path, figures.form(path))
            echo(str(path))
            written += 1
    return written
