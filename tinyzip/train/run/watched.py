"""Depth: the door for objectives that look inside: outputs of layers go out, their gradients come in.

A usual objective is a function of the logits, (z, batch) -> (loss, dz). One that compares features wants to
see more, and says so in two attributes:

    layers   names of layers of the model, whose outputs it wants, or of arrays in its dict ("conv1.w")
    arrays   arrays of its own by name, such as a regressor, to be trained along with the model

It finds both under their names in `batch.seen`, and returns (loss, dz, gradients), the last by these names,
too, for all or some of them. `Watched` is the model for such an objective. It has a probe (`nn.probe`) after
each layer that is watched, and the objective's arrays among its own: so they are trained, saved and resumed
like all others. To be asked for logits, which is all that scoring does, it is the model as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.model import Model, Objective, Probed, Structured
from tinyzip.nn.ops.checks import Array, check_array

Arrays = Mapping[str, Array]


@runtime_checkable
class Watching(Protocol):
    """An objective that asks for more than logits."""

    @property
    def layers(self) -> tuple[str, ...]: ...

    @property
    def arrays(self) -> Arrays: ...


@dataclass(frozen=True)
class WatchedCaches:
    """The model's caches of one forward, and the gradients by arrays that the objective leaves there."""

    inner: Any
    given: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Watched:
    """A model that shows an objective what it asks for.

    model   with probes after the layers
    arrays  the objective's own
    shown   names of the model's arrays that the objective wants to see
    """

    model: Probed
    arrays: Arrays
    shown: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.model.shape

    @property
    def params(self) -> dict[str, Array]:
        """The arrays of the model and of the objective, not copied."""
        return {**self.model.params, **self.arrays}

    def structure(self) -> dict[str, Any]:
        """That of the model, see `Sequential.structure`; the objective's arrays are no part of it."""
        if not isinstance(self.model, Structured):
            found = f"a {type(self.model).__name__}"
            refuse("structure", found, "a model that can describe itself", TypeError)
        return self.model.structure()

    def trainable(self) -> tuple[str, ...]:
        return *self.model.trainable(), *self.arrays

    def with_params(self, params: Arrays) -> Self:
        model = self.model.with_params({name: params[name] for name in self.model.params})
        return type(self)(model, {name: params[name] for name in self.arrays}, self.shown)

    def forward(self, x: Array, **how: Any) -> tuple[Array, WatchedCaches]:
        """The model's logits."""
        z, inner = self.model.forward(x, **how)
        return z, WatchedCaches(inner)

    def seen(self, caches: WatchedCaches) -> dict[str, Array]:
        """What the objective has asked for, by name, after a forward."""
        outputs = {name: probe.y for name, probe in self.model.probes(caches.inner).items()}
        return {**outputs, **{name: self.model.params[name] for name in self.shown}, **self.arrays}

    def give(self, caches: WatchedCaches, gradients: Arrays, share: float) -> None:
        """Leave share·gradients, by the names in `seen`, for `backward` to find."""
        probes, seen = self.model.probes(caches.inner), self.seen(caches)
        for name, gradient in gradients.items():
            if name not in seen:
                refuse("fit: objective", f"a gradient by {name!r}", f"names among {', '.join(seen)}")
            check_array(gradient, seen[name].shape, seen[name].dtype, f"fit: objective: gradient by {name!r}")
            part = gradient * gradient.dtype.type(share)
            if name in probes:
                probes[name].dy = part
            else:
                caches.given[name] = part

    def backward(self, dz: Array, caches: WatchedCaches, **how: Any) -> dict[str, Array]:
        """The gradient of every trainable array; zero for an array that the objective gave none for."""
        grads = dict(self.model.backward(dz, caches.inner, **how))
        for name in self.shown:
            if name in caches.given:
                grads[name] = grads[name] + caches.given[name]
        own = {name: caches.given.get(name, np.zeros_like(array)) for name, array in self.arrays.items()}
        return grads | own

    def statistics(self, caches: WatchedCaches) -> Arrays:
        return self.model.statistics(caches.inner)

    def activations(self, x: Array) -> Arrays:
        return self.model.activations(x)


def watch(model: Model, objective: Objective) -> Model:
    """The model with what the objective asks for, or as it is where that is nothing."""
    if not isinstance(objective, Watching) or not (objective.layers or objective.arrays):
        return model
    if not isinstance(model, Probed):
        refuse("fit: objective", f"one that looks into a {type(model).__name__}", "a model with `probed`")
    shown = tuple(name for name in objective.layers if name in model.params)
    fixed = sorted(set(shown) - set(model.trainable()))
    if fixed:
        found = f"arrays that get no gradient, {fixed}"
        refuse("fit: objective", found, "layers, or arrays that are trained")
    probed = model.probed([name for name in objective.layers if name not in shown])
    taken = sorted(objective.arrays.keys() & (probed.params.keys() | set(objective.layers)))
    if taken:
        refuse("fit: objective", f"arrays of the names {taken}", "names that the model does not have")
    dtype = next(iter(model.params.values())).dtype
    return Watched(probed, {name: array.astype(dtype) for name, array in objective.arrays.items()}, shown)
