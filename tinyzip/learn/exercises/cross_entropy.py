"""Cross entropy, and p − y.

How wrong are the logits z (K, N), if label n says which of the K classes example n is? Softmax gives the
label a probability; the loss is how surprising the label was, −ln of it, as the mean over the examples:

    L = −(1/N) Σ ln σ(z)[label n, n]

A network that knows nothing gives 1/K to each class, and its loss is ln K: 2.303 for ten digits. With
p = σ(z) and y the column that is 1 at the label and 0 elsewhere, the derivative is as simple as could be:

    dz = (p − y) / N

What is too probable is pushed down and the label is pushed up, by how far each is from what it should be; and
each column of dz adds up to 0. The 1/N of the mean is here and nowhere else: the layers only add up.
"""

import numpy as np

from tinyzip.learn.earlier import log_softmax


def cross_entropy(z: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss, in nats, and dz (K, N), of logits z (K, N) and labels (N,), whole numbers below K."""
    N = z.shape[1]
    log_p = log_softmax(z)
    right = labels, np.arange(N)
    dz = np.exp(log_p)
    dz[right] -= 1
    return -log_p[right].sum() / N, dz / N


if __name__ == "__main__":
    for name, z in (("knows nothing", 0.0), ("is right", 5.0), ("is wrong", -5.0)):
        loss, dz = cross_entropy(np.array([[z], [0.0], [0.0]]), np.array([0]))
        print(f"a network that {name}: loss {loss:.3f}, dz", dz[:, 0].round(3))
