"""Entropy: how few bits a code can cost.

A file stores codes, and some come more often than others: of weights in 8 bits, small ones do. If frequent
codes get short words and rare ones long words, all together become shorter. How far can that go? A code of
probability p costs log₂(1/p) bits at best: one of two that are equally likely one bit, one of 256 eight, one
that always comes nothing. The mean over all codes is the entropy [Shannon 1948]:

    H = Σ p·log₂(1/p)        p[a] = count[a] / (sum of all counts)

What never comes adds nothing: p·log₂(1/p) goes to 0 as p does.

Who writes has to know the probabilities, and may be wrong. With a model q, a code costs log₂(1/q) whatever
its p is, so a message in which code a comes count[a] times takes

    Σ count[a]·log₂(1/q[a]) bits

which is least for q = p, and then N·H for N codes. Each wrong model costs more; and one that calls a code
impossible, q = 0, cannot write it at all: ∞ bits. It is the cross entropy of training, in bits.
"""

import numpy as np


def entropy(counts: np.ndarray) -> float:
    """The entropy, in bits a code, of codes that come counts[a] times; (A,), not all 0."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def message_bits(counts: np.ndarray, q: np.ndarray) -> float:
    """The bits of a whole message, counts (A,), under a model q (A,) that adds up to 1; ∞ if impossible."""
    seen = counts > 0
    if (q[seen] == 0).any():
        return float("inf")
    return float(-(counts[seen] * np.log2(q[seen])).sum())


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for bits in (8, 4, 2):
        step = 8 / 2**bits
        codes = np.clip(np.rint(rng.normal(size=10_000) / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        counts = np.unique(codes, return_counts=True)[1]
        print(f"normal weights in {bits} bits: entropy {entropy(counts):.2f} bits a weight")
    counts = np.array([70, 20, 10])
    for name, q in (("the right model", counts / 100), ("all alike", np.ones(3) / 3)):
        print(f"100 codes, {counts} times, under {name}: {message_bits(counts, q):.1f} bits")
