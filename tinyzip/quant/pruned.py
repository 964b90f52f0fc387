"""Depth: a network that loses weights while it trains.

`Pruned` wraps a network, or one that simulates integers, and is itself a model: `train.fit`, distillation and
`rate` train it without knowing. Beside the arrays of the network its dict holds a mask for each array of
weights, "conv1.w.mask", and the number of steps made, "pruning.steps". They get no gradient. As the running
statistics of a batch norm they come back from a training step with new values, so that they are saved and
resumed with everything else, and nobody has to say which step it is:

    thin = Pruned.create(net, 0.9, begin=0, end=2000)
    thin, _ = fit(thin, images, labels, rng=rng, epochs=8)
    thin.applied()                               # the network, with zeros

Masks are made anew every so many steps as long as the share grows (MK4), and then stay as they are.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, Self

import numpy as np

from tinyzip.base.refuse import is_number, refuse, said
from tinyzip.nn.model import AnyModel, Model
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.probe import Seen
from tinyzip.quant.masks import Pattern, check_pattern, keep, share_at

STEPS = "pruning.steps"
Rule = Literal["fixed", "straight-through"]


@dataclass(frozen=True)
class Pruned(Generic[AnyModel]):
    """A network whose weights pass through masks. Made by `create`.

    network    with the arrays that are trained, none of them masked
    masks      for each array of weights 1 where they stay, 0 where they have gone, in the network's dtype
    steps      () how many training steps were made
    curvature  h of (MK2) by the same names, in the shape of the weights; {}: 1
    scores     S of (MK3) by the same names; {}: scores are those of (MK2)
    """

    network: AnyModel
    masks: dict[str, Array]
    steps: Array
    share: float
    begin: int
    end: int
    every: int
    pattern: Pattern
    rule: Rule
    curvature: dict[str, Array]
    scores: dict[str, Array]

    @classmethod
    def create(
        cls,
        network: AnyModel,
        share: float,
        *,
        begin: int = 0,
        end: int = 0,
        every: int = 20,
        pattern: Pattern = "any",
        names: Collection[str] | None = None,
        rule: Rule = "fixed",
        curvature: Mapping[str, Array] | None = None,
        movement: bool = False,
    ) -> Self:
        """The network with all its weights, which go while it is trained.

        share       the part of them that is gone in the end, in [0, 1)
        begin, end  the first step after which some go, and that after which all have gone; equal: at once
        every       steps between two choices of masks
        pattern     which weights go together, see `masks.keep`
        names       the arrays to prune; None: all weights of layers ("name.w")
        rule        "fixed": what has gone gets no gradient (MK1); "straight-through": it may come back
        curvature   h of (MK2) for each of them, see `prune.curvature`
        movement    True: by scores that are learned (MK3)
        raises      ValueError that names the argument
        """
        every_name = [name for name in network.trainable() if name.endswith(".w")]
        names = every_name if names is None else list(names)
        if not names or not set(names) <= set(every_name):
            refuse("Pruned: names", names, f"some of {every_name}")
        if not is_number(share) or not 0 <= share < 1:
            refuse("Pruned: share", share, "a number from 0 to below 1")
        if not 0 <= begin <= end:
            refuse("Pruned: begin, end", (begin, end), "steps, the first not after the second")
        if every < 1:
            refuse("Pruned: every", every, "1 or more")
        if rule not in ("fixed", "straight-through"):
            refuse("Pruned: rule", repr(rule), "fixed, or straight-through")
        arrays = {name: network.params[name] for name in names}
        h: dict[str, Array] = {}
        for name, array in arrays.items() if curvature is not None else ():
            found = (curvature or {}).get(name)
            if not isinstance(found, np.ndarray) or found.shape != array.shape:
                refuse(f"Pruned: curvature[{name!r}]", said(found), f"an array of shape {array.shape}")
            h[name] = found
        masks = {name: np.ones_like(array) for name, array in arrays.items()}
        scores = {name: np.zeros_like(array) for name, array in arrays.items() if movement}
        steps = np.zeros((), arrays[names[0]].dtype)
        pattern = check_pattern(pattern)
        return cls(network, masks, steps, share, begin, end, every, pattern, rule, h, scores)

    @property
    def params(self) -> dict[str, Array]:
        """The network's arrays, the masks, the steps, and the scores if they are learned."""
        more = {f"{name}.mask": mask for name, mask in self.masks.items()}
        more |= {f"{name}.score": score for name, score in self.scores.items()}
        return {**self.network.params, **more, STEPS: self.steps}

    @property
    def shape(self) -> tuple[int, ...]:
        return self.network.shape

    @property
    def input_range(self) -> tuple[float, float] | None:
        """Between which numbers the network's inputs lay in training."""
        return getattr(self.network, "input_range", None)

    def with_input_range(self, input_range: tuple[float, float] | None) -> Self:
        """The same network, which remembers this range."""
        if not hasattr(self.network, "with_input_range"):
            return self
        return replace(self, network=self.network.with_input_range(input_range))

    def printed(self) -> Self:
        """The same on the same arrays, its network run as it is printed."""
        return replace(self, network=self.network.printed())  # type: ignore[attr-defined]

    def trainable(self) -> Iterable[str]:
        return *self.network.trainable(), *(f"{name}.score" for name in self.scores)

    def with_params(self, params: Mapping[str, Array]) -> Self:
        """The same network on other arrays, which are not copied."""
        network = self.network.with_params({name: params[name] for name in self.network.params})
        masks = {name: params[f"{name}.mask"] for name in self.masks}
        scores = {name: params[f"{name}.score"] for name in self.scores}
        return replace(self, network=network, masks=masks, scores=scores, steps=params[STEPS])

    def applied(self) -> AnyModel:
        """The network on m·w: what is trained, and what is kept of it."""
        arrays = {name: self.network.params[name] * (mask > 0.5) for name, mask in self.masks.items()}
        return self.network.with_params({**self.network.params, **arrays})

    def model(self) -> Model:
        """The float network on m·w."""
        applied = self.applied()
        inner: Model = applied.model() if hasattr(applied, "model") else applied
        return inner

    def forward(self, x: Array, **how: Any) -> tuple[Array, Any]:
        """Of the network on m·w."""
        applied = self.applied()
        z, caches = applied.forward(x, **how)
        return z, (applied, caches)

    def backward(self, dz: Array, caches: Any, **how: Any) -> dict[str, Array]:
        """The gradient of every trainable array, by (MK1) and (MK3)."""
        applied, inner = caches
        grads = dict(applied.backward(dz, inner, **how))
        grads |= {f"{name}.score": grads[name] * self.network.params[name] for name in self.scores}
        if self.rule == "fixed":
            grads |= {name: grads[name] * (mask > 0.5) for name, mask in self.masks.items()}
        return grads

    def statistics(self, caches: Any) -> dict[str, Array]:
        """The network's, one step more, and the masks for the next; parts of a batch give the same."""
        applied, inner = caches
        step = np.rint(self.steps) + 1
        masks = self.masks
        due = self.begin <= step <= self.end and (step - self.begin) % self.every == 0
        if due or step in (max(self.begin, 1), max(self.end, 1)):
            share = share_at(float(step), self.share, self.begin, self.end)
            found = keep(self._scores(), share, self.pattern)
            masks = {name: mask.astype(self.steps.dtype) for name, mask in found.items()}
        more = {f"{name}.mask": mask for name, mask in masks.items()}
        return {**applied.statistics(inner), **more, STEPS: np.asarray(step, self.steps.dtype)}

    def _scores(self) -> dict[str, Array]:
        arrays = {name: self.network.params[name] for name in self.masks}
        return self.scores or {name: w * w * self.curvature.get(name, 1) / 2 for name, w in arrays.items()}

    def activations(self, x: Array) -> Mapping[str, Array]:
        """The outputs of the network's layers."""
        return self.applied().activations(x)

    def probed(self, names: Collection[str]) -> Self:
        """The same function of the same arrays, with a probe after each of the named layers."""
        return replace(self, network=self.network.probed(names))  # type: ignore[attr-defined]

    def probes(self, caches: Any) -> Mapping[str, Seen]:
        """What the probes keep of a forward, by the names of the layers before them."""
        applied, inner = caches
        seen: Mapping[str, Seen] = applied.probes(inner)
        return seen
