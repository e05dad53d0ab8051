"""What a metric looks at in place of rows: registered features of them, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.defaults import DEFAULTS
from genbench.errors import UsageError, reason
from genbench.features.kept import Kept
from genbench.plugins import registry
from genbench.plugins.code import FEATURES
from genbench.plugins.settings import defaults
from genbench.protocols import Dataset, Split
from genbench.records import files


def usual(name: str, dataset: Dataset) -> str:
    """The features that rows of the dataset called `name` are looked at in: its own, or ours."""
    return getattr(dataset, FEATURES, None) or DEFAULTS.features_of(name)


def settings_of(
    metric: str, chosen: Mapping[str, Any], name: str, dataset: Dataset
) -> dict[str, Any]:
    """All settings of a metric on a dataset: the chosen ones, else its defaults.

    Empty features are the dataset's usual ones.
    """
    settings = defaults(registry.load("metric", metric)) | dict(chosen)
    if FEATURES in settings:
        settings[FEATURES] = settings[FEATURES] or usual(name, dataset)
    return settings


@dataclass(frozen=True)
class Featured:
    """By which features rows of a dataset are looked at, and where those are kept, if anywhere."""

    name: str
    dataset: Dataset
    data_dir: Path
    folder: Path | None = None

    def extractor(self) -> Any:
        """Raises UsageError where they cannot be had of such rows, or lack a file."""
        cls = registry.load(FEATURES, self.name)
        try:
            return cls(tuple(self.dataset.shape), self.data_dir)
        except UsageError:
            raise
        except (TypeError, ValueError) as error:
            raise UsageError(f"features {self.name!r} cannot be had: {reason(error)}") from error

    def lack(self) -> str:
        """Why they cannot be had; empty where they can."""
        try:
            self.extractor()
        except UsageError as error:
            return str(error)
        return ""

    @property
    def digest(self) -> str:
        """sha256, in hex, of what they are computed with; empty where it is code alone."""
        return self.extractor().digest

    def of(self, split: Split) -> Kept:
        """The callable that a metric is given, shown the training rows of a fold.

        Raises DataError where these rows do not do.
        """
        extractor = self.extractor()
        if hasattr(extractor, "fit"):
            extractor.fit(split.train)
        return Kept(extractor, self.name, self.folder, files.read_tensors, files.write_tensors)
