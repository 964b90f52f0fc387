"""Parameters with names of every kind, and an optimizer's steps over them."""

import numpy as np
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 4)
RATES = st.floats(1e-4, 1.0)
DECAYS = st.sampled_from([0.0, 1e-2, 0.5])

SHAPES = {"conv.w": (2, 1, 2, 2), "norm.gamma": (2,), "linear.w": (4, 3), "linear.b": (4,)}


def draw(seed, dtype=np.float64, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def steps(rule, params, gradients, lr):
    """(parameters, state) after a step for each of the gradients, from a copy of `params`."""
    params = {name: p.copy() for name, p in params.items()}
    state = rule.init(params)
    for grads in gradients:
        rule.step(params, grads, state, lr)
    return params, state
