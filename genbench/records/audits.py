"""Where audits of metrics are kept, and what the finished one of a metric came to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from genbench.defaults import DEFAULTS
from genbench.records import files


def place(results_dir: Path, dataset: str, metric: str) -> Path:
    """Where an audit is kept; that of the usual metric is named by its dataset alone."""
    own = "" if metric == DEFAULTS.metrics[0] else f".{metric}"
    return results_dir / "audit" / f"{dataset}{own}.json"


def verdict(folders: Iterable[Path], dataset: str, metric: str, digest: str) -> str:
    """The last sentence of the first finished audit of a metric on these data; empty if none is.

    Raises AlteredError for one that is damaged or was edited.
    """
    for path in (place(folder, dataset, metric) for folder in folders):
        if path.exists():
            record = files.read_json(path)
            said = record.get("verdict") if record.get("digest") == digest else None
            if said:
                return str(said[-1])
    return ""
