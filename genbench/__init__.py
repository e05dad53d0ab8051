"""genbench compares generative models by log-likelihood, in tables that can be re-run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genbench.metrics.parzen import log_likelihood, select_sigma
    from genbench.protocols import Dataset, Epoch, GenerativeModel, Metric, Score, Split
    from genbench.testing import check_dataset, check_metric, check_model

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "genbench.protocols",
    "Epoch": "genbench.protocols",
    "GenerativeModel": "genbench.protocols",
    "Metric": "genbench.protocols",
    "Score": "genbench.protocols",
    "Split": "genbench.protocols",
    "check_dataset": "genbench.testing",
    "check_metric": "genbench.testing",
    "check_model": "genbench.testing",
    "log_likelihood": "genbench.metrics.parzen",
    "select_sigma": "genbench.metrics.parzen",
}

__all__ = [
    "Dataset",
    "Epoch",
    "GenerativeModel",
    "Metric",
    "Score",
    "Split",
    "check_dataset",
    "check_metric",
    "check_model",
    "log_likelihood",
    "select_sigma",
]


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562): `import genbench` loads no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'genbench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
