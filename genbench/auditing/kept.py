"""Where audits are kept, and by what key: the finished ones, and the rows of one in progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from genbench.auditing import findings
from genbench.auditing.scores import Audit, Gap, Row, Scored
from genbench.auditing.subjects import Audited, examples, hyperparameters
from genbench.errors import StoreError, UsageError
from genbench.plugins.code import FEATURES, identify
from genbench.protocols import Dataset
from genbench.records import files
from genbench.records.audits import place

REVISION = 2  # raised when the numbers, findings or fields of an audit would change


def key(audited: Audited) -> str:
    """sha256 of all that an audit depends on: data, metric, samples, recipes and revisions."""
    models, data = (audited.centroids, audited.covariance), audited.data
    features = [(FEATURES, audited.settings[FEATURES])] if audited.settings.get(FEATURES) else []
    named = [("metric", audited.metric), *(("model", model) for model in models), *features]
    parts = [identify(*of) for of in named]
    return files.sha256_of_json(
        {
            "audit": REVISION,
            "data": [data.name, data.fold, data.train, data.valid, data.test, data.levels],
            "samples": audited.samples,
            "parts": [asdict(part) for part in parts],
            "settings": dict(audited.settings),
            **({"orders": audited.orders} if audited.orders is not None else {}),
            **audited.computed_with,
            "recipes": {model: hyperparameters(model, data.name) for model in models},
        }
    )


def finished(
    audited: Audited,
    source: Dataset,
    metric: Any,
    key: str,
    rows: Sequence[Row],
    remarks: Sequence[str],
) -> Audit:
    """The audit of all rows, with its verdict."""
    found = Audit(
        key=key,
        dataset=audited.data.name,
        digest=audited.data.digest,
        caveat=audited.data.caveat,
        folds=audited.data.folds,
        metric=audited.metric,
        unit=metric.unit,
        best=metric.best,
        examples=examples(source.shape),
        rows=tuple(rows),
        remarks=tuple(remarks),
        orders=audited.orders,
    )
    return replace(found, verdict=tuple(findings.verdict(found)))


def as_json(finished: Audit) -> dict[str, Any]:
    """An audit as plain data."""
    return asdict(finished)


def from_json(record: Mapping[str, Any]) -> Audit:
    """The audit that `as_json` made plain; raises StoreError for that of another version."""
    try:
        said = {name: tuple(record[name]) for name in ("remarks", "verdict")}
        return Audit(**{**record, **said, "rows": tuple(map(_row, record["rows"]))})
    except (TypeError, KeyError) as error:
        raise StoreError(
            f"an audit was written by another version of genbench ({error}); "
            "`genbench audit` makes it again"
        ) from error


def _row(record: Mapping[str, Any]) -> Row:
    gaps = tuple(Gap(**gap) for gap in record["gaps"])
    return Row(**{**record, "warnings": tuple(record["warnings"]), "gaps": gaps})


def stored(results_dir: Path, dataset: str, metric: str) -> Audit | None:
    """The finished audit that a folder of results holds, or None.

    Raises AlteredError if it is damaged or was edited, StoreError if another version wrote it.
    """
    path = place(results_dir, dataset, metric)
    return from_json(files.read_json(path)) if path.exists() else None


def current(path: Path, wanted: str) -> Audit | None:
    """The finished audit in a file if it has this key, else None."""
    if not path.exists():
        return None
    record = files.read_json(path)
    return from_json(record) if record.get("key") == wanted else None


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".part.npz")


def known(path: Path, wanted: str) -> list[Scored]:
    """The rows that an audit with this key had finished when it was interrupted."""
    beside = _unfinished(path)
    if not beside.exists():
        return []
    arrays, note = files.read_arrays(beside)
    if note["key"] != wanted:
        return []
    return [Scored(_row(row), arrays.get(str(i))) for i, row in enumerate(note["rows"])]


def keep(path: Path, wanted: str, done: Sequence[Scored]) -> None:
    """Keeps the finished rows of an audit; raises UsageError where the folder is not writable."""
    single = {str(i): one.per_example for i, one in enumerate(done)}
    arrays = {name: values for name, values in single.items() if values is not None}
    note = {"key": wanted, "rows": [asdict(one.row) for one in done]}
    try:
        files.write_arrays(_unfinished(path), arrays, note)
    except StoreError as error:
        raise UsageError(f"{error}; --results-dir names another folder") from error


def put(path: Path, finished: Audit) -> None:
    """Keeps a finished audit in the place of its rows."""
    files.write_json(path, as_json(finished))
    files.remove(_unfinished(path))
