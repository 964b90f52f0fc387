"""Depth: the optimizers of `optim`, fast: the same rules in an order that suits a computer.

Written as in the textbook, a step makes a dozen new arrays for each parameter, and a network has dozens of
parameters, most of them small. Four changes make it fast:

- Parameters that are treated alike lie in one vector (`machine.packed`), as do their gradients and what is
  remembered of them: a step takes as many calls for a whole network as for one array. Alike are those that
  decay, and those that do not.
- Every operation writes where its result is wanted, or to one scratch vector.
- Large vectors are worked on in chunks that stay in cache, on several threads (`machine.packed`).
- Factors of whole arrays are moved into two numbers. AdamW keeps M = m/(1 − β₁) and V = v/(1 − β₂) instead of
  m and v. Put into (O2), they give, with s = √((1 − β₂ᵗ)/(1 − β₂)),

      M ← β₁M + g,    V ← β₂V + g²
      p ← (1 − ηλ)p − r·M/(√V + εs),    r = ηs(1 − β₁)/(1 − β₁ᵗ)                                     (O4)

Only the rounding differs. The tests hold each rule to its textbook within a bound that counts the roundings.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from tinyzip.machine.packed import Packed, chunks, run
from tinyzip.machine.workers import Workers
from tinyzip.nn.ops.checks import Array
from tinyzip.train.optim import SGD, AdamW, Optimizer, State


@dataclass(frozen=True)
class PackedOptimizer:
    """A rule for arrays that are packed: any of the caller's own, which sees them by their names."""

    rule: Optimizer

    def group(self, name: str) -> str:
        """Which parameters are to lie in one vector: those with equal answers."""
        return "all"

    def init(self, params: Packed) -> State:
        return self.rule.init(params.places)

    def step(self, params: Packed, grads: Packed, state: State, lr: float, workers: Workers) -> None:
        self.rule.step(params.places, grads.places, state, lr)


def packed_optimizer(rule: Optimizer) -> PackedOptimizer:
    """The fast form of a rule where there is one; any other is used as it is, array by array.

    A class that inherits from one of `optim` is another rule.
    """
    if type(rule) is AdamW:
        return FastAdamW(rule)
    if type(rule) is SGD:
        return FastSGD(rule)
    return PackedOptimizer(rule)


@dataclass(frozen=True)
class Decayed(PackedOptimizer):
    """A rule of `optim`, which moves all entries of a vector alike."""

    rule: AdamW | SGD

    def group(self, name: str) -> str:
        return "decayed" if self.rule.weight_decay and name.endswith(self.rule.decayed) else "others"

    def init(self, params: Packed) -> State:
        return self.rule.init(params.vectors)


@dataclass(frozen=True)
class FastAdamW(Decayed):
    """(O4). State: M and V as "m" and "v" of each group, and the count "t"."""

    rule: AdamW

    def step(self, params: Packed, grads: Packed, state: State, lr: float, workers: Workers) -> None:
        beta1, beta2 = float(self.rule.beta1), float(self.rule.beta2)
        state["t"] += 1
        t = int(state["t"])
        s = sqrt((1 - beta2**t) / (1 - beta2))
        r = float(lr) * s * (1 - beta1) / (1 - beta1**t)
        eps = float(self.rule.eps) * s

        def update(scratch: Array, keep: float, p: Array, g: Array, m: Array, v: Array) -> None:
            m *= beta1
            m += g
            v *= beta2
            v += np.multiply(g, g, out=scratch)
            np.sqrt(v, out=scratch)
            scratch += eps
            np.divide(m, scratch, out=scratch)
            scratch *= r
            if keep != 1.0:
                p *= keep
            p -= scratch

        items = []
        for key, p in params.vectors.items():
            keep = 1.0 - float(lr * self.rule.weight_decay) if key == "decayed" else 1.0
            arrays = p, grads.vectors[key], state[f"{key}.m"], state[f"{key}.v"]
            items += [(keep, *chunk) for chunk in chunks(*arrays)]
        run(update, items, workers)


@dataclass(frozen=True)
class FastSGD(Decayed):
    """(O1), with two subtractions for Nesterov's p ← p − ηg − ημb. State: "b" of each group."""

    rule: SGD

    def init(self, params: Packed) -> State:
        return self.rule.init(params.vectors) if self.rule.momentum else {}

    def step(self, params: Packed, grads: Packed, state: State, lr: float, workers: Workers) -> None:
        lr, momentum, nesterov = float(lr), float(self.rule.momentum), self.rule.nesterov

        def update(scratch: Array, decay: float, p: Array, g: Array, b: Array) -> None:
            if decay:
                np.multiply(p, decay, out=scratch)
                scratch += g
                g = scratch
            if momentum:
                b *= momentum
                b += g
            else:
                b = g
            if nesterov:
                np.multiply(g, lr, out=scratch)
                p -= scratch
            np.multiply(b, lr * momentum if nesterov else lr, out=scratch)
            p -= scratch

        items = []
        for key, p in params.vectors.items():
            decay = float(self.rule.weight_decay) if key == "decayed" else 0.0
            g = grads.vectors[key]
            items += [(decay, *chunk) for chunk in chunks(p, g, state.get(f"{key}.b", g))]
        run(update, items, workers)
