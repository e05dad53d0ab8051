"""The results lock: sha256 of every record and of every table rendered from them.

`lock.json` lies in the folder of results and names files relative to it. Of a folder inside a git
checkout it lists what git keeps or would keep, so that it holds in a clone too.

    {"files": {"runs/mnist/gan/.../result.json": "0c36..."},
     "tables": {"tables/mnist.md": {"arguments": ["-d", "mnist"], "form": "md", "sha256": "77ab...",
                                    "other_code": []}}}
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from genbench.errors import AlteredError, StoreError, UsageError
from genbench.records import files, judgements
from genbench.records.git import git
from genbench.records.store import ANSWERS, EVENTS, KEPT, RUN

NAME = "lock.json"
FORMS = {"md": "md", "latex": "tex", "csv": "csv", "html": "html", "json": "json"}  # form -> suffix
_CHUNK = 1 << 20
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # what a table may be called: its files are


@dataclass(frozen=True)
class Table:
    """A rendered table: by which arguments of `genbench table`, in which form, and its sha256.

    other_code: the keys of the results in it whose code or recipe was not the installed one; rows
    of the table say so, and it reads otherwise when that changes.
    """

    arguments: Sequence[str]
    form: str
    sha256: str
    other_code: Sequence[str] = ()


@dataclass(frozen=True)
class Lock:
    """What a lock file says: path -> sha256 of each record, path -> each rendered table."""

    files: Mapping[str, str]
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Change:
    """A file that is not as the lock says: "changed", "missing", or "new", not in the lock."""

    path: str
    how: str


def read(results_dir: Path) -> Lock | None:
    """The lock of a folder, or None; raises AlteredError where it was edited."""
    path = results_dir / NAME
    if not path.exists():
        return None
    record = files.read_json(path)
    try:
        tables = {name: Table(**table) for name, table in record["tables"].items()}
        lock = Lock(record["files"], tables)
        for name in [*lock.files, *lock.tables]:
            check_inside(path, name)
        for name, table in lock.tables.items():
            stem = PurePosixPath(name).stem
            if not (_PLAIN.fullmatch(stem) and name == path_of(stem, table.form)):
                raise AlteredError(f"{path} names {name!r}, which is no place of a table")
    except (KeyError, TypeError, AttributeError) as error:
        raise AlteredError(f"{path} is no results lock: {error}") from error
    return lock


def check_inside(by: Path, path: str) -> None:
    """Raises AlteredError where a file names a path that leaves the folder of results.

    So does, on some system, one with a backslash, a drive or a NUL; no record of ours has any.
    """
    inside = PurePosixPath(path)
    if inside.is_absolute() or ".." in inside.parts or any(odd in path for odd in "\\:\0"):
        raise AlteredError(f"{by} names {path!r}, which is outside the folder of results")


def check_tables(results_dir: Path) -> None:
    """Raises AlteredError where tables would be written outside the folder, through a link."""
    inside, place = results_dir.resolve(), (results_dir / "tables").resolve()
    if inside not in place.parents:
        raise AlteredError(f"{results_dir / 'tables'} leads out of the folder, to {place}")


def write(
    results_dir: Path, tables: Mapping[str, Table], hashed: Mapping[str, str] | None = None
) -> Lock:
    """Locks the records that are there, and tables that were rendered; returns what it wrote.

    hashed: the sha256 of the records that the tables were rendered from, by path.
    Raises UsageError where there are records and git ignores all of them.
    """
    if not records(results_dir) and _found(results_dir):
        raise UsageError(
            f"git ignores every record in {results_dir / 'runs'}, so a clone would have none to "
            "check: take them out of .gitignore (git check-ignore -v names the line)"
        )
    lock = Lock(hashes(results_dir) if hashed is None else hashed, tables)
    files.write_json(results_dir / NAME, asdict(lock))
    return lock


def hashes(results_dir: Path) -> dict[str, str]:
    """sha256 of every record, by path; of a log, that of its whole lines."""
    found = {}
    for path in records(results_dir):
        place = results_dir / path
        found[path] = _sha256_of_log(place) if place.name == EVENTS else sha256_of(place)
    return found


def records(results_dir: Path) -> list[str]:
    """The records of a folder, relative, sorted; those that git ignores are left out."""
    found, kept = _found(results_dir), _kept_by_git(results_dir)
    return sorted(found if kept is None else found & kept)


def _found(results_dir: Path) -> set[str]:
    """The records that are complete, and the judgements that the notes of tables quote.

    Of a question without an answer nothing is kept yet.
    """
    paths = [path for path in (results_dir / "runs").rglob("*") if path.name in KEPT]
    asked = {path.parent for path in paths if path.name == RUN}
    open_ones = asked - {path.parent for path in paths if path.name in ANSWERS.values()}
    complete = (path for path in paths if path.parent not in open_ones)
    judged = (results_dir / judgements.FOLDER).glob("*.json")
    return {path.relative_to(results_dir).as_posix() for path in (*complete, *judged)}


def _kept_by_git(folder: Path) -> set[str] | None:
    """What git keeps or would keep of a folder, relative to it; None where there is no git."""
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    printed = git(folder, *listing)
    if printed is None:
        return None
    return {name.decode(errors="surrogateescape") for name in printed.split(b"\0") if name}


def state(results_dir: Path) -> dict[str, tuple[int, int, int]]:
    """What changes as soon as a record is written anew; a log only grows, and is left out."""
    found = {}
    for path in records(results_dir):
        if PurePosixPath(path).name != EVENTS:
            with suppress(FileNotFoundError):
                about = (results_dir / path).stat()
                found[path] = (about.st_ino, about.st_size, about.st_mtime_ns)
    return found


def _sha256_of_log(path: Path) -> str:
    """sha256, in hex, of the whole lines of a log, one that is just being written left out."""
    content = _bytes(path)
    return hashlib.sha256(content[: content.rfind(b"\n") + 1]).hexdigest()


def _has_grown(path: Path, sha256: str) -> bool:
    """Whether a log begins with the lines that the lock knows: its reader checks the others."""
    digest = hashlib.sha256()
    for line in _bytes(path).splitlines(keepends=True):
        digest.update(line)
        if digest.hexdigest() == sha256:
            return True
    return False


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def sha256_of(path: Path) -> str:
    """sha256, in hex, of a file's bytes; raises StoreError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()


def changes(results_dir: Path, lock: Lock, only: Iterable[str] | None = None) -> list[Change]:
    """What is not as the lock says, in the order of the paths.

    only: the paths to look at; of these, one that the lock does not list is no change.
    """
    listed = {**lock.files, **{path: table.sha256 for path, table in lock.tables.items()}}
    wanted = listed if only is None else {path: listed[path] for path in only if path in listed}
    found = [Change(path, _state(results_dir, path, sha)) for path, sha in wanted.items()]
    new = set(records(results_dir)) - listed.keys() if only is None else set()
    found += [Change(path, "new") for path in new]
    return sorted((change for change in found if change.how), key=lambda change: change.path)


def _state(results_dir: Path, path: str, sha256: str) -> str:
    """How a file differs from what the lock says, or an empty text."""
    place = results_dir / path
    if not place.is_file():
        return "missing"
    same = sha256_of(place) == sha256 or (place.name == EVENTS and _has_grown(place, sha256))
    return "" if same else "changed"


def named(texts: Sequence[str]) -> dict[str, list[str]]:
    """Tables by name from texts NAME=ARGUMENTS, the arguments split as a shell does.

    Raises UsageError for a name that is no plain file name, and for a quote that does not end.
    """
    found = {}
    for text in texts:
        name, equals, arguments = text.partition("=")
        if not (equals and name.isascii() and name.replace("-", "_").isidentifier()):
            example = "mnist='-d mnist'"
            raise UsageError(f"--table takes NAME=ARGUMENTS, such as {example}; got {text!r}")
        try:
            found[name] = shlex.split(arguments)
        except ValueError as error:
            raise UsageError(f"--table {name}: {error} in {arguments!r}") from error
    return found


def definitions(lock: Lock) -> dict[str, list[str]]:
    """The tables of a lock, by name: the arguments that each is rendered by."""
    return {PurePosixPath(path).stem: [*table.arguments] for path, table in lock.tables.items()}


def path_of(name: str, form: str) -> str:
    """Where a rendered table lies: "tables/mnist.tex"."""
    return f"tables/{name}.{FORMS[form]}"
