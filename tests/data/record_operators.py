"""Records what LiteRT makes of single operators: `python record_operators.py` writes operators.npz.

Needs ai-edge-litert. Each case is a model of one operator, built by hand from the file format's schema and
run by the reference kernels (`BUILTIN_REF`) and by the default ones, those of XNNPACK. Scales are float32 and
are kept as Python prints them, which is exact.
"""

import json
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

KINDS = {np.dtype(np.int8): schema.TensorType.INT8, np.dtype(np.int32): schema.TensorType.INT32}
RNG = np.random.default_rng(13)


class Model:
    """One operator: its inputs first, then constants, then its output."""

    def __init__(self) -> None:
        self.tensors: list[Any] = []
        self.buffers = [schema.BufferT()]
        self.inputs: list[int] = []

    def tensor(self, shape: tuple[int, ...], scale: Any, zero: int, data: Any = None, axis: int = 0) -> int:
        made, number = schema.TensorT(), len(self.tensors)
        made.name, made.shape = f"t{number}", list(shape)
        made.type = KINDS[np.dtype(np.int8) if data is None else data.dtype]
        if data is not None:
            self.buffers.append(schema.BufferT())
            self.buffers[-1].data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            made.buffer = len(self.buffers) - 1
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = np.atleast_1d(np.float32(scale))
        made.quantization.zeroPoint = np.full(made.quantization.scale.size, zero, np.int64)
        made.quantization.quantizedDimension = axis
        self.tensors.append(made)
        return number

    def input(self, shape: tuple[int, ...], scale: Any, zero: int) -> int:
        self.inputs.append(self.tensor(shape, scale, zero))
        return self.inputs[-1]

    def outputs(self, kind: str, inputs: list[int], output: int, options: Any, codes: list[Any]) -> list[Any]:
        """What the reference and the default kernels write for these codes."""
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = 3 if "CONV" in kind else 2
        operator.inputs, operator.outputs, operator.builtinOptions = inputs, [output], options
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        graph, model, builder = schema.SubGraphT(), schema.ModelT(), flatbuffers.Builder(1024)
        graph.tensors, graph.operators, graph.inputs = self.tensors, [operator], self.inputs
        graph.outputs = [output]
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self.buffers, [code]
        builder.Finish(model.Pack(builder), b"TFL3")
        found = []
        for resolver in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO):
            interpreter = Interpreter(
                model_content=bytes(builder.Output()), experimental_op_resolver_type=resolver
            )
            interpreter.allocate_tensors()
            for entry, x in zip(interpreter.get_input_details(), codes, strict=True):
                interpreter.set_tensor(entry["index"], x)
            interpreter.invoke()
            found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        return found


def codes(*shape: int) -> Any:
    """Anything, the ends among them."""
    x = RNG.integers(-128, 128, shape)
    return np.where(RNG.random(shape) < 0.1, RNG.choice([-128, 127], shape), x).astype(np.int8)


def addition(scales: list[float], zeros: list[int], relu: int) -> dict[str, Any]:
    model, shape = Model(), (1, 8, 8, 32)
    a, b = (model.input(shape, s, z) for s, z in zip(scales[:2], zeros[:2], strict=True))
    y = model.tensor(shape, scales[2], zeros[2])
    options = schema.AddOptionsT()
    options.fusedActivationFunction = relu
    x = [codes(*shape), codes(*shape)]
    return {"x": x[0], "o": x[1], "outputs": model.outputs("ADD", [a, b], y, options, x)}


def product(scales: list[float], zeros: list[int], relu: int, constants: int) -> dict[str, Any]:
    model, shape = Model(), (1, 16, 16, 8)
    w = codes(1, 1, 1, constants)
    a = model.input(shape, scales[0], zeros[0])
    b, y = model.tensor(w.shape, scales[1], zeros[1], w), model.tensor(shape, scales[2], zeros[2])
    options = schema.MulOptionsT()
    options.fusedActivationFunction = relu
    x = np.repeat(np.arange(-128, 128).astype(np.int8), 8).reshape(shape)
    return {"x": x, "w": w.ravel(), "outputs": model.outputs("MUL", [a, b], y, options, [x])}


def softmax(scale: float, beta: float, classes: int) -> dict[str, Any]:
    model, shape = Model(), (60, classes)
    x = codes(*shape)
    x[20:40] = np.clip(np.rint(RNG.normal(0, 9, (20, classes))), -128, 127)
    x[40] = 7
    a, y = model.input(shape, scale, 3), model.tensor(shape, 2.0**-8, -128)
    options = schema.SoftmaxOptionsT()
    options.beta = beta
    return {"x": x, "outputs": model.outputs("SOFTMAX", [a], y, options, [x])}


def mean(scales: list[float], zeros: list[int], relu: int, size: int) -> dict[str, Any]:
    model, shape = Model(), (4, size, size + 1, 32)
    a, axes = model.input(shape, scales[0], zeros[0]), np.array([1, 2], np.int32)
    b, y = model.tensor((2,), 1, 0, axes), model.tensor((4, 1, 1, 32), scales[1], zeros[1])
    options = schema.ReducerOptionsT()
    options.keepDims = True
    x = codes(*shape)
    return {"x": x, "outputs": model.outputs("MEAN", [a, b], y, options, [x])}


def convolution(C: int, F: int, k: int, dilation: int, stride: int, depthwise: bool) -> dict[str, Any]:
    s_x, s_y = np.float32(RNG.uniform(0.01, 0.1, 2))
    inputs = k * k * (1 if depthwise else C)
    s_w = np.float32(RNG.uniform(0.5, 2, F) * s_y / s_x / np.sqrt(inputs) / 60)
    zeros = RNG.integers(-128, 128, 2).tolist()
    w = codes(1, k, k, F) if depthwise else codes(F, k, k, C)
    return windowed(w, s_x, s_w, s_y, zeros, RNG.integers(-3000, 3000, F), stride, dilation, depthwise, 9)


def halves(F: int) -> dict[str, Any]:
    """Biases searched so that the scaled accumulator is all but a half, above and below 0; weights of 0."""
    s_x, s_y, s_w = np.float32(0.0371), np.float32(0.0493), np.float32(RNG.uniform(1e-4, 0.02, F))
    bias = np.empty(F, np.int64)
    for f, scale in enumerate(s_w):
        real = np.float64(s_x) * np.float64(scale) / np.float64(s_y)
        h = np.arange(-120, 120) + 0.5
        acc = np.rint(h / real)
        bias[f] = acc[np.argmin(np.abs(acc * real - h))]
    w = np.zeros((F, 1, 1, 1), np.int8)
    return windowed(w, s_x, s_w, s_y, [5, -3], bias, 1, 1, False, 1)


def windowed(
    w: Any,
    s_x: Any,
    s_w: Any,
    s_y: Any,
    zeros: list[int],
    bias: Any,
    stride: int,
    apart: int,
    depthwise: bool,
    size: int,
) -> dict[str, Any]:
    model = Model()
    C, k, F = (w.shape[3] // 2 if depthwise else w.shape[3]), w.shape[1], len(bias)
    OH = (size - (k - 1) * apart - 1) // stride + 1
    a = model.input((2, size, size, C), s_x, zeros[0])
    b = model.tensor(w.shape, s_w, 0, w, 3 if depthwise else 0)
    c = model.tensor((F,), s_x * s_w, 0, bias.astype(np.int32))
    y = model.tensor((2, OH, OH, F), s_y, zeros[1])
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = stride
    options.dilationHFactor = options.dilationWFactor = apart
    if depthwise:
        options.depthMultiplier = 2
    x = codes(2, size, size, C)
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    return {
        "x": x,
        "w": w,
        "bias": bias.astype(np.int32),
        "s_w": s_w,
        "scales": [float(s_x), float(s_y)],
        "zeros": zeros,
        "stride": stride,
        "dilation": apart,
        "depthwise": depthwise,
        "outputs": model.outputs(kind, [a, b, c], y, options, [x]),
    }


def drawn(function: Any, spread: float, *more: Any) -> dict[str, Any]:
    """A case of two operands on drawn grids; the output's scale is that of a typical result."""
    scales = np.float32(RNG.uniform(0.02, 0.06, 3))
    scales[2] = (
        max(scales[:2]) * RNG.uniform(0.5, 2) if function is addition else scales[0] * scales[1] * spread
    )
    zeros, relu = RNG.integers(-128, 127, 3).tolist(), int(RNG.integers(2))
    numbers = [float(s) for s in scales]
    return {"scales": numbers, "zeros": zeros, "relu": relu} | function(numbers, zeros, relu, *more)


def cases() -> dict[str, dict[str, Any]]:
    made = {f"add{k}": drawn(addition, 0) for k in range(4)}
    made |= {
        f"multiply{k}": drawn(product, spread, n)
        for k, (spread, n) in enumerate([(90, 8), (30, 1), (0.9, 8)])
    }
    grids = [(0.05, 1.0, 10), (0.5, 1.0, 3), (0.002, 1.0, 30), (0.11, 2.5, 12), (40.0, 1.0, 5)]
    made |= {
        f"softmax{k}": {"scales": [s], "beta": beta} | softmax(s, beta, n)
        for k, (s, beta, n) in enumerate(grids)
    }
    made |= {f"mean{k}": drawn(mean, 20, size) for k, size in enumerate([3, 6, 7])}
    shapes = [(3, 8, 3, 2, 1, False), (4, 4, 3, 3, 2, False), (4, 8, 3, 2, 1, True), (64, 8, 1, 1, 2, False)]
    made |= {f"conv{k}": convolution(*shape) for k, shape in enumerate(shapes)}
    return made | {"conv_halves": halves(400)}


def main() -> None:
    arrays, table = {}, {}
    made = cases()
    for name, case in made.items():
        arrays |= {f"{name}.reference": case["outputs"][0], f"{name}.default": case["outputs"][1]}
        arrays |= {f"{name}.{key}": value for key, value in case.items() if isinstance(value, np.ndarray)}
        table[name] = {k: v for k, v in case.items() if not isinstance(v, np.ndarray) and k != "outputs"}
    path = Path(__file__).with_name("operators.npz")
    np.savez_compressed(path, cases=json.dumps(table), **arrays)
    for name, case in made.items():
        apart = int((case["outputs"][0] != case["outputs"][1]).sum())
        print(f"{name:12} {case['outputs'][0].size:6} codes, {apart} of them differ between the two kernels")


if __name__ == "__main__":
    main()
