"""How far two sums of the same terms may lie apart.

A sum of n products, added up in any order in arithmetic with unit roundoff u, is off by at most

    γ_n·Σ|terms|,   γ_n = n·u / (1 − n·u)                      [Higham 2002, §3.1 and problem 3.1]

so two of them differ by at most twice that. Whole numbers below 1/u have no rounding at all.
"""

import numpy as np


def gamma(n, dtype):
    u = np.finfo(dtype).eps / 2
    return n * u / (1 - n * u)


def assert_same_sums(found, expected, magnitudes, n, what="sum"):
    """found and expected are sums of the same n terms; magnitudes are the sums of the terms' sizes."""
    assert found.shape == expected.shape and found.dtype == expected.dtype, what
    bound = 2 * gamma(n, found.dtype) * magnitudes.astype(np.float64)
    excess = np.abs(found.astype(np.float64) - expected) - bound
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    assert excess[worst] <= 0, f"{what}{list(map(int, worst))}: off by {excess[worst] + bound[worst]:.1e}"
