"""LiteRT (once TensorFlow Lite): the program written straight into its file format, without a converter.

A .tflite file is a FlatBuffer: tensors with scales and zero points, buffers, and a list of operators. Its
schema ships with the runtime, so the file is built here from the program's own integers. LiteRT wants int8
codes, (N, H, W, C), and weights as (F, kh, kw, C); a row of the linear layer after a flatten is put in that
order too.

Weights of four bits may be INT4, two in a byte; activations remain int8. Linear layers then run in the same
kernels as before (XNNPACK's), convolutions in older ones, which are slower and round twice.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from peers import Batch, Entry, Run, even, matrix_scales, moved, step
from tinyzip import integer
from tinyzip.integer.codes import Codes
from tinyzip.nn.sequential import Sequential

VERSION = f"litert {version('ai-edge-litert')}"
KINDS = {np.dtype(np.int8): schema.TensorType.INT8, np.dtype(np.int32): schema.TensorType.INT32}
LINEAR, ALL = (integer.Linear,), (integer.Linear, integer.Conv2d)


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
        int4: bool = False,
    ) -> int:
        """The index of a new tensor; with int4 the first of two numbers is the lower half of a byte."""
        made = schema.TensorT()
        made.name, made.shape = f"t{len(self.tensors)}", list(shape)
        made.type = KINDS[np.dtype(np.int8) if data is None else data.dtype]
        if data is None:
            made.shapeSignature = [-1, *shape[1:]]
        else:
            self.buffers.append(schema.BufferT())
            self.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(self.buffers) - 1
            if int4:
                made.type = schema.TensorType.INT4
                low, high = np.append(data.ravel(), np.zeros(data.size % 2, np.int8)).reshape(-1, 2).T
                self.buffers[-1].data = (low & 15 | high << 4).view(np.uint8)
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
            made.quantization.zeroPoint = np.broadcast_to(np.int64(zero), made.quantization.scale.shape)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def add(self, kind: str, version: int, inputs: list[int], output: int, options: Any) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = version
        self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = len(self.codes) - 1, inputs, [output]
        made.builtinOptions = options
        made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.operators.append(made)

    def build(self, output: int) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = (
            self.tensors,
            self.operators,
            [0],
            [output],
        )
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes, model.description = self.codes, "tinyzip"
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def int8_model(program: integer.Program, int4: tuple[type, ...] = ()) -> bytes:
    """int4: the operators whose weights are written so."""
    chain = Chain()

    def activation(shape: tuple[int, ...], codes: Codes) -> int:
        """A tensor between operators; shape (C, H, W) or (C,) without the batch, as the program has it."""
        shape = (1, *shape[1:], shape[0])
        return chain.tensor(shape, step(codes), codes.zero + moved(codes, -128))

    last = activation(program.shape, program.input)
    image: tuple[int, ...] = ()  # what the newest flatten has read, until a linear layer has undone it
    places = zip(
        program.operators,
        matrix_scales(program),
        program.shapes,
        program.shapes[1:],
        program.codes[1:],
        strict=False,
    )
    for operator, scales, before, after, codes in places:
        inputs = [last]
        options: Any
        match operator:
            case integer.Conv2d():
                if any(even(operator.padding)) or operator.groups != 1:
                    raise ValueError(f"found {operator}, needed a plain convolution without padding")
                w = np.ascontiguousarray(operator.w.transpose(0, 2, 3, 1))
                kind, number = "CONV_2D", 3
                options = schema.Conv2DOptionsT()
                options.padding = schema.Padding.VALID
                options.strideH, options.strideW = operator.stride
            case integer.Linear():
                w = operator.w
                if image:
                    w = np.ascontiguousarray(w.reshape(-1, *image).transpose(0, 2, 3, 1).reshape(w.shape))
                    image = ()
                kind, number = "FULLY_CONNECTED", 5
                options = schema.FullyConnectedOptionsT()
            case integer.MaxPool2d():
                if any(even(operator.padding)):
                    raise ValueError(f"found {operator}, needed a pool without padding")
                kind, number = "MAX_POOL_2D", 2
                options = schema.Pool2DOptionsT()
                options.padding = schema.Padding.VALID
                options.filterHeight, options.filterWidth = operator.kernel
                options.strideH, options.strideW = operator.steps
            case integer.Flatten():
                image = before
                kind, number = "RESHAPE", 1
                options = schema.ReshapeOptionsT()
                options.newShape = [-1, *after]
                inputs.append(chain.tensor((2,), data=np.array(options.newShape, np.int32)))
            case _:
                raise ValueError(f"found {operator}, needed an operator that is compared here")
        if scales is not None:
            inputs.append(chain.tensor(w.shape, scales.w, 0, w, isinstance(operator, int4)))
            inputs.append(
                chain.tensor(operator.bias.shape, scales.w * np.float32(scales.x), 0, operator.bias)
            )
        last = activation(after, codes)
        chain.add(kind, number, inputs, last, options)
    return chain.build(last)


def quantized(program: integer.Program, int4: tuple[type, ...] = ()) -> Callable[[Batch, int], Run]:
    model = int8_model(program, int4)

    def start(batch: Batch, threads: int) -> Run:
        codes = (batch.images.astype(np.int16) + moved(program.input, -128)).astype(np.int8)
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

        return Run(work)

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    return [] if program is None else [Entry("litert", "integer", "default", quantized(program))]


def four_bits(program: integer.Program, variant: str, everywhere: bool) -> list[Entry]:
    """A program of four-bit weights, as INT4 in the linear layers, or everywhere."""
    return [Entry("litert", "integer", variant, quantized(program, ALL if everywhere else LINEAR))]
