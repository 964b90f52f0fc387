"""LiteRT (once TensorFlow Lite): the program written straight into its file format, without a converter.

A .tflite file is a FlatBuffer: tensors with scales and zero points, buffers, and a list of operators. Its schema ships
with the runtime, so the file is built here from the program's own integers. LiteRT wants int8 codes, (N, H, W, C), and
weights as (F, kh, kw, C); the row of a linear layer behind a flatten is put in that order too.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from peers import Batch, Entry, even, matrix_scales, moved, step
from tinyzip.integer import program as integer
from tinyzip.nn.sequential import Sequential

VERSION = f"litert {version('ai-edge-litert')}"
VALID = schema.Padding.VALID
KINDS = {np.dtype(np.int8): schema.TensorType.INT8, np.dtype(np.int32): schema.TensorType.INT32}


class Chain:
    """A model under construction: each operator reads the tensor that the one before wrote."""

    def __init__(self) -> None:
        self.tensors: list[Any] = []
        self.buffers = [schema.BufferT()]  # by the format's rule buffer 0 is empty
        self.operators: list[Any] = []
        self.codes: list[Any] = []

    def tensor(
        self,
        shape: tuple[int, ...],
        scale: Any = None,
        zero: Any = None,
        data: NDArray[Any] | None = None,
    ) -> int:
        made = schema.TensorT()
        made.name, made.shape = f"t{len(self.tensors)}", list(shape)
        made.type = KINDS[np.dtype(np.int8) if data is None else data.dtype]
        if data is None:
            made.shapeSignature = [-1, *shape[1:]]
        else:
            self.buffers.append(schema.BufferT())
            self.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(self.buffers) - 1
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
            made.quantization.zeroPoint = np.broadcast_to(np.int64(zero), made.quantization.scale.shape)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def add(self, kind: str, version: int, inputs: list[int], output: int, options: Any, name: str) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = version
        self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = len(self.codes) - 1, inputs, [output]
        made.builtinOptions, made.builtinOptionsType = options, getattr(schema.BuiltinOptions, name)
        self.operators.append(made)

    def build(self, output: int) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = self.tensors, self.operators, [0], [output]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes, model.description = self.codes, "tinyzip"
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def int8_model(program: integer.Program) -> bytes:
    chain = Chain()
    C, H, W = program.shape
    shape: tuple[int, ...] = (1, H, W, C)
    grid = program.input
    last = chain.tensor(shape, step(grid), grid.zero + moved(grid, -128))
    image: tuple[int, ...] | None = None  # the shape (H, W, C) that a flatten has read, until a linear layer uses it
    for operator, scales in zip(program.operators, matrix_scales(program), strict=True):
        options: Any
        match operator:
            case integer.Conv2d():
                assert scales is not None
                if any(even(operator.padding)) or operator.groups != 1:
                    raise ValueError(f"found {operator}, needed a plain convolution without padding")
                w = np.ascontiguousarray(operator.w.transpose(0, 2, 3, 1))
                kind, number, name = "CONV_2D", 3, "Conv2DOptions"
                options = schema.Conv2DOptionsT()
                options.padding = VALID
                options.strideH, options.strideW = operator.stride
                shape = (
                    1,
                    (shape[1] - w.shape[1]) // operator.stride[0] + 1,
                    (shape[2] - w.shape[2]) // operator.stride[1] + 1,
                    len(w),
                )
            case integer.Linear():
                assert scales is not None
                w = operator.w
                if image is not None:
                    H, W, C = image
                    w = np.ascontiguousarray(w.reshape(-1, C, H, W).transpose(0, 2, 3, 1).reshape(len(w), -1))
                    image = None
                kind, number, name = "FULLY_CONNECTED", 5, "FullyConnectedOptions"
                options = schema.FullyConnectedOptionsT()
                shape = (1, len(w))
            case integer.MaxPool2d():
                if any(even(operator.padding)):
                    raise ValueError(f"found {operator}, needed a pool without padding")
                kind, number, name = "MAX_POOL_2D", 2, "Pool2DOptions"
                options = schema.Pool2DOptionsT()
                options.padding = VALID
                options.filterHeight, options.filterWidth = operator.kernel
                options.strideH, options.strideW = operator.stride
                size = [
                    (length - k) // s + 1
                    for length, k, s in zip(shape[1:3], operator.kernel, operator.stride, strict=True)
                ]
                shape = (1, *size, shape[3])
            case integer.Flatten():
                image = shape[1:]
                shape = (1, int(np.prod(image)))
                kind, number, name = "RESHAPE", 1, "ReshapeOptions"
                options = schema.ReshapeOptionsT()
                options.newShape = [-1, shape[1]]
            case _:
                raise ValueError(f"found {operator}, needed an operator that is compared here")
        inputs = [last]
        if scales is not None:
            grid = operator.y
            inputs.append(chain.tensor(w.shape, scales.w, 0, w))
            bias_scale = scales.w * np.float32(scales.x)
            inputs.append(chain.tensor(operator.bias.shape, bias_scale, 0, operator.bias))
        elif isinstance(operator, integer.Flatten):
            inputs.append(chain.tensor((2,), data=np.array([-1, shape[1]], np.int32)))
        last = chain.tensor(shape, step(grid), grid.zero + moved(grid, -128))
        chain.add(kind, number, inputs, last, options, name)
    return chain.build(last)


def quantized(program: integer.Program) -> Callable[[Batch, int], Callable[[], Any]]:
    model = int8_model(program)

    def start(batch: Batch, threads: int) -> Callable[[], Any]:
        codes = (batch.codes.astype(np.int16) + moved(program.input, -128)).astype(np.int8)
        x = np.ascontiguousarray(codes.transpose(0, 2, 3, 1))
        interpreter = Interpreter(model_content=model, num_threads=threads)
        (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(entry["index"], x.shape)
        interpreter.allocate_tensors()
        move = np.int16(moved(program.output, -128))

        def work() -> Any:
            interpreter.set_tensor(entry["index"], x)
            interpreter.invoke()
            return interpreter.get_tensor(exit_["index"]) - move

        return work

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    return [] if program is None else [Entry("litert", "integer", "default", quantized(program))]
