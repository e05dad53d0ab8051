"""The command that makes results again, with the installed code and recipes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from genbench.errors import UsageError
from genbench.plugins.recipe import PAPER
from genbench.plugins.settings import parse_setting
from genbench.records.run import Result


def remaking(results: Sequence[Result]) -> str:
    """The `genbench run` that makes one row's results again; `paper` is no preset to name."""
    first = results[0]
    if first.run.source:
        words = ["genbench", "score", first.run.source["file"], "--as", first.model]
        return shlex.join([*words, "--dataset", first.dataset, "--metrics", first.metric])
    seeds = ",".join(map(str, sorted({result.seed for result in results})))
    sets = max(result.sample_set for result in results) + 1
    words = ["genbench", "run", "--models", first.model, "--dataset", first.dataset]
    words += ["--metrics", first.metric, "--seeds", seeds, "--samples", str(first.samples)]
    words += ["--sample-sets", str(sets)] if sets > 1 else []
    words += ["--preset", first.preset] if first.preset != PAPER else []
    for key, value in sorted(first.overrides.items()):
        owner = "" if "." in key else f"{first.model}."
        words += setting(f"{owner}{key}", value) if key != "minutes" else ["--minutes", f"{value}"]
    return shlex.join([*words, "--no-references"])


def setting(key: str, value: Any) -> list[str]:
    """`--set key=value`, a text without quotes where that reads as the same text."""
    plain = f"{key}={value}"
    return ["--set", plain if _reads_as(plain, value) else f"{key}={json.dumps(value)}"]


def _reads_as(plain: str, value: Any) -> bool:
    """Whether a setting as text gives this text back; a record's odd key is no setting at all."""
    try:
        return isinstance(value, str) and parse_setting(plain)[2] == value
    except UsageError:
        return False
