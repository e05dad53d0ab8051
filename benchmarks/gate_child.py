"""One process of gate.py: lists the benchmarks of a suite, or times one of them with asv_runner.

    python -P gate_child.py REQUEST         (a JSON object; the answer goes to the file it names)

The answer is one of: benchmarks, as asv lists them; samples, seconds per call; skipped; error, what
the benchmark raised; elsewhere, a file of the packages under test that is not in the worktree.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

from asv_runner.discovery import get_benchmark_from_name, list_benchmarks


def listed(suites: str) -> list[dict[str, Any]]:
    """All benchmarks of a suite."""
    text = io.StringIO()
    list_benchmarks(suites, text)
    return json.loads(text.getvalue())


def timed(suites: str, name: str, values: list[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What one benchmark of a suite comes to, with one set of parameters."""
    try:
        one = get_benchmark_from_name(suites, name, extra_params=settings)
        if values:
            one.set_param_idx(list(product(*one.params)).index(tuple(values)))
        cache = one.do_setup_cache()
        if cache is not None:
            one.insert_param(cache)
        if one.do_setup():
            return {"skipped": True}
        try:
            return {"samples": one.do_run()["samples"]}
        finally:
            one.do_teardown()
    except Exception as error:  # whatever a benchmark raises
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}


def elsewhere(packages: list[str], root: Path) -> Iterator[str]:
    """Files of the packages, imported or to be imported, that do not lie under `root`."""
    files = [
        module.__file__
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in packages and getattr(module, "__file__", None)
    ]
    for name in packages:
        spec = find_spec(name)
        files += [spec.origin] if spec is not None and spec.origin else []
    return (file for file in files if not Path(file).resolve().is_relative_to(root))


def main() -> None:
    request = json.loads(sys.argv[1])
    suites, name = request["suites"], request["name"]
    if name is None:
        answer: dict[str, Any] = {"benchmarks": listed(suites)}
    else:
        answer = timed(suites, name, request["values"], request["settings"])
    outside = next(elsewhere(request["packages"], Path(request["root"])), None)
    if outside is not None:
        answer = {"elsewhere": outside}
    Path(request["answer"]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
