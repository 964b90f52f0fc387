"""Depth: what is known of the exercise about temperature."""

from typing import Any

import numpy as np

from tinyzip.distill.temperature import kl_divergence
from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn.losses import log_softmax


def expected(z: Any, T: float) -> Any:
    return np.exp(log_softmax(z / T))


def soft(what: str, K: int, N: int, T: float) -> Case:
    return Case("soften", what, seeded(23, lambda rng: (4 * rng.normal(size=(K, N)), T)), expected)


def case(what: str, K: int, N: int, T: float, size: float = 4.0) -> Case:
    make = seeded(24, lambda rng: (size * rng.normal(size=(K, N)), size * rng.normal(size=(K, N)), T))
    return Case("divergence", what, make, lambda z, t, T: kl_divergence(z, t, T)[0])


CHECK = Check(
    library="distill/temperature.py, kl_divergence",
    cases=(
        soft("one example of four classes at T = 1", 4, 1, 1.0),
        soft("two examples of five classes at T = 4", 5, 2, 4.0),
        soft("three examples of three classes at T = 0.5", 3, 3, 0.5),
        case("how far one student is from its teacher at T = 1", 4, 1, 1.0),
        case("how far one student is from its teacher at T = 4", 4, 1, 4.0),
        case("how far a student is on three examples at T = 2", 5, 3, 2.0),
        case("how far a student is where logits are thousands apart", 4, 2, 2.0, 3000.0),
    ),
    mistakes=(
        Mistake("log_softmax(z / T))", "log_softmax(z * T))", "z is divided by T: a high T flattens"),
        Mistake(
            "np.exp(log_softmax(z / T))",
            "np.exp(log_softmax(z)) / T",
            "the logits are divided by T, not the probabilities",
        ),
        Mistake(
            "np.exp(log_softmax(z / T))",
            "np.exp(log_softmax(z)) ** (1 / T)",
            "the columns do not add up to 1: divide the logits by T, before softmax",
        ),
        Mistake("T**2 * float", "float", "T² is missing: the gradient fades as T grows"),
        Mistake("T**2 * float", "T * float", "this is times T, and T² was asked for"),
        Mistake(
            "np.exp(log_q) * (log_q - log_p)",
            "np.exp(log_p) * (log_p - log_q)",
            "p and q are exchanged: the teacher's q is the weight, Σ q ln(q/p)",
        ),
        Mistake(
            "np.exp(log_q) * (log_q - log_p)",
            "np.exp(log_q) * (log_p - log_q)",
            "the sign: ln(q/p) = ln q − ln p, and the sum is never below 0",
        ),
        Mistake(
            "np.exp(log_q) * (log_q - log_p)",
            "np.exp(log_q) * -log_p",
            "the teacher's own entropy is left in: this is cross entropy, Σ −q ln p",
        ),
        Mistake(" / z.shape[1]", "", "÷ N is missing: this is a mean over the examples"),
        Mistake(" / z.shape[1]", " / z.size", "the mean is over the N examples; the classes are added up"),
        Mistake(
            "log_softmax(z / T), log_softmax(t / T)",
            "log_softmax(z), log_softmax(t / T)",
            "the student is flattened, too: p = σ(z/T)",
        ),
        Mistake(
            "(log_q - log_p)",
            "np.log(np.exp(log_q) / np.exp(log_p))",
            "this divides by probabilities that were rounded to 0; subtract the logarithms",
        ),
        Mistake("log_softmax(t / T)", "log_softmax(t)", "the teacher is flattened, too: q = σ(t/T)"),
    ),
    others=(
        """
import numpy as np
from tinyzip.learn.earlier import softmax, log_softmax

def soften(z, T):
    return softmax(z / T)

def divergence(z, t, T):
    q = soften(t, T)
    return np.mean(T * T * np.sum(q * log_softmax(t / T) - q * log_softmax(z / T), axis=0))
""",
        """
import math
import numpy as np

def logs(column, T):
    largest = max(column)
    total = math.log(sum(math.exp((v - largest) / T) for v in column))
    return [(v - largest) / T - total for v in column]

def soften(z, T):
    return np.array([[math.exp(v) for v in logs(column, T)] for column in z.T]).T

def divergence(z, t, T):
    sums = [
        sum(math.exp(b) * (b - a) for a, b in zip(logs(u, T), logs(v, T)))
        for u, v in zip(z.T, t.T)
    ]
    return T**2 * sum(sums) / len(sums)
""",
    ),
    hints=(
        "What becomes of σ(z/T) if T is very large? And if it is very small?",
        "Both logarithms come from log_softmax of something ÷ T; ln(q/p) is the one less the other.",
        "q times that difference, summed over classes and examples; times the square of T; divided by N.",
    ),
)
