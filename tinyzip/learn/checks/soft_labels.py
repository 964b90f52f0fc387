"""Depth: what is known of the exercise about soft labels."""

from typing import Any

import numpy as np

from tinyzip.distill import losses
from tinyzip.learn.case import Case, Check, Mistake, seeded


def expected(z: Any, labels: Any, t: Any, T: float, a: float) -> Any:
    return losses.distillation(z, labels, t, a, T, "kl")


def case(what: str, K: int, N: int, T: float, a: float, size: float = 3.0) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        z, t = size * rng.normal(size=(2, K, N))
        return z, rng.integers(0, K, N), t, T, a

    return Case("distillation", what, seeded(25, make), expected)


CHECK = Check(
    library="distill/losses.py, distillation",
    cases=(
        case("one example, the labels alone (a = 0)", 3, 1, 4.0, 0.0),
        case("one example, the teacher alone (a = 1) at T = 1", 3, 1, 1.0, 1.0),
        case("one example, the teacher alone at T = 4", 3, 1, 4.0, 1.0),
        case("five examples, the teacher alone at T = 2", 4, 5, 2.0, 1.0),
        case("five examples, a quarter of the teacher at T = 2", 4, 5, 2.0, 0.25),
        case("three examples, half of the teacher at T = 0.5", 10, 3, 0.5, 0.5),
    ),
    mistakes=(
        Mistake("dsoft = T * (", "dsoft = (", "a factor T is missing in dz: T² · (1/T) · (p − q)"),
        Mistake(
            "dsoft = T * (", "dsoft = T**2 * (", "dz has T², one too many: z is divided by T, which gives 1/T"
        ),
        Mistake("dsoft = T * (", "dsoft = 1 / T * (", "T² is missing in dz, though it is in the loss"),
        Mistake(
            "soften(z, T) - soften(t, T)",
            "soften(t, T) - soften(z, T)",
            "the sign: the teacher's part of dz is p − q",
        ),
        Mistake(
            "soften(z, T) - soften(t, T)",
            "soften(z, 1) - soften(t, T)",
            "p is flattened as q is: σ(z/T), not σ(z)",
        ),
        Mistake(") / z.shape[1]", ")", "÷ N is missing in the teacher's part of dz"),
        Mistake(
            "return (1 - a) * hard + a * divergence(z, t, T), (1 - a) * dhard + a * dsoft",
            "return a * hard + (1 - a) * divergence(z, t, T), a * dhard + (1 - a) * dsoft",
            "the weights are exchanged: a is the teacher's, 1 − a the labels'",
        ),
        Mistake(
            "return (1 - a) * hard + a * divergence(z, t, T), (1 - a) * dhard + a * dsoft",
            "return hard + a * divergence(z, t, T), dhard + a * dsoft",
            "the labels' part has the weight 1 − a; here it has 1",
        ),
        Mistake(
            "cross_entropy(z, labels)",
            "cross_entropy(z / T, labels)",
            "the labels know of no temperature: cross entropy is of z, not of z/T",
        ),
        Mistake(
            "a * divergence(z, t, T), (1 - a) * dhard",
            "a * divergence(z, t, T) / T**2, (1 - a) * dhard",
            "T² is missing in the loss, though it is in dz",
        ),
    ),
    others=(
        """
import numpy as np
from tinyzip.learn.earlier import softmax

def distillation(z, labels, t, T, a):
    y, N = np.eye(len(z))[labels].T, len(labels)
    p, p_soft, q = softmax(z), softmax(z / T), softmax(t / T)
    loss = (1 - a) * -(y * np.log(p)).sum() / N
    loss += a * T * T * (q * np.log(q / p_soft)).sum() / N
    return loss, ((1 - a) * (p - y) + a * T * (p_soft - q)) / N
""",
        """
import numpy as np
from tinyzip.learn.earlier import log_softmax

def distillation(z, labels, t, T, a):
    K, N = z.shape
    loss, dz = 0.0, np.zeros((K, N))
    for n in range(N):
        one, its = z[:, n : n + 1], t[:, n : n + 1]
        log_p, soft_p, soft_q = (log_softmax(v)[:, 0] for v in (one, one / T, its / T))
        loss += -(1 - a) * log_p[labels[n]] / N
        for k in range(K):
            q = np.exp(soft_q[k])
            loss += a * T**2 * q * (soft_q[k] - soft_p[k]) / N
            hard = np.exp(log_p[k]) - (k == labels[n])
            dz[k, n] = ((1 - a) * hard + a * T * (np.exp(soft_p[k]) - q)) / N
    return loss, dz
""",
    ),
    hints=(
        "Of −Σ q ln σ(u), the derivative by u is p − q. If u is z/T, what is it by z?",
        "The loss mixes two numbers, dz mixes two arrays, and both with the same weights, 1 − a and a.",
        "The teacher's part of dz: p less q, both at T, times T, divided by the number of examples.",
    ),
)
