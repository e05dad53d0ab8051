"""`genbench rekey`: results of before revisions get the keys that they have now."""

from __future__ import annotations

from genbench.cli import parsing
from genbench.cli.applications import app
from genbench.cli.options import ResultsDir
from genbench.cli.showing import echo


@app.command(epilog="Example:  genbench rekey --results-dir results")
def rekey(results_dir: ResultsDir = None) -> None:
    """Give results of an older version the form and the keys of this one; trains nothing.

    The older folder stays beside the new one, as runs.before, until you delete it.
    """
    from genbench.records import rekeyed, rekeying, upgrading

    folder = parsing.locked(results_dir)
    rewritten = upgrading.upgrade(folder / "runs")
    if rewritten:
        echo(f"{rewritten} results have the form of now, each in its place")
    if rewritten and not rekeying.has_older(folder):
        return
    before = len(rekeyed.read(folder)["keys"])
    known = rekeying.rekey(folder)
    echo(
        f"{len(known['keys']) - before} results have new keys; {folder / rekeyed.NAME} says "
        f"which key became which, and {folder / rekeying.BEFORE} holds what was there"
    )
