"""Softmax that does not overflow.

The last layer gives K numbers an example, its logits z (K, N): any numbers, the larger the surer. Softmax
makes probabilities of them, positive and of sum 1 in each column:

    σ(z)ₖ = exp zₖ / Σ exp zⱼ        ln σ(z)ₖ = zₖ − ln Σ exp zⱼ

As it stands it fails: exp 710 is more than a float64 holds, and inf / inf is no number. But a number that is
added to all logits of a column changes nothing in σ, it is a factor above and below; so take off the largest
first. Then no exponent is above 0, and one of the K is exp 0 = 1: the sum cannot be 0 either.

The logarithm has a formula of its own for the same reason: far below the largest, σ is rounded to 0, of which
there is no logarithm, while zₖ − ln Σ is an ordinary number such as −2000.
"""

import numpy as np


def softmax(z: np.ndarray) -> np.ndarray:
    """σ(z), one column an example: probabilities (K, N) of logits (K, N), whatever their size."""
    e = np.exp(z - z.max(axis=0))
    p: np.ndarray = e / e.sum(axis=0)
    return p


def log_softmax(z: np.ndarray) -> np.ndarray:
    """ln σ(z), (K, N) of logits (K, N), finite also where σ(z) itself is rounded to 0."""
    shifted = z - z.max(axis=0)
    log_p: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=0))
    return log_p


if __name__ == "__main__":
    np.set_printoptions(precision=3, suppress=True)
    z = np.array([[1.0, 1001.0, 0.0], [2.0, 1002.0, -2000.0], [4.0, 1004.0, 0.0]])
    print("three columns of logits; the second is the first + 1000:", z, sep="\n")
    print("their probabilities:", softmax(z), sep="\n")
    print("and the logarithms of these:", log_softmax(z), sep="\n")
