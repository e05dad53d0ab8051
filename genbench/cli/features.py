"""`genbench features`: what metrics are computed in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genbench.cli.applications import features_app
from genbench.cli.options import DataDir, Json, completing
from genbench.cli.parsing import data_folder, writable
from genbench.cli.showing import echo, print_rows
from genbench.errors import AlteredError, DataError, UsageError

SHOWN = 12  # digits of a sha256

FeaturesName = Annotated[
    str, typer.Argument(help="Registered features.", autocompletion=completing("features"))
]
AnyFeatures = Annotated[
    str | None, typer.Argument(help="Only these features.", autocompletion=completing("features"))
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="A file for the weights; by default they go into the data folder."
    ),
]


@features_app.command("list")
def features_list(data_dir: DataDir = None, as_json: Json = False) -> None:
    """All features: their width, the rows they are for, their weights, and how good they are."""
    from genbench.plugins import registry

    folder = data_folder(data_dir)
    print_rows([_row(name, folder, as_json) for name in registry.names("features")], as_json)


def _row(name: str, folder: Path, whole: bool) -> dict[str, str]:
    from genbench.plugins import registry

    cls = registry.load("features", name)
    built, lacking = _built(cls, folder)
    of = cls if built is None else built
    digest = built.digest if built is not None else ""
    return {
        "name": name,
        "width": str(getattr(of, "width", "as the rows")),
        "takes": getattr(of, "takes", ""),
        "digest": digest if whole else digest[:SHOWN],
        "quality": lacking or getattr(of, "quality", ""),
    }


def _built(cls: Any, folder: Path) -> tuple[Any, str]:
    """The extractor of rows that it names a shape of, or None and why there is none."""
    shape = getattr(cls, "shape", None)
    if shape is None:
        return None, ""
    try:
        return cls(shape, folder), ""
    except (UsageError, DataError) as error:
        return None, f"not here: {error}"


@features_app.command("check", epilog="Example:  genbench features check digits")
def features_check(
    name: AnyFeatures = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Compute the digests of weights and features again; exit code 3 where one differs."""
    from genbench.features.checking import checks
    from genbench.plugins import registry

    folder = data_folder(data_dir)
    names = [registry.find("features", name).name] if name else registry.names("features")
    rows, broken = [], []
    for each in names:
        cls = registry.load("features", each)
        built, lacking = _built(cls, folder)
        if name and lacking:
            raise UsageError(lacking.removeprefix("not here: "))
        for check in checks(built, _test_rows(cls, folder)) if built else ():
            state = "as known" if check.holds else f"DIFFERS, known: {check.known}"
            rows.append({"name": each, "of": check.what, "sha256": check.found, "state": state})
            broken += [] if check.holds else [f"{each} ({check.what})"]
    print_rows(rows, as_json)
    if not rows and not as_json:
        echo("nothing to check: no weights, no known digest", err=True)
    if broken:
        raise AlteredError(
            f"other features than those that were known: {', '.join(broken)}. Install the package "
            "again, or train again what was trained here; scores of the two are not comparable."
        )


def _test_rows(cls: Any, folder: Path) -> Any:
    """The test rows of the dataset that features are for, where they are known and here."""
    from genbench.plugins import registry

    if "test rows" not in getattr(cls, "known", {}):
        return None
    try:
        return registry.load("dataset", cls.dataset)(folder).split(0).test
    except DataError:
        return None


@features_app.command("train", epilog="Example:  genbench features train faces")
def features_train(name: FeaturesName, data_dir: DataDir = None, out: Out = None) -> None:
    """Train a small network on the labelled rows of a dataset, and keep it in whole numbers."""
    from genbench.features.training import made
    from genbench.plugins import registry
    from genbench.records.files import write_bytes

    folder, cls = data_folder(data_dir), registry.load("features", name)
    if not hasattr(cls, "labelled"):
        raise UsageError(f"features {name!r} have nothing to train")
    dataset = registry.load("dataset", cls.dataset)(folder)
    place = out.expanduser() if out else cls.place(folder, dataset.digest)
    if place is None:
        raise UsageError(f"features {name!r} come with the package: --out FILE trains others")
    writable(place)
    content, quality = made(cls, cls.labelled(dataset), dataset.digest, _say)
    write_bytes(place, content)
    echo(f"{place}: {quality}")


@features_app.command("import", epilog="Example:  genbench features import inception FILE.pth")
def features_import(
    name: FeaturesName,
    path: Annotated[Path, typer.Argument(help="The file of weights.")],
    data_dir: DataDir = None,
) -> None:
    """Take a network's weights from your disk into the data folder; only known ones are opened."""
    from genbench.plugins import registry
    from genbench.records.files import write_bytes

    cls = registry.load("features", name)
    if not hasattr(cls, "brought"):
        raise UsageError(f"features {name!r} need no file of yours")
    content, place = cls.brought(path.expanduser()), cls.place(data_folder(data_dir))
    write_bytes(place, content)
    echo(str(place))


def _say(epoch: int, epochs: int, loss: float) -> None:
    echo(f"epoch {epoch} of {epochs}: loss {loss:.4f}", err=True)
