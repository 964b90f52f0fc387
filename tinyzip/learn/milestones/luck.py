"""Depth: how far an error rate is known from so many images, and whether one file is better than another.

A file that misses k of N images misses some part e of all images, which nobody knows. Those e for which k or
fewer, and those for which k or more, would come in fewer than 2.5 of 100 draws of N are left out; what stays
is an interval that holds e in 95 of 100 cases, or more [Clopper and Pearson 1934]. It is exact for any k, 0
too, where the usual ± 2√(e(1 − e)/N) says that nothing is left to be wrong.

Two files that were asked about the same images are compared by those on which just one of them is right.
Were they equally good, each of these were a coin's throw; so as many heads or tails, or more, as the one has
for it come with the probability

    p = 2 · Σ C(n, i) / 2ⁿ over i from 0 to the smaller of both numbers, 1 at most      n = both together

[McNemar 1947, exact]. Images that both read, or both miss, say nothing of which is better.
"""

from math import comb

from scipy.special import betaincinv

from tinyzip.base.refuse import refuse


def interval(errors: int, N: int, outside: float = 0.05) -> tuple[float, float]:
    """The least and the greatest error rate of which `errors` of N images are no surprise."""
    if not 0 <= errors <= N or N < 1:
        refuse("interval: errors", f"{errors} of {N}", "from 0 to N, of 1 or more")
    low = float(betaincinv(errors, N - errors + 1, outside / 2)) if errors else 0.0
    high = float(betaincinv(errors + 1, N - errors, 1 - outside / 2)) if errors < N else 1.0
    return low, high


def luck(one: int, other: int) -> float:
    """p, of so many images that only the one reads, and so many that only the other does."""
    n, fewer = one + other, min(one, other)
    return min(1.0, sum(comb(n, i) for i in range(fewer + 1)) / 2 ** (n - 1)) if n else 1.0
