"""How wrong the logits are, judged by the labels.

Logits z (K, N) are one column an example. The loss is the mean over the columns, and comes with
dz = ∂loss/∂z, the array with which the backward pass starts. With σ(z)ₖ = exp zₖ / Σⱼ exp zⱼ:

cross entropy    L = mean −Σ q ln σ(z)              dz = (σ(z) − q) / N                     (L1)
                 q = (1 − ε)·onehot + ε/K                                                   (L2)

L2 is label smoothing [Szegedy et al. 2016, section 7]. What a teacher has to say of the logits stands in
`distill.losses`.

The maximum of a column is taken off before exp, which changes nothing in σ and keeps exp from overflowing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import is_number, refuse

Array = NDArray[Any]
Arrays = Mapping[str, Array]


def check_logits(z: Array, argument: str) -> None:
    """Refuse what is not a matrix (K, N) of floats with something in it."""
    if not isinstance(z, np.ndarray):
        refuse(argument, type(z).__name__, "an array", TypeError)
    if z.ndim != 2 or 0 in z.shape:
        refuse(argument, f"shape {z.shape}", "two axes (K, N), neither empty")
    if not np.issubdtype(z.dtype, np.floating):
        refuse(argument, f"dtype {z.dtype}", "a floating dtype", TypeError)


def check_labels(labels: Array, z: Array, argument: str) -> None:
    """Refuse what is not a class in 0 … K − 1 for each column of z (K, N)."""
    K, N = z.shape
    if not isinstance(labels, np.ndarray):
        refuse(argument, type(labels).__name__, "an array", TypeError)
    if labels.shape != (N,):
        refuse(argument, f"shape {labels.shape}", f"one label a column of z, ({N},)")
    if not np.issubdtype(labels.dtype, np.integer):
        refuse(argument, f"dtype {labels.dtype}", "an integer dtype", TypeError)
    if labels.min() < 0 or labels.max() >= K:
        refuse(argument, f"{labels.min()} … {labels.max()}", f"0 … {K - 1}")


def log_softmax(z: Array) -> Array:
    """ln σ(z) for each column of z (K, N), without overflow."""
    check_logits(z, "log_softmax: z")
    shifted = z - z.max(axis=0)
    log_p: Array = shifted - np.log(np.exp(shifted).sum(axis=0))
    return log_p


def cross_entropy(
    z: Array, labels: Array, smoothing: float = 0.0, weights: float | Array = 1.0
) -> tuple[float, Array]:
    """(L1) with the smoothed targets of (L2), as the mean of w·loss.

    z          (K, N) floats
    labels     (N,) whole numbers in 0 … K − 1
    smoothing  ε in [0, 1)
    weights    w, finite and 0 or more: one number, or one for each example (N,)
    returns    loss, and dz (K, N) of z's dtype
    raises     ValueError for a shape, label or number that does not fit; TypeError for a dtype
    """
    check_logits(z, "cross_entropy: z")
    check_labels(labels, z, "cross_entropy: labels")
    if not is_number(smoothing) or not 0.0 <= smoothing < 1.0:
        refuse("cross_entropy: smoothing", smoothing, "a number in [0, 1)")
    K, N = z.shape
    log_p = log_softmax(z)
    right = labels, np.arange(N)  # where q is larger than elsewhere, by 1 − ε
    losses = -(1 - smoothing) * log_p[right].astype(np.float64)
    dz = np.exp(log_p)
    dz[right] -= 1 - smoothing
    if smoothing:
        losses = losses - smoothing * log_p.mean(axis=0, dtype=np.float64)
        dz = dz - smoothing / K
    return weighted_mean(losses, dz, weights, "cross_entropy: weights")


def weighted_mean(
    losses: Array, dz: Array, weights: float | Array, argument: str = "weights"
) -> tuple[float, Array]:
    """The mean over the examples of w·loss, and its derivative.

    losses   (N,) the loss of each example
    dz       (…, N) the derivative of each example's loss by its own column
    weights  as for `cross_entropy`; the refusal of others begins with `argument`
    """
    N = len(losses)
    w = per_example(weights, N, is_weight, argument, "finite, 0 or more")
    return float(np.mean(w * losses, dtype=np.float64)), dz * w.astype(dz.dtype) / N


def per_example(
    values: float | Array, N: int, fits: Callable[[Array], Array], argument: str, needed: str
) -> Array:
    """`values` as an array () or (N,), one number for all examples or one for each, that all `fits`."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.shape not in ((), (N,)):
        found = f"shape {array.shape} of {array.dtype}" if array.ndim else repr(values)
        refuse(argument, found, f"a number, or one for each example, ({N},)")
    if not np.all(fits(array)):
        refuse(argument, f"{array.min()} … {array.max()}" if array.ndim else values, needed)
    return array


def is_weight(w: Array) -> Array:
    """Is each entry finite and 0 or more?"""
    return np.isfinite(w) & (w >= 0)


@dataclass(frozen=True)
class Batch:
    """Examples as the model sees them, augmented already.

    x         (C, H, W, N) or (C, N), valid until the objective returns
    labels    (N,) whole numbers
    index     (N,) int64, where in the training images these examples stand
    progress  how much of the training is done, in [0, 1]
    seen      outputs of layers and arrays that the objective has asked for, by name, see `train.run.watched`;
              valid until it returns, and not to be written to
    """

    x: Array
    labels: Array
    index: Array
    progress: float = 0.0
    seen: Arrays = field(default_factory=dict)


Objective = Callable[[Array, Batch], tuple[float, Array] | tuple[float, Array, Arrays]]
"""(z (K, N), batch) -> (mean loss, dz (K, N)), and where it has asked to see more, the gradients by that, see
`train.run.watched`. Called from several threads at the same time."""
