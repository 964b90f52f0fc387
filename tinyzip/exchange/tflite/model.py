"""Depth: other people's int8 models, read exactly: a .tflite file becomes a program.

    program = tflite.read("model.tflite")

A .tflite file is what TensorFlow's and PyTorch's converters write for phones and microcontrollers. Its int8
models mean what programs mean, real = scale·(code − zero). So nothing is converted: weights and biases are
the file's own, multipliers are computed from its scales as the runtime does, and the codes are the runtime's.

Two sets of kernels are in use, and they round differently. The reference kernels of LiteRT multiply in
integers; its default kernels, those of XNNPACK, which phones and laptops run, multiply in float32.
"""

from typing import Literal

import numpy as np

from tinyzip.base.files import PathLike, check_path
from tinyzip.base.refuse import refuse
from tinyzip.exchange.tflite.file import Graph, read_graph
from tinyzip.exchange.tflite.operators import translate
from tinyzip.exchange.tflite.reference import Reference
from tinyzip.exchange.tflite.xnnpack import Xnnpack
from tinyzip.integer.codes import Array
from tinyzip.integer.program import Program

Kernels = Literal["reference", "xnnpack"]
KERNELS: dict[str, type[Reference]] = {"reference": Reference, "xnnpack": Xnnpack}


def read(path: PathLike, kernels: Kernels = "reference") -> Program:
    """The program in a .tflite file of int8 operators.

    kernels  "reference" rounds as LiteRT's reference kernels do; "xnnpack" as its default ones
    returns  a program whose input codes are (d₃, d₁, d₂, N) where the file has [1, d₁, d₂, d₃], as a rule
             (C, H, W, N) for [1, H, W, C]; (d₂, d₁, 1, N) for [1, d₁, d₂] and (d₁, N) for [1, d₁]. A QUANTIZE
             at the file's entry and a DEQUANTIZE at its end are left out: codes come in, and codes go out
    Raises ValueError, naming the file, the operator's number in it, its kind and why, for all that cannot be
    read; ImportError where the package `tflite` is missing. 4 MB and 64 times the file bound the memory.
    """
    if not isinstance(kernels, str) or kernels not in KERNELS:
        refuse("tflite.read: kernels", repr(kernels), f"one of {', '.join(KERNELS)}")
    check_path(path, "tflite.read: path")
    return of_graph(read_graph(path), kernels)


def of_graph(graph: Graph, kernels: Kernels = "reference") -> Program:
    """The program of a file that has been read: `read` says what it is, and what is refused."""
    return translate(graph, KERNELS[kernels]()).program()


def batch_last(tensor: Array) -> Array:
    """A tensor of a file, of N examples and not one, as a program has it; undone by `examples_first`."""
    if tensor.ndim == 3:
        tensor = tensor[:, :, None]
    return np.ascontiguousarray(tensor.transpose(3, 1, 2, 0) if tensor.ndim == 4 else tensor.T)


def examples_first(y: Array) -> Array:
    """What a program has, (C, H, W, N) or (C, N), as a file has it: (N, H, W, C) or (N, C)."""
    return np.ascontiguousarray(y.transpose(3, 1, 2, 0) if y.ndim == 4 else y.T)
