"""LiteRT's answers: every tensor of a model, for a batch of codes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def tensors(
    model: bytes, codes: NDArray[Any], wanted: Iterable[int], kernels: str
) -> dict[int, NDArray[Any]]:
    """What each wanted tensor holds, examples first, for codes (N, …) that go in one by one.

    The default kernels fuse operators and keep no tensors between, so of theirs only the output is right.
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
        interpreter.set_tensor(entry["index"], x[None])
        interpreter.invoke()
        for t, values in found.items():
            values.append(interpreter.get_tensor(t))
    return {t: np.concatenate(values) for t, values in found.items()}
