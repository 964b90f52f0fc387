"""OpenVINO: the float network as `exchange.onnx` writes it, and the program in OpenVINO's own terms.

These are floats that lie on a grid: a `FakeQuantize` after each operator, and weights as int8 constants with
a scale. Where it finds both around a product, it computes in integers. (It reads the QDQ of the ONNX export
too, whose weights are uint8 with a zero point, and leaves those products in float32.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as op

from peers import Batch, Entry, Run, even, matrix_scales, moved, step
from tinyzip import integer
from tinyzip.exchange.onnx.network import network_graph
from tinyzip.integer.codes import Codes
from tinyzip.nn.sequential import Sequential

VERSION = f"openvino {openvino.__version__.partition('-')[0]}"


def serve(model: Any, x: Any, threads: int) -> Callable[[], Any]:
    """Compiled for the shape of x, in float32 where floats are; a copy of x lies ready for it."""
    model.reshape(list(x.shape))
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(x))

    def work() -> Any:
        request.infer()
        return request.get_output_tensor().data

    return work


def start_float(model: Sequential) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        _, written = network_graph(model, "float")
        read = openvino.Core().read_model(written.SerializeToString(), b"")
        return Run(serve(read, batch.x, threads))

    return start


def real(value: Any) -> Any:
    return op.constant(np.asarray(value, np.float32))


def on_grid(x: Any, codes: Codes) -> Any:
    scale, zero = step(codes), codes.zero + moved(codes, 0)
    low, high = real(-scale * zero), real(scale * (255 - zero))
    return op.fake_quantize(x, low, high, low, high, 256)


def int8_model(program: integer.Program, shape: tuple[int, ...]) -> Any:
    """From uint8 codes (N, C, H, W) to uint8 codes (N, K)."""
    images = op.parameter(list(shape), np.uint8, name="codes")
    x = op.convert(images, "f32") - real(program.input.zero + moved(program.input, 0))
    x *= real(step(program.input))
    for operator, scales in zip(program.operators, matrix_scales(program), strict=True):
        match operator:
            case integer.Conv2d() | integer.Linear():
                assert scales is not None
                ones = [1] * (operator.w.ndim - 1)  # a scale for each row or kernel
                w = op.convert(op.constant(operator.w), "f32") * real(scales.w.reshape(-1, *ones))
                bias = operator.bias * (scales.x * scales.w.astype(float))
                if isinstance(operator, integer.Conv2d):
                    if operator.groups != 1:
                        raise ValueError(f"found {operator}, needed a plain convolution")
                    padding = list(even(operator.padding))
                    x = op.convolution(x, w, list(operator.stride), padding, padding, [1, 1])
                    x += real(bias.reshape(1, -1, 1, 1))
                else:
                    x = op.matmul(x, w, False, True) + real(bias)
                x = on_grid(x, operator.y)
            case integer.MaxPool2d():
                padding = list(even(operator.padding))
                pool = op.max_pool(x, list(operator.steps), [1, 1], padding, padding, list(operator.kernel))
                x = pool.output(0)
            case integer.Flatten():
                x = op.reshape(x, op.constant(np.array([0, -1])), True)
            case _:
                raise ValueError(f"found {operator}, needed an operator that is compared here")
    zero = program.output.zero + moved(program.output, 0)
    codes = op.round(x * real(1 / step(program.output)) + real(zero), "half_to_even")
    return openvino.Model([op.convert(codes, "u8")], [images], "program")


def start_int8(program: integer.Program) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        codes = (batch.images.astype(np.int16) + moved(program.input, 0)).astype(np.uint8)
        infer = serve(int8_model(program, codes.shape), codes, threads)
        move = np.int16(moved(program.output, 0))
        return Run(lambda: infer() - move)

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    found = [Entry("openvino", "float", "default", start_float(model))]
    if program is not None:
        found.append(Entry("openvino", "integer", "default", start_int8(program)))
    return found
