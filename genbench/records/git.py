"""What git says of our own checkout, asked so that nothing in the checkout can run a command.

A folder of results comes from anybody. A bare repository that lies in it, its hooks or its
settings would be obeyed by a plain `git -C FOLDER`; so git is told which repository it is to look
at, the nearest folder above that has a `.git`, and everything that starts a program is turned off.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

_OFF = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.attributesFile=/dev/null")
_OFF += ("safe.bareRepository=explicit", "core.untrackedCache=false")


def git(folder: Path, *arguments: str, seconds: float = 60) -> bytes | None:
    """What git prints of the checkout around a folder; None where there is none, or no git."""
    folder = folder.resolve()
    top = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    if top is None:
        return None
    options = [part for setting in _OFF for part in ("-c", setting)]
    where = ["--git-dir", str(top / ".git"), "--work-tree", str(top), "-C", str(folder)]
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own["GIT_NO_LAZY_FETCH"] = "1"  # older versions of git do not know it
    own["GIT_ALLOW_PROTOCOL"] = ""  # none, whatever a repository's settings allow
    try:
        done = subprocess.run(
            ["git", *options, *where, "--no-optional-locks", *arguments],
            capture_output=True,
            check=True,
            timeout=seconds,
            env=own,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def commit_of(file: Path) -> dict[str, Any] | None:
    """The commit of the checkout that tracks a file, "sha", and whether it was changed, "dirty".

    None for a file that no checkout tracks, such as one in a virtual environment that lies in one.
    """
    folder = file.resolve().parent
    if not git(folder, "ls-files", "--", file.name, seconds=10):
        return None
    sha = git(folder, "rev-parse", "HEAD", seconds=10)
    changed = git(folder, "status", "--porcelain", "-uno", seconds=10)
    if sha is None or changed is None:
        return None
    return {"sha": sha.decode().strip(), "dirty": bool(changed.strip())}
