"""Programs and a network that are exported; the texts of some stand in tests/data/texts. To write these,

    python tests/exchange/models/known_texts.py

writes them anew, for a change of what is written that is meant: `git diff` then shows what became of it. They
are the same wherever this runs, so the numbers in them are whole, or roots of whole ones.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import numpy as np

sys.path.extend(str(Path(__file__).parents[2] / room) for room in ("archive", "integer"))

from integer_programs import small
from known_programs import every_field, every_kind, products, spread

from tinyzip.exchange import c
from tinyzip.exchange.onnx.network import network_graph
from tinyzip.exchange.onnx.program import program_graph
from tinyzip.integer import (
    Add,
    Argmax,
    AvgPool2d,
    Codes,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Multiply,
    Pad,
    Product,
    Program,
    Recall,
    Reshape,
    Softmax,
    Table,
    Transpose,
)
from tinyzip.nn.activations import GELU, ByPoints, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.joins import Concatenation
from tinyzip.nn.joins import Product as Gated
from tinyzip.nn.layers import AvgPool2d as Averaged
from tinyzip.nn.layers import BatchNorm, Dropout, ReLU
from tinyzip.nn.layers import Conv2d as Convolved
from tinyzip.nn.layers import Flatten as Flat
from tinyzip.nn.layers import GlobalAvgPool as Mean
from tinyzip.nn.layers import Linear as Full
from tinyzip.nn.layers import MaxPool2d as Greatest
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential

TEXTS = Path(__file__).parents[2] / "data" / "texts"
Y = Codes(0, 255, 0, (3, 9))


def weighted(*shape: int, most: int = 7, **more: Any) -> dict[str, Any]:
    """The fields of an operator with weights of this shape."""
    F = shape[0]
    m0 = 2**30 + np.arange(F) * 2**7 * 54321
    return {"w": spread(*shape, most=most), "bias": spread(F, most=300), "m0": m0, "n": 38, "y": Y} | more


def rows() -> Program:
    """A tall image that runs row by row through all that can, to a flattened one that is taken so too."""
    signed = Codes(-128, 127, -7, (5, 7))
    return Program(
        (
            Conv2d(**weighted(4, 3, 3, 2), padding=((1, 1), (0, 1)), stride=(1, 2), name="a"),
            Conv2d(
                **weighted(4, 1, 2, 3, rounding="float32"), padding=1, groups=4, dilation=(3, 1), name="b"
            ),
            MaxPool2d((2, 1), name="c"),
            Conv2d(**weighted(6, 2, 3, 3, rounding="single", m0=2**30 + 3), groups=2, name="d"),
            MaxPool2d((3, 2), (2, 1), ((1, 0), (0, 1)), name="e"),
            AvgPool2d((2, 3), (1, 2), ((0, 1), (1, 0)), Codes(0, 99, 0, (3, 9)), name="f"),
            Pad(((1, 2), (2, 0)), name="g"),
            Table(np.arange(256) % 256 - 128, signed, name="h"),
            Multiply(spread(6, most=90), 2**30 + 5, 37, signed, "double", name="i"),
            Softmax(2**30 + 9, 6, name="j"),
            Flatten("HWC"),
            Linear(**weighted(3, 288, most=1, weight_bits=2, rounding="shift", m0=2**30)),
        ),
        (3, 44, 13),
        Codes(0, 255, 9, (0x808081, 31)),
    )


def joins() -> Program:
    """Outputs that several read, on grids of either sign; means in every rounding."""
    y, narrow = Codes(-100, 90, -100, (7, 8)), Codes(3, 200, 9, (1, 6))
    return Program(
        (
            Conv2d(**weighted(2, 2, 1, 1, y=y, most=127), name="one"),
            Add(-1, [2**30 + 1, 2**30, 2**31 - 1], [31, 33, 50], narrow, name="sum"),
            Concat((1, 1), name="both"),
            Pad(((0, 1), (1, 0))),
            Recall(0),
            Add(0, [5, 3], 3, y, rounding="single"),
            Recall(3),
            GlobalAvgPool(2**30 + 2**7, 33, y, "float32", name="rounded"),
            Recall(3),
            GlobalAvgPool(2**30, 34, y, "shift"),
            Recall(3),
            GlobalAvgPool(2**30 + 77, 33, narrow, "single"),
            Recall(3),
            GlobalAvgPool(),
            Add(11, [2**30 + 3, 2**30, 2**30], [31, 31, 50], y),
            Add(9, [3, 7], 3, y, rounding="single"),
            Add(7, [2**31 - 1, 2**30, 2**30 + 9], [32, 31, 51], narrow),
            Flatten(),
        ),
        (2, 5, 3),
        Codes(-128, 127, 5, (1, 7)),
    )


def thin() -> Program:
    """Images of one channel, row or column, and vectors of one number, through all that takes them."""
    y, one = Codes(-128, 127, -7, (5, 7)), Codes(0, 255, 0, (1, 8))
    return Program(
        (
            Conv2d(**weighted(1, 1, 3, 1, bias=None), padding=((1, 1), (0, 0)), name="tall"),
            Pad(((2, 0), (0, 0))),
            MaxPool2d((3, 1), (1, 1)),
            AvgPool2d((2, 1), (1, 1), ((1, 0), (0, 0))),
            Table(np.arange(256) % 200 - 100, y),
            Concat((4,)),
            Transpose((0, 2, 1), name="wide"),
            Concat((6, 6)),
            Conv2d(**weighted(1, 2, 1, 1, y=y)),
            Pad(((0, 0), (1, 2))),
            Conv2d(**weighted(3, 1, 1, 4, y=y, m0=2**31 - 128, n=36)),
            Conv2d(**weighted(1, 3, 1, 1, y=one, rounding="shift", m0=2**30)),
            MaxPool2d((1, 2), name="halved"),
            Multiply([-9], 2**30 + 1, 36, y, "single"),
            Softmax(2**30, 3),
            Add(13, [2**30, 2**30, 2**30], [31, 31, 49], one),
            Product(15, 2**30, 36, one),
            Reshape((1, 3, 1)),
            Conv2d(**weighted(2, 1, 2, 1, y=one), name="rows"),
            Flatten(),
            Table(np.arange(256)[::-1].copy(), one),
            Linear(**weighted(1, 4, y=y)),
            Multiply([5], 2**30, 33, one, "float32"),
            Linear(**weighted(3, 1, y=y, rounding="single")),
            Add(23, [3, 4], 3, one, rounding="single"),
        ),
        (1, 7, 1),
        Codes(0, 255, 3, (1, 8)),
    )


def streams() -> Program:
    """An image so tall that each of its outputs exists as rows, to a mean that takes them."""
    y = Codes(-20, 100, 5, (5, 7))
    return Program(
        (
            Conv2d(**weighted(4, 1, 3, 3, y=y), padding=1, name="first"),
            Pad(((3, 2), (1, 0))),
            Conv2d(**weighted(4, 4, 4, 3, y=Y), padding=((0, 3), (0, 1)), stride=(2, 1), dilation=(1, 2)),
            MaxPool2d((3, 3), (2, 1), ((1, 2), (1, 0)), Codes(0, 99, 0, (3, 9)), name="most"),
            AvgPool2d((3, 2), (2, 1), ((2, 1), (1, 0))),
            Conv2d(**weighted(2, 4, 2, 2, y=y, rounding="single"), padding=((1, 1), (0, 1)), dilation=(2, 3)),
            Multiply([9, -7], 2**30 + 9, 34, y),
            GlobalAvgPool(2**30 + 3, 36, Y),
        ),
        (1, 90, 9),
        Codes(0, 255, 9),
    )


def two_rows() -> Program:
    """The least image of which rows are kept."""
    first, second = (Conv2d(**weighted(2, C, 1, 1, y=Codes(0, 15, 2))) for C in (1, 2))
    return Program(
        (first, Table(np.arange(256) % 16, Codes(0, 15, 0)), second, GlobalAvgPool()), (1, 2, 90), Y
    )


def flattened() -> Program:
    """A tall image that is flattened for something else than a fully connected layer, and one for two."""
    w = weighted(2, 1, 3, 3, y=Codes(0, 15, 2))
    return Program(
        (
            Conv2d(**w, name="first"),
            Flatten(),
            Table(np.arange(256) % 16, Codes(0, 15, 3)),
            Recall(-1),
            Conv2d(**w | {"y": Codes(-8, 7, 0)}, stride=(3, 1), name="second"),
            Flatten(),
            Linear(**weighted(2, 20, most=3, weight_bits=3)),
            Recall(5),
            Linear(**weighted(2, 20, most=1, weight_bits=2, m0=2**30 + 5)),
            Concat((6, 8)),
            Argmax(),
        ),
        (1, 32, 3),
        Codes(-128, 127, 0),
    )


def reshaped() -> Program:
    """Images of which no two lengths are equal, written out and filled in again in either order."""
    table = Table(np.arange(256)[::-1].copy(), Y)
    orders = [Reshape((12, 2, 5), "HWC"), table, Reshape((5, 8, 3)), table, Reshape((2, 15, 4), "HWC")]
    return Program((table, *orders, table, Flatten("HWC")), (4, 5, 6), Y)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "kinds": every_kind,
    "fields": every_field,
    "products": products,
    "small": small,
    "rows": rows,
    "joins": joins,
    "thin": thin,
    "flattened": flattened,
    "streams": streams,
    "two": two_rows,
    "reshaped": reshaped,
}


def network() -> Sequential:
    """Every layer that ONNX has an operator for, with arrays of whole numbers and quarters."""
    body = {"conv": Convolved(4, 4, 3, padding=1, bias=False), "norm": BatchNorm(4, 1e-3)}
    points = ByPoints((-2.0, -0.5, 1.0, 3.0), (0.5, -1.0, 2.0, 2.5))
    layers = {
        "conv": Convolved(3, 4, (3, 2), (2, 1), ((1, 0), (0, 1))),
        "relu": ReLU(),
        "wide": Convolved(4, 4, (1, 3), 1, ((0, 0), (2, 1)), groups=2),
        "block": Residual(body, {"way": Convolved(4, 4, 1), "tanh": Tanh()}),
        "leaky": LeakyReLU(0.25),
        "gate": Gated({"one": Convolved(4, 4, 1)}, {"mean": Mean(), "gate": Sigmoid()}),
        "side": Concatenation({"two": Convolved(4, 2, 1)}, swapped=True),
        "more": Concatenation({"three": Convolved(6, 1, 1)}, {"four": Convolved(6, 2, 1)}),
        "most": Greatest((2, 3), (1, 2), ((1, 0), (0, 1))),
        "clip": Clip(-0.5, 6),
        "below": Clip(None, 4),
        "mean": Averaged((1, 2), 1, ((0, 0), (1, 0))),
        **{kind.__name__.lower(): kind() for kind in (SiLU, HardSwish, GELU)},
        "points": points,
        "drop": Dropout(0.5),
        "flat": Flat(),
        "out": Full(108, 5),
    }
    net = Sequential.create(layers, (3, 12, 11), np.random.default_rng(0))
    params = {name: spread(*a.shape, most=9) / 4 + k for k, (name, a) in enumerate(net.params.items())}
    params |= {name: np.abs(array) + 1 for name, array in params.items() if name.endswith(".var")}
    return net.with_params({name: array.astype(np.float32) for name, array in params.items()})


def said(name: str, array: Any) -> str:
    """A constant in a line."""
    few = array.ravel().tolist() if array.size <= 16 else f"crc {crc32(array.tobytes()):08x}"
    return f"{name} = {array.dtype}{list(array.shape)} {few}"


def text_of(draft: Any, model: Any) -> str:
    """A model in lines: what comes in, constants, nodes, what goes out."""
    helper, held = draft.onnx.helper, draft.onnx.numpy_helper.to_array
    lines = [
        f"# {model.doc_string}",
        f"{model.producer_name} {model.ir_version} {model.opset_import[0].version}",
    ]
    for value in (*model.graph.input, *model.graph.output):
        kind = value.type.tensor_type
        axes = [axis.dim_param or axis.dim_value for axis in kind.shape.dim]
        lines.append(f"{value.name}: {kind.elem_type} {axes} # {value.doc_string}")
    lines += [said(tensor.name, held(tensor)) for tensor in model.graph.initializer]
    for node in model.graph.node:
        more = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        lines.append(
            f"{', '.join(node.output)} = {node.op_type}({', '.join(node.input)}) {more or ''}".rstrip()
        )
    return "\n".join(lines) + "\n"


def c_texts(name: str) -> dict[str, str]:
    """The files of a program in C, and with the one of few inputs five vectors."""
    with TemporaryDirectory() as folder:
        written = c.write(PROGRAMS[name](), Path(folder, name), name, 5 if name == "small" else 0)
        return {path.name: path.read_text(encoding="ascii") for path in written.files}


def onnx_text(name: str, exact: bool) -> str:
    """The graph of a program."""
    return text_of(*program_graph(PROGRAMS[name](), "known.onnx", exact))


def network_text() -> str:
    """The graph of the network."""
    return text_of(*network_graph(network(), "known.onnx"))


def texts() -> Iterator[tuple[str, str]]:
    """All that is kept, by the names of the files: of C a program on whole images and one on rows."""
    for name in ("small", "two"):
        yield from c_texts(name).items()
    yield "small-exact.txt", onnx_text("small", True)
    yield "small-qdq.txt", onnx_text("small", False)
    yield "network.txt", network_text()


def recorded(name: str) -> str:
    return (TEXTS / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    TEXTS.mkdir(exist_ok=True)
    for name, text in texts():
        (TEXTS / name).write_text(text, encoding="utf-8")
