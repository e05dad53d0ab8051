"""`genbench rekey`: results of before revisions get the keys that they have now."""

from __future__ import annotations

from pathlib import Path

import typer

from genbench.cli.applications import app
from genbench.cli.options import ResultsDir


@app.command(epilog="Example:  genbench rekey --results-dir results")
def rekey(results_dir: ResultsDir = Path("results")) -> None:
    """Give results that an older version stored the form and keys of now; trains nothing.

    The older folder stays beside the new one, as runs.before, until you delete it.
    """
    from genbench.records import rekeyed, rekeying, upgrading

    rewritten = upgrading.upgrade(results_dir / "runs")
    if rewritten:
        typer.echo(f"{rewritten} results have the form of now, each in its place")
    if rewritten and not rekeying.has_older(results_dir):
        return
    before = len(rekeyed.read(results_dir)["keys"])
    known = rekeying.rekey(results_dir)
    typer.echo(
        f"{len(known['keys']) - before} results have new keys; {results_dir / rekeyed.NAME} says "
        f"which key became which, and {results_dir / rekeying.BEFORE} holds what was there"
    )
