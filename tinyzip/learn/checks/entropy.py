"""Depth: what is known of the exercise about entropy."""

import math
from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
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
    hints=(
        "What does each of 8 equally likely codes cost, and what is log₂(1/p) for it?",
        "Take only what comes at all; probabilities are counts ÷ their sum; −log₂ p is weighted by p.",
        "The message: counts times −log₂ of the model, added up; ∞ where q is 0 for a code that comes.",
    ),
)
