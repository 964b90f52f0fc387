"""LiteRT's answers: what a model's tensors hold, for a batch of codes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def tensors(
    model: bytes, codes: NDArray[Any], wanted: Iterable[int], kernels: str
) -> dict[int, NDArray[Any]]:
    """What each wanted tensor holds, examples first, for codes (N, …) that go in one by one.

    Reals that a model takes or gives are turned by the grid of its first QUANTIZE, or of its softmax. The
    default kernels keep no tensors between operators, so of theirs only the output is right.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    reference = kernels == "reference"
    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO,
        experimental_preserve_all_tensors=reference,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    found: dict[int, list[NDArray[Any]]] = {t: [] for t in wanted}
    for x in codes:
        if entry["dtype"] == np.float32:
            x = np.float32(x) + np.float32(128)  # scale 1, zero point −128
        interpreter.set_tensor(entry["index"], x[None])
        interpreter.invoke()
        for t, values in found.items():
            y = interpreter.get_tensor(t)
            values.append(y if y.dtype.kind != "f" else np.int8(y * 256 - 128))  # a softmax's grid
    return {t: np.concatenate(values) for t, values in found.items()}
