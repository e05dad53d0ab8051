"""A file of samples, scored by one metric in whichever process: names and places go there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench.plugins.code import FEATURES
from genbench.protocols import Split
from genbench.running.conditions import settled
from genbench.running.data import Sources
from genbench.running.runner import choose_device
from genbench.samples import judging, reading
from genbench.samples.judging import Counted, Judgement
from genbench.samples.reading import Samples


@dataclass(frozen=True)
class Filed:
    """What is scored by what, and where files are; `name` is that of its row."""

    path: Path
    name: str
    dataset: str
    metric: str
    settings: Mapping[str, Any]
    data_dir: Path
    features_dir: Path
    device: str
    threads: int | None


def judged(
    of: Filed,
    sources: Sources | None = None,
    samples: Samples | None = None,
    counts: Counted | None = None,
    spread: Callable[[int], Any] | None = None,
) -> Judgement:
    """What a metric says of a file; what of it is known already need not be read again.

    spread: who computes parts of the score on a fold, if not this process alone.
    Raises GenbenchError where the metric refuses it.
    """
    sources = sources or Sources(of.data_dir)
    source = sources.dataset(of.dataset)
    samples = samples or reading.read(of.path, of.dataset, source)

    def split(fold: int) -> Split:
        return sources.split(of.dataset, fold)

    def features(fold: int, rows: Split) -> Any:
        return sources.features(of.dataset, of.settings[FEATURES], fold, rows, of.features_dir)

    with settled(of.threads):
        return judging.judge(
            of.name,
            samples.rows,
            samples.binary,
            source,
            split,
            judging.metric_with(of.metric, of.settings),
            choose_device(of.device),
            counts or judging.counted(samples.rows, source, split),
            features if of.settings.get(FEATURES) else None,
            spread,
        )
