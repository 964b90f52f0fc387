"""What a hint adds: a layer that learns from a layer.

The answers of a teacher say what it thinks at the end. What it sees on the way is in its features g
(D, H, W, N), the output of some layer in the middle; and a student with features h (C, H, W, N) at such a
place can be asked for these, too. It has fewer channels, and there is no reason why channel 3 of one should
be channel 3 of the other. So a regressor, in each pixel the same linear map from C channels to D, reads the
teacher's features out of the student's [Romero et al. 2015, eq. 3]:

    L = ‖w h + b − g‖² / 2M        M = D·H·W·N, all numbers of g

It is a fully connected layer whose examples are pixels; with r = (w h + b − g) / M, the derivative of L by
what it gives, the rest is known:

    dh = wᵀ r        dw = r hᵀ        db = Σ r

dh is added to what comes back to this layer from the loss at the end. The regressor learns along, and is
thrown away when training is over: a hint costs nothing in use.
"""

import numpy as np

from tinyzip.learn.earlier import linear, linear_backward


def hint(
    h: np.ndarray, g: np.ndarray, w: np.ndarray, b: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """The loss, dh (C, H, W, N), dw (D, C), db (D,), of h (C, H, W, N), g (D, H, W, N), w (D, C), b (D,)."""
    rows = h.reshape(len(h), -1)
    difference = linear(rows, w, b) - g.reshape(len(g), -1)
    dh, dw, db = linear_backward(difference / g.size, rows, w)
    return float(np.square(difference).sum()) / (2 * g.size), dh.reshape(h.shape), dw, db


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    g = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 60))  # six channels, in which there are two facts
    for C in (1, 2, 3):
        h, w, b = rng.normal(size=(C, 60)), rng.normal(size=(6, C)), np.zeros(6)
        losses = []
        for _ in range(1001):
            loss, dh, dw, db = hint(h, g, w, b)
            h, w, b = h - 20 * dh, w - dw, b - db
            losses.append(loss)
        print(f"{C} channels of a student, loss every 250 steps:", *(f"{x:9.2g}" for x in losses[::250]))
