"""What torch-fidelity computes on given features.

Its package imports torchvision and every feature network, and a torchvision that was built for
another torch than the one that is installed cannot be imported. So the three files that hold the
formulas are imported without the package's own first lines; they use nothing of what is left out.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock, patch


def _formulas() -> list[Any]:
    spec = importlib.util.find_spec("torch_fidelity")
    assert spec is not None
    package: Any = ModuleType("torch_fidelity")
    package.__path__ = spec.submodule_search_locations
    stubs = {"torch_fidelity": package, "torch_fidelity.utils": MagicMock()}
    with patch.dict(sys.modules, stubs):
        names = ("fid", "kid", "prc")
        return [importlib.import_module(f"torch_fidelity.metric_{name}") for name in names]


fid, kid, prc = _formulas()
