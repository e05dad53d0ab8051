"""What a column of a table is: one dataset, one metric, one choice of the metric's settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genbench.records import names
from genbench.records.run import Result


@dataclass(frozen=True)
class Column:
    """data: the dataset, as a head says it; by: the metric with its settings; head: of the column.

    Where a table is by one metric with its default settings, `head` is the dataset alone.
    """

    data: str
    by: str
    head: str


def naming(results: Sequence[Result]) -> Callable[[Result], Column]:
    """In which column of the table of these results one of them stands.

    Other bytes under one dataset's name have a column of their own.
    """
    digests: dict[str, set[str]] = {}
    for result in results:
        digests.setdefault(names.head(result), set()).add(result.digest)
    judges = {names.judge(result) for result in results}
    usual = len(judges) == 1 and not any(names.settings(result) for result in results)

    def column(result: Result) -> Column:
        data, by = names.head(result), names.judge(result)
        if len(digests[data]) > 1:
            data = f"{data} {result.digest[:8]}"
        return Column(data, by, data if usual else f"{data}, {by}")

    return column
