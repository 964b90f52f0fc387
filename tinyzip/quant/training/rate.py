"""Depth: what the weights will cost in the file, as a term of the loss.

A coder charges −log₂ p(c) bits for a weight with code c, where p is how often c occurs. Training does not see
that: of two networks that answer alike it takes any, also the one with more bits. So the charge becomes part
of the loss, at a price per bit, and training and file agree on what is cheap [Oktay et al. 2020, section 2].

A code is a whole number, and so has no gradient. But a weight w stands between two codes. With u = w/s, cut
to the codes lo … hi, let k = ⌊u⌋, a = u − k, and count the weight as 1 − a of code k and a of code k + 1:

n_c = Σ max(0, 1 − |u − c|),   p_c = n_c / M,   M weights                                      (QN1)
R = −Σ_c n_c·log₂ p_c                                                                          (QN2)

Where all weights are on their codes R is the entropy of the codes, what no coder with one table can go below.
A table that is learned beside the weights would end at p, its best; here it is there from the start. The
best table does not move R to first order, Σ n_c·dp_c/p_c = M·Σ dp_c = 0, so that only the counts have a
derivative:

∂R/∂u = log₂ p_k − log₂ p_{k+1},   0 outside lo … hi                                           (QN3)

A weight is pulled to whichever of its two neighbours is the more frequent, the harder the more that is. As
soon as it is there its part in the other count is gone: rare codes die out, and the zero attracts.

What price leads to how many bits is not known before. But a file has a budget, and so may the charge: with
H for the entropy of the codes as they are, all weights rounded, and R₀ for the bits that cost nothing,

price·ΣR   while ΣH > R₀,   else 0                                                             (QN4)

As long as there are more bits they are pushed out at this price, and below nothing pushes. So the sum stays
near R₀, where the price is in force just as often as it has to be: on the average it is what the budget is
worth, whatever was written, as long as that is more.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tinyzip.base.refuse import is_number, refuse
from tinyzip.nn.model import Arrays, Batch
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.grid import by_channel
from tinyzip.quant.grids.lowbit import Signs
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.lsq import gradient_scale

LEAST = 1e-6  # of the weights, in place of a count of none


def rate(w: Array, step: Array, lo: int, hi: int) -> tuple[float, Array, Array]:
    """R by (QN2), and its derivatives by w and by the step.

    w        (F, …) float, at least one weight
    step     () or (F,) positive, in w's unit
    lo, hi   the first and the last code, counted from that of zero, lo < hi
    returns  bits, between 0 and M·log₂(hi − lo + 1); dw in w's shape and dstep in step's, bits a unit
    raises   ValueError for no weights, or codes that are not in order
    """
    if w.size == 0:
        refuse("rate: w", f"shape {w.shape}", "at least one weight")
    if lo >= hi:
        refuse("rate: lo, hi", (lo, hi), "lo below hi")
    s = by_channel(step, w)
    u = w / s
    cut = np.clip(u, lo, hi)
    k = np.minimum(np.floor(cut), hi - 1).astype(np.intp) - lo
    a = cut - (k + lo)
    n = np.bincount(k.ravel(), (1 - a).ravel(), hi - lo + 1)
    n[1:] += np.bincount(k.ravel(), a.ravel(), hi - lo)
    charge = -np.log2(np.maximum(n / w.size, LEAST))
    du = np.where(u == cut, (charge[1:] - charge[:-1])[k], 0).astype(w.dtype)
    dstep = -(du * u / s).reshape(len(w), -1).sum(axis=1)
    return float(n @ charge), du / s, dstep if step.ndim else np.asarray(dstep.sum())


def entropy(w: Array, step: Array, lo: int, hi: int) -> float:
    """H, the bits of M weights rounded to their codes: −Σ n_c·log₂(n_c/M). Arguments as in `rate`."""
    codes = np.clip(np.rint(w / by_channel(step, w)), lo, hi).astype(np.intp) - lo
    n = np.bincount(codes.ravel())
    n = n[n > 0]
    return float(-n @ np.log2(n / w.size))


@dataclass(frozen=True)
class Price:
    """The objective (QN4) over the weights of a network that simulates integers; its dz is 0.

    It knows nothing of labels, and so is added to an objective that does, by `guides.Sum` of `distill`. The
    derivative by a step has LSQ's scale g, as that of the loss has in `fake`: one without would outweigh it a
    hundredfold, and steps would grow until all weights are zero.

    price   what a bit costs, in nats of the loss: 10⁻⁴ says that a thousand bits are worth 0.1 nats
    free    R₀, bits that cost nothing
    ends    the first and the last code of each array of weights by name
    steps   the names of the steps' logarithms, for those that are learned, and else the steps
    raises  ValueError for a price or free bits that are negative or not finite
    """

    price: float
    free: float
    ends: dict[str, tuple[int, int]]
    steps: dict[str, Array]

    def __post_init__(self) -> None:
        for name in ("price", "free"):
            value = getattr(self, name)
            if not is_number(value) or not 0 <= value < np.inf:
                refuse(f"Price: {name}", value, "a finite number, 0 or more")

    @classmethod
    def create(cls, model: FakeQuantized, price: float, free: float = 0.0) -> Self:
        """For all weights of `model` that have more than two values; signs always cost one bit."""
        names = [n for n, g in model.start.items() if n.endswith(".w") and not isinstance(g, Signs)]
        ends = {n: (model.start[n].lo, model.start[n].hi) for n in names}
        fixed = {n: model.step(n) for n in names if f"{n}.log_step" not in model.params}
        return cls(price, free, ends, fixed)

    @property
    def layers(self) -> tuple[str, ...]:
        """The arrays that it asks to see, see `train.run.watched`."""
        return *self.ends, *(f"{name}.log_step" for name in self.ends if name not in self.steps)

    @property
    def arrays(self) -> dict[str, Array]:
        """None of its own."""
        return {}

    def __call__(self, z: Array, batch: Batch) -> tuple[float, Array, Arrays]:
        steps = {name: self._step(name, batch) for name in self.ends}
        seen = [(batch.seen[name], steps[name], *ends) for name, ends in self.ends.items()]
        beyond = sum(entropy(*weights) for weights in seen) > self.free
        price = self.price if beyond else 0.0
        total, gradients = 0.0, {}
        for name, weights in zip(self.ends, seen, strict=True):
            bits, dw, dstep = rate(*weights)
            total += bits
            gradients[name] = (price * dw).astype(dw.dtype)
            if name not in self.steps:
                g = gradient_scale(dw.size // dstep.size, self.ends[name][1])
                gradients[f"{name}.log_step"] = np.asarray(price * dstep * steps[name] * g, dw.dtype)
        return price * total, np.zeros_like(z), gradients

    def _step(self, name: str, batch: Batch) -> Array:
        fixed = self.steps.get(name)
        return np.exp(batch.seen[f"{name}.log_step"]) if fixed is None else fixed
