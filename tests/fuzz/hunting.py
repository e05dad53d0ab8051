"""Changed files given to a reader, in a process that may die of them."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from genbench.errors import GenbenchError

from .readers import EVERY, Reader

MEMORY = 3 << 30  # bytes of address space beyond what the process had at its start
PATIENCE = 10  # seconds for one file
CORPUS = Path(__file__).parent / "corpus"


class Hang(BaseException):
    """A file took longer than PATIENCE."""


class Unpickled(BaseException):
    """A file made Python look for a class by its name."""


@dataclass
class Count:
    """What became of the files of a reader; findings: what was raised, and the file."""

    reader: str
    taken: int = 0
    refused: int = 0
    findings: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return self.taken + self.refused + len(self.findings)


def hunted(name: str, seconds: float, most: int, seed: int, workplace: Path) -> Count:
    """Valid files, what was found before, and changed ones until a time or a number is over.

    It stops at ten findings.
    """
    reader = EVERY[name]()
    _guard()
    count, draw, ends = Count(name), random.Random(f"{name} {seed}"), time.monotonic() + seconds
    before = [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
    for content in [*reader.seeds, *before]:
        _look(reader, content, workplace, count)
    while time.monotonic() < ends and count.inputs < most and len(count.findings) < 10:
        changed = reader.mutate(draw.choice(reader.seeds), reader.seeds, draw)
        _look(reader, changed, workplace, count)
    return count


def _look(reader: Reader, content: bytes, workplace: Path, count: Count) -> None:
    """Lets a reader read a file, which stays there if the process dies of it."""
    (workplace / "last").write_bytes(content)
    path = workplace / f"file{reader.suffix}"
    path.write_bytes(content)
    try:
        with _patience():
            reader.read(path)
        count.taken += 1
    except GenbenchError:
        count.refused += 1
    except (Exception, Hang, Unpickled) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        about = (
            f"{type(error).__name__}: {error!s:.200} ({Path(where.filename).name}:{where.lineno})"
        )
        if about.rpartition("(")[2] not in {said.rpartition("(")[2] for said, _ in count.findings}:
            count.findings.append((about, content))
        else:
            count.refused += 1  # of a kind that is known


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _guard() -> None:
    """From now on: no hang, no class looked for by a pickle, no more memory than MEMORY."""

    def over(number: int, frame: FrameType | None) -> None:
        raise Hang

    def hear(event: str, given: object) -> None:
        if event == "pickle.find_class":
            raise Unpickled

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, over)
    sys.addaudithook(hear)
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = resource.getrlimit(resource.RLIMIT_AS)[1]  # a child of the reader has a limit of its own
    resource.setrlimit(resource.RLIMIT_AS, (here + MEMORY, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def apart(work: Callable[..., Count], name: str, *given: object) -> Count:
    """Does a hunt in a process of its own; one that dies is a finding, with its last file."""
    workplace = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_memory()))
    (workplace / "last").touch()  # a process may die before its first file
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, work, name, *given, workplace))
    process.start()
    sender.close()
    try:
        count = receiver.recv()
    except EOFError:
        process.join()
        last = (workplace / "last").read_bytes()
        count = Count(name, findings=[(f"the reader died, code {process.exitcode}", last)])
    process.join()
    shutil.rmtree(workplace)
    return count


def _answer(sender: object, work: Callable[..., Count], *given: object) -> None:
    sender.send(work(*given))  # pyright: ignore[reportAttributeAccessIssue]


def _memory() -> str | None:
    """A folder in memory, where there is one: a million files wear a disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def keep(count: Count) -> None:
    """Puts the files of findings into the corpus."""
    for _, content in count.findings:
        place = CORPUS / count.reader / hashlib.sha256(content).hexdigest()[:12]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
