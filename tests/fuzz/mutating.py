"""Bytes and JSON values -> others like them, by a generator with a seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from typing import Any

ODD = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000)
ODD += (0xFFFFFFFF, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = (b"O", b"|O", b"(2,)O", b"None", b"True", b"-1", b"9" * 30, b"NaN", b"1e999", b"(" * 300)
WORDS += (
    b"\x00",
    b"\xff\xfe",
    b"\x1b[2J",
    "\u202e".encode(),
    b"[" * 3000,
    b"../../x",
    b"__class__",
)
VALUES: tuple[Any, ...] = (None, True, 0, -1, 2**70, -0.5, 1e308, "", "x", "\x1b[2J", "../../x")
VALUES += ([], {}, [[]], {"key": 1}, "a" * 300, [None], "nan", 10**400)


def mutated(content: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """A file with one to four changes."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        draw.choice(CHANGES)(changed, others, draw)
    return bytes(changed)


def _flip(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    if content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)


def _set(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    if content:
        content[draw.randrange(len(content))] = draw.choice(ODD) & 0xFF


def _number(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    """Writes an odd number over 2, 4 or 8 bytes, in either order."""
    form, bits = draw.choice((("H", 16), ("I", 32), ("Q", 64)))
    packed = struct.pack(draw.choice("<>") + form, draw.choice(ODD) & (2**bits - 1))
    start = draw.randrange(len(content) + 1)
    content[start : start + len(packed)] = packed


def _cut(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    del content[draw.randrange(len(content) + 1) :]


def _drop(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    start = draw.randrange(len(content) + 1)
    del content[start : start + draw.randrange(1, 33)]


def _double(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    start = draw.randrange(len(content) + 1)
    content[start:start] = content[start : start + draw.randrange(1, 257)]


def _word(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    start, word = draw.randrange(len(content) + 1), draw.choice(WORDS)
    content[start : start + draw.choice((0, len(word)))] = word


def _splice(content: bytearray, others: Sequence[bytes], draw: random.Random) -> None:
    """The beginning of this file and the end of another."""
    other = draw.choice(others)
    content[draw.randrange(len(content) + 1) :] = other[draw.randrange(len(other) + 1) :]


CHANGES = (_flip, _set, _number, _cut, _drop, _double, _word, _splice)


def mutated_json(value: Any, draw: random.Random) -> Any:
    """A JSON value in which one part is another, is gone, or has moved."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(sorted(value))
        if draw.random() < 0.1:
            return {name: one for name, one in value.items() if name != key}
        if draw.random() < 0.05:
            return {**value, draw.choice(("x", "key", "run", "")): draw.choice(VALUES)}
        return {**value, key: mutated_json(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.8:
        place = draw.randrange(len(value))
        return [*value[:place], mutated_json(value[place], draw), *value[place + 1 :]]
    return draw.choice(VALUES)
