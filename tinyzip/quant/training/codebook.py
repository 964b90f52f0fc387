"""Depth: weights that share a few values, and the values learn.

Of the K values c_1 … c_K of a layer each weight w_i takes one, c_k(i). With few values a weight is a short
index, and values need not be spaced evenly, as those of a grid are. Which are best? Where Σ_i (w_i − c_k(i))²
is to be least, each weight takes the nearest value, and a value is the mean of its weights [Lloyd 1982]:

    k(i) = argmin_k |w_i − c_k|,   c_k = mean of the w_i with k(i) = k     [Han et al. 2016, eq. 2]  (CB1)

Neither step makes the sum larger, so to go from one to the other ends somewhere. Where it ends depends on the
start: values spaced evenly from the least weight to the largest ("linear"), which leave the few large weights
their own; quantiles of the weights ("density"), which do not; or some of the weights ("random").

Then the choices stay and the values learn. As many weights use a value, its gradient is the sum of theirs:

    ∂L/∂c_k = Σ_i ∂L/∂w̃_i · [k(i) = k]                                  [Han et al. 2016, eq. 3]  (CB2)

A weight that is 0 has been taken away: it stays 0 beside the K values, and is no part of any mean.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.nn.model import AnyModel
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.training.through import Through

STARTS = "linear", "density", "random"
ROUNDS = 300


def first_values(w: Array, count: int, start: str, rng: np.random.Generator) -> Array:
    """The values (count,) that k-means begins with, from weights (M,); in order."""
    if start == "linear":
        return np.linspace(w.min(), w.max(), count)
    if start == "density":
        return np.quantile(w, (np.arange(count) + 0.5) / count)
    return np.sort(rng.choice(w, count))


def k_means(w: Array, values: Array) -> tuple[Array, NDArray[np.intp]]:
    """Values (K,) and the index of each weight (M,), by (CB1) until no weight changes its value.

    A value that no weight takes stays as it is. After `ROUNDS` rounds it ends in any case.
    """
    values = values.astype(np.float64)
    index = np.full(len(w), -1)
    for _ in range(ROUNDS):
        before, index = index, np.searchsorted((values[1:] + values[:-1]) / 2, w)
        if np.array_equal(before, index):
            break
        count = np.bincount(index, minlength=len(values))
        total = np.bincount(index, w, len(values))
        values = np.where(count > 0, total / np.maximum(count, 1), values)
    return values, index


@dataclass(frozen=True)
class Shared(Through[AnyModel]):
    """A network whose weights are values of a few. Made by `create`.

    index   for each array of weights which value each takes, counted from 1; 0: none, the weight is 0
    values  (K,) of each, which are trained
    """

    index: dict[str, Array]
    values: dict[str, Array]

    @classmethod
    def create(
        cls,
        network: AnyModel,
        counts: int | Mapping[str, int],
        start: str = "linear",
        rng: np.random.Generator | None = None,
    ) -> Self:
        """The network with values by k-means.

        network  whose weights are shared. One that simulates integers should have one step for a layer: on
                 steps for each channel a value becomes another code in each
        counts   K, from 2 to 256, of all weights of layers, or of arrays by name ("conv1.w")
        start    one of `STARTS`
        rng      for a random start; None: seed 0
        raises   ValueError that names the argument
        """
        every = [name for name in network.trainable() if name.endswith(".w")]
        told = counts if isinstance(counts, Mapping) else dict.fromkeys(every, counts)
        if not told or not told.keys() <= set(every):
            refuse("Shared: counts", sorted(told), f"some of {every}")
        if start not in STARTS:
            refuse("Shared: start", repr(start), f"one of {', '.join(STARTS)}")
        index, values, rng = {}, {}, rng or np.random.default_rng(0)
        for name, count in told.items():
            w = network.params[name]
            left = w != 0
            if not 2 <= count <= 256 or not left.any():
                refuse(f"Shared: counts[{name!r}]", count, "2 to 256 values, for weights that are not all 0")
            found, which = k_means(w[left], first_values(w[left], count, start, rng))
            values[name] = found.astype(w.dtype)
            index[name] = np.zeros_like(w)
            index[name][left] = which + 1
        return cls(network, index, values)

    @property
    def params(self) -> dict[str, Array]:
        """The network's arrays, of which those that are shared do nothing; indices, and values."""
        more = {f"{name}.index": index for name, index in self.index.items()}
        return {**self.network.params, **more, **{f"{name}.values": v for name, v in self.values.items()}}

    def trainable(self) -> Iterable[str]:
        others = [name for name in self.network.trainable() if name not in self.values]
        return *others, *(f"{name}.values" for name in self.values)

    def with_params(self, params: Mapping[str, Array]) -> Self:
        network = self.network.with_params({name: params[name] for name in self.network.params})
        index = {name: params[f"{name}.index"] for name in self.index}
        values = {name: params[f"{name}.values"] for name in self.values}
        return replace(self, network=network, index=index, values=values)

    def arrays(self) -> dict[str, Array]:
        """Each weight's value, and 0 for those that have gone."""
        return {
            name: np.concatenate([np.zeros_like(v[:1]), v])[self.index[name].astype(np.intp)]
            for name, v in self.values.items()
        }

    def backward(self, dz: Array, caches: Any, **how: Any) -> dict[str, Array]:
        """The gradient of every trainable array, by (CB2)."""
        applied, inner = caches
        grads = dict(applied.backward(dz, inner, **how))
        for name, v in self.values.items():
            index = self.index[name].astype(np.intp).ravel()
            total = np.bincount(index, grads.pop(name).ravel(), len(v) + 1)[1:]
            grads[f"{name}.values"] = total.astype(v.dtype)
        return grads
