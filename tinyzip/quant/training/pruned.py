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
from typing import Any, Literal, Self

import numpy as np

from tinyzip.base.refuse import is_number, refuse, said
from tinyzip.nn.model import AnyModel
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.training.masks import Pattern, check_pattern, keep, share_at
from tinyzip.quant.training.through import Through

STEPS = "pruning.steps"
Rule = Literal["fixed", "straight-through"]


@dataclass(frozen=True)
class Pruned(Through[AnyModel]):
    """A network whose weights pass through masks. Made by `create`.

    masks      for each array of weights 1 where they stay, 0 where they have gone, in the network's dtype
    steps      () how many training steps were made
    curvature  h of (MK2) by the same names, in the shape of the weights; {}: 1
    scores     S of (MK3) by the same names; {}: twice those of (MK2)
    """

    masks: dict[str, Array]
    steps: Array
    first: float
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
        first: float = 0.0,
        begin: int = 0,
        end: int = 0,
        every: int = 20,
        pattern: Pattern = "any",
        names: Collection[str] | None = None,
        rule: Rule = "fixed",
        curvature: Mapping[str, Array] | None = None,
        movement: bool = False,
    ) -> Self:
        """The network with masks, by which its weights go while it is trained.

        share       the part of the weights that is gone in the end, in [0, 1)
        first       the part that is gone from the start, by size: what an earlier pruning has made 0
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
        if not (is_number(share) and is_number(first)) or not 0 <= first <= share < 1:
            refuse("Pruned: first, share", (first, share), "numbers from 0 to below 1, in this order")
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
        pattern = check_pattern(pattern)
        kept = keep({name: np.abs(array) for name, array in arrays.items()}, first, pattern)
        masks = {name: kept[name].astype(array.dtype) for name, array in arrays.items()}
        scores = {name: np.zeros_like(array) for name, array in arrays.items() if movement}
        steps = np.zeros((), arrays[names[0]].dtype)
        return cls(network, masks, steps, first, share, begin, end, every, pattern, rule, h, scores)

    @property
    def params(self) -> dict[str, Array]:
        """The network's arrays, the masks, the steps, and the scores if they are learned."""
        more = {f"{name}.mask": mask for name, mask in self.masks.items()}
        more |= {f"{name}.score": score for name, score in self.scores.items()}
        return {**self.network.params, **more, STEPS: self.steps}

    def trainable(self) -> Iterable[str]:
        return *self.network.trainable(), *(f"{name}.score" for name in self.scores)

    def with_params(self, params: Mapping[str, Array]) -> Self:
        network = self.network.with_params({name: params[name] for name in self.network.params})
        masks = {name: params[f"{name}.mask"] for name in self.masks}
        scores = {name: params[f"{name}.score"] for name in self.scores}
        return replace(self, network=network, masks=masks, scores=scores, steps=params[STEPS])

    def arrays(self) -> dict[str, Array]:
        """m·w"""
        return {name: self.network.params[name] * (mask > 0.5) for name, mask in self.masks.items()}

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
        step = np.rint(self.steps) + 1
        masks = self.masks
        due = self.begin <= step <= self.end and (step - self.begin) % self.every == 0
        if due or step in (max(self.begin, 1), max(self.end, 1)):
            share = share_at(float(step), self.first, self.share, self.begin, self.end)
            arrays = {name: self.network.params[name] for name in self.masks}
            own = {name: w * w * self.curvature.get(name, 1) for name, w in arrays.items()}
            found = keep(self.scores or own, share, self.pattern)
            masks = {name: mask.astype(self.steps.dtype) for name, mask in found.items()}
        more = {f"{name}.mask": mask for name, mask in masks.items()}
        return {**super().statistics(caches), **more, STEPS: np.asarray(step, self.steps.dtype)}
