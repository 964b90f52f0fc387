"""Depth: how a teacher arranges its examples: which lie close together, and at what angles.

Two networks may describe an image with different numbers of features, turned and scaled differently, and
still agree on what matters: this 4 is closer to that 9 than to any 0. So compare the relations between
examples [Park et al. 2019, section 3.2]. With xᵢ the features of example i, as one column:

distances   ψᵢⱼ = ‖xᵢ − xⱼ‖/μ,   μ the mean of ‖xᵢ − xⱼ‖                                              (K10)
angles      ψᵢⱼₖ = ⟨eᵢⱼ, eₖⱼ⟩,   eᵢⱼ = (xᵢ − xⱼ)/‖xᵢ − xⱼ‖, the cosine of the angle at j               (K11)
loss        L = mean δ(ψ of the student − ψ of the teacher)                                           (K12)
            δ(r) = ½r² for |r| ≤ 1, else |r| − ½

The means go over all pairs and triples, those included in which an example meets itself or its copy, where
ψ is 0: so a batch and its double have the same loss. (The paper leaves an example's meeting with itself
out.) None of this sees a rotation, a shift or a scale of all features.

In training a loss sees the shard and not the batch (`train.run.shards`); so relations are those inside it.
"""

import numpy as np
from scipy.spatial.distance import cdist

from tinyzip.distill.features import check_features
from tinyzip.nn.ops.checks import Array


def distances(h: Array, g: Array) -> tuple[float, Array]:
    """(K12) of (K10).

    With dψ the derivative by ψ and W = (dψ − mean(dψ·ψ))/(μ·‖xᵢ − xⱼ‖), dxᵢ = 2·Σⱼ Wᵢⱼ·(xᵢ − xⱼ).

    h        (C, H, W, N) or (C, N) floats, the student's features
    g        the teacher's, of any such shape with the same N
    returns  loss, and dh of h's shape and dtype; features that are all alike have ψ = 0 and derivative 0
    raises   ValueError for a shape that does not fit; TypeError for a dtype
    """
    check_features(h, g, "distances")
    x = _columns(h)
    length, mu = _lengths(x)
    teacher_length, teacher_mu = _lengths(_columns(g))
    loss, dpsi = _huber(length / mu - teacher_length / teacher_mu)
    dlength = (dpsi - np.mean(dpsi * length / mu)) / mu
    W = np.divide(dlength, length, out=np.zeros_like(length), where=length > 0)
    dx = 2 * (x * W.sum(axis=0) - x @ W)
    return loss, dx.reshape(h.shape).astype(h.dtype)


def angles(h: Array, g: Array) -> tuple[float, Array]:
    """(K12) of (K11); takes memory for N²·(N + M) numbers, M features an example.

    Arguments, returns and raises as for `distances`.
    """
    check_features(h, g, "angles")
    e, length = _directions(_columns(h))
    teacher_e, _ = _directions(_columns(g))
    loss, dpsi = _huber(e @ e.swapaxes(1, 2) - teacher_e @ teacher_e.swapaxes(1, 2))
    de = 2 * (dpsi @ e)
    de -= e * np.sum(e * de, axis=2, keepdims=True)  # a change of length changes no direction
    de /= length
    dx = (de.sum(axis=0) - de.sum(axis=1)).T
    return loss, dx.reshape(h.shape).astype(h.dtype)


def _columns(x: Array) -> Array:
    """The features of each example as a column, (M, N) float64."""
    return x.reshape(-1, x.shape[-1]).astype(np.float64)


def _lengths(x: Array) -> tuple[Array, float]:
    """‖xᵢ − xⱼ‖ (N, N) and their mean, or 1 where that is 0."""
    length: Array = cdist(x.T, x.T)
    return length, float(length.mean()) or 1.0


def _directions(x: Array) -> tuple[Array, Array]:
    """e (j, i, M) of (K11), 0 between examples that are alike, and the lengths (j, i, 1), 1 in place of 0."""
    rows = x.T
    difference = rows[None] - rows[:, None]
    length = np.sqrt(np.square(difference).sum(axis=2, keepdims=True))
    length[length == 0] = 1
    return difference / length, length


def _huber(r: Array) -> tuple[float, Array]:
    """mean δ(r) of (K12), and its derivative."""
    slope = np.clip(r, -1, 1)
    return float(np.mean(slope * (r - 0.5 * slope))), slope / r.size
