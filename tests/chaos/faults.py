"""What a machine does to a command amid its work, and what must hold of it then and afterwards.

A fault strikes in the copy of this process that does the act, at a moment as in `killing`:

    disk         it fills up, but for a few pages, so that a file may begin and not end
    permission   nobody may write the folder any more, nor what is in it
    clock        it jumps by years, and so do the times of all files
    network      it is cut for some seconds
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import killing
from killing import Act, Scenario

PAGE = 4096
YEAR = 365.25 * 86400  # seconds
PLAIN_CODES = (0, 1, 2)  # done, something failed, the request cannot be met
_LIBC = ctypes.CDLL(None, use_errno=True)
_CAPABILITIES = 0x20080522  # the version of capset(2) that has 64 of them
_NEWNET = 0x40000000  # of unshare(2)


def nothing(folder: Path) -> None:
    """As if there were no fault."""


@dataclass(frozen=True)
class Fault:
    """What strikes amid an act, what is done to the process before it, and how all is mended."""

    strike: Act
    mend: Act
    before: Callable[[], None] = lambda: None


def struck(
    one: Scenario, fault: Fault, folder: Path, when: tuple[str, int]
) -> tuple[int, list[str]]:
    """Lets a fault strike amid an act, and mends it: the exit code, and what did not hold."""

    def act(place: Path) -> None:
        fault.before()
        one.act(place)

    folder.mkdir(parents=True, exist_ok=True)
    one.before(folder)
    code, _ = killing.done(act, folder, when, fault.strike)
    fault.mend(folder)
    wrong = told(code, killing.said(folder))
    return code, wrong + [f"torn: {what}" for what in one.torn(folder)]


def stricken(
    one: Scenario, fault: Fault, folder: Path, whole: Path, when: tuple[str, int]
) -> tuple[int, list[str]]:
    """As `struck`; then the act is done again, in a world that is well."""
    code, wrong = struck(one, fault, folder, when)
    before = finished(folder)
    again, _ = killing.done(one.act, folder)
    if again:
        wrong.append(f"ended in {again}: {killing.said(folder)[-300:]}")
    if one.proof(folder) != one.proof(whole):
        wrong.append("other bytes than those of an act that nothing struck")
    now = finished(folder)
    twice = [path for path, number in before.items() if now.get(path) != number]
    wrong += [f"done twice: {path}" for path in twice]
    return code, wrong + [f"left over: {path}" for path in folder.rglob("*.tmp")]


def told(code: int, said: str) -> list[str]:
    """What is wrong with how a command ended: no plain exit code, or no sentence with it."""
    wrong = [] if code in PLAIN_CODES else [f"ended in {code}: {said[-600:]}"]
    if "Traceback" in said:
        wrong.append(f"no sentence but a traceback: {said[-600:]}")
    if code and not any(word in said for word in ("Error: ", ": failed: ", ": no result yet: ")):
        wrong.append(f"no sentence: {said[-600:]}")
    return wrong


def finished(folder: Path) -> dict[Path, int]:
    """Every result that is done, and which file it is: another where it was written again."""
    return {path: path.stat().st_ino for path in folder.rglob("result.json")}


# --- a full disk ---


@contextmanager
def disk(folder: Path, size: str = "8m") -> Iterator[Path]:
    """A small disk in memory; raises OSError where none can be mounted."""
    folder.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise OSError(f"no disk can be mounted here: {error.stderr.decode().strip()}") from error
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full(pages: int) -> Fault:
    """The disk fills up but for some pages; somebody makes room again."""

    def strike(folder: Path) -> None:
        ballast = os.open(folder / "ballast", os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while os.write(ballast, bytes(PAGE)):
                pass
        os.ftruncate(ballast, os.fstat(ballast).st_size - pages * PAGE)
        os.close(ballast)

    return Fault(strike, lambda folder: (folder / "ballast").unlink(missing_ok=True))


# --- no permission ---


def bitten_by_permissions() -> None:
    """From now on this process may write only what its mode lets it, also where it is root's."""
    if os.geteuid():
        return
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
    if _LIBC.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def _modes(folder: Path, of_folders: int, of_files: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        with suppress(FileNotFoundError):
            path.chmod(of_folders if path.is_dir() else of_files)


def forbidden() -> Fault:
    """Nobody may write any more; then all may again."""
    return Fault(
        lambda folder: _modes(folder, 0o555, 0o444),
        lambda folder: _modes(folder, 0o755, 0o644),
        bitten_by_permissions,
    )


# --- a clock that jumps ---


def moved(years: float) -> Fault:
    """The clock and the times of all files jump, and afterwards by as much the other way."""

    def strike(folder: Path) -> None:
        real = time.time
        time.time = lambda: real() + years * YEAR
        time.time_ns = lambda: int(1e9 * time.time())
        _dated(folder, time.time())

    return Fault(strike, lambda folder: _dated(folder, time.time() - years * YEAR))


def _dated(folder: Path, seconds: float) -> None:
    for path in [folder, *folder.rglob("*")]:
        with suppress(FileNotFoundError):
            os.utime(path, (seconds, seconds))


# --- a network that is cut ---


def alone() -> None:
    """This thread and all that it starts are in a network of their own, with nobody else in it."""
    if _LIBC.unshare(_NEWNET):
        raise OSError(ctypes.get_errno(), "no network of its own can be made here")
    link("up")


def link(state: str) -> None:
    """The one link of this network, "up" or "down"."""
    subprocess.run(["ip", "link", "set", "lo", state], check=True, capture_output=True)


def cut(seconds: float) -> Fault:
    """Nothing gets through this network for some seconds, then all does again."""

    def strike(folder: Path) -> None:
        link("down")
        threading.Timer(seconds, link, ["up"]).start()

    return Fault(strike, nothing)
