"""What a command means without arguments, and which rows stand in every table: defaults.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import Any


@dataclass(frozen=True)
class Defaults:
    """The file's keys, as it explains them."""

    models: Sequence[str]
    datasets: Sequence[str]
    metrics: Sequence[str]
    seeds: Sequence[int]
    samples: int
    preset: str
    presets: Sequence[str]
    references: Sequence[str]
    real: str
    centroids: str
    training_images: str
    covariance: str
    of_papers: Sequence[str]
    families: Mapping[str, str]
    groups: Mapping[str, Sequence[str]]
    features: Mapping[str, str]
    judging: Mapping[str, Mapping[str, Any]]
    judged_on: Mapping[str, Sequence[str]]

    def features_of(self, dataset: str) -> str:
        """The registered features that rows of a dataset are looked at in."""
        return self.features.get(dataset, self.features["default"])


DEFAULTS = Defaults(
    **tomllib.loads((package_files("genbench") / "defaults.toml").read_text("utf-8"))
)
