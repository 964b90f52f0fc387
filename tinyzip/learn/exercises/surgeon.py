"""Pruning by second derivatives: the optimal brain surgeon.

A small weight may matter much, if its input is large; and where inputs are alike, the weights that are left
can do the work of one that goes. Both can be computed. At a minimum the gradient is 0, and a change δ of the
weights w raises the loss by ½·δᵀHδ, where H holds the second derivatives. Which δ takes w[q] to 0 and raises
it least? With a Lagrange multiplier [Hassibi and Stork 1993, eq. 5-7]:

    δ = −w[q] / [H⁻¹][q, q] · H⁻¹[:, q]        the loss rises by  w[q]² / (2·[H⁻¹][q, q])

So remove the weight whose rise is least, and add δ to all: w[q] becomes 0, the others make up for it.

For a linear output y = w·x, and half of the mean square of how much y changes as the loss, H is the same for
all w: the mean of x·xᵀ over N examples. With few examples H has no inverse. A little on its diagonal helps:

    H = x·xᵀ / N + λ·I

Then comes the next weight, of those that are left. The inverse for them, with row and column q of H gone, is

    H⁻¹ − H⁻¹[:, q]·H⁻¹[q, :] / [H⁻¹][q, q]        [Frantar and Alistarh 2022, lemma 1]

whose row and column q are 0, so that w[q] stays 0.
"""

import numpy as np


def curvature(x: np.ndarray, damping: float = 0.0) -> np.ndarray:
    """H (K, K), of inputs x (K, N), with `damping` added on the diagonal."""
    K, N = x.shape
    H: np.ndarray = x @ x.T / N + damping * np.eye(K)
    return H


def rises(w: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """By how much the loss rises if weight q goes, for each q, (K,). w (K,), inverse (K, K) is H⁻¹."""
    costs: np.ndarray = w**2 / (2 * np.diag(inverse))
    return costs


def removed(w: np.ndarray, inverse: np.ndarray, q: int) -> np.ndarray:
    """w (K,) + δ, a new array: weight q is 0, and the others make up for it."""
    after: np.ndarray = w - w[q] / inverse[q, q] * inverse[:, q]
    after[q] = 0
    return after


def inverse_without(inverse: np.ndarray, q: int) -> np.ndarray:
    """H⁻¹ (K, K) of the weights without q; row and column q are 0."""
    without: np.ndarray = inverse - np.outer(inverse[:, q], inverse[q]) / inverse[q, q]
    return without


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 4)) @ rng.normal(size=(4, 300)) + 0.3 * rng.normal(size=(12, 300))
    w = rng.normal(size=12)
    start, by_size, by_surgeon, inverse = w @ x, w.copy(), w.copy(), np.linalg.inv(curvature(x))
    left = list(range(12))
    for count in range(1, 9):
        by_size[np.argsort(np.abs(w))[:count]] = 0
        q = left[int(np.argmin(rises(by_surgeon[left], inverse[np.ix_(left, left)])))]
        by_surgeon, inverse = removed(by_surgeon, inverse, q), inverse_without(inverse, q)
        left.remove(q)
        if count % 2 == 0:
            lost = [np.var(v @ x - start) / np.var(start) for v in (by_size, by_surgeon)]
            print(f"{count} weights of 12 gone: {lost[0]:.1%} of the output lost by size, {lost[1]:.1%} here")
