"""Batch normalisation, backward.

y = γ x̂ + β is plain: what comes back to γ and β of a channel is added up over its M numbers,

    dγ = Σ dy x̂        dβ = Σ dy

x is harder: it stands in x̂ = (x − μ) / √(σ² + ε), and once more in μ, and once more in σ². The chain rule
goes all three ways, and what it finds can be collected:

    dx = γ / √(σ² + ε) · (dy − dβ/M − x̂ dγ/M)

Read it like this: forward has taken off the mean and fixed the size, so no change of all x together, and no
stretching of all x, reaches y. So backward takes off dy its mean, and its part along x̂. What is left adds up
to 0, and but for ε so do its products with x̂: two questions that one can ask any answer.
"""

import numpy as np


def batch_norm_backward(
    dy: np.ndarray, x_hat: np.ndarray, gamma: np.ndarray, deviation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx (C, H, W, N), dγ and dβ (C,), from dy (C, H, W, N) and what `batch_norm` gave beside y."""
    M = dy[0].size
    dgamma, dbeta = (dy * x_hat).sum(axis=(1, 2, 3)), dy.sum(axis=(1, 2, 3))
    inner = dy - dbeta[:, None, None, None] / M - x_hat * dgamma[:, None, None, None] / M
    return (gamma / deviation)[:, None, None, None] * inner, dgamma, dbeta


if __name__ == "__main__":
    from tinyzip.learn.earlier import batch_norm

    x = np.array([1.0, 2.0, 3.0, 6.0]).reshape(1, 1, 1, 4)
    _, x_hat, deviation = batch_norm(x, np.ones(1), np.zeros(1))
    for name, dy in (
        ("all alike", np.ones(x.shape)),
        ("along x_hat", x_hat),
        ("to one", np.eye(4)[3].reshape(x.shape)),
    ):
        dx = batch_norm_backward(dy, x_hat, np.ones(1), deviation)[0].ravel()
        print(f"dy {name:9}: dx =", dx.round(3) + 0, " of sum", round(float(dx.sum()), 9) + 0)
