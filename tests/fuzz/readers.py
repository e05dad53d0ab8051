"""Every reader of files, each with small valid ones."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save
from scipy.io import savemat

import genbench
from genbench.auditing import kept as audits
from genbench.datasets import _mat, cifar10, tfd
from genbench.datasets._idx import parse_idx
from genbench.plugins import recipe, registry, settings
from genbench.records import files, lock
from genbench.records.store import Store
from genbench.samples import reading
from genbench.theory import kept as theory
from genbench.worlds.judging import making

from .mutating import mutated, mutated_json

IDX_SHAPE, RECORDS = (4, 3, 3), 2


@dataclass(frozen=True)
class Reader:
    """What reads a file at a path; valid files, and how others are made of them."""

    name: str
    suffix: str
    seeds: Sequence[bytes]
    read: Callable[[Path], object]
    mutate: Callable[[bytes, Sequence[bytes], random.Random], bytes] = mutated


class Pictures:
    """A dataset of 4 x 4 pictures, for whoever brings samples of it."""

    shape, range, levels, folds, caveat, digest = (1, 4, 4), (0.0, 1.0), 256, 1, "", "0"


def _place(name: str) -> Path:
    """A place for a file of this process, in memory where there is a folder for that."""
    memory = Path("/dev/shm")
    folder = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    return folder / f"fuzz-{os.getpid()}-{name}"


def _packed(save_it: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    save_it(buffer)
    return buffer.getvalue()


# --- datasets ---


def idx() -> Reader:
    rows = bytes(range(36))
    seeds = [struct.pack(">HBB3I", 0, 8, 3, *IDX_SHAPE) + rows, gzip.compress(rows)]
    return Reader("idx", "", seeds, lambda p: parse_idx(p.read_bytes(), IDX_SHAPE, p))


class Small(cifar10.CIFAR10):
    records = RECORDS


def _batch(label: int) -> bytes:
    return (bytes([label]) + bytes(range(256)) * 12) * RECORDS


def cifar_bin() -> Reader:
    file = Small.unpacked[0]
    return Reader("cifar_bin", ".bin", [_batch(3)], lambda p: Small.parse(file, p.read_bytes(), p))


def cifar_tar() -> Reader:
    def archive(buffer: io.BytesIO) -> None:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for number, name in enumerate(cifar10._BATCHES):
                member = tarfile.TarInfo(name)
                member.size = len(_batch(number))
                tar.addfile(member, io.BytesIO(_batch(number)))

    def mutate(content: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
        """Mostly the headers inside, which a checksum of gzip would else hide."""
        if draw.random() < 0.2:
            return mutated(gzip.compress(content, 1), others, draw)
        headers = [512 * draw.randrange(len(content) // 512)] if draw.random() < 0.5 else []
        headers = headers or [start for start in range(0, len(content), 512) if start % 6656 == 0]
        start = draw.choice(headers)
        block = mutated(content[start : start + 512], others, draw)
        if draw.random() < 0.7 and len(block) == 512:  # the header's own sum, mended
            block = block[:148] + b" " * 8 + block[156:]
            block = block[:148] + b"%06o\0 " % (sum(block) & 0o777777) + block[156:]
        return gzip.compress(content[:start] + block + content[start + 512 :], 1)

    seeds = [_packed(archive)]
    file = Small.files[0]
    return Reader("cifar_tar", ".gz", seeds, lambda p: Small.parse(file, p.read_bytes(), p), mutate)


def mat() -> Reader:
    """The child that reads is a fork of this process: a new Python takes a second each."""
    faces = {
        "images": np.arange(3 * 48 * 48, dtype="u1").reshape(3, 48, 48),
        "labs_ex": np.array([[-1], [0], [6]], "i2"),
        "labs_id": np.array([[-1.0], [3.0], [4.0]]),
        "folds": np.array([[0] * 5, [2] * 5, [3] * 5], "u1"),
    }
    small = {name: faces[name] for name in ("labs_ex", "labs_id", "folds")}
    odd = {**small, "images": np.array(["text", 1.5], object), "cell": {"a": 1}}
    every = [(faces, False), (small, False), (small, True), (odd, False)]
    seeds = [_packed(lambda b, f=f, z=z: savemat(b, f, do_compression=z)) for f, z in every]
    tfd.subprocess = SimpleNamespace(run=_forked, TimeoutExpired=subprocess.TimeoutExpired)

    def read(path: Path) -> None:
        tfd._faces(tfd._arrays(path.read_bytes(), path), 5, path)

    return Reader("mat", ".mat", seeds, read)


def _forked(command: Sequence[str], input: bytes, timeout: float, **_: Any) -> SimpleNamespace:
    """What `subprocess.run` of the reading program gives."""
    out = _place("mat")
    pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            with out.open("wb") as written:
                sys.stdin = SimpleNamespace(buffer=io.BytesIO(input))
                sys.stdout = SimpleNamespace(buffer=written)
                _mat.main(here + int(command[3]), list(command[4:]))
            os._exit(0)
        os._exit(1)
    ends = time.monotonic() + timeout
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if time.monotonic() > ends:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            raise subprocess.TimeoutExpired(command, timeout)
        time.sleep(0.0005)
    code = os.waitstatus_to_exitcode(ended[1])
    return SimpleNamespace(returncode=code, stdout=out.read_bytes(), stderr=b"")


# --- samples of anybody ---

ROWS = np.arange(48, dtype="u1").reshape(3, 16)


def _samples(path: Path) -> object:
    return reading.read(path, "pictures", Pictures())  # pyright: ignore[reportArgumentType]


def npy() -> Reader:
    kinds = (ROWS, ROWS / np.float32(255), np.asfortranarray(ROWS), ROWS > 9)
    return Reader("npy", ".npy", [_packed(lambda b, a=a: np.save(b, a)) for a in kinds], _samples)


def npz() -> Reader:
    seeds = [_packed(lambda b, s=s: s(b, samples=ROWS)) for s in (np.savez, np.savez_compressed)]
    seeds.append(_packed(lambda b: np.savez(b, samples=np.asfortranarray(ROWS), other=ROWS)))

    def mutate(content: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
        """Half of the time the array inside, packed again, so that its checksum is right."""
        if draw.random() < 0.5:
            return mutated(content, others, draw)
        array = mutated(_packed(lambda b: np.save(b, ROWS)), others, draw)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", draw.choice((0, 8))) as archive:
            archive.writestr(draw.choice(("samples.npy", "x.npy", "../x.npy", "x")), array)
        return buffer.getvalue()

    return Reader("npz", ".npz", seeds, _samples, mutate)


def tensors() -> Reader:
    seeds = [save({"samples": ROWS}), save({"x": ROWS / np.float32(255)}, {"note": "1"})]

    def mutate(content: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
        """Half of the time the header as JSON, with its length."""
        if draw.random() < 0.5:
            return mutated(content, others, draw)
        (length,) = struct.unpack("<Q", content[:8])
        header = json.dumps(mutated_json(json.loads(content[8 : 8 + length]), draw)).encode()
        return struct.pack("<Q", len(header)) + header + content[8 + length :]

    return Reader("safetensors", ".safetensors", seeds, _samples, mutate)


def png() -> Reader:
    grey, colour = Image.fromarray(ROWS[:1].reshape(4, 4)), Image.new("RGB", (4, 4), "red")
    seeds = [_packed(lambda b, i=i: i.save(b, "PNG")) for i in (grey, colour)]

    def mutate(content: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
        """Most of the time with the checksums of its chunks mended."""
        return (
            _mended(mutated(content, others, draw))
            if draw.random() < 0.7
            else mutated(content, others, draw)
        )

    def read(path: Path) -> object:
        folder = path.with_suffix("")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path.rename(folder / "1.png")
        (folder / "2.png").write_bytes(seeds[0])
        return _samples(folder)

    return Reader("png", ".png", seeds, read, mutate)


def _mended(content: bytes) -> bytes:
    out, rest = content[:8], content[8:]
    while len(rest) >= 12:
        (length,) = struct.unpack(">I", rest[:4])
        if length > len(rest) - 12:
            break
        body = rest[4 : 8 + length]
        out += rest[:4] + body + struct.pack(">I", zlib.crc32(body))
        rest = rest[12 + length :]
    return out + rest


# --- what users write ---


def toml() -> Reader:
    source = registry.entries("model")
    paths = [recipe.source(entry.module).with_suffix(".toml") for entry in source]
    seeds = [path.read_bytes() for path in paths if path.is_file()]

    def read(path: Path) -> None:
        before = recipe.source
        recipe.source = lambda module: path
        try:
            names = recipe.presets("gaussian")
            for preset in [*sorted(names)[:3], "paper"]:
                recipe.resolve("gaussian", "mnist5k", preset, {})
        finally:
            recipe.source = before

    return Reader("toml", ".toml", seeds, read)


def setting() -> Reader:
    seeds = [b"gan.rate=0.05", b"parzen.sigma=[0.1, 0.2]", b"x.y='z'", b"a.b=true", b"a.b=text"]

    def read(path: Path) -> None:
        settings.parse_setting(path.read_bytes().decode(errors="replace"))

    return Reader("setting", ".txt", seeds, read)


# --- the store ---


def _store(folder: Path) -> None:
    """Two runs, a lock and a note of them."""
    runs = genbench.plan(["gaussian"], "gaussian_1d", "parzen", samples=30, seeds=(0, 1))
    genbench.run(runs, folder)
    Store(folder).put_last([run.score_key for run in runs])
    lock.write(folder, {})


def _places(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".jsonl"))


def store() -> Reader:
    """One file of a store of two results is another; the rest is as it was written."""
    folder = _place("store")
    shutil.rmtree(folder, ignore_errors=True)
    _store(folder)
    seeds = []
    for place in _places(folder):
        name = place.relative_to(folder).as_posix().encode()
        seeds.append(name + b"\n" + place.read_bytes())

    def read(path: Path) -> None:
        name, _, body = path.read_bytes().partition(b"\n")
        place = folder / name.decode()
        before = place.read_bytes()
        place.write_bytes(body)
        try:
            _read_all(folder)
        finally:
            place.write_bytes(before)

    return Reader("store", ".txt", seeds, read, _forged)


def _forged(content: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """Most of the time a record as somebody would change it who also mends its checksum."""
    name, _, body = content.partition(b"\n")
    if draw.random() < 0.3 or name.endswith(b".jsonl"):
        return name + b"\n" + mutated(body, others, draw)
    record = json.loads(body)
    record.pop("sha256")
    changed = mutated_json(record, draw)
    with contextlib.suppress(ValueError):  # a number that no JSON of ours holds
        if isinstance(changed, dict):
            changed["sha256"] = files.sha256_of_json(changed)
        return name + b"\n" + json.dumps(changed).encode()
    return name + b"\n"


def _read_all(folder: Path) -> None:
    """What tables, locks and watchers read of a store, one after the other refuses."""
    found = Store(folder)
    refused: list[Exception] = []

    def attempt(act: Callable[[], object]) -> None:
        try:
            act()
        except genbench.errors.GenbenchError as error:
            refused.append(error)

    attempt(found.last)
    attempt(lambda: lock.read(folder))
    for place in found.folders():
        attempt(lambda place=place: _one(found, place))
    attempt(lambda: genbench.table(list(found)))
    if refused:
        raise refused[0]


def _one(found: Store, place: Path) -> None:
    result = found.read(place)
    found.records(result)
    found.per_example(result)
    found.events(result.run)
    found.weights(result.run)
    found.samples(result.run)


def kept() -> Reader:
    """Audits, judgements and pages of the theory, as this project keeps its own."""
    root, most = Path(__file__).parent.parent.parent / "results", 60_000
    reads: dict[str, Callable[[Path], object]] = {
        "audit": lambda p: audits.from_json(files.read_json(p)),
        "judgement": lambda p: making.from_json(files.read_json(p)),
        "theory": theory._read,
    }
    seeds = [
        kind.encode() + b"\n" + path.read_bytes()
        for kind in reads
        for path in sorted((root / kind).rglob("*.json"), key=lambda p: p.stat().st_size)[:2]
        if path.stat().st_size < most
    ]

    def read(path: Path) -> object:
        kind, _, body = path.read_bytes().partition(b"\n")
        path.write_bytes(body)
        return reads[kind.decode()](path)

    return Reader("kept", ".txt", seeds, read, _forged)


def stored_arrays() -> Reader:
    """The .npz of samples and single scores, as the store reads them."""
    place = _place("array.npz")
    files.write_arrays(place, {"samples": ROWS}, {"key": "1"})
    return Reader("stored_npz", ".npz", [place.read_bytes()], files.read_arrays)


def stored_tensors() -> Reader:
    place = _place("array.safetensors")
    files.write_tensors(place, {"x": ROWS}, {"key": "1"})
    return Reader("stored_tensors", ".safetensors", [place.read_bytes()], files.read_tensors)


EVERY = {
    "idx": idx,
    "cifar_bin": cifar_bin,
    "cifar_tar": cifar_tar,
    "mat": mat,
    "npy": npy,
    "npz": npz,
    "safetensors": tensors,
    "png": png,
    "toml": toml,
    "setting": setting,
    "store": store,
    "kept": kept,
    "stored_npz": stored_arrays,
    "stored_tensors": stored_tensors,
}
