"""LSQ: a step that is learned.

How wide should a step be? It is a number like any other, so let the gradient say it. With v = x / step and
q = clamp(round(v), lo, hi), fake quantizing gives y = step · q. The step is in it twice: in front, which
gives q, and in v. There the derivative goes straight through the rounding, as for x: inside,
∂q/∂step = ∂v/∂step = −x / step² = −v / step. So [Esser et al. 2020, eq. 3]

    ∂y/∂step = q − v  where lo < v < hi          q  elsewhere, that is lo or hi
    dstep = Σ dy · ∂y/∂step                      over all x that share the step

Outside, a larger step lets y reach farther. Inside, it moves the nearest multiple of the step away from x or
towards it, and q − v says which. So dstep weighs the two costs of the round trip against one another.

All weights of a channel, or all numbers of an activation, add to one dstep, so it is far larger than the
gradient of one weight. LSQ multiplies it by a factor, in which hi counts, as a step is about hi times smaller
than the largest |x|:

    g = 1 / √(count · hi)
"""

import numpy as np


def step_gradient(dy: np.ndarray, x: np.ndarray, step: float, lo: int, hi: int) -> float:
    """dstep, one number, without g; dy and x of one shape, and one step for all."""
    v = x / step
    q = np.clip(np.rint(v), lo, hi)
    return float((dy * np.where((lo < v) & (v < hi), q - v, q)).sum())


def step_gradients(dw: np.ndarray, w: np.ndarray, steps: np.ndarray, lo: int, hi: int) -> np.ndarray:
    """dsteps (F,), without g, of weights w and dw (F, …), of which each output has one of the steps (F,)."""
    return np.array([step_gradient(*row, lo, hi) for row in zip(dw, w, steps, strict=True)])


def gradient_scale(count: int, hi: int) -> float:
    """g, one number: `count` numbers share a step, and hi is the last code."""
    return 1 / float(np.sqrt(count * hi))


if __name__ == "__main__":
    from tinyzip.learn.earlier import fake_quantize

    x = np.random.default_rng(0).normal(size=5000)
    print("5000 numbers of deviation 1 on the codes -7 .. 7; what the error's gradient says of a step:")
    for step in (0.1, 0.2, 0.3, 0.34, 0.4, 0.6):
        error = fake_quantize(x, step, -7, 7) - x
        slope = step_gradient(2 * error, x, step, -7, 7)
        print(f"step {step:4}: sum of error^2 {np.square(error).sum():8.1f}, dstep {slope:9.1f}", end=", ")
        print(f"times g {slope * gradient_scale(x.size, 7):6.1f}: {'wider' if slope < 0 else 'narrower'}")
