"""The fully connected layer and its gradients.

One example is a column. With weights w (F, C), a bias b (F,) and N examples x (C, N)

    y = w x + b

and if dy (F, N) is the derivative of a loss by y, the chain rule gives

    dx = wᵀ dy        dw = dy xᵀ        db = Σ over the examples of dy

Each has the shape of what it is the derivative by, and with the shapes alone there is hardly another way to
write them. No 1/N is in them: whether a loss is a mean or a sum is said by dy.
"""

import numpy as np


def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y (F, N) = w x + b, of x (C, N), w (F, C), b (F,)."""
    y: np.ndarray = w @ x + b[:, None]
    return y


def linear_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx (C, N), dw (F, C), db (F,), from dy (F, N)."""
    return w.T @ dy, dy @ x.T, dy.sum(axis=1)


if __name__ == "__main__":
    x, w, b = np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([[1.0, -1.0]]), np.array([0.5])
    print("y =", linear(x, w, b), "and dx, dw, db =", *linear_backward(np.ones((1, 2)), x, w), sep="\n")
