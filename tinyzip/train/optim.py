"""From gradients to better parameters: two optimizers, and how their learning rate moves.

An optimizer is a rule; what it remembers between steps is a plain dict of arrays beside the parameters, so
that a checkpoint can hold it. With the gradient g of a parameter p in step t = 1, 2, …, the learning rate η
and the decay λ, every entry by itself:

SGD      g ← g + λp
         b ← μb + g
         p ← p − ηb        or, by Nesterov, p ← p − η(g + μb)                                      (O1)

AdamW    m ← β₁m + (1 − β₁)g
         v ← β₂v + (1 − β₂)g²
         m̂ = m/(1 − β₁ᵗ),   v̂ = v/(1 − β₂ᵗ)
         p ← p − η(m̂/(√v̂ + ε) + λp)                                                                (O2)

(O1) is momentum as in [Sutskever et al. 2013, equations 1–4] with b in place of −v/η, as most libraries have
it; Nesterov's p stands where theirs looks ahead. m and v of (O2) start at zero and so are means with weights
that add up to 1 − βᵗ only; divided by that, m̂ and v̂ are means of all gradients so far, and of their squares
[Kingma and Ba 2015, algorithm 1]. The decay is not part of the gradient, and so is not divided by √v̂
[Loshchilov and Hutter 2019, algorithm 2, with η for their ηα and λ for their λ/α].

The decay pulls on weights and not on biases, or on the scales of norms and grids, which have no reason to be
small. An optimizer is told by the names of the arrays: `decayed` holds names, or ends of names, and is
(".w",) where nothing else is said.

This is the textbook. What `fit` runs is the same in another order, for speed, see `run.optim_fast`; with
printed=True it runs this. A rule of one's own, or one that inherits from these, always runs as it is written.

A schedule is a function from progress t in [0, 1] to η. With the rise R and the fall over warm-up w:

η(t) = start + (peak − start)·R(t/w)  for t < w;    η(t) = end + (peak − end)·½(1 + cos π(t−w)/(1−w))   (O3)

R is linear for `cosine` [Goyal et al. 2017, section 2.2; Loshchilov and Hutter 2017, equation 5], half a
cosine for `one_cycle` [Smith and Topin 2018, in the form that fast.ai and PyTorch have made common].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, inf, pi
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import flag, is_number, refuse, said
from tinyzip.nn.ops.checks import check_array

Array = NDArray[Any]
State = dict[str, Array]

WEIGHTS = (".w",)  # how the names of weights end


class Optimizer(Protocol):
    """A rule that changes parameters in place. `fit` takes any, also one of the caller's own."""

    def init(self, params: Mapping[str, Array]) -> State:
        """What to remember before the first step, for the parameters that will get gradients.

        float32, float64 or int64, and complete: later steps change values, but no names, shapes or dtypes.
        """
        ...

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array], state: State, lr: float) -> None:
        """Change `params` and `state` in place, one step along `grads`.

        params, grads  arrays of equal shapes and dtypes by the same names
        state          as `init` gave it and earlier steps left it
        """
        ...


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum μ and decay λ, (O1). State: "<name>.b", zero at first.

    decayed  names, or ends of names, of the arrays that have a decay
    raises   ValueError for momentum outside [0, 1), negative decay, or Nesterov without momentum
    """

    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    decayed: tuple[str, ...] = WEIGHTS

    def __post_init__(self) -> None:
        check_rule("SGD", self.decayed, momentum=self.momentum)
        check_number(self.weight_decay, "SGD: weight_decay")
        if flag(self.nesterov, "SGD: nesterov") and not self.momentum:
            refuse("SGD: nesterov", "momentum 0", "a momentum above 0")

    def init(self, params: Mapping[str, Array]) -> State:
        check_floats(params, "init: params")
        return {f"{name}.b": np.zeros_like(p) for name, p in params.items()}

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array], state: State, lr: float) -> None:
        check_step(self, params, grads, state, lr)
        for name, g in grads.items():
            p, b = params[name], state[f"{name}.b"]
            if name.endswith(self.decayed):
                g = g + self.weight_decay * p
            b[...] = self.momentum * b + g
            p -= lr * (g + self.momentum * b if self.nesterov else b)


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay λ, (O2). State: "<name>.m" and "<name>.v", zero at first; "t".

    decayed  names, or ends of names, of the arrays that have a decay
    raises   ValueError for a β outside [0, 1), ε that is not positive, or negative decay
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    decayed: tuple[str, ...] = WEIGHTS

    def __post_init__(self) -> None:
        check_rule("AdamW", self.decayed, beta1=self.beta1, beta2=self.beta2)
        check_number(self.weight_decay, "AdamW: weight_decay")
        if not (is_number(self.eps) and 0.0 < self.eps < inf):
            refuse("AdamW: eps", said(self.eps), "a finite number above 0")

    def init(self, params: Mapping[str, Array]) -> State:
        check_floats(params, "init: params")
        state = {"t": np.zeros((), np.int64)}
        for name, p in params.items():
            state[f"{name}.m"] = np.zeros_like(p)
            state[f"{name}.v"] = np.zeros_like(p)
        return state

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array], state: State, lr: float) -> None:
        check_step(self, params, grads, state, lr)
        state["t"] += 1
        t = int(state["t"])
        for name, g in grads.items():
            p, m, v = params[name], state[f"{name}.m"], state[f"{name}.v"]
            m[...] = self.beta1 * m + (1 - self.beta1) * g
            v[...] = self.beta2 * v + (1 - self.beta2) * g**2
            m_hat = m / (1 - self.beta1**t)
            v_hat = v / (1 - self.beta2**t)
            decay = self.weight_decay * p if name.endswith(self.decayed) else 0.0
            p -= lr * (m_hat / (np.sqrt(v_hat) + self.eps) + decay)


@dataclass(frozen=True)
class Schedule:
    """The learning rate as a function of progress, (O3)."""

    start: float
    peak: float
    end: float
    warmup: float
    rise: str = "linear"

    def __post_init__(self) -> None:
        for name in ("start", "peak", "end"):
            check_number(getattr(self, name), f"schedule: {name}")
        if not max(self.start, self.peak, self.end):
            refuse("schedule", "a learning rate of 0 all along", "one above 0")
        check_number(self.warmup, "schedule: warmup", 1)
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
    """(O3): linearly from 0 to `peak` during the part `warmup` of the run, then down to `end`."""
    return Schedule(0.0, peak, end, warmup)


def one_cycle(peak: float, warmup: float = 0.3) -> Schedule:
    """(O3): from peak/25 up to `peak` and down to peak/250,000, both along half a cosine."""
    check_number(peak, "schedule: peak")
    return Schedule(peak / 25.0, peak, peak / 25e4, warmup, "cosine")


def check_rule(rule: str, decayed: object, **rates: float) -> None:
    """Refuse rates outside [0, 1), and what are no names of arrays."""
    for name, rate in rates.items():
        check_number(rate, f"{rule}: {name}", 1)
    if not isinstance(decayed, tuple) or not all(isinstance(one, str) for one in decayed):
        refuse(f"{rule}: decayed", repr(decayed), "a tuple of names, or of how they end", TypeError)


def check_step(
    rule: Optimizer, params: Mapping[str, Array], grads: Mapping[str, Array], state: State, lr: float
) -> None:
    """Refuse gradients that are not those of these parameters, and a state that is not theirs."""
    check_number(lr, "step: lr")
    check_floats(params, "step: params")
    check_floats(grads, "step: grads")
    for name, g in grads.items():
        if name not in params:
            refuse("step: grads", f"an entry {name!r}", f"names among {', '.join(params)}")
        check_array(g, params[name].shape, params[name].dtype, f"step: grads[{name!r}]")
    for key, first in rule.init({name: params[name] for name in grads}).items():
        if not isinstance(state, Mapping) or key not in state:
            refuse("step: state", f"no entry {key!r}", "what `init` gave for these parameters")
        check_array(state[key], first.shape, first.dtype, f"step: state[{key!r}]")


def check_floats(arrays: Mapping[str, Array], argument: str) -> None:
    """Refuse what are no arrays of floats by name."""
    if not isinstance(arrays, Mapping):
        refuse(argument, type(arrays).__name__, "arrays by name", TypeError)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            found = getattr(array, "dtype", type(array).__name__)
            refuse(f"{argument}[{name!r}]", found, "an array of floats", TypeError)


def check_number(value: float, argument: str, end: float = inf) -> None:
    """Refuse what is no number from 0 up, below 1 or finite."""
    if not is_number(value) or not 0.0 <= value < end:
        refuse(argument, said(value), "a number in [0, 1)" if end == 1 else "a finite number, 0 or more")
