"""From gradients to better parameters: two optimizers, and how their learning rate moves.

An optimizer is a rule; what it remembers between steps is a plain dict of arrays beside the
parameters, so that a checkpoint can hold it. Gradient g, parameter p, learning rate η, decay λ:

SGD      b ← μb + (g + λp)        p ← p − η·b        or, by Nesterov, p ← p − η·((g + λp) + μb)      (O1)
AdamW    m ← β₁m + g,   v ← β₂v + g²                                                                 (O2)
         p ← p − η·(m̂/(√v̂ + ε) + λp),   m̂ = m/(1 + β₁ + … + β₁ᵗ⁻¹),   v̂ likewise                     (O3)

O1 is [Sutskever et al. 2013, equations 3–4] with b in place of −v/η, as most libraries have it. O2 and O3
are [Kingma and Ba 2015, algorithm 1] with the decay taken out of the gradient [Loshchilov and Hutter
2019, algorithm 2]. There m and v are shrunk by 1 − β in each step, and by 1 − βᵗ before use; kept as plain
sums they need one division by the sum of their weights, which shows what m̂ and v̂ are: weighted means of
the gradients so far and of their squares. λ pulls only on arrays of two axes or more: weights, not biases
or norms' scales.

A schedule is a function from progress t in [0, 1] to η. With the rise R and the fall over warm-up w:

η(t) = start + (peak − start)·R(t/w)  for t < w;    η(t) = end + (peak − end)·½(1 + cos π(t−w)/(1−w))   (O4)

R is linear for `cosine` [Goyal et al. 2017, section 2.2; Loshchilov and Hutter 2017, equation 5], half a
cosine for `one_cycle` [Smith and Topin 2018, in the form that fast.ai and PyTorch have made common].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, inf, pi, sqrt
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import is_number, refuse
from tinyzip.machine.workers import Workers
from tinyzip.nn.ops.checks import check_array
from tinyzip.train.blocks import Block, blocks, run

Array = NDArray[Any]
State = dict[str, Array]


class Optimizer(Protocol):
    """A rule that changes parameters in place, each entry by itself.

    In a training `params` are not a network's arrays but the two vectors that they lie in, see `packed`.
    """

    def init(self, params: Mapping[str, Array]) -> State:
        """What to remember before the first step, for the parameters that will get gradients."""
        ...

    def step(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        state: State,
        lr: float,
        workers: Workers | None = None,
    ) -> None:
        """Change `params` and `state` in place, one step along `grads`."""
        ...


def _check(params: Mapping[str, Array], grads: Mapping[str, Array], lr: float) -> None:
    _check_rate(lr, "step: lr")
    _check_arrays(params, "step: params")
    _check_arrays(grads, "step: grads")
    for name, g in grads.items():
        if name not in params:
            refuse("step: grads", f"an entry {name!r}", f"names among {', '.join(params)}")
        check_array(g, params[name].shape, params[name].dtype, f"step: grads[{name!r}]")


def _check_arrays(arrays: Mapping[str, Array], argument: str) -> None:
    if not isinstance(arrays, Mapping):
        refuse(argument, type(arrays).__name__, "arrays by name", TypeError)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            found = getattr(array, "dtype", type(array).__name__)
            refuse(f"{argument}[{name!r}]", found, "an array of floats", TypeError)


def _check_rate(value: float, argument: str) -> None:
    if not is_number(value) or not 0.0 <= value < inf:
        refuse(argument, value, "a finite number, 0 or more")


def _check_part(value: float, argument: str) -> None:
    if not is_number(value) or not 0.0 <= value < 1.0:
        refuse(argument, value, "a number in [0, 1)")


def _remembered(state: State, key: str, p: Array) -> Array:
    """The entry of `state` for the parameter p."""
    if not isinstance(state, Mapping) or key not in state:
        refuse("step: state", f"no entry {key!r}", "what `init` gave for these parameters")
    check_array(state[key], p.shape, p.dtype, f"step: state[{key!r}]")
    return state[key]


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum μ, (O1). State: "<name>.b", zero at first.

    raises  ValueError for momentum outside [0, 1), negative decay, or Nesterov without momentum
    """

    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check_part(self.momentum, "SGD: momentum")
        _check_rate(self.weight_decay, "SGD: weight_decay")
        if self.nesterov and not self.momentum:
            refuse("SGD: nesterov", "momentum 0", "a momentum above 0")

    def init(self, params: Mapping[str, Array]) -> State:
        _check_arrays(params, "init: params")
        if not self.momentum:
            return {}
        return {f"{name}.b": np.zeros_like(p) for name, p in params.items()}

    def step(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        state: State,
        lr: float,
        workers: Workers | None = None,
    ) -> None:
        _check(params, grads, lr)
        items: list[Block] = []
        for name, g in grads.items():
            decay = self.weight_decay if g.ndim > 1 else 0.0
            b = _remembered(state, f"{name}.b", g) if self.momentum else g
            items += [(decay, *block) for block in blocks(params[name], g, b)]

        def update(scratch: Array, decay: float, p: Array, g: Array, b: Array) -> None:
            if decay:
                np.multiply(p, decay, out=scratch)
                scratch += g
                g = scratch
            if self.momentum:
                b *= self.momentum
                b += g
            else:
                b = g
            if self.nesterov:
                np.multiply(g, lr, out=scratch)
                p -= scratch
            np.multiply(b, lr * self.momentum if self.nesterov else lr, out=scratch)
            p -= scratch

        run(update, items, workers or Workers(1))


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay, (O2) and (O3). State: "<name>.m", "<name>.v", and the count "t".

    With B = 1 + β + … + βᵗ⁻¹ = (1 − βᵗ)/(1 − β), (O3) is computed as the same
    p ← (1 − ηλ)p − (η√B₂/B₁)·m/(√v + ε√B₂): both divisions are moved from the arrays into two numbers.

    raises  ValueError for a β outside [0, 1), ε that is not positive, or negative decay
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        for beta in ("beta1", "beta2"):
            _check_part(getattr(self, beta), f"AdamW: {beta}")
        if not is_number(self.eps) or not 0.0 < self.eps < inf:
            refuse("AdamW: eps", self.eps, "a finite number above 0")
        _check_rate(self.weight_decay, "AdamW: weight_decay")

    def init(self, params: Mapping[str, Array]) -> State:
        _check_arrays(params, "init: params")
        state = {"t": np.zeros((), np.int64)}
        for name, p in params.items():
            state[f"{name}.m"] = np.zeros_like(p)
            state[f"{name}.v"] = np.zeros_like(p)
        return state

    def step(
        self,
        params: Mapping[str, Array],
        grads: Mapping[str, Array],
        state: State,
        lr: float,
        workers: Workers | None = None,
    ) -> None:
        _check(params, grads, lr)
        if not isinstance(state, Mapping) or "t" not in state:
            refuse("step: state", "no entry 't'", "what `init` gave for these parameters")
        state["t"] += 1
        t = int(state["t"])
        spread = sqrt((1.0 - self.beta2**t) / (1.0 - self.beta2))
        rate = lr * spread * (1.0 - self.beta1) / (1.0 - self.beta1**t)
        eps = self.eps * spread
        items: list[Block] = []
        for name, g in grads.items():
            keep = 1.0 - lr * self.weight_decay if g.ndim > 1 else 1.0
            m, v = (_remembered(state, f"{name}.{moment}", g) for moment in "mv")
            items += [(keep, *block) for block in blocks(params[name], g, m, v)]

        def update(scratch: Array, keep: float, p: Array, g: Array, m: Array, v: Array) -> None:
            m *= self.beta1
            m += g
            v *= self.beta2
            v += np.multiply(g, g, out=scratch)
            np.sqrt(v, out=scratch)
            scratch += eps
            np.divide(m, scratch, out=scratch)
            scratch *= rate
            if keep != 1.0:
                p *= keep
            p -= scratch

        run(update, items, workers or Workers(1))


@dataclass(frozen=True)
class Schedule:
    """The learning rate as a function of progress, (O4)."""

    start: float
    peak: float
    end: float
    warmup: float
    rise: str = "linear"

    def __post_init__(self) -> None:
        for part in ("start", "peak", "end"):
            _check_rate(getattr(self, part), f"schedule: {part}")
        _check_part(self.warmup, "schedule: warmup")
        if self.rise not in ("linear", "cosine"):
            refuse("schedule: rise", repr(self.rise), "'linear' or 'cosine'")

    def __call__(self, progress: float) -> float:
        if not is_number(progress) or not 0.0 <= progress <= 1.0:
            refuse("schedule: progress", progress, "a number in [0, 1]")
        if progress < self.warmup:
            part = progress / self.warmup
            rise = part if self.rise == "linear" else 0.5 * (1.0 - cos(pi * part))
            return self.start + (self.peak - self.start) * rise
        part = (progress - self.warmup) / (1.0 - self.warmup)
        return self.end + (self.peak - self.end) * 0.5 * (1.0 + cos(pi * part))


def constant(lr: float) -> Schedule:
    """η(t) = lr."""
    return Schedule(lr, lr, lr, 0.0)


def cosine(peak: float, warmup: float = 0.0, end: float = 0.0) -> Schedule:
    """(O4): linearly from 0 to `peak` during the part `warmup` of the training, then down to `end`."""
    return Schedule(0.0, peak, end, warmup)


def one_cycle(peak: float, warmup: float = 0.3) -> Schedule:
    """(O4): from peak/25 up to `peak` and down to peak/250,000, both along half a cosine."""
    _check_rate(peak, "schedule: peak")
    return Schedule(peak / 25.0, peak, peak / 25e4, warmup, "cosine")
