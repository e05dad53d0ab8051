"""Parzen-window log-likelihood: how probable the test rows are under smoothed samples.

Conventions
    Samples `(m, d)` are the centres mu of m equal Gaussian windows of one width sigma:
        p(x) = 1/m Σ_j N(x; mu_j, sigma² I)
    Natural logarithms: nats per row, of the whole row (not per dimension). Higher is better.
    A density in the units of the data as they are given, and sigma in the same: multiplying
    data and sigma by a shifts every value by -d log a.
    sigma is chosen on validation rows, never on test rows. The standard error is over the test
    rows alone, for this one set of samples.

Precision
    `auto`: within 1e-2 nats a row, and 1e-3 in the mean, for float32 data (and half precision,
    pixels); for LL beyond 1e5 nats, within 1e-7 of it. `float64`, and float64 data: within 1e-8
    nats and 1e-9 of the value. A certificate with each score says how far that held.
    Beyond its inputs a call takes no more memory than its budget, whatever n and m.
    More samples than 262,144 are summed in columns of so many, which are then added: another sum in
    its last bits than one over all of them.

How
    estimator.py   the sums, block by block; which widths of a block are pruned
    pruning.py     an upper bound of every exponent, that leaves few windows to look at
    dense.py       all windows, by the cheapest product that is exact enough
    counts.py      scores by a part of the samples, from the same pass
    grid.py        blocks of rows by blocks of samples, computed anywhere, added in their order
    choosing.py    the best width; which widths of a grid are ruled out, not computed
    certificate.py recomputed rows: a score whose certificate fails is an error
    metric.py      the paper's protocol around it

Sources: Breuleux et al. 2011; Goodfellow et al. 2014, section 5, and its parzen_ll.py.
"""

from genbench.metrics.parzen.certificate import CertificateError
from genbench.metrics.parzen.estimator import Windows, log_likelihood
from genbench.metrics.parzen.metric import Parzen, select_sigma, validation_curve

__all__ = [
    "CertificateError",
    "Parzen",
    "Windows",
    "log_likelihood",
    "select_sigma",
    "validation_curve",
]
