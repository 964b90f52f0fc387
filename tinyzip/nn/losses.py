"""Three ways to say how wrong the logits are, each with its derivative.

Logits z (K, N) are one column an example. A loss is the mean over the columns, and comes with
dz = ∂loss/∂z, the array with which the backward pass starts. With σ(z)ₖ = exp zₖ / Σⱼ exp zⱼ:

cross entropy    L = mean −Σ q ln σ(z)              dz = (σ(z) − q) / N                     (L1)
                 q = (1 − ε)·onehot + ε/K                                                   (L2)
soft targets     L = mean T²·KL(σ(t/T) ‖ σ(z/T))    dz = T·(σ(z/T) − σ(t/T)) / N            (L3)
logit matching   L = mean ½‖z − t‖²                 dz = (z − t) / N                        (L4)

L2 is label smoothing [Szegedy et al. 2016, section 7]. L3 is distillation [Hinton et al. 2015,
section 2]: softened outputs shrink the gradient by 1/T², and the factor T² gives it back, so that soft and
hard losses keep their proportion when T changes. L4 is the limit of L3, up to a factor 1/K, for large T and
logits of zero mean [the same, equation 4; Ba and Caruana 2014, equation 2].

The maximum of a column is taken off before exp, which changes nothing in σ and keeps exp from overflowing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import is_number, refuse

Array = NDArray[Any]


def _check_logits(z: Array, argument: str) -> None:
    if not isinstance(z, np.ndarray):
        refuse(argument, type(z).__name__, "an array", TypeError)
    if z.ndim != 2 or 0 in z.shape:
        refuse(argument, f"shape {z.shape}", "two axes (K, N), neither empty")
    if not np.issubdtype(z.dtype, np.floating):
        refuse(argument, f"dtype {z.dtype}", "a floating dtype", TypeError)


def _check_teacher(z: Array, teacher_z: Array, function: str) -> None:
    _check_logits(z, f"{function}: z")
    _check_logits(teacher_z, f"{function}: teacher_z")
    if teacher_z.shape != z.shape:
        refuse(f"{function}: teacher_z", f"shape {teacher_z.shape}", f"the shape of z, {z.shape}")


def log_softmax(z: Array) -> Array:
    """ln σ(z) for each column of z (K, N), without overflow."""
    _check_logits(z, "log_softmax: z")
    shifted: Array = z - z.max(axis=0)
    shifted -= np.log(np.exp(shifted).sum(axis=0))
    return shifted


def cross_entropy(z: Array, labels: Array, smoothing: float = 0.0) -> tuple[float, Array]:
    """(L1) with the smoothed targets of (L2).

    z          (K, N) floats
    labels     (N,) whole numbers in 0 … K − 1
    smoothing  ε in [0, 1)
    returns    loss, and dz (K, N) of z's dtype
    raises     ValueError for a shape, label or smoothing that does not fit; TypeError for a dtype
    """
    _check_logits(z, "cross_entropy: z")
    K, N = z.shape
    if not isinstance(labels, np.ndarray):
        refuse("cross_entropy: labels", type(labels).__name__, "an array", TypeError)
    if labels.shape != (N,):
        refuse("cross_entropy: labels", f"shape {labels.shape}", f"one label a column of z, ({N},)")
    if not np.issubdtype(labels.dtype, np.integer):
        refuse("cross_entropy: labels", f"dtype {labels.dtype}", "an integer dtype", TypeError)
    if labels.min() < 0 or labels.max() >= K:
        refuse("cross_entropy: labels", f"{labels.min()} … {labels.max()}", f"0 … {K - 1}")
    if not is_number(smoothing) or not 0.0 <= smoothing < 1.0:
        refuse("cross_entropy: smoothing", smoothing, "a number in [0, 1)")
    log_p = log_softmax(z)
    columns = np.arange(N)
    loss = -(1.0 - smoothing) * float(log_p[labels, columns].mean(dtype=np.float64))
    if smoothing:
        loss -= smoothing * float(log_p.mean(dtype=np.float64))
    dz = np.exp(log_p, out=log_p)
    dz[labels, columns] -= 1.0 - smoothing
    dz -= smoothing / K
    dz /= N
    return loss, dz


def kl_divergence(z: Array, teacher_z: Array, temperature: float) -> tuple[float, Array]:
    """(L3): how far the student's softened outputs are from the teacher's.

    z, teacher_z  (K, N) floats
    temperature   T > 0
    returns       loss, at least 0 but for rounding, and dz (K, N) of z's dtype
    raises        ValueError for a shape or temperature that does not fit; TypeError for a dtype
    """
    _check_teacher(z, teacher_z, "kl_divergence")
    if not is_number(temperature) or not 0.0 < temperature < np.inf:
        refuse("kl_divergence: temperature", temperature, "a finite number above 0")
    log_p = log_softmax(z / temperature)
    log_q = log_softmax(teacher_z / temperature)
    q = np.exp(log_q)
    N = z.shape[1]
    loss = temperature**2 * float(np.sum(q * (log_q - log_p), dtype=np.float64)) / N
    dz = np.exp(log_p)
    dz -= q
    dz *= temperature / N
    return loss, dz


def logit_matching(z: Array, teacher_z: Array) -> tuple[float, Array]:
    """(L4): half the squared distance between the logits themselves.

    z, teacher_z  (K, N) floats
    returns       loss, and dz (K, N) of z's dtype
    raises        ValueError for a shape that does not fit; TypeError for a dtype
    """
    _check_teacher(z, teacher_z, "logit_matching")
    difference = np.subtract(z, teacher_z, dtype=z.dtype)
    N = z.shape[1]
    loss = 0.5 * float(np.sum(np.square(difference), dtype=np.float64)) / N
    difference /= N
    return loss, difference
