"""onnxruntime: the float graph, and the program in both of ONNX's ways to write integers.

QOperator  each operator reads and writes codes: QLinearConv, QGemm
QDQ        a float graph with codes turned to floats before each operator and back behind it; the runtime
           finds the pairs and fuses them to integer kernels

The runtime's fast kernels are those for uint8 codes, and QDQ is written with them. QOperator is written
twice, with uint8 codes and with int8, the default of onnxruntime's own quantizer, three times slower.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from peers import Batch, Entry, Run, Scales, even, matrix_scales, moved, step
from tinyzip import integer
from tinyzip.base.windows import padding_of, pair
from tinyzip.nn import layers as nn
from tinyzip.nn.sequential import Sequential

VERSION = f"onnxruntime {onnxruntime.__version__}"


class Graph:
    """A chain of nodes under construction; `last` names the newest tensor."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last = "x"

    def constant(self, value: Any, dtype: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        self.last = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [self.last], domain=domain, **attributes))
        return self.last

    def session(self, dtype: int, shape: tuple[int, ...], threads: int) -> onnxruntime.InferenceSession:
        x = helper.make_tensor_value_info("x", dtype, ["N", *shape])
        y = helper.make_tensor_value_info(self.last, dtype, ["N", None])
        graph = helper.make_graph(self.nodes, "net", [x], [y], self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def geometry(kernel: Any, stride: Any, padding: Any) -> dict[str, list[int]]:
    rows, columns = even(padding_of(padding))
    return {
        "kernel_shape": list(pair(kernel, "kernel")),
        "strides": list(pair(kernel if stride is None else stride, "stride")),
        "pads": [rows, columns, rows, columns],
    }


def float_graph(model: Sequential) -> Graph:
    graph = Graph()
    for name, layer in model.layers.items():
        p = {key: value for key, value in model.params.items() if key.startswith(f"{name}.")}
        constants = [graph.constant(value, np.float32) for value in p.values()]
        match layer:
            case nn.Conv2d():
                g = geometry(layer.kernel, layer.stride, layer.padding)
                graph.add("Conv", graph.last, *constants, group=layer.groups, **g)
            case nn.Linear():
                graph.add("Gemm", graph.last, *constants, transB=1)
            case nn.BatchNorm():
                inputs = [
                    graph.constant(p[f"{name}.{key}"], np.float32) for key in ("gamma", "beta", "mean", "var")
                ]
                graph.add("BatchNormalization", graph.last, *inputs, epsilon=layer.eps)
            case nn.ReLU():
                graph.add("Relu", graph.last)
            case nn.Flatten():
                graph.add("Flatten", graph.last)
            case nn.MaxPool2d():
                graph.add("MaxPool", graph.last, **geometry(layer.kernel, layer.stride, layer.padding))
            case nn.AvgPool2d():
                graph.add("AveragePool", graph.last, **geometry(layer.kernel, layer.stride, layer.padding))
            case nn.GlobalAvgPool():
                graph.add("GlobalAveragePool", graph.last)
            case _:
                raise ValueError(f"{name}: found {layer}, needed a layer that ONNX has too")
    return graph


def grid_of(graph: Graph, codes: integer.Codes, dtype: type) -> list[str]:
    """Scale and zero point of codes moved to int8 or uint8, as constants."""
    zero = codes.zero + moved(codes, np.iinfo(dtype).min)
    return [graph.constant(step(codes), np.float32), graph.constant(zero, dtype)]


def attributes_of(operator: integer.Conv2d) -> dict[str, Any]:
    return {
        "group": operator.groups,
        **geometry(operator.w.shape[2:], operator.stride, operator.padding),
    }


def qoperator_graph(program: integer.Program, dtype: type) -> Graph:
    graph = Graph()
    grid = program.input
    for operator, scales in zip(program.operators, matrix_scales(program), strict=True):
        match operator:
            case integer.Conv2d() | integer.Linear():
                assert scales is not None
                w = [
                    graph.constant(operator.w, np.int8),
                    graph.constant(scales.w, np.float32),
                    graph.constant(np.zeros(len(scales.w)), np.int8),
                ]
                x = [graph.last, *grid_of(graph, grid, dtype)]
                bias = graph.constant(operator.bias, np.int32)
                y = grid_of(graph, operator.y, dtype)
                if isinstance(operator, integer.Conv2d):
                    graph.add("QLinearConv", *x, *w, *y, bias, **attributes_of(operator))
                else:
                    graph.add("QGemm", *x, *w, bias, *y, domain="com.microsoft", transB=1)
                grid = operator.y
            case integer.MaxPool2d():
                graph.add(
                    "MaxPool", graph.last, **geometry(operator.kernel, operator.steps, operator.padding)
                )
            case integer.Flatten():
                graph.add("Flatten", graph.last)
            case _:
                raise ValueError(f"found {operator}, needed an operator that is compared here")
    return graph


def qdq_graph(program: integer.Program, dtype: type) -> Graph:
    graph = Graph()
    grid = program.input

    def parameters(operator: integer.Conv2d | integer.Linear, scales: Scales) -> list[str]:
        """Weight and bias, each behind its DequantizeLinear."""
        names = []
        for value, scale in ((operator.w, scales.w), (operator.bias, scales.w * np.float32(scales.x))):
            zeros = graph.constant(np.zeros(len(scale)), value.dtype)
            inputs = (graph.constant(value, value.dtype), graph.constant(scale, np.float32), zeros)
            names.append(graph.add("DequantizeLinear", *inputs, axis=0))
        return names

    for operator, scales in zip(program.operators, matrix_scales(program), strict=True):
        if isinstance(operator, integer.Flatten):
            graph.add("Flatten", graph.add("DequantizeLinear", graph.last, *grid_of(graph, grid, dtype)))
            graph.add("QuantizeLinear", graph.last, *grid_of(graph, grid, dtype))
            continue
        x = graph.add("DequantizeLinear", graph.last, *grid_of(graph, grid, dtype))
        match operator:
            case integer.Conv2d():
                assert scales is not None
                graph.add("Conv", x, *parameters(operator, scales), **attributes_of(operator))
                grid = operator.y
            case integer.Linear():
                assert scales is not None
                graph.add("Gemm", x, *parameters(operator, scales), transB=1)
                grid = operator.y
            case integer.MaxPool2d():
                graph.add("MaxPool", x, **geometry(operator.kernel, operator.steps, operator.padding))
            case _:
                raise ValueError(f"found {operator}, needed an operator that is compared here")
        graph.add("QuantizeLinear", graph.last, *grid_of(graph, grid, dtype))
    return graph


def start_float(model: Sequential) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        x = batch.x
        session = float_graph(model).session(TensorProto.FLOAT, x.shape[1:], threads)
        return Run(lambda: session.run(None, {"x": x})[0])

    return start


def start_integer(
    graph: Callable[[integer.Program, type], Graph], program: integer.Program, dtype: type
) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        lowest = np.iinfo(dtype).min
        codes = (batch.images.astype(np.int16) + moved(program.input, lowest)).astype(dtype)
        kind = TensorProto.INT8 if dtype is np.int8 else TensorProto.UINT8
        session = graph(program, dtype).session(kind, codes.shape[1:], threads)
        move = np.int16(moved(program.output, lowest))
        return Run(lambda: session.run(None, {"x": codes})[0] - move)

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    found = [Entry("onnxruntime", "float", "default", start_float(model))]
    if program is not None:
        for variant, start in (
            ("qdq", start_integer(qdq_graph, program, np.uint8)),
            ("qoperator", start_integer(qoperator_graph, program, np.int8)),
            ("qoperator uint8", start_integer(qoperator_graph, program, np.uint8)),
        ):
            found.append(Entry("onnxruntime", "integer", variant, start))
    return found
