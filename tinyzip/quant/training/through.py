"""Depth: a network whose arrays pass through a function on their way in, from dict to dict.

What is trained are the arrays before the function; what is run is the network on those after it. To the
training loop such a wrapper is a model as any other. What passes arrays on here says which (`arrays`), and
how gradients come back (`backward`); all else is the network's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Self

from tinyzip.nn.model import AnyModel, Model
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.probe import Seen


@dataclass(frozen=True)
class Through(ABC, Generic[AnyModel]):
    """The base of models that wrap another one.

    network  with the arrays as they were given; it may be one that simulates integers
    """

    network: AnyModel

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """The network's arrays that the function gives, by name."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.network.shape

    @property
    def input_range(self) -> tuple[float, float] | None:
        return getattr(self.network, "input_range", None)

    @property
    def input_mean(self) -> float | None:
        """The mean of its inputs in training; None where nobody knows."""
        return getattr(self.network, "input_mean", None)

    def with_input_range(self, input_range: tuple[float, float] | None, mean: float | None = None) -> Self:
        if not hasattr(self.network, "with_input_range"):
            return self
        return replace(self, network=self.network.with_input_range(input_range, mean))

    def printed(self) -> Self:
        """The same on the same arrays, its network run as it is printed."""
        return replace(self, network=self.network.printed())  # type: ignore[attr-defined]

    def applied(self) -> AnyModel:
        """The network on the arrays after the function: what is run, and what is kept in the end."""
        return self.network.with_params({**self.network.params, **self.arrays()})

    def model(self) -> Model:
        """The float network on these arrays."""
        applied = self.applied()
        inner: Model = applied.model() if hasattr(applied, "model") else applied
        return inner

    def forward(self, x: Array, **how: Any) -> tuple[Array, Any]:
        """Of the network on the arrays after the function."""
        applied = self.applied()
        z, caches = applied.forward(x, **how)
        return z, (applied, caches)

    def statistics(self, caches: Any) -> dict[str, Array]:
        applied, inner = caches
        return dict(applied.statistics(inner))

    def activations(self, x: Array) -> Mapping[str, Array]:
        return self.applied().activations(x)

    def probed(self, names: Collection[str]) -> Self:
        return replace(self, network=self.network.probed(names))  # type: ignore[attr-defined]

    def probes(self, caches: Any) -> Mapping[str, Seen]:
        applied, inner = caches
        seen: Mapping[str, Seen] = applied.probes(inner)
        return seen
