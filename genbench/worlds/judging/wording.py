"""Grades in words: a metric's worst failure, its short grade, the sentence under a table."""

from __future__ import annotations

import math

from genbench.words import three_digits
from genbench.worlds.judging.grading import Estimate, Grade
from genbench.worlds.judging.truths import DIVERGENCES, KL, TV, Truths

BLIND = 0.5  # the ROC area of a metric that does not see copies


def ordinal(n: int) -> str:
    """
    >>> [ordinal(n) for n in (1, 2, 8, 11, 23)]
    ['1st', '2nd', '8th', '11th', '23rd']
    """
    teen = 10 < n % 100 < 14
    return f"{n}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def share(value: float) -> str:
    """Two digits, without the naught before the point.

    >>> share(0.834), share(-0.1), share(1.0)
    ('.83', '-.10', '1.00')
    """
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.2f}"


def interval(estimate: Estimate) -> str:
    """ ".62 [.55, .70]"."""
    return f"{share(estimate.value)} [{share(estimate.low)}, {share(estimate.high)}]"


def least(power: Estimate) -> str:
    """ "0.02 [0.005, 0.08]"; none where the median family is not noticed."""
    value, low, high = (
        "none" if math.isinf(v) else three_digits(v) for v in (power.value, power.low, power.high)
    )
    return f"{value} [{low}, {high}]"


def sets(count: int) -> str:
    return "one set" if count == 1 else f"{count} sets"


def nats(value: float) -> str:
    return "infinitely many nats" if math.isinf(value) else f"{three_digits(value)} nats"


def order_of(grade: Grade) -> Estimate:
    """The order by KL, which the short grade and the clusters are of."""
    return grade.order[DIVERGENCES[KL]]


def short(grade: Grade) -> str:
    """The grade in a few signs: "truth 8th of 21, order .13 [.05, .20]"."""
    return f"truth {ordinal(grade.rank)} of {grade.rungs}, order {interval(order_of(grade))}"


def sentence(grade: Grade) -> str:
    """What a column's note says of its metric."""
    parts = [f"ranks the truth {ordinal(grade.rank)} of {grade.rungs}"]
    said = f"tau with KL in families of single defects {interval(order_of(grade))}"
    parts.append(f"undecided, {said}" if grade.undecided else said)
    blind = [*(["copying"] if copies_unseen(grade) else []), *_blind_to(grade)]
    parts += [f"blind to {', '.join(blind)}"] if blind else []
    return "; ".join(parts)


def copies_unseen(grade: Grade) -> bool:
    """Whether copies are not shown to score below innocent rungs."""
    return grade.copies is not None and grade.copies.low <= BLIND


def _blind_to(grade: Grade) -> list[str]:
    return [family.replace("_", " ") for family in grade.blind]


def failure(grade: Grade, truths: Truths) -> str:
    """The worst failure: a rung that is preferred, an order reversed, a rung unseen, a charge."""
    at = {name: r for r, name in enumerate(truths.names)}
    if grade.preferred:
        worst = grade.preferred[0]
        others = len(grade.preferred) - 1
        more = f"; so {others} more" if others else ""
        return (
            f"prefers {worst.rung} to the truth, {nats(truths.kl[at[worst.rung]])} away, "
            f"{_margin(worst.margin)}{more}"
        )
    if grade.undecided:
        return f"undecided: orders no family beyond noise, tau {interval(order_of(grade))}"
    reversed_ = {f: t for f, t in grade.families.items() if t < 0}
    if reversed_:
        family = min(reversed_, key=lambda f: reversed_[f])
        return f"orders {family} the wrong way, tau {share(reversed_[family])}"
    if grade.blind:
        unseen = [r for f in grade.blind for r in truths.members[f][-1:]]
        worst_unseen = max(unseen, key=lambda r: (truths.values[TV, r], truths.kl[r]))
        return (
            f"does not tell {truths.names[worst_unseen]} from the truth, "
            f"{nats(truths.kl[worst_unseen])} away, TV {share(truths.values[TV, worst_unseen])}"
        )
    if copies_unseen(grade) and grade.copies is not None:
        return f"does not see copies: ROC area {interval(grade.copies)}"
    if grade.accused and grade.copies is not None:
        return f"takes for copies: {', '.join(grade.accused[:4])}"
    return "none found on this ladder"


def _margin(margin: Estimate) -> str:
    if math.isinf(margin.value):
        return "beyond any noise"
    low, high = three_digits(margin.low), three_digits(margin.high)
    return f"by {three_digits(margin.value)} deviations of one set ({low} to {high})"
