"""Soft labels, and their gradient.

A student learns from two who know: the labels, which are right, and a teacher, which says more. With labels,
a teacher's logits t, a temperature T and a weight a from 0 to 1, the loss is the mixture

    L = (1 − a) · cross entropy with the labels + a · T² · mean Σ q ln(q/p)

The teacher's q is a label like any other, only that it is not 0 or 1. So its gradient is that of cross
entropy, p − q instead of p − y, through z/T, which is another 1/T:

    dz of the teacher's part = T² · (1/T) · (p − q) / N = T · (p − q) / N

One T is left of the T². The labels' part knows of no temperature: it is about σ(z), the answer that the
student will give when it is asked.
"""

import numpy as np

from tinyzip.learn.earlier import cross_entropy, divergence, soften


def distillation(
    z: np.ndarray, labels: np.ndarray, t: np.ndarray, T: float, a: float
) -> tuple[float, np.ndarray]:
    """The loss and dz (K, N), of logits z and t (K, N), labels (N,), and the weight a of the teacher."""
    hard, dhard = cross_entropy(z, labels)
    dsoft = T * (soften(z, T) - soften(t, T)) / z.shape[1]
    return (1 - a) * hard + a * divergence(z, t, T), (1 - a) * dhard + a * dsoft


if __name__ == "__main__":
    z, t, labels = np.zeros((4, 1)), np.array([[12.0], [5.0], [-2.0], [3.0]]), np.array([0])
    print("what a student of zeros hears if the label is class 0:")
    for T, a in ((1.0, 0.0), (1.0, 1.0), (4.0, 1.0), (4.0, 0.5)):
        print(f"T = {T}, a = {a}: -dz =", (0 - distillation(z, labels, t, T, a)[1][:, 0]).round(3))
