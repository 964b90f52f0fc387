"""What else it can mean that a student is far from its teacher, and the mixture with the labels.

`temperature` compares softened outputs, p = σ(z/T) with q = σ(t/T), (K1) to (K3). There are other opinions:

logit matching       L = ‖z̃ − t̃‖²/2K                   dz = (z̃ − t̃)/K    [Hinton et al. 2015, eq. 4]    (K4)
standardized         L = K3 of z̃/s(z) and t̃/s(t)                [Sun et al. 2024, algorithms 1–2]      (K5)
decoupled            L = α·T²·KL(target) + β·T²·KL(rest)                 [Zhao et al. 2022, eq. 7]      (K6)

For T → ∞ K3 becomes K4, where z̃ = z − mean z: a softmax does not see a number that is added to all logits of
a column, and so none of these losses does. K4 asks the student for logits as large as the teacher's, which a
small network may never reach in the steps it has. K5 does not: it divides them by their standard deviation s
over the classes, and so teaches the order and the proportions only.

K6 takes K3 apart. One half, "target", is about two outcomes, the labelled class or another; the other half,
"rest", is about which of the others it would be, each distribution made to sum to 1. K3 is α = 1 and
β = 1 − q(label) [the same, eq. 5]: the surer a teacher is, the less K3 says of all else that it knows.
"""

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.distill.temperature import (
    Numbers,
    divergence,
    is_positive,
    kl_divergence,
    of_teacher,
    temperature_of,
)
from tinyzip.nn.losses import check_labels, cross_entropy, is_weight, log_softmax, per_example, weighted_mean
from tinyzip.nn.ops.checks import Array

NAMES = ("kl", "standardized", "logits", "decoupled")
EPSILON = 1e-6  # added to a variance, so that logits that are all equal stay finite


def logit_matching(z: Array, teacher_z: Array, weights: Numbers = 1.0) -> tuple[float, Array]:
    """(K4): half the mean squared distance between centred logits, the limit of (K3) for T → ∞.

    Where |z̃|, |t̃| ≤ B, the two gradients of an example differ by at most 2B²·e^(2B/T)/(K·T) in each entry:
    with x = z̃/T, e^x = 1 + x + r where 0 ≤ r ≤ ½x²·e^|x|, so Σ e^x = K·(1 + ρ) where 0 ≤ ρ ≤ ½(B/T)²·e^(B/T),
    and σ(x) = (1 + x)/K + (r − (1 + x)ρ)/(K·(1 + ρ)), of which the last part is at most (B/T)²·e^(2B/T)/K.

    Arguments, returns and raises as for `soft_cross_entropy`, but that there is no temperature.
    """
    t = of_teacher(z, teacher_z, "logit_matching")
    difference = _centred(z) - _centred(t)
    losses = 0.5 * np.square(difference).mean(axis=0, dtype=np.float64)
    return weighted_mean(losses, difference / len(z), weights, "logit_matching: weights")


def standardized(
    z: Array, teacher_z: Array, temperature: Numbers, weights: Numbers = 1.0
) -> tuple[float, Array]:
    """(K5): (K3) of logits without their mean and scale, u = z̃/s with s² = mean z̃² + 10⁻⁶.

    With du the derivative of (K3) by u, dz = (du − u·mean(u·du))/s. What is added to the variance keeps
    columns of equal logits finite, and is not in the paper.

    Arguments, returns and raises as for `soft_cross_entropy`.
    """
    t = of_teacher(z, teacher_z, "standardized")
    u, s = _standard(z)
    loss, du = kl_divergence(u, _standard(t)[0], temperature, weights)
    return loss, (du - u * np.mean(u * du, axis=0)) / s


def decoupled(
    z: Array,
    teacher_z: Array,
    labels: Array,
    temperature: Numbers,
    target: Numbers = 1.0,
    rest: Numbers = 8.0,
    weights: Numbers = 1.0,
) -> tuple[float, Array]:
    """(K6): the teacher's sureness and its other knowledge, each with a weight of its own.

    With r the log-odds of the label, r = z_label/T − ln Σ_others exp(z/T), and p̂ the distribution over the
    other classes, dz = T·α·(p_label − q_label)·(onehot − p̂) + T·β·(p̂ − q̂).

    labels        (N,) whole numbers in 0 … K − 1, K from 2 up
    target, rest  α and β, finite and 0 or more; numbers, or one for each example (N,)
    others        as for `soft_cross_entropy`
    """
    t = of_teacher(z, teacher_z, "decoupled")
    check_labels(labels, z, "decoupled: labels")
    K, N = z.shape
    if K < 2:
        refuse("decoupled: z", f"{K} class", "two or more")
    T = temperature_of(temperature, z, "decoupled")
    alpha, beta = (
        per_example(value, N, is_weight, f"decoupled: {name}", "finite, 0 or more").astype(z.dtype)
        for name, value in (("target", target), ("rest", rest))
    )
    others = np.arange(K) != labels[:, None]
    odds, log_p = _label_and_others(z / T, labels, others)
    teacher_odds, log_q = _label_and_others(t / T, labels, others)
    target_losses, dodds = divergence(odds, teacher_odds)
    rest_losses, drest = divergence(log_p, log_q)
    dz = np.empty_like(z)
    dz[labels, np.arange(N)] = T * alpha * dodds[0]
    dz.T[others] = (T * beta * drest - T * alpha * dodds[0] * np.exp(log_p)).T.ravel()
    losses = np.square(T) * (alpha * target_losses + beta * rest_losses)
    return weighted_mean(losses, dz, weights, "decoupled: weights")


def distillation(
    z: Array, labels: Array, teacher_z: Array, soft: Numbers, temperature: Numbers, loss: str
) -> tuple[float, Array]:
    """(1 − soft)·(cross entropy with the labels) + soft·(loss by the teacher)  [Hinton et al. 2015]  (K7)

    z, teacher_z  (K, N) floats, logits of the student and of the teacher on the same images
    labels        (N,) whole numbers in 0 … K − 1
    soft          weight of the teacher's part, in [0, 1], one number, or one for each example (N,): 0 is
                  exactly the cross entropy, whatever the teacher's logits are, and 1 uses no label
    temperature   T, finite and above 0; likewise; "logits" has none
    loss          "kl" (K3), "standardized" (K5), "logits" (K4), or "decoupled" (K6) with the paper's weights
    returns       loss, and dz (K, N) of z's dtype
    raises        ValueError for a shape, label, number or name that does not fit; TypeError for a dtype
    """
    t = of_teacher(z, teacher_z, "distillation")
    w, _ = check_settings(soft, temperature, loss, z.shape[1], "distillation")
    hard_loss, dz = cross_entropy(z, labels, weights=1.0 - w)
    if not w.any():
        return hard_loss, dz
    t = np.where(w > 0, t, z)  # where the teacher has no say, not even its NaN has one
    match loss:
        case "kl":
            soft_loss, soft_dz = kl_divergence(z, t, temperature, w)
        case "standardized":
            soft_loss, soft_dz = standardized(z, t, temperature, w)
        case "logits":
            soft_loss, soft_dz = logit_matching(z, t, w)
        case _:
            soft_loss, soft_dz = decoupled(z, t, labels, temperature, weights=w)
    dz += soft_dz
    return hard_loss + soft_loss, dz


def check_settings(
    soft: Numbers, temperature: Numbers, loss: str, N: int, function: str
) -> tuple[Array, Array]:
    """`soft` and T for N examples, () or (N,), if they and the loss's name are as `distillation` takes."""
    if loss not in NAMES:
        refuse(f"{function}: loss", repr(loss), f"one of {', '.join(map(repr, NAMES))}")
    w = per_example(soft, N, lambda w: (w >= 0) & (w <= 1), f"{function}: soft", "in [0, 1]")
    return w, per_example(temperature, N, is_positive, f"{function}: temperature", "finite, above 0")


def _label_and_others(x: Array, labels: Array, others: Array) -> tuple[Array, Array]:
    """The logarithms of "the label or another" (2, N) and of "which of the others" (K − 1, N).

    others  (N, K) bool: all but the label
    """
    K, N = x.shape
    rest = x.T[others].reshape(N, K - 1).T
    odds = x[labels, np.arange(N)] - np.logaddexp.reduce(rest, axis=0)
    return log_softmax(np.stack([odds, np.zeros_like(odds)])), log_softmax(rest)


def _centred(z: Array) -> Array:
    centred: Array = z - z.mean(axis=0)
    return centred


def _standard(z: Array) -> tuple[Array, Array]:
    """u and s of (K5)."""
    centred = _centred(z)
    s = np.sqrt(np.mean(np.square(centred), axis=0) + z.dtype.type(EPSILON))
    return centred / s, s
