"""What was found out beside the scores: whether the order holds, whether to trust the metric."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from genbench.auditing import findings, kept
from genbench.auditing.scores import Audit
from genbench.comparing import robustness
from genbench.comparing.robustness import Robustness
from genbench.defaults import DEFAULTS
from genbench.errors import StoreError
from genbench.records.run import Result
from genbench.records.store import Store
from genbench.report import page
from genbench.tables import contents
from genbench.tables.contents import ByProtocols
from genbench.words import MISSING


def sections(
    results: Sequence[Result], store: Store, folders: Sequence[Path]
) -> tuple[list[page.Section], list[page.Absent]]:
    """What was found out about the order and the metrics; and what was not looked at.

    folders: of results; an audit is read from the first that keeps one.
    """
    every = contents.robustness_of(results, store)
    found = [_robustness(one, store) for one in every if _is_told(one.found)]
    of = {(r.dataset, r.metric): r.digest for r in results}
    audits = [_audited(folders, *names, digest) for names, digest in of.items()]
    untold = len(every) - len(found)
    what = "other protocols" + (f" of {untold} more columns" if untold and found else "")
    absent = [page.Absent(what, "genbench score --protocols")] if untold or not found else []
    absent += [audit for audit in audits if isinstance(audit, page.Absent)]
    return [*found, *(audit for audit in audits if isinstance(audit, page.Section))], absent


def _is_told(found: Robustness) -> bool:
    """Whether some protocol has a score of every trained row, so that there is an order at all."""
    return len(found.order) < 2 or any(tau is not None for tau in found.tau.values())


def _audited(
    folders: Sequence[Path], dataset: str, metric: str, digest: str
) -> page.Section | page.Absent:
    """The audit of a metric on a dataset, as far as it is kept and whole."""
    usual = metric == DEFAULTS.metrics[0]
    what = f"audit of {metric} on {dataset}"
    of = [] if usual else ["--metrics", metric]
    command = shlex.join(["genbench", "audit", "--dataset", dataset, *of])
    try:
        each = (kept.stored(folder, dataset, metric) for folder in folders)
        found = next((audit for audit in each if audit is not None), None)
    except StoreError as error:
        return page.Absent(what, command, str(error))
    return page.Absent(what, command) if found is None else _audit(found, digest)


def _robustness(one: ByProtocols, store: Store) -> page.Section:
    """Whether the order holds, in a sentence, and the table that shows it."""
    found = one.found
    own = page.Table(
        "Scores by protocol",
        "protocol",
        _columns(found),
        [page.Group([_row(found, column) for column in found.numbers])],
        f"{robustness.TAU} compares the order of the trained rows with that of the first line: "
        "1 is the same order, -1 the reverse.",
        signatures=[
            page.Signature(robustness.FIRST, each.short, each.full)
            for each in contents.of_first(found, store)
        ],
        notes=found.lines[1:],
    )
    said = [page.sentence(line) for line in found.lines[:1]]
    return page.Section(one.column, said, [own], group="By other protocols: does the order hold?")


def _trained(found: Robustness) -> list[str]:
    """The trained rows, in their order; last those that have no place in it."""
    names = [n for n in found.numbers[robustness.FIRST] if n not in found.untrained]
    return [*found.order, *(n for n in names if n not in found.order)]


def _columns(found: Robustness) -> list[page.Column]:
    """Models across, since there are more protocols."""
    trained, rest = "trained", "reference rows, untrained"
    return [
        *(page.Column(name, trained) for name in _trained(found)),
        page.Column(robustness.TAU, trained),
        *(page.Column(name, rest) for name in found.untrained),
    ]


def _row(found: Robustness, column: str) -> page.Row:
    """What each model scores by one protocol, and the protocol's tau behind the trained ones."""

    def shown(value: float | None, decimals: int) -> page.Cell:
        return page.cell(MISSING if value is None else f"{value:.{decimals}f}")

    trained, values = _trained(found), found.numbers[column]
    tau = page.cell("") if column == robustness.FIRST else shown(found.tau[column], 2)
    cells = [shown(values[name], 1) for name in trained]
    return page.Row(column, [*cells, tau, *(shown(values[name], 1) for name in found.untrained)])


def _audit(found: Audit, digest: str) -> page.Section:
    """The verdict as a whole first, then what it follows from."""
    shown = findings.frame(found)
    first, *others = map(str, shown.columns)
    rows = [
        page.Row(str(values[0]), [page.cell(str(value)) for value in values[1:]])
        for values in shown.itertuples(index=False)
    ]
    own = page.Table(
        f"What {found.metric} says of real data and of copies",
        first,
        [page.Column(name) for name in others],
        [page.Group(rows)],
        notes=findings.notes(found),
    )
    other = "" if found.digest == digest else "This audit is of other bytes than the results above."
    verdict = [page.sentence(line) for line in found.verdict[-1:]]
    title = f"{found.metric} on {found.dataset}"
    said = [*verdict, *filter(None, [other]), *found.verdict[:-1]]
    return page.Section(title, said, [own], group="Audits: is the metric to be trusted here?")
