"""Takes the weights of Inception from a file of the user's, if it is the file that papers use.

Its sha256 is compared before anything of it is read. Then a process of its own unpickles the
tensors, and only those; what is kept is safetensors, which hold nothing else.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from genbench.errors import DataError

NAME = "weights-inception-2015-12-05-6726825d.pth"
SIZE = 95_628_359  # bytes
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SCRIPT = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
SECONDS = 300
_PROGRAM = Path(__file__).with_name("_unpickle.py")


def brought(path: Path, sha256: str = SHA256) -> bytes:
    """The weights as safetensors; raises DataError for any file but that of `sha256`."""
    content = _checked(path, sha256)
    command = [sys.executable, "-P", str(_PROGRAM)]
    try:
        child = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{path} was not read within {SECONDS} s") from error
    if child.returncode != 0:
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        raise DataError(f"{path} holds more than tensors, or is damaged: {' '.join(lines)[-300:]}")
    return child.stdout


def _checked(path: Path, sha256: str) -> bytes:
    """The bytes of the only file that is taken; raises DataError for another."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= SIZE else b""
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    came = hashlib.sha256(content).hexdigest() if content else f"of {size:,} bytes"
    if came == SCRIPT:
        raise DataError(f"{path} is a TorchScript, which is code: bring the state dict, {sha256}")
    if came != sha256:
        raise DataError(
            f"{path} is {came}, and not opened: only {NAME}, {SIZE:,} bytes, of sha256 {sha256} is"
        )
    return content
