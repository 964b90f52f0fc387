"""The rectifier.

Without something between them that is not linear, ten layers are one. The simplest such thing keeps what is
above 0 and makes 0 of the rest, each number by itself:

    y = max(x, 0)        dx = dy where y > 0, else 0

At 0 there is no derivative; 0 is taken. Backward needs y and not x: y > 0 says the same as x > 0.
"""

import numpy as np


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0) of each number, of x's shape and dtype."""
    y: np.ndarray = np.maximum(x, 0)
    return y


def relu_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dx, from dy and what `relu` gave, both of one shape."""
    return dy * (y > 0)


if __name__ == "__main__":
    x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    print(x, relu(x), relu_backward(np.ones(5), relu(x)), sep="\n")
