"""The leaderboard of metrics on one world: texts for any format, numbers, and notes below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from genbench.words import MISSING, duration, three_digits
from genbench.worlds.judging import wording
from genbench.worlds.judging.grading import Estimate, Grade
from genbench.worlds.judging.scores import LEVEL
from genbench.worlds.judging.truths import DIVERGENCES, ISO, KL, Truths


@dataclass(frozen=True)
class Board:
    """The judgement of metrics on a world.

    sets: of each rung, and `many` of the measured ones. left_out: metrics that were not judged, and
    why. seconds: of scoring, all processes together. draw: the seed of the strengths, None: fixed.
    """

    world: str
    caveat: str
    samples: int
    sets: int
    many: int
    measured: Sequence[str]
    truths: Truths
    grades: Sequence[Grade]
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0.0
    draw: int | None = None

    @property
    def name(self) -> str:
        """What tells it from other boards: "digits_mixture, 2,500 rows"."""
        drawn = "" if self.draw is None else f", draw {self.draw}"
        return f"{self.world}, {self.samples:,} rows{drawn}"

    @property
    def title(self) -> str:
        drawn = "" if self.draw is None else f", strengths drawn by seed {self.draw}"
        return f"Metrics on {self.world}, {self.samples:,} rows{drawn}"

    @property
    def ranked(self) -> list[Grade]:
        """By cluster, then by order."""
        return sorted(self.grades, key=lambda g: (g.cluster, -wording.order_of(g).value, g.metric))


def frame(board: Board) -> pd.DataFrame:
    """A row for each metric, the best first; every cell a text."""
    return pd.DataFrame(
        [
            {
                f"metric, on {board.world}": grade.metric,
                "cluster": str(grade.cluster),
                "preferred to the truth": _preferred(grade),
                "order in families": wording.interval(wording.order_of(grade)),
                "least KL noticed": wording.least(grade.power_kl),
                "least TV noticed": wording.least(grade.power_tv),
                "false alarms": wording.interval(grade.false_alarms),
                "unanimous pairs": _maybe(grade.accuracy),
                "one KL told apart": _maybe(grade.iso_spread),
                "copies, ROC area": _maybe(grade.copies),
                "order in bags": _bags(grade),
            }
            for grade in board.ranked
        ]
    )


def _preferred(grade: Grade) -> str:
    return f"{len(grade.preferred)} of {grade.rungs - 1}"


def _maybe(estimate: Estimate | None) -> str:
    return MISSING if estimate is None else wording.interval(estimate)


def _bags(grade: Grade) -> str:
    least, greatest = wording.share(grade.bags.least), wording.share(grade.bags.greatest)
    return f"{wording.interval(grade.bags.mean)}, {least} to {greatest}"


def numbers(board: Board) -> pd.DataFrame:
    """A line for each metric, numbers unrounded, empty where there is none."""
    lines = []
    for grade in board.ranked:
        line: dict[str, Any] = {"world": board.world, "samples": board.samples}
        line |= {"metric": grade.metric, "cluster": grade.cluster, "rungs": grade.rungs}
        line |= {"preferred": len(grade.preferred)}
        each = {f"order_{name}": one for name, one in grade.order.items()}
        each |= {"power_kl": grade.power_kl, "power_tv": grade.power_tv}
        each |= {"false_alarms": grade.false_alarms, "unanimous": grade.accuracy}
        each |= {"one_kl": grade.iso_spread, "copies": grade.copies, "bags": grade.bags.mean}
        for name, one in each.items():
            line |= {name: one and one.value, f"{name}_low": one and one.low}
            line |= {f"{name}_high": one and one.high}
        lines.append(line | {"failure": wording.failure(grade, board.truths)})
    return pd.DataFrame(lines)


def notes(board: Board) -> list[str]:
    """How the numbers came about, each metric's worst failure, and what was left out."""
    kl = DIVERGENCES[KL]
    lines = [
        f"{len(board.truths.names)} rungs with known divergences from {board.world}, the truth "
        f"first; {board.samples:,} rows a set, {wording.sets(board.sets)} of each rung, "
        f"{board.many} of {', '.join(board.measured)}, whose spread says what noise is; in "
        "brackets 95 % intervals over sets drawn anew",
        "cluster: metrics of one cluster are not shown to differ in order at 5 %",
        "preferred to the truth: rungs of a better mean than the truth's own, beyond noise",
        f"order in families: tau with {kl}, in each family of one defect with the truth at its "
        "foot, averaged over families; a pair that one set of each does not tell apart counts 0",
        f"noticed: the least KL and TV from which on all rungs of a family lie outside the "
        f"truth's own values at {LEVEL:.0%}, in the median family; false alarms at that level",
        "unanimous pairs: which of two rungs is nearer to the truth, where KL both ways, JSD and "
        "TV agree; chance is .50",
        *_one_kl(board),
        "order in bags: one rung of each family and the truth, each rung of a family as likely; "
        "mean tau, the least and the greatest bag",
    ]
    lines += [f"{g.metric}: {wording.failure(g, board.truths)}" for g in board.ranked]
    lines += [line for g in board.ranked for line in _about(g)]
    lines += [f"not judged: {metric}, {reason}" for metric, reason in board.left_out.items()]
    return [*lines, f"scored in {duration(board.seconds)} of all processes together"]


def _one_kl(board: Board) -> list[str]:
    sets = board.truths.iso
    if not sets:
        return []
    kl = [board.truths.kl[of] for of in sets]
    at = ", ".join(three_digits(float(one[0])) for one in kl)
    apart = max(float(np.ptp(one) / one.max()) for one in kl)
    about = f", to {apart:.1%}" if apart > ISO else ""
    same = f"the same KL ({at} nats{about})"
    return [f"one KL told apart: of pairs of rungs with {same}; 0 for KL itself"]


def _about(grade: Grade) -> list[str]:
    """What else the numbers of a metric rest on: other divergences, families, charges."""
    others = {name: wording.share(one.value) for name, one in grade.order.items()}
    by = ", ".join(f"{name} {value}" for name, value in others.items())
    said = f"order by {by}" if len(set(others.values())) > 1 else "order the same by all four"
    without = grade.bags.without
    low, high = min(without, key=lambda f: without[f]), max(without, key=lambda f: without[f])
    lines = [
        f"{grade.metric}: {said}; in bags {wording.share(without[low])} "
        f"without {low}, {wording.share(without[high])} without {high}"
    ]
    if grade.copies is not None and not wording.copies_unseen(grade) and grade.accused:
        few = ", ".join(grade.accused[:6])
        more = f" and {len(grade.accused) - 6} more" if len(grade.accused) > 6 else ""
        lines.append(f"{grade.metric} also puts where copies are, though innocent: {few}{more}")
    return lines
