"""Depth: several teachers as one.

Networks that were trained from different first weights err on different images, and their mean errs less
than each of them. What is to be averaged [Hinton et al. 2015, section 1]?

    logits           z = Σ z_m / M, whose softmax is the geometric mean of theirs, normalised            (K18)
    probabilities    z = ln(Σ σ(z_m) / M), whose softmax is their arithmetic mean                        (K19)

In the first a teacher that is sure of a "no" outvotes the others; in the second one sure of a "yes" still
counts for 1/M. An ensemble is a model like its members: it can be asked, recorded, judged, and even trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.chain import flat
from tinyzip.nn.losses import log_softmax
from tinyzip.nn.model import Model
from tinyzip.nn.ops.checks import Array


@dataclass(frozen=True)
class Ensemble:
    """Models by name, of the same images, classes and dtype, that answer as one.

    models  one or more; their arrays are "<name>.<array>" in `params`
    mean    of "logits" (K18) or of "probabilities" (K19)
    raises  ValueError for models that do not fit together, or another mean
    """

    models: Mapping[str, Model] = field(repr=False)
    mean: str = "logits"

    def __post_init__(self) -> None:
        if self.mean not in ("logits", "probabilities"):
            refuse("Ensemble: mean", repr(self.mean), "'logits' or 'probabilities'")
        if not isinstance(self.models, Mapping) or not self.models:
            found = "none" if isinstance(self.models, Mapping) else type(self.models).__name__
            refuse("Ensemble: models", found, "one or more, in a dict by name")
        for name in self.models:
            if not isinstance(name, str) or "." in name:
                refuse("Ensemble: models", f"the name {name!r}", "text without a dot")
        kinds = {name: self._kind(model) for name, model in self.models.items()}
        first = next(iter(kinds.values()))
        for name, kind in kinds.items():
            if kind != first:
                what = "{1} classes of images {0} in {2}".format
                refuse(f"Ensemble: models[{name!r}]", what(*kind), f"{what(*first)}, as the first has")

    @staticmethod
    def _kind(model: Model) -> tuple[tuple[int, ...], int, np.dtype[Any]]:
        """Shape of an image, number of classes, dtype."""
        dtype = next(iter(model.params.values())).dtype
        z, _ = model.forward(np.zeros((*model.shape, 1), dtype))
        return model.shape, len(z), dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return next(iter(self.models.values())).shape

    @property
    def params(self) -> dict[str, Array]:
        """The arrays of all members, not copied."""
        return flat({name: model.params for name, model in self.models.items()})

    def trainable(self) -> tuple[str, ...]:
        return tuple(f"{name}.{key}" for name, model in self.models.items() for key in model.trainable())

    def with_params(self, params: Mapping[str, Array]) -> Self:
        models = {
            name: model.with_params({key: params[f"{name}.{key}"] for key in model.params})
            for name, model in self.models.items()
        }
        return type(self)(models, self.mean)

    def forward(self, x: Array, **how: Any) -> tuple[Array, Any]:
        """x (C, H, W, N) -> the mean z (K, N) as a new array, and what `backward` needs."""
        answers, caches = [], {}
        for name, model in self.models.items():
            z, caches[name] = model.forward(x, **how)
            answers.append(z if self.mean == "logits" else log_softmax(z))
        stacked = np.stack(answers)
        if self.mean == "logits":
            return stacked.mean(axis=0), (caches, None)
        total = np.logaddexp.reduce(stacked, axis=0)
        return total - total.dtype.type(np.log(len(stacked))), (caches, (stacked, total))

    def backward(self, dz: Array, caches: Any, **how: Any) -> dict[str, Array]:
        """The gradient of every trainable array. With p = σ(z_m) and its share s = p / Σ p in the sum, (K19)
        has dz_m = s·dz − p·Σ_k s·dz."""
        inner, probabilities = caches
        parts = {}
        for m, (name, model) in enumerate(self.models.items()):
            if probabilities is None:
                dz_m = dz / dz.dtype.type(len(self.models))
            else:
                stacked, total = probabilities
                weighted = np.exp(stacked[m] - total) * dz
                dz_m = weighted - np.exp(stacked[m]) * weighted.sum(axis=0)
            parts[name] = model.backward(dz_m, inner[name], **how)
        return flat(parts)

    def statistics(self, caches: Any) -> dict[str, Array]:
        """What the members' arrays without gradient become by a training forward."""
        return flat({name: model.statistics(caches[0][name]) for name, model in self.models.items()})

    def activations(self, x: Array) -> dict[str, Array]:
        """The output of every layer of every member, by name."""
        return flat({name: model.activations(x) for name, model in self.models.items()})
