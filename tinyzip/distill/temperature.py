"""What a student learns from: the right answer, and what a better network thinks of all the others.

A label says "7". A teacher's softened output says "7, but if not, then rather a 1 than an 8", and says it
for each image anew; that is more to learn from. With the student's logits z and the teacher's t, one column
an example, the softmax σ and a temperature T, both outputs are flattened, so that the small probabilities,
where the teacher's knowledge is, count too:

    p = σ(z/T),   q = σ(t/T)                                             [Hinton et al. 2015, eq. 1]    (K1)

How far p is from q:

soft cross entropy   L = −T²·Σ q ln p                  dz = T·(p − q)    [the same, section 2]          (K2)
temperature KL       L = T²·Σ q ln(q/p)                dz = T·(p − q)                                   (K3)

They differ by what the student cannot change, the teacher's entropy. Without the factor T² the gradient would
be (p − q)/T, and p − q itself shrinks as 1/T where T is larger than the logits [the same, eq. 4], and more
slowly before. So it falls as 1/T² in the limit; there the factor gives back just that, and a teacher and
labels keep their proportion when T changes.

Both are means over the examples, and each example may have a weight and a temperature of its own.
"""

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.losses import check_logits, log_softmax, per_example, weighted_mean
from tinyzip.nn.ops.checks import Array

Numbers = float | Array
"""One number, or one for each example (N,)."""


def soft_cross_entropy(
    z: Array, teacher_z: Array, temperature: Numbers = 1.0, weights: Numbers = 1.0
) -> tuple[float, Array]:
    """(K2): the labels' cross entropy, with the teacher's distribution for the label.

    z, teacher_z  (K, N) floats, logits of the student and of the teacher on the same images
    temperature   T, finite and above 0; one number, or one for each example (N,)
    weights       finite, 0 or more; likewise
    returns       loss, and dz (K, N) of z's dtype
    raises        ValueError for a shape or number that does not fit; TypeError for a dtype
    """
    T, log_p, log_q = softened(z, teacher_z, temperature, "soft_cross_entropy")
    q = np.exp(log_q)
    losses = -np.square(T) * (q * log_p).sum(axis=0, dtype=np.float64)
    return weighted_mean(losses, T * (np.exp(log_p) - q), weights, "soft_cross_entropy: weights")


def kl_divergence(
    z: Array, teacher_z: Array, temperature: Numbers, weights: Numbers = 1.0
) -> tuple[float, Array]:
    """(K3): how far the student's softened outputs are from the teacher's.

    Arguments, returns and raises as for `soft_cross_entropy`; the loss is at least 0 but for rounding.
    """
    T, log_p, log_q = softened(z, teacher_z, temperature, "kl_divergence")
    losses, dz = divergence(log_p, log_q)
    return weighted_mean(np.square(T) * losses, T * dz, weights, "kl_divergence: weights")


def is_positive(T: Array) -> Array:
    return np.isfinite(T) & (T > 0)


def of_teacher(z: Array, teacher_z: Array, function: str) -> Array:
    """The teacher's logits in z's dtype, after the checks of both."""
    check_logits(z, f"{function}: z")
    check_logits(teacher_z, f"{function}: teacher_z")
    if teacher_z.shape != z.shape:
        refuse(f"{function}: teacher_z", f"shape {teacher_z.shape}", f"the shape of z, {z.shape}")
    return teacher_z.astype(z.dtype, copy=False)


def temperature_of(temperature: Numbers, z: Array, function: str) -> Array:
    """T as an array () or (N,) of z's dtype."""
    T = per_example(temperature, z.shape[1], is_positive, f"{function}: temperature", "finite, above 0")
    return T.astype(z.dtype)


def softened(z: Array, teacher_z: Array, temperature: Numbers, function: str) -> tuple[Array, Array, Array]:
    """T, ln p and ln q of (K1)."""
    t = of_teacher(z, teacher_z, function)
    T = temperature_of(temperature, z, function)
    return T, log_softmax(z / T), log_softmax(t / T)


def divergence(log_p: Array, log_q: Array) -> tuple[Array, Array]:
    """Σ q ln(q/p) for each column, and p − q, its derivative by the logits of p."""
    q = np.exp(log_q)
    return (q * (log_q - log_p)).sum(axis=0, dtype=np.float64), np.exp(log_p) - q
