"""`genbench theory`: the paper's claims, each computed, beside what it should be, and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import Quiet, ResultsDir, Threads, form, option, out
from genbench.cli.showing import echo, new_console, say
from genbench.defaults import DEFAULTS

if TYPE_CHECKING:
    import pandas as pd

    from genbench.records.store import Store
    from genbench.theory.claims import Page

NAMES = (
    "divergences",
    "optimal_discriminator",
    "figure1",
    "normal_500",
    "simplex",
    "saturation",
    "curves",
    "dirac",
    "collapse",
)


def _complete(incomplete: str) -> list[str]:
    return [name for name in NAMES if name.startswith(incomplete)]


def _presets(incomplete: str) -> list[str]:
    from genbench.theory import recipes

    return [name for name in recipes.presets() if name.startswith(incomplete)]


Name = Annotated[
    str | None,
    typer.Argument(help=f"One of {', '.join(NAMES)}; all of them.", autocompletion=_complete),
]
Out = Annotated[Path | None, out("A folder. Default: theory in the folder of results.")]
Preset = Annotated[
    str,
    option(
        "paper, or smoke, which is shorter and less exact.",
        "PRESET",
        "--preset",
        autocompletion=_presets,
    ),
]
Seed = Annotated[int, option("The seed of all that is drawn at random.", "SEED", "--seed", min=0)]
Form = Annotated[str, form("png, svg or pdf.")]


@app.command(
    epilog="Examples:  genbench theory  |  genbench theory figure1 --out figures  |  "
    "genbench theory --preset smoke"
)
def theory(
    name: Name = None,
    out: Out = None,
    preset: Preset = DEFAULTS.preset,
    seed: Seed = 0,
    form: Form = "png",
    threads: Threads = None,
    results_dir: ResultsDir = None,
    quiet: Quiet = False,
) -> None:
    """Compute the GAN paper's propositions and its Figure 1, and why training fails.

    Prints each number beside what it should be, and writes the pictures and a page of them,
    theory.md. Ends in 1 where a number is not what it should be.
    """
    from genbench import figures
    from genbench.running.conditions import settled
    from genbench.theory import recipes

    names = [parsing.one_of(NAMES, name, "page of the theory")] if name else list(NAMES)
    parsing.one_of(recipes.presets(), preset, "preset")
    parsing.one_of(list(figures.DATES), form, "format")
    place = parsing.folder(parsing.place(out, results_dir, "theory"), "--out")
    parsing.writable(place)
    with settled(threads or 1):
        found = list(_made(names, place, form, preset, seed, parsing.store(results_dir), quiet))
    if any(page.broken for page in found):
        raise typer.Exit(1)


def _made(
    names: Sequence[str],
    place: Path,
    form: str,
    preset: str,
    seed: int,
    store: Store,
    quiet: bool,
) -> Iterator[Page]:
    """Each page, printed and written as soon as it is made; at last all of them as one file."""
    from genbench import figures
    from genbench.records import files
    from genbench.theory import kept, pages

    texts = []
    for name in names:
        if not quiet:
            say(new_console(), f"computing {name} ...")
        page = pages.page(name, preset, seed, store)
        written = []
        for picture in page.pictures:
            drawn = figures.page(picture)
            path = place / f"{picture.name}.{form}"
            figures.save(drawn, path, form)
            written.append((path.name, drawn.alt))
        if page.film:
            path = place / f"{page.name}.gif"
            files.write_bytes(path, figures.animated(page.film))
            written.append((path.name, f"{page.title}, as a film: {page.film[-1].alt}"))
        sentences, shown = [*page.said, *_reached(page, preset)], _frame(page)
        table = [*map(str, shown.columns)], shown.astype(str).values.tolist()
        about = kept.KeptPage(NAMES.index(name), page.title, sentences, *table, written)
        kept.put(place, name, about)
        texts.append(_text(page, written, preset))
        echo(texts[-1])
        yield page
    files.write_bytes(place / "theory.md", "\n".join(["# The theory, computed\n", *texts]).encode())
    if not quiet:
        say(new_console(), f"the pictures and theory.md are in {place}")


def _text(page: Page, written: Sequence[tuple[str, str]], preset: str) -> str:
    """A page in Markdown: what to learn, the numbers, the pictures with their texts."""
    from genbench.tables.formats import markdown

    pictures = [f"![{alt}]({file})" for file, alt in written]
    return "\n".join(
        [
            f"## {page.title}\n",
            *page.said,
            "",
            *_reached(page, preset),
            markdown(_frame(page), []),
            *(f"{picture}\n" for picture in pictures),
        ]
    )


def _reached(page: Page, preset: str) -> list[str]:
    """That trainings cut short need not reach what a page says, where some of them are."""
    if preset == DEFAULTS.preset or all(number.aim is not None for number in page.numbers):
        return []
    return [
        f"**Preset {preset}**: the trainings are cut short, and need not reach what is said above. "
        "A number without an aim is only shown.\n"
    ]


def _frame(page: Page) -> pd.DataFrame:
    """Each number, what it should be, how near, and whether it is."""
    import pandas as pd

    rows = [
        {
            "number": one.what,
            "is": f"{one.value:.6g}",
            "should be": "" if one.aim is None else f"{one.aim:.6g}",
            "within": "" if one.aim is None else f"{one.within:g}",
            "holds": "" if one.aim is None else "yes" if one.holds else "NO",
        }
        for one in page.numbers
    ]
    return pd.DataFrame(rows)
