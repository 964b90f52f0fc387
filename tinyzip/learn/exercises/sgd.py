"""A step downhill: SGD with momentum.

The gradient g says in which direction the loss grows; so parameters p go against it, by a learning rate η.
The gradient of one batch is noisy, and in a narrow valley it points from wall to wall rather than along. So
one remembers earlier steps, in b, which is 0 at first, and lets them fade by a factor μ, the momentum:

    g ← g + λp
    b ← μb + g
    p ← p − ηb

What stays the same from step to step adds up, to 1/(1 − μ) times its size, ten times for μ = 0.9; what turns
around each time cancels. λ is the decay: it pulls p towards 0, as if λp²/2 were part of the loss. It goes
into the gradient, and so into b. Every number is by itself; p, g and b have one shape.
"""

import numpy as np


def sgd(
    p: np.ndarray, g: np.ndarray, b: np.ndarray, lr: float, momentum: float = 0.9, decay: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """p and b after one step along g, as new arrays; lr is η, momentum μ, decay λ."""
    b = momentum * b + g + decay * p
    return p - lr * b, b


if __name__ == "__main__":
    print("a valley that is 50 times as steep across as along: how far from its lowest point, every 20 steps")
    steep = np.array([50.0, 1.0])
    for momentum in (0.0, 0.9):
        p, b, way = np.array([1.0, 1.0]), np.zeros(2), []
        for _ in range(101):
            way.append(float(np.abs(p).max()))
            p, b = sgd(p, steep * p, b, 0.02, momentum)
        print(f"momentum {momentum}:", *(f"{far:9.2g}" for far in way[::20]))
