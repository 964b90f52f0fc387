"""Depth: what is known of the exercise about entropy."""

import math
from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.quant.training import rate


def expected(counts: Any) -> float:
    codes = np.repeat(np.arange(len(counts)), counts).astype(np.float64)
    return rate.entropy(codes, np.array(1.0), 0, len(counts) - 1) / codes.size


def expected_bits(counts: Any, q: Any) -> float:
    """Code by code; where q is the share of each, as many as the entropy of all says."""
    if any(count and not share for count, share in zip(counts, q, strict=True)):
        return math.inf
    bits = math.fsum(count * math.log2(1 / share) for count, share in zip(counts, q, strict=True) if count)
    assert bits >= counts.sum() * expected(counts) * (1 - 1e-9)
    return bits


def of(what: str, *counts: int) -> Case:
    return Case("entropy", what, lambda: (np.array(counts),), expected)


def bits(what: str, counts: list[int], q: list[float]) -> Case:
    return Case("message_bits", what, lambda: (np.array(counts), np.array(q)), expected_bits)


def drawn(rng: np.random.Generator) -> tuple[Any, ...]:
    q = rng.uniform(size=20)
    return rng.integers(0, 50, 20), q / q.sum()


CHECK = Check(
    library="quant/training/rate.py, entropy",
    cases=(
        of("a code that comes as often as another", 5, 5),
        of("256 codes that come once each", *[1] * 256),
        of("one code that always comes", 9),
        of("codes that come 8, 4, 2, 1 and 1 times", 8, 4, 2, 1, 1),
        of("codes that come 90 and 10 times", 90, 10),
        of("codes of which some never come", 0, 7, 0, 3, 1, 0),
        of("two codes, one of which never comes", 4, 0),
        Case("entropy", "20 codes", seeded(42, lambda rng: (rng.integers(1, 99, 20),)), expected),
        bits("8 codes, four of each, where both have ½", [4, 4], [0.5, 0.5]),
        bits("codes that come 8, 4 and 4 times, under the right model", [8, 4, 4], [0.5, 0.25, 0.25]),
        bits("codes that come 1, 1 and 6 times, under another model", [1, 1, 6], [0.5, 0.25, 0.25]),
        bits("codes that come 9 times and once, all alike in the model", [9, 1], [0.5, 0.5]),
        bits("a model in which a code that never comes is impossible", [3, 0, 1], [0.5, 0.0, 0.5]),
        bits("a model in which a code that never comes has ½", [3, 0, 1], [0.25, 0.5, 0.25]),
        bits("a model in which a code that comes is impossible", [3, 1, 1], [0.75, 0.25, 0.0]),
        bits("a message of one code that the model was sure of", [5, 0], [1.0, 0.0]),
        Case("message_bits", "20 codes under a model of others", seeded(43, drawn), expected_bits),
    ),
    mistakes=(
        Mistake(
            "p * np.log2(p)", "p * np.log(p)", "this counts in units of e; bits are logarithms to the base 2"
        ),
        Mistake(
            "float(-(p * np.log2(p)).sum())",
            "float((p * np.log2(p)).sum())",
            "the sign is missing: log₂(1/p)",
        ),
        Mistake(
            "counts[counts > 0] / counts.sum()",
            "counts / counts.sum()",
            "what never comes adds nothing; 0·log₂(1/0) is no number here",
        ),
        Mistake(
            "counts[counts > 0] / counts.sum()",
            "counts[counts > 0] / counts.max()",
            "p adds up to 1: ÷ the sum of all",
        ),
        Mistake(
            "counts[counts > 0] / counts.sum()",
            "counts[counts > 0]",
            "these are counts, not probabilities: ÷ the sum of all is missing",
        ),
        Mistake(
            "float(-(p * np.log2(p)).sum())",
            "float(-np.log2(p).mean())",
            "each logarithm counts as often as its code comes: × p",
        ),
        Mistake(
            "float(-(p * np.log2(p)).sum())",
            "float(np.log2(len(p)))",
            "this is what all codes cost if they are equally likely",
        ),
        Mistake(
            "float(-(p * np.log2(p)).sum())",
            "float(-(p * np.log2(p)).sum() * counts.sum())",
            "this is for all codes together; the entropy is for one",
        ),
        Mistake(
            "float(-(p * np.log2(p)).sum())",
            "float((p * np.ceil(-np.log2(p))).sum())",
            "this rounds each code's bits up; the entropy keeps fractions",
        ),
        Mistake(
            "-(counts[seen] * np.log2(q[seen])).sum()",
            "-(counts[seen] * np.log2(counts[seen] / counts.sum())).sum()",
            "this is the cost under the right model; the writer believes q",
        ),
        Mistake(
            "-(counts[seen] * np.log2(q[seen])).sum()",
            "-(q[seen] * np.log2(counts[seen] / counts.sum())).sum() * counts.sum()",
            "p and q are exchanged: what comes counts, what is believed is in the logarithm",
        ),
        Mistake(
            "-(counts[seen] * np.log2(q[seen])).sum()",
            "-(counts[seen] * np.log2(q[seen])).sum() / counts.sum()",
            "this is for one code; the whole message was asked for",
        ),
        Mistake(
            "-(counts[seen] * np.log2(q[seen])).sum()",
            "(counts[seen] * np.log2(counts[seen] / counts.sum() / q[seen])).sum()",
            "this is only what the wrong model costs in addition",
        ),
        Mistake(
            "-(counts[seen] * np.log2(q[seen])).sum()",
            "-(counts[seen] * np.log(q[seen])).sum()",
            "the message is in units of e here: bits are logarithms to the base 2",
        ),
        Mistake(
            'return float("inf")',
            "return float(-(counts[q > 0] * np.log2(q[q > 0])).sum())",
            "what the model calls impossible cannot be written: ∞, not nothing",
        ),
        Mistake(
            "    if (q[seen] == 0).any():",
            "    if (q == 0).any():",
            "only codes that come must be possible; one that never comes may have q = 0",
        ),
    ),
    others=(
        """
import math

def entropy(counts):
    total, bits = sum(int(count) for count in counts), 0.0
    for count in counts:
        if count:
            bits += count / total * math.log2(total / count)
    return bits

def message_bits(counts, q):
    bits = 0.0
    for count, share in zip(counts, q):
        if count and share == 0:
            return math.inf
        if count:
            bits += count * math.log2(1 / share)
    return bits
""",
        """
import numpy as np
from scipy.special import xlogy

def entropy(counts):
    N = counts.sum()
    return (np.log(N) - xlogy(counts, counts).sum() / N) / np.log(2)

def message_bits(counts, q):
    return -xlogy(counts, q).sum() / np.log(2)
""",
    ),
    hints=(
        "What does each of 8 equally likely codes cost, and what is log₂(1/p) for it?",
        "Take only what comes at all; probabilities are counts ÷ their sum; −log₂ p is weighted by p.",
        "The message: counts times −log₂ of the model, added up; ∞ where q is 0 for a code that comes.",
    ),
)
