"""What peers.py measured, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabulate import tabulate


def page(report: Mapping[str, Any]) -> str:
    """The report as Markdown: a table for each case, then the bars."""
    about = report["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in report["peers"].items())
    lines = [
        "# Gaussian-window log-likelihood, side by side",
        "",
        f"`{report['command']}` on {about['cpu']}; threads, for everyone: {report['threads']}. "
        f"Python {about['python']}, {versions}.",
        "",
        "Seconds are medians; `x ours` is their ratio to genbench's, over 1 where we are faster. "
        "Errors in nats per row, of some of the rows, are against float64 differences.",
    ]
    for case in report["cases"]:
        lines += ["", f"## {_title(case)}", "", _table(case)]
    if report["bars"]:
        lines += ["", "## Bars", ""] + [f"- {_bar(bar)}" for bar in report["bars"]]
    if report["left_out"]:
        lines += ["", "## Left out", ""] + [f"- {why}" for why in report["left_out"]]
    return "\n".join(lines) + "\n"


def _title(case: Mapping[str, Any]) -> str:
    return (
        f"{case['case']}: {case['n']:,} rows, {case['m']:,} centres, d = {case['d']}, "
        f"sigma {case['sigma']:.4g}"
    )


def _table(case: Mapping[str, Any]) -> str:
    rows = [
        {
            "contender": row["contender"],
            "seconds": f"{row['median_seconds']:.3g}",
            "calls": str(len(row["seconds"])),
            "x ours": "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            "mean nats": "" if row["mean_ll"] is None else f"{row['mean_ll']:.2f}",
            "max error": _nats(row, "max_abs_error"),
            "mean error": _nats(row, "mean_error"),
            "how": row["what"] + (f", {row['chunk']:,} rows at once" if row["chunk"] else ""),
        }
        for row in case["contenders"]
    ]
    right = ("left", *["right"] * 6, "left")
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=right)


def _nats(row: Mapping[str, Any], key: str) -> str:
    return "" if row[key] is None else f"{row[key]:.1e}"


def _bar(bar: Mapping[str, Any]) -> str:
    what = f"{bar['case']}: {bar['ours']} / {bar['theirs']}"
    if bar["passed"] is None:
        return f"not measured: {what} <= {bar['most']}"
    return f"{'PASS' if bar['passed'] else 'MISS'}: {what} = {bar['share']:.2f} <= {bar['most']}"
