"""onnxruntime: the float network, and the program in three of ONNX's ways to write integers.

QDQ        a float graph with codes turned to floats before each operator and back after it; the runtime
           finds the pairs and fuses them to integer kernels
exact      integer operators only, and not a code differs
QOperator  each operator reads and writes codes: QLinearConv, QGemm

The first two and the float network are what `exchange.onnx` writes. QOperator is written by hand here, twice,
with uint8 codes and with int8, the default of onnxruntime's own quantizer, three times slower.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import helper

from peers import Batch, Entry, Run, matrix_scales, moved, step
from tinyzip import integer
from tinyzip.exchange.onnx.graph import IR_VERSION, OPSET, Draft, window
from tinyzip.exchange.onnx.network import network_graph
from tinyzip.exchange.onnx.program import program_graph
from tinyzip.nn.sequential import Sequential

VERSION = f"onnxruntime {onnxruntime.__version__}"


def serve(model: Any, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def grid_of(graph: Draft, codes: integer.Codes, dtype: type) -> list[str]:
    """Scale and zero point of codes moved to int8 or uint8, as constants."""
    zero = codes.zero + moved(codes, np.iinfo(dtype).min)
    return [graph.constant(step(codes), np.float32, "scale"), graph.constant(zero, dtype, "zero")]


def qoperator_model(program: integer.Program, dtype: type, shape: tuple[int, ...]) -> Any:
    graph, last = Draft("qoperator"), "codes"
    grid = program.input
    for operator, scales in zip(program.operators, matrix_scales(program), strict=True):
        match operator:
            case integer.Conv2d() | integer.Linear():
                assert scales is not None
                w = [
                    graph.constant(operator.w, np.int8, "w"),
                    graph.constant(scales.w, np.float32, "scale"),
                    graph.constant(np.zeros(len(scales.w)), np.int8, "zero"),
                ]
                x = [last, *grid_of(graph, grid, dtype)]
                bias = graph.constant(operator.bias, np.int32, "bias")
                y = grid_of(graph, operator.y, dtype)
                if isinstance(operator, integer.Conv2d):
                    g = window(operator.kernel, operator.stride, operator.padding)
                    last = graph.add("QLinearConv", *x, *w, *y, bias, group=operator.groups, **g)
                else:
                    last = graph.add("QGemm", *x, *w, bias, *y, domain="com.microsoft", transB=1)
                grid = operator.y
            case integer.MaxPool2d():
                g = window(operator.kernel, operator.steps, operator.padding)
                last = graph.add("MaxPool", last, **g)
            case integer.Flatten():
                last = graph.add("Flatten", last)
            case _:
                raise ValueError(f"found {operator}, needed an operator that is compared here")
    entry = graph.value("codes", dtype, shape, "")
    end = graph.value(last, dtype, program.shapes[-1], "")
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_graph(graph.nodes, "qoperator", [entry], [end], [*graph.constants.values()])
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)


def start_float(model: Sequential) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        _, written = network_graph(model, "float")
        session, x = serve(written, threads), batch.x
        return Run(lambda: session.run(None, {"images": x})[0])

    return start


def start_exported(program: integer.Program, exact: bool) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        _, written = program_graph(program, "program", exact)
        session = serve(written, threads)
        return Run(lambda: session.run(None, {"codes": batch.images})[0])

    return start


def start_by_hand(program: integer.Program, dtype: type) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        lowest = np.iinfo(dtype).min
        codes = (batch.images.astype(np.int16) + moved(program.input, lowest)).astype(dtype)
        session = serve(qoperator_model(program, dtype, codes.shape[1:]), threads)
        move = np.int16(moved(program.output, lowest))
        return Run(lambda: session.run(None, {"codes": codes})[0] - move)

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    found = [Entry("onnxruntime", "float", "default", start_float(model))]
    if program is not None:
        for variant, start in (
            ("qdq", start_exported(program, exact=False)),
            ("exact", start_exported(program, exact=True)),
            ("qoperator", start_by_hand(program, np.int8)),
            ("qoperator uint8", start_by_hand(program, np.uint8)),
        ):
            found.append(Entry("onnxruntime", "integer", variant, start))
    return found
