"""Small .tflite files by hand: tensors, constants and nodes, written with the FlatBuffers builder."""

from typing import Any

import flatbuffers
import numpy as np
import tflite

KINDS = {
    np.dtype(np.int8): tflite.TensorType.INT8,
    np.dtype(np.uint8): tflite.TensorType.UINT8,
    np.dtype(np.int32): tflite.TensorType.INT32,
    np.dtype(np.float32): tflite.TensorType.FLOAT32,
}
OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "MEAN": "ReducerOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "SOFTMAX": "SoftmaxOptions",
    "RESHAPE": "ReshapeOptions",
}
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 5, "RESHAPE": 1, "HARD_SWISH": 1}


class Model:
    """A model under construction. Methods give the number of the tensor that they add."""

    def __init__(self) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.buffers: list[bytes] = [b""]
        self.nodes: list[tuple[str, list[int], list[int], dict[str, Any]]] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def tensor(
        self,
        shape: tuple[int, ...],
        scale: Any = (),
        zero: Any = 0,
        dtype: Any = np.int8,
        axis: int = 0,
        data: bytes = b"",
    ) -> int:
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        zeros = np.broadcast_to(np.int64(zero), scales.shape)
        if data:
            self.buffers.append(data)
        self.tensors.append(
            {
                "shape": shape,
                "kind": KINDS[np.dtype(dtype)],
                "scales": scales,
                "zeros": zeros,
                "axis": axis,
                "buffer": len(self.buffers) - 1 if data else 0,
            }
        )
        return len(self.tensors) - 1

    def constant(self, values: Any, scale: Any = (), zero: Any = 0, axis: int = 0) -> int:
        values = np.ascontiguousarray(values)
        return self.tensor(values.shape, scale, zero, values.dtype, axis, values.tobytes())

    def node(self, kind: str, inputs: list[int], output: int, **options: Any) -> int:
        self.nodes.append((kind, inputs, [output], options))
        return output

    def build(self) -> bytes:
        """The bytes of the file."""
        b = flatbuffers.Builder(1024)
        buffers = [
            table(b, "Buffer", Data=b.CreateNumpyVector(np.frombuffer(data, np.uint8)))
            if data
            else table(b, "Buffer")
            for data in self.buffers
        ]
        tensors = [self.pack_tensor(b, k, **values) for k, values in enumerate(self.tensors)]
        kinds = sorted({kind for kind, *_ in self.nodes})
        codes = []
        for kind in kinds:
            number = getattr(tflite.BuiltinOperator, kind)
            version = VERSIONS.get(kind, 2)
            codes.append(
                table(
                    b,
                    "OperatorCode",
                    BuiltinCode=number,
                    DeprecatedBuiltinCode=min(number, 127),
                    Version=version,
                )
            )
        operators = [self.pack_node(b, kinds.index(kind), kind, *rest) for kind, *rest in self.nodes]
        graph = table(
            b,
            "SubGraph",
            Tensors=offsets(b, tensors),
            Inputs=b.CreateNumpyVector(np.int32(self.inputs)),
            Outputs=b.CreateNumpyVector(np.int32(self.outputs)),
            Operators=offsets(b, operators),
        )
        model = table(
            b,
            "Model",
            Version=3,
            OperatorCodes=offsets(b, codes),
            Subgraphs=offsets(b, [graph]),
            Buffers=offsets(b, buffers),
        )
        b.Finish(model, b"TFL3")
        return bytes(b.Output())

    def pack_tensor(
        self, b: Any, k: int, shape: Any, kind: int, scales: Any, zeros: Any, axis: int, buffer: int
    ) -> int:
        fields = {"Name": b.CreateString(f"layer{k}/out"), "Shape": b.CreateNumpyVector(np.int32(shape))}
        if scales.size:
            fields["Quantization"] = table(
                b,
                "QuantizationParameters",
                Scale=b.CreateNumpyVector(scales),
                ZeroPoint=b.CreateNumpyVector(zeros),
                QuantizedDimension=axis,
            )
        return table(b, "Tensor", **fields, Type=kind, Buffer=buffer)

    def pack_node(
        self, b: Any, code: int, kind: str, inputs: list[int], outputs: list[int], options: dict[str, Any]
    ) -> int:
        fields: dict[str, Any] = {
            "Inputs": b.CreateNumpyVector(np.int32(inputs)),
            "Outputs": b.CreateNumpyVector(np.int32(outputs)),
        }
        if kind in OPTIONS and (options or kind != "RESHAPE"):
            fields["BuiltinOptions"] = table(b, OPTIONS[kind], **options)
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, OPTIONS[kind])
        return table(b, "Operator", OpcodeIndex=code, **fields)


def table(b: Any, kind: str, **fields: Any) -> int:
    """A table of the schema with these fields."""
    getattr(tflite, f"{kind}Start")(b)
    for name, value in fields.items():
        getattr(tflite, f"{kind}Add{name}")(b, value)
    return int(getattr(tflite, f"{kind}End")(b))


def offsets(b: Any, tables: list[int]) -> int:
    """A vector of tables."""
    b.StartVector(4, len(tables), 4)
    for offset in reversed(tables):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())
