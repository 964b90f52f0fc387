"""Many arrays in two vectors.

A ufunc on a few hundred numbers spends its time on being called. A small network has a dozen such arrays,
and an optimizer a dozen ufuncs for each. Laid one after another in memory, the arrays are views of a vector,
and what treats all entries alike treats them in one call. There are two vectors, not one, since a decay
pulls on weights only (see `optim`).
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

    vectors  "weights" (1, n), where arrays of two axes or more lie, and "others" (n,); only if there are any
    places   views of them with the names, order and shapes of the arrays
    """

    vectors: dict[str, Array]
    places: dict[str, Array]

    @classmethod
    def like(cls, arrays: Mapping[str, Array], empty: Callable[..., Array] = np.empty) -> Self:
        """Uninitialised memory for arrays as large as these and of their one dtype.

        empty  (shape, dtype) -> memory for a vector
        """
        vectors, places = {}, dict(arrays)
        for kind in ("weights", "others"):
            own = {name: array for name, array in arrays.items() if (array.ndim > 1) == (kind == "weights")}
            if not own:
                continue
            size, dtype = sum(array.size for array in own.values()), next(iter(own.values())).dtype
            vector = empty((size,), dtype)
            start = 0
            for name, array in own.items():
                places[name] = vector[start : start + array.size].reshape(array.shape)
                start += array.size
            vectors[kind] = vector[None] if kind == "weights" else vector
        return cls(vectors, places)

    def fill(self, arrays: Mapping[str, Array]) -> None:
        """Copy arrays, by name, to their places."""
        for name, place in self.places.items():
            np.copyto(place, arrays[name])
