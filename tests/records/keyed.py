"""Prints the keys of one fixed plan and what parts are known by, for each copy of the sources.

`python keyed.py COPY ...`: each copy is imported by a process of its own, forked after what all
share was imported; a line of JSON for each.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import numpy  # noqa: F401
import pandas  # noqa: F401
import pydantic  # noqa: F401
import torch  # noqa: F401

PLANNED = ("gan", "gaussian", "kmeans")
STRANGERS = (("model", "ours_extended"), ("model", "plain"), ("metric", "by_name"))
STRANGERS += (("metric", "by_attribute"), ("metric", "by_module"))


def keys() -> dict[str, str]:
    """Keys by "model stage"; identities and digests of parts by "kind name"."""
    from genbench.plugins import code
    from genbench.running.plan import Question, plan

    runs = plan(Question(models=PLANNED, datasets=["ring"], metrics=["parzen"]), Path("nowhere"))
    found = {}
    for run in runs:
        found[f"{run.model} fit"] = run.fit_key
        found[f"{run.model} sample"] = run.sample_key
        found[f"{run.model} score"] = run.score_key
        found[f"{run.model} code"] = code.digest_of("model", run.model)
    found["parzen code"] = code.digest_of("metric", "parzen")
    for kind, name in STRANGERS:
        found[name] = str(code.identify(kind, name))
    found["caveat"] = runs[0].data.caveat
    return found


def forked(copy: str) -> None:
    """Prints what one copy says, from a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            sys.path[:0] = [copy, f"{copy}/site"]
            print(json.dumps(keys()), flush=True)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"the sources in {copy} do not plan")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        forked(each)
