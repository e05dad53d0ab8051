"""`--model-file`: a class that is tried without packaging, registered for one command.

A distribution of nothing but an entry point is written into a folder that lasts as long as the
command, and that folder and the file's own are put on the module path, which workers inherit. So
the class enters by the door that every other does.
"""

from __future__ import annotations

import ast
import atexit
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from genbench.errors import UsageError

MEMBERS = {"fit", "sample", "state_dict", "load_state_dict"}


def registered(text: str | None) -> str | None:
    """Registers the model in a file, "vae.py" or "vae.py:VAE"; gives its name, which is the file's.

    Raises UsageError for a file that is not there, holds no model or several, or has a name that
    is taken.
    """
    if not text:
        return None
    from genbench.plugins import registry

    path, _, wanted = text.partition(".py:")
    path = Path(f"{path}.py" if wanted else text).expanduser().absolute()
    name = path.stem
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"--model-file takes a Python file, or FILE.py:Class; {text} is none")
    if not name.isidentifier():
        raise UsageError(f"--model-file: {path.name} cannot be imported by its name; rename it")
    if _is_registered(name, path.parent):
        return name
    if name in registry.names("model"):
        raise UsageError(f"a model {name!r} is registered already; rename {path.name}")
    _register(name, f"{name}:{wanted or _only_class(path)}", path.parent)
    return name


def _is_registered(name: str, folder: Path) -> bool:
    """Whether this very file has entered already, in this process."""
    from genbench.plugins import registry

    owners = [registry.distribution(e) for e in registry.entries("model") if e.name == name]
    return owners == [f"{name}-file"] and str(folder) in sys.path


def _only_class(path: Path) -> str:
    """The one class in a file with the members of a model."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path} is no Python: {error}") from error
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    models = [one.name for one in classes if _members(one) >= MEMBERS]
    if len(models) != 1:
        found = ", ".join(models) or "none"
        raise UsageError(
            f"{path} should hold one class with {', '.join(sorted(MEMBERS))}; it holds {found}: "
            f"--model-file {path.name}:CLASS names it"
        )
    return models[0]


def _members(node: ast.ClassDef) -> set[str]:
    return {one.name for one in node.body if isinstance(one, ast.FunctionDef)}


def _register(name: str, value: str, folder: Path) -> None:
    from genbench.records import files

    site = TemporaryDirectory(prefix="genbench-model-")
    atexit.register(site.cleanup)
    about = Path(site.name) / f"{name}_file-0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}-file\nVersion: 0\n"
    files.write_bytes(about / "METADATA", metadata.encode())
    entry = f"[genbench.models]\n{name} = {value}\n"
    files.write_bytes(about / "entry_points.txt", entry.encode())
    sys.path[:0] = [str(folder), site.name]


ModelFile = Annotated[
    str | None,
    typer.Option(
        "--model-file",
        metavar="FILE.py",
        help="A model that is not packaged: the class in this file, under the file's name.",
        callback=registered,
        is_eager=True,
        envvar="GENBENCH_MODEL_FILE",
    ),
]
