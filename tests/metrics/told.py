"""What Parzen says of a score, by one name each."""

from typing import Any

from genbench.metrics.parzen.metric import BY_SIGMA, NOT_COMPUTED
from genbench.protocols import BY_SAMPLES, Score


def told(score: Score) -> dict[str, Any]:
    """The width, the curves, the bounds in place of points, the counts, the warnings and so on."""
    notes: Any = score.notes
    curve = score.curves.get(f"{BY_SIGMA}: grid", [])
    between = score.curves.get(f"{BY_SIGMA}: between its points", [])
    by_samples = {int(m): value for m, value in score.curves[BY_SAMPLES]}
    sigmas = {int(m): sigma for m, sigma in notes["sigma by samples"].items()}
    return {
        "sigma": notes["sigma"],
        "valid": notes["validation"]["mean"],
        "gap": notes["validation"]["gap"],
        "curve": list(curve),
        "between": list(between),
        "not_computed": notes.get(NOT_COMPUTED, {}),
        "by_count": [[m, sigmas[m], value] for m, value in by_samples.items()],
        **{f"n_{name}": count for name, count in notes["rows"].items()},
        "certificate": notes["certificate"],
        "effective": notes["effective"],
        "warnings": list(score.warnings),
    }
