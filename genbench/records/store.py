"""A folder of runs: what was trained, what was drawn from it, what that scored.

Folders are nested as keys are: training / samples / score. A file is there whole or not at all, and
nothing outside the keys decides whether it may be used again.

    runs/mnist/gan/seed-0-<fit>/            weights.safetensors  events.jsonl  provenance.json
        samples-10000-<sample>/             samples.npz          provenance.json
            parzen-fold-0-<score>/          result.json          provenance.json  per_example.npz
        samples-10000-set-1-<sample>/       another set of samples of the same weights
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from genbench.errors import AlteredError, StoreError, UsageError
from genbench.records import files
from genbench.records.run import Result, Run


class Store:
    """The results of one folder; `run in store` says whether a run is done."""

    def __init__(self, results_dir: Path) -> None:
        self.runs = results_dir / "runs"

    def __contains__(self, run: Run) -> bool:
        path = self.runs / run.folder / "result.json"
        return path.exists() and _result(path).status == "done"

    def prepare(self) -> None:
        """Makes the folder and proves that it can be written; raises UsageError if not."""
        try:
            probe = self.runs / f".writable-{os.getpid()}"
            files.write_bytes(probe, b"")
            probe.unlink()
        except (StoreError, OSError) as error:
            raise UsageError(f"{error}; --results-dir names another folder") from error

    def lock(self, run: Run) -> AbstractContextManager[None]:
        """Held by the one process that works on what shares this run's training."""
        return files.locked(self.runs / run.fit_folder / ".lock")

    def sweep(self, run: Run) -> None:
        """Removes half-written temporary files of a killed process; call it under the lock."""
        for folder in (run.fit_folder, run.sample_folder, run.folder):
            files.sweep(self.runs / folder)

    # --- training ---

    def weights(self, run: Run) -> tuple[dict[str, np.ndarray], Any] | None:
        """Finished weights and what the training noted, or None."""
        return self._training(run, "weights.safetensors")

    def checkpoint(self, run: Run) -> tuple[dict[str, np.ndarray], Any] | None:
        """The state after the last finished epoch and its note, or None."""
        return self._training(run, "checkpoint.safetensors")

    def best(self, run: Run) -> tuple[dict[str, np.ndarray], Any] | None:
        """The weights of the best epoch so far, where epochs are selected, or None."""
        return self._training(run, "best.safetensors")

    def _training(self, run: Run, name: str) -> tuple[dict[str, np.ndarray], Any] | None:
        path = self.runs / run.fit_folder / name
        if not path.exists():
            return None
        arrays, note = files.read_tensors(path)
        return arrays, _own(path, note, run.fit_key)

    def put_checkpoint(self, run: Run, state: Mapping[str, np.ndarray], note: Any) -> None:
        """Keeps the state after an epoch, in place of the one before."""
        self._put_training(run, "checkpoint.safetensors", state, note)

    def put_best(self, run: Run, state: Mapping[str, np.ndarray], note: Any) -> None:
        """Keeps the weights of the best epoch so far."""
        self._put_training(run, "best.safetensors", state, note)

    def _put_training(
        self, run: Run, name: str, state: Mapping[str, np.ndarray], note: Any
    ) -> None:
        path = self.runs / run.fit_folder / name
        files.write_tensors(path, state, {"key": run.fit_key, "note": note})

    def put_weights(
        self, run: Run, state: Mapping[str, np.ndarray], note: Any, provenance: Mapping[str, Any]
    ) -> None:
        """Ends a training: keeps the finished weights, drops what only training needed."""
        folder = self.runs / run.fit_folder
        files.write_json(folder / "provenance.json", provenance)
        self._put_training(run, "weights.safetensors", state, note)
        for name in ("checkpoint.safetensors", "best.safetensors"):
            (folder / name).unlink(missing_ok=True)

    def log(self, run: Run, event: Mapping[str, Any]) -> None:
        """Appends an event to the training's log."""
        files.append_line(self.runs / run.fit_folder / "events.jsonl", event)

    def events(self, run: Run) -> list[dict[str, Any]]:
        """What the training has logged so far, oldest first."""
        return files.read_lines(self.runs / run.fit_folder / "events.jsonl")

    # --- samples ---

    def samples(self, run: Run) -> tuple[np.ndarray, Any] | None:
        """Stored samples (m, d), uint8 levels or float32, and what was noted of them, or None."""
        path = self.runs / run.sample_folder / "samples.npz"
        if not path.exists():
            return None
        arrays, note = files.read_arrays(path)
        return arrays["samples"], _own(path, note, run.sample_key)

    def keeps_samples(self, run: Run) -> bool:
        """Whether the samples of a run are there."""
        return (self.runs / run.sample_folder / "samples.npz").exists()

    def put_samples(
        self, run: Run, rows: np.ndarray, note: Any, provenance: Mapping[str, Any]
    ) -> None:
        """Keeps samples (m, d), deflated."""
        folder = self.runs / run.sample_folder
        files.write_json(folder / "provenance.json", provenance)
        about = {"key": run.sample_key, "note": note}
        files.write_arrays(folder / "samples.npz", {"samples": rows}, about)

    # --- scores ---

    def put(
        self,
        run: Run,
        result: Result,
        provenance: Mapping[str, Any],
        per_example: np.ndarray | None = None,
    ) -> None:
        """Keeps a result; a done one takes the place of an earlier failure."""
        folder = self.runs / run.folder
        files.write_json(folder / "provenance.json", provenance)
        if result.status == "failed":
            files.write_json(folder / "failed.json", asdict(result))
            return
        if per_example is not None:
            about = {"key": run.score_key, "note": None}
            files.write_arrays(folder / "per_example.npz", {"values": per_example}, about)
        files.write_json(folder / "result.json", asdict(result))
        (folder / "failed.json").unlink(missing_ok=True)

    def provenance(self, folder: Path) -> dict[str, Any]:
        """The provenance beside what a fit, sample or score folder holds; empty if none."""
        path = self.runs / folder / "provenance.json"
        return files.read_json(path) if path.exists() else {}

    def records(self, result: Result) -> dict[str, dict[str, Any]]:
        """The provenance of the stages behind a result: fit, sample, score; empty if none."""
        names = (
            f"{result.dataset}/{result.model}/seed-{result.seed}-*",
            f"samples-{result.samples}-*",
            f"{result.metric}-fold-{result.fold}-{result.key[:12]}",
        )
        for path in self.runs.glob("/".join(names)):
            folder = path.relative_to(self.runs)
            stages = {"fit": folder.parent.parent, "sample": folder.parent, "score": folder}
            return {stage: self.provenance(where) for stage, where in stages.items()}
        return {}

    def result(self, run: Run) -> Result | None:
        """The result of a run, done or failed, or None."""
        for name in ("result.json", "failed.json"):
            path = self.runs / run.folder / name
            if path.exists():
                return _result(path)
        return None

    def per_example(self, result: Result) -> np.ndarray | None:
        """Scores of the single test rows (n_test,), float64, in the test set's order, or None."""
        for path in self.runs.glob(f"*/*/*/*/*-{result.key[:12]}/per_example.npz"):
            arrays, note = files.read_arrays(path)
            _own(path, note, result.key)
            return arrays["values"]
        return None

    def __iter__(self) -> Iterator[Result]:
        """Every result, done or failed, in the order of its folder's name."""
        for path in sorted(self.runs.glob("*/*/*/*/*/*.json")):
            replaced = path.name == "failed.json" and path.with_name("result.json").exists()
            if path.name in ("result.json", "failed.json") and not replaced:
                yield _result(path)


def _result(path: Path) -> Result:
    record = files.read_json(path)
    try:
        result = Result(**record)
    except TypeError as error:
        raise StoreError(f"{path} was written by another version of genbench: {error}") from error
    if not path.parent.name.endswith(f"-{result.key[:12]}"):
        raise AlteredError(f"{path} is not of this run: its key is {result.key[:12]}…")
    return result


def _own(path: Path, about: Any, key: str) -> Any:
    """The note of a file, once it is sure that the file belongs to the run with this key."""
    if not isinstance(about, dict) or about.get("key") != key:
        raise AlteredError(f"{path} is not of this run: its key is not {key[:12]}…; delete it")
    return about["note"]
