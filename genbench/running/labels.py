"""Which labels a model is shown, and which are asked of it."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.errors import UsageError
from genbench.protocols import Split
from genbench.records.run import Run
from genbench.running.data import carved
from genbench.seeding import seeded

HIDDEN = -1


def of_training(run: Run, split: Split) -> Tensor | None:
    """The labels of the rows that train, as a run's model sees them; None where it sees none.

    Raises UsageError where fewer are known than it is to be shown.
    """
    reads = {**run.fit_reads, **run.sample_reads}
    if "labels" not in reads or split.train_labels is None:
        return None
    known = carved(split.train_labels)[0] if run.carves else split.train_labels
    return shown(known, reads.get("shown"), (run.data.name, run.seed))


def shown(labels: Tensor, count: int | None, stream: tuple[str | int, ...]) -> Tensor:
    """The labels (n,) of training rows, all but `count` of them hidden as -1; None hides none.

    As many of each class as of any other, where `count` allows it; a named stream chooses which.
    Raises UsageError where fewer rows of a class are labelled than are to be shown.
    """
    if count is None:
        return labels.clone()
    found = torch.full_like(labels, HIDDEN)
    with seeded(*stream, "labels"):
        order = torch.randperm(len(labels))
    classes = labels[labels >= 0].unique().tolist()
    for i, label in enumerate(classes):
        of_class = order[labels.cpu()[order] == label]
        quota = count // len(classes) + (i < count % len(classes))
        if quota > len(of_class):
            raise UsageError(
                f"labels = {count} asks for {quota} rows of class {label}, "
                f"and {len(of_class)} are labelled"
            )
        found[of_class[:quota]] = label
    return found


def asked(labels: Tensor, n: int) -> Tensor:
    """n labels to draw samples of, int64 (n,): the classes of the training rows in turn.

    So there are as many of each class as of any other, among the first samples too.
    """
    classes = labels[labels >= 0].unique()
    return classes[torch.arange(n, device=classes.device) % len(classes)]
