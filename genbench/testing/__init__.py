"""The contract tests: what a model, dataset or metric must keep beyond its types.

Everything that is registered passes them, ours and a stranger's: `genbench check NAME` runs them
in seconds, on made-up rows. Each `check_*` returns the claims that hold, in the order in which
they were tried; the first that does not raises CheckError with the reason.
"""

from __future__ import annotations

from genbench.testing.claims import CheckError
from genbench.testing.datasets import check_dataset
from genbench.testing.metrics import check_metric
from genbench.testing.models import check_model
from genbench.testing.rows import pictures
from genbench.testing.trial import steps

__all__ = ["CheckError", "check_dataset", "check_metric", "check_model", "pictures", "steps"]
