"""Numbers as people read them: a value and its error, a length of time, a count, a p-value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

MISSING = "–"


def value_and_error(value: float, error: float | None, bound: str = "") -> str:
    """Both rounded to the error's second digit, never beyond the units; alone where none is known.

    bound: stands before them, see `protocols.Score`.

    >>> value_and_error(241.1892, 2.1314)
    '241.2 ± 2.1'
    >>> value_and_error(-2057.3, 26.4)
    '-2057 ± 26'
    >>> value_and_error(0.53125, None), value_and_error(-25607.5, None)
    ('0.5312', '-25608')
    >>> value_and_error(-84.863, 0.12, "<=")
    '<= -84.86 ± 0.12'
    """
    if bound:
        return f"{bound} {value_and_error(value, error)}"
    if error is None:
        return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    if not math.isfinite(error) or error <= 0:
        return f"{value:.2f}" if error == 0 else f"{value:.2f} ± ?"
    if not 1e-9 < error < 1e9:
        return f"{value:.6g} ± {error:.1e}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if round(error, decimals) >= 10 ** (2 - decimals):  # 0.0996 is 0.10, not 0.100
        decimals = max(0, decimals - 1)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def p_text(p: float) -> str:
    """p = .003, and never p = .000.

    >>> p_text(0.0312), p_text(0.00001), p_text(1.0)
    ('p = .031', 'p below .001', 'p = 1')
    """
    if p < 0.001:
        return "p below .001"
    return f"p = {p:.3f}".replace("0.", ".") if p < 0.9995 else "p = 1"


def duration(seconds: float) -> str:
    """A length of time as people say it.

    >>> [duration(s) for s in (0.02, 0.4, 75, 7260, 400000)]
    ['0.02 s', '0.4 s', '1 min 15 s', '2 h 1 min', '4 d 15 h']
    """
    if seconds < 0.095:
        return f"{seconds:.1g} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    seconds = round(seconds)
    for big, small, size in (("d", "h", 86400), ("h", "min", 3600), ("min", "s", 60)):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            part = rest if small == "s" else rest // (3600 if small == "h" else 60)
            return f"{whole} {big} {part} {small}"
    return f"{seconds} s"


def three_digits(value: float) -> str:
    """Rounded to three digits, thousands apart.

    >>> [three_digits(v) for v in (32011.9, 1234567, 618.6, 4.127, 0.05)]
    ['32,000', '1,230,000', '619', '4.13', '0.05']
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"


def shortened(text: str, most: int = 60) -> str:
    """A text of a stranger, cut where it is long.

    >>> shortened("a" * 9, most=5)
    'aaaa…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def decimals(values: Iterable[float]) -> int:
    """How many digits after the point show three of the greatest value, and one at least.

    >>> decimals([183.55, -2.0]), decimals([0.53, 0.02]), decimals([0.0]), decimals([1e-12])
    (1, 3, 1, 6)
    """
    greatest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(6, max(1, 2 - math.floor(math.log10(greatest)))) if greatest > 0 else 1


def several(values: Iterable[Any]) -> str:
    """Different values once each, in order.

    >>> several([3, 3, 4])
    '3, 4'
    """
    return ", ".join(str(value) for value in dict.fromkeys(values))
