"""`genbench figure`: pictures of a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genbench.cli.options import (
    DataDir,
    OnlyDatasets,
    OnlyModels,
    ResultsDir,
    data_folder,
    figure_app,
    option,
    split,
)
from genbench.defaults import DEFAULTS
from genbench.errors import UsageError
from genbench.tables.chosen import only, ordered, tables_of

if TYPE_CHECKING:
    from genbench.figures import Absent, Drawn

Out = Annotated[Path, option("A .png, .svg or .pdf file, written anew.", "OUT", "--out", "-o")]
Sheets = Annotated[
    Path,
    option(
        "A .png, .svg or .pdf file; of several figures, each has its name added.",
        "OUT",
        "--out",
        "-o",
    ),
]
Count = Annotated[
    int,
    option("Samples of a sheet, as many as fill whole rows.", "COUNT", "--count", min=1, max=400),
]


@figure_app.command("values", epilog="Example:  genbench figure values -d mnist,tfd -o values.pdf")
def figure_values(
    out: Out = Path("values.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
) -> None:
    """Scores with 95 % intervals, single seeds and published values."""
    _one("values", out, models, dataset, results_dir)


@figure_app.command("speed", epilog="Example:  genbench figure speed -d mnist --out speed.pdf")
def figure_speed(
    out: Out = Path("speed.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
) -> None:
    """Scores against samples per second, a panel for each dataset."""
    _one("speed", out, models, dataset, results_dir)


@figure_app.command("sigma", epilog="Example:  genbench figure sigma -m gan,dbn -o sigma.svg")
def figure_sigma(
    out: Out = Path("sigma.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
) -> None:
    """Scores on validation rows against sigma; the chosen one is marked."""
    _one("sigma", out, models, dataset, results_dir)


@figure_app.command("count", epilog="Example:  genbench figure count -d mnist --out count.svg")
def figure_count(
    out: Out = Path("count.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
) -> None:
    """Scores against the number of samples, with published values."""
    _one("count", out, models, dataset, results_dir)


@figure_app.command("epochs", epilog="Example:  genbench figure epochs -m gan --out epochs.svg")
def figure_epochs(
    out: Out = Path("epochs.png"),
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
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
    results_dir: ResultsDir = Path("results"),
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
    results_dir: ResultsDir = Path("results"),
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
    out: Annotated[Path, option("A folder.", "OUT", "--out", "-o")] = Path("figures"),
    form: Annotated[str, option("png, svg, pdf; several too.", "FORMAT", "--format", "-f")] = "png",
    models: OnlyModels = None,
    dataset: OnlyDatasets = None,
    results_dir: ResultsDir = Path("results"),
    data_dir: DataDir = None,
) -> None:
    """Every figure that the results allow; of the others, why they do not."""
    from genbench import figures
    from genbench.records.store import Store

    forms, store = _forms(form), Store(results_dir)
    found = tables_of(ordered(only(store, models, dataset)))
    made = figures.available(found, store, DEFAULTS.references, _reader(data_dir))
    _write(made, lambda drawn: [out / f"{drawn.name}.{form}" for form in forms])


def _forms(text: str) -> list[str]:
    from genbench import figures
    from genbench.plugins import registry

    forms = [form.lower().removeprefix(".") for form in split(text, "--format")]
    for form in forms:
        if form not in figures.DATES:
            raise UsageError(f"unknown format {form!r}; {registry.nearest(form, figures.DATES)}")
    return forms


def _one(name: str, out: Path, models: str | None, dataset: str | None, results_dir: Path) -> None:
    """Draws the figure of this name into a file."""
    from genbench import figures
    from genbench.records.store import Store

    figures.form(out)
    store = Store(results_dir)
    found = tables_of(ordered(only(store, models, dataset)))
    _write(figures.named(name, found, store, DEFAULTS.references), lambda _: [out])


def _several(
    name: str,
    out: Path,
    models: str | None,
    dataset: str | None,
    results_dir: Path,
    data_dir: Path | None,
    count: int | None = None,
) -> None:
    """Draws the figures of this name; into one file, or into one each, whose name says of what."""
    from genbench import figures
    from genbench.records.store import Store

    form, store = figures.form(out), Store(results_dir)
    found = tables_of(ordered(only(store, models, dataset)))
    data, references = _reader(data_dir), DEFAULTS.references
    made = list(figures.named(name, found, store, references, data, count or figures.COUNT))
    single = sum(isinstance(figure, figures.Drawn) for figure in made) == 1

    def place(drawn: Drawn) -> list[Path]:
        own = drawn.name.removeprefix(f"{name}-")
        return [out if single else out.with_name(f"{out.stem}-{own}.{form}")]

    if not _write(made, place):
        raise UsageError(f"no figure of {name} could be drawn")


def _reader(data_dir: Path | None) -> Callable[[str], Any]:
    """Gives a dataset by its name, each once."""
    from genbench.plugins import registry

    @cache
    def read(name: str) -> Any:
        return registry.load("dataset", name)(data_folder(data_dir))

    return read


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
