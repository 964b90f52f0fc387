"""AdamW: each number with a step of its own size.

With one learning rate for all, numbers with large gradients run ahead and those with small ones hardly move.
Adam [Kingma and Ba 2015] divides each gradient by how large it usually is, so that a step has about the size
η for every number. It remembers two means that fade, of g and of g², and at step t = 1, 2, 3, … does

    m ← β₁m + (1 − β₁)g         m̂ = m / (1 − β₁ᵗ)
    v ← β₂v + (1 − β₂)g²        v̂ = v / (1 − β₂ᵗ)
    p ← p − η(m̂ / (√v̂ + ε) + λp)

m and v begin at 0, so after t steps their weights add up to 1 − βᵗ only; divided by that, m̂ and v̂ are means
from the first step on. In the first step m̂ / √v̂ is just the sign of g.

The W [Loshchilov and Hutter 2019] is about the decay λp: it stands beside the fraction. In the gradient it
would be divided by √v̂ like all else, and weights with large gradients would hardly decay.
"""

import numpy as np


def adamw(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    decay: float = 0.01,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """p, m and v, all of one shape, after step number t (from 1) along g, as new arrays."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return p - lr * (m_hat / (np.sqrt(v_hat) + eps) + decay * p), m, v


if __name__ == "__main__":
    print("three numbers with the gradients 100*p, p and p/100 go to 0 together:")
    p, m, v = np.ones(3), np.zeros(3), np.zeros(3)
    for t in range(1, 13):
        p, m, v = adamw(p, np.array([100.0, 1.0, 0.01]) * p, m, v, t, 0.1, decay=0.0)
        if t % 3 == 0:
            print(f"after {t:2} steps:", p.round(3))
