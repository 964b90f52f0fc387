"""Depth: many arrays in a few vectors.

A ufunc on a few hundred numbers spends its time on being called. A small network has a dozen such arrays,
and an optimizer a dozen ufuncs for each. Laid one after another in memory, the arrays are views of a vector,
and what treats all of its entries alike treats them in one call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Packed:
    """Memory for a dict of arrays.

    vectors  one (n,) for each group of arrays
    places   views of them, with the names, order and shapes of the arrays
    """

    vectors: dict[str, Array]
    places: dict[str, Array]

    @classmethod
    def like(
        cls,
        arrays: Mapping[str, Array],
        group: Callable[[str], str] = lambda name: "all",
        empty: Callable[[tuple[int, ...], Any], Array] = np.empty,
    ) -> Self:
        """Uninitialised memory for arrays as large as these and of their one dtype.

        group  name -> group: the arrays of a group lie in one vector
        empty  (shape, dtype) -> memory for a vector
        """
        vectors, places = {}, dict(arrays)
        for key in dict.fromkeys(map(group, arrays)):
            own = {name: array for name, array in arrays.items() if group(name) == key}
            vector = empty((sum(array.size for array in own.values()),), next(iter(own.values())).dtype)
            start = 0
            for name, array in own.items():
                places[name] = vector[start : start + array.size].reshape(array.shape)
                start += array.size
            vectors[key] = vector
        return cls(vectors, places)

    def fill(self, arrays: Mapping[str, Array]) -> None:
        """Copy arrays, by name, to their places."""
        for name, place in self.places.items():
            np.copyto(place, arrays[name])
