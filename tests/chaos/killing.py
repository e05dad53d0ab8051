"""Acts on a folder, struck at any moment, by SIGKILL or else, and what must hold afterwards.

An act is done in a copy of this process. Its clock is not the machine's but the events that Python
tells an audit hook: files opened, renamed and removed, and all else. So a seed is a moment, on
every machine and however busy it is.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from stores import answers_of, bytes_of

from genbench import cli
from genbench.errors import GenbenchError
from genbench.records import files, lock
from genbench.records.store import CHECKPOINT, EVENTS, WEIGHTS

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
ACTS = ("os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate", "shutil.rmtree", "half")
Act = Callable[[Path], None]


@dataclass(frozen=True)
class Scenario:
    """What is done in a folder, and what of the folder must be equal however often it was killed.

    before: what the folder holds already. torn: what is wrong with what a killed act left.
    """

    name: str
    act: Act
    proof: Callable[[Path], Mapping[str, bytes]]
    torn: Callable[[Path], list[str]]
    before: Act = lambda folder: None


def command(*words: str) -> Act:
    """A command whose results are in the folder."""

    def act(folder: Path) -> None:
        os.chdir(folder)
        sys.argv = ["genbench", *words]
        cli.main()

    return act


def _killed(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def done(
    act: Act, folder: Path, when: tuple[str, int] | None = None, strike: Act = _killed
) -> tuple[int, dict[str, int]]:
    """Does an act in a copy of this process; its exit code, and how many events there were.

    when: at which number of which events ("files", "any", or "half" of a plain writer's file) it
    is struck: killed, or what else `strike` does, once, in the copy.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        _child(act, folder, when, strike, writing)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    names: list[str] = ["files", "any", "half"]
    counts = dict(zip(names, map(int, said.split()), strict=False))
    return code, counts


def _child(act: Act, folder: Path, when: tuple[str, int] | None, strike: Act, told: int) -> None:
    counts, code, own = {"files": 0, "any": 0, "half": 0}, 0, os.getpid()
    struck: list[bool] = []

    def hear(event: str, given: tuple) -> None:
        if event == "os.kill" or os.getpid() != own:
            return
        counts["any"] += 1
        counts["half"] += event == "half"
        counts["files"] += event in ACTS or (event == "open" and bool((given[2] or 0) & WRITING))
        if when and not struck and counts[when[0]] >= when[1]:
            struck.append(True)
            strike(folder)

    with (folder.parent / f"{folder.name}.said").open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    torch.set_num_threads(1)
    sys.addaudithook(hear)
    try:
        act(folder)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code)
    except BaseException:
        traceback.print_exc()
        code = 70
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os.write(told, " ".join(str(count) for count in counts.values()).encode())
    os._exit(code)


def moment(counts: Mapping[str, int], draw: random.Random) -> tuple[str, int]:
    """Half of the kills come at something done to a file, half at any event."""
    kind = draw.choice([kind for kind in ("files", "any") if counts[kind]])
    return kind, draw.randint(1, counts[kind])


def trial(
    one: Scenario, folder: Path, whole: Path, kill: tuple[str, int]
) -> tuple[bool, list[str]]:
    """Kills an act and does it again: whether it was amid its work, and what did not hold."""
    folder.mkdir(parents=True)
    one.before(folder)
    code, _ = done(one.act, folder, kill)
    faults = [f"torn: {fault}" for fault in one.torn(folder)]
    again, _ = done(one.act, folder)
    if again:
        faults.append(f"ended in {again}: {said(folder)[-300:]}")
    if one.proof(folder) != one.proof(whole):
        faults.append("other bytes than those of an act that nobody killed")
    faults += [f"left over: {path}" for path in folder.rglob("*.tmp")]
    return code == -signal.SIGKILL, faults


def said(folder: Path) -> str:
    """What the last act in a folder printed."""
    return (folder.parent / f"{folder.name}.said").read_text(errors="replace")


def plain_writer(path: Path, content: bytes, check: files.Check = None) -> None:
    """What the one writer must not be: a file that is there before all of it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
        file.flush()
        sys.audit("half")
        file.write(content[len(content) // 2 :])


# --- what may not be torn, and must be equal ---


def torn_store(results: Path) -> list[str]:
    """What of a store cannot be read; and an epoch that was logged and is lost.

    Somebody may be at work in it still, and remove a file between two looks.
    """
    faults: list[str] = []
    readers = {".json": files.read_json, ".npz": files.read_arrays}
    for path in [*results.glob("*.json"), *(results / "runs").rglob("*")]:
        if path.suffix not in (*readers, ".safetensors"):
            continue
        try:
            readers.get(path.suffix, files.read_tensors)(path)
        except GenbenchError as error:
            faults += [str(error)] if path.exists() else []
    lost = [_lost(log) for log in (results / "runs").rglob(EVENTS)] if not faults else []
    return [*faults, *filter(None, lost)]


def _lost(log: Path) -> str:
    """Says where a log tells of more epochs than there are, once weights or a checkpoint are."""
    told = [event["epoch"] for event in files.peeked_lines(log) if "epoch" in event]
    done, kept = 0, log.parent / CHECKPOINT
    with suppress(GenbenchError):  # none is there yet, or none any more
        done = files.read_tensors(kept)[1]["note"]["done"]
    if not told or done >= told[-1] or (log.parent / WEIGHTS).exists():
        return ""
    return f"{log}: epoch {told[-1]} was logged, {done} are kept"


def torn_lock(results: Path) -> list[str]:
    """As of a store; and a lock that cannot be read."""
    try:
        lock.read(results)
    except GenbenchError as error:
        return [str(error)]
    return torn_store(results)


def answers(folder: Path) -> dict[str, bytes]:
    """Weights, samples, scores, questions and answers."""
    return answers_of(folder)


def everything(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return bytes_of(folder)
