"""`genbench figure`: pictures of a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import figure_app
from genbench.cli.options import (
    DataDir,
    OnlyDatasets,
    OnlyModels,
    ResultsDir,
    form,
    option,
    out,
)
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError

if TYPE_CHECKING:
    from genbench.figures import Absent, Drawn, Sources
    from genbench.records.store import Store
    from genbench.tables.cells import Cell

Out = Annotated[Path, out("A .png, .svg or .pdf file, written anew.")]
Sheets = Annotated[
    Path, out("A .png, .svg or .pdf file; of several figures, each has its name added.")
]
Folder = Annotated[Path, out("A folder.")]
Forms = Annotated[str, form("png, svg, pdf; several too.")]
Count = Annotated[
    int,
    option("Samples of a sheet, as many as fill whole rows.", "COUNT", "--count", min=1, max=400),
]


@figure_app.command("values", epilog="Example:  genbench figure values -d mnist,tfd -o values.pdf")
def figure_values(
    out: Out = Path("values.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = None,
) -> None:
    """Scores with 95 % intervals, single seeds and published values."""
    _one("values", out, models, dataset, results_dir)


@figure_app.command("speed", epilog="Example:  genbench figure speed -d mnist --out speed.pdf")
def figure_speed(
    out: Out = Path("speed.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = None,
) -> None:
    """Scores against samples per second, a panel for each dataset."""
    _one("speed", out, models, dataset, results_dir)


@figure_app.command("curves", epilog="Example:  genbench figure curves -m gan,dbn -o curves.svg")
def figure_curves(
    out: Out = Path("curves.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = None,
) -> None:
    """The curves that metrics give, such as scores by the number of samples."""
    _one("curves", out, models, dataset, results_dir)


def _replaced(context: typer.Context) -> None:
    old = context.info_name
    raise UsageError(f"there is no figure {old} now: genbench figure curves draws all curves")


_ANY = {"ignore_unknown_options": True, "allow_extra_args": True}
for _old in ("sigma", "count"):
    figure_app.command(_old, hidden=True, context_settings=_ANY)(_replaced)


@figure_app.command("epochs", epilog="Example:  genbench figure epochs -m gan --out epochs.svg")
def figure_epochs(
    out: Out = Path("epochs.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = None,
) -> None:
    """Scores on held-out rows by epochs, or losses where epochs were not scored."""
    _one("epochs", out, models, dataset, results_dir)


@figure_app.command(
    "samples",
    epilog="Examples:  genbench figure samples -m gan -d mnist -o gan.png  |  "
    "genbench figure samples -d tfd --count 49 --out sheets/tfd.svg",
)
def figure_samples(
    out: Sheets = Path("samples.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    count: Count = 100,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
) -> None:
    """Sheets of the first samples of each row, with the nearest training images."""
    _several("samples", out, models, dataset, results_dir, data_dir, count)


@figure_app.command(
    "interpolation",
    epilog="Example:  genbench figure interpolation -m gan -d mnist -o interpolation.png",
)
def figure_interpolation(
    out: Sheets = Path("interpolation.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
) -> None:
    """Images along straight lines in z, for models that decode a latent z."""
    _several("interpolation", out, models, dataset, results_dir, data_dir)


@figure_app.command(
    "all",
    epilog="Examples:  genbench figure all  |  "
    "genbench figure all -d mnist --out figures --format svg,png",
)
def figure_all(
    out: Folder = Path("figures"),
    form: Forms = "png",
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = None,
    data_dir: DataDir = None,
) -> None:
    """Every figure that the results allow; of the others, why they do not."""
    from genbench import figures

    store = parsing.store(results_dir)
    forms = [form.lower().removeprefix(".") for form in parsing.split(form, "--format")]
    for each in forms:
        parsing.one_of(list(figures.DATES), each, "format")
    found = _found(store, models, dataset)
    made = figures.available(found, store, DEFAULTS.references, sources(store, data_dir))
    _write(made, lambda drawn: [out / f"{drawn.name}.{form}" for form in forms])


def _found(store: Store, models: str | None, dataset: str | None) -> list[tuple[str, list[Cell]]]:
    """The titles and cells of what is to be drawn."""
    from genbench.tables import chosen, contents

    only = parsing.only(models, "--models"), parsing.only(dataset, "--dataset")
    return contents.tables_of(chosen.ordered(chosen.only(store, *only)))


def sources(store: Store, data_dir: Path | None) -> Sources:
    """The datasets and the trained models that pictures are made of."""
    from genbench.figures import Sources
    from genbench.running import data, restored

    datasets = data.Sources(parsing.data_folder(data_dir))
    return Sources(datasets.dataset, partial(restored.model, store), restored.able)


def _one(
    name: str, out: Path, models: str | None, dataset: str | None, results_dir: ResultsDir
) -> None:
    """Draws the figure of this name into a file."""
    from genbench import figures

    figures.form(out)
    store = parsing.store(results_dir)
    found = _found(store, models, dataset)
    _write(figures.named(name, found, store, DEFAULTS.references), lambda _: [out])


def _several(
    name: str,
    out: Path,
    models: str | None,
    dataset: str | None,
    results_dir: ResultsDir,
    data_dir: Path | None,
    count: int | None = None,
) -> None:
    """Draws the figures of this name; into one file, or into one each, whose name says of what."""
    from genbench import figures

    form, store = figures.form(out), parsing.store(results_dir)
    found, beside = _found(store, models, dataset), sources(store, data_dir)
    count = count or figures.COUNT
    made = list(figures.named(name, found, store, DEFAULTS.references, beside, count))
    single = sum(isinstance(figure, figures.Drawn) for figure in made) == 1

    def place(drawn: Drawn) -> list[Path]:
        own = drawn.name.removeprefix(f"{name}-")
        return [out if single else out.with_name(f"{out.stem}-{own}.{form}")]

    if not _write(made, place):
        raise UsageError(f"no figure of {name} could be drawn")


def _write(made: Iterable[Drawn | Absent], places: Callable[[Drawn], Iterable[Path]]) -> int:
    """Writes each figure and prints where; says on stderr which there is none of, and why."""
    from genbench import figures

    written = 0
    for figure in made:
        if isinstance(figure, figures.Absent):
            typer.echo(f"no {figure.name}: {figure.reason}", err=True)
            continue
        for path in places(figure):
            figures.save(figure, path, figures.form(path))
            typer.echo(str(path))
            written += 1
    return written
