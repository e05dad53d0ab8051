"""genbench compares generative models by log-likelihood, in tables that can be re-run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genbench.front import load_model, load_results, plan, run, table
    from genbench.metrics.parzen import log_likelihood, select_sigma
    from genbench.protocols import (
        Dataset,
        Epoch,
        GenerativeModel,
        Metric,
        Score,
        Split,
        abilities,
    )
    from genbench.records.run import Result, Run
    from genbench.samples.pixels import deferred
    from genbench.testing import check_dataset, check_metric, check_model

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "genbench.protocols",
    "Epoch": "genbench.protocols",
    "GenerativeModel": "genbench.protocols",
    "Metric": "genbench.protocols",
    "Result": "genbench.records.run",
    "Run": "genbench.records.run",
    "Score": "genbench.protocols",
    "Split": "genbench.protocols",
    "abilities": "genbench.protocols",
    "check_dataset": "genbench.testing",
    "check_metric": "genbench.testing",
    "check_model": "genbench.testing",
    "deferred": "genbench.samples.pixels",
    "load_model": "genbench.front",
    "load_results": "genbench.front",
    "log_likelihood": "genbench.metrics.parzen",
    "plan": "genbench.front",
    "run": "genbench.front",
    "select_sigma": "genbench.metrics.parzen",
    "table": "genbench.front",
}

__all__ = [
    "Dataset",
    "Epoch",
    "GenerativeModel",
    "Metric",
    "Result",
    "Run",
    "Score",
    "Split",
    "abilities",
    "check_dataset",
    "check_metric",
    "check_model",
    "deferred",
    "load_model",
    "load_results",
    "log_likelihood",
    "plan",
    "run",
    "select_sigma",
    "table",
]


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562): `import genbench` loads no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'genbench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
