"""The straight-through estimator: training through a staircase.

A network that shall run on few codes does best when it has trained on them. So in training each weight and
each activation is rounded to its grid and read back at once, in floats: it is *fake* quantized,

    v = x / step        q = clamp(round(v), lo, hi)        y = step · q

where lo and hi count from the code of zero: −7 … 7 for weights, 0 … 15 for what comes out of a ReLU. A half
goes to the even code.

Backward, ∂y/∂x of a staircase is 0 nearly everywhere, and nothing would ever learn. The straight-through
estimator [Bengio et al. 2013] takes the derivative of the line that the staircase follows instead:

    ∂y/∂x = 1 where lo < v < hi        0 elsewhere: the clamp holds y, whatever x does      dx = dy · ∂y/∂x

The ends themselves count as held. It is wrong for each single x, and right on average: a weight that is
pushed the same way in step after step does arrive at the next code. For this, training keeps the weights as
floats: they add up what is too little to move a code at once.
"""

import numpy as np


def fake_quantize(x: np.ndarray, step: float, lo: int, hi: int) -> np.ndarray:
    """y: x on the grid of numbers step·q, lo ≤ q ≤ hi, as floats in its shape, in the unit of x."""
    y: np.ndarray = step * np.clip(np.rint(x / step), lo, hi)
    return y


def straight_through(dy: np.ndarray, x: np.ndarray, step: float, lo: int, hi: int) -> np.ndarray:
    """dx, from dy and what `fake_quantize` was given, all of one shape."""
    dx: np.ndarray = dy * ((x > step * lo) & (x < step * hi))
    return dx


if __name__ == "__main__":
    w, target = np.array([0.1, 0.9, -0.6, 1.4]), np.array([0.6, 0.2, 0.1, 5.0])
    print("targets                           ", target, "on the grid of 0.25*q, -7 <= q <= 7")
    for t in range(31):
        y = fake_quantize(w, 0.25, -7, 7)
        if t % 10 == 0:
            print(f"after {t:2} steps: w", w.round(2), "on the grid", y + 0.0)
        w = w - 0.05 * straight_through(y - target, w, 0.25, -7, 7)
