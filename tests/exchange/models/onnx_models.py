"""Float models as .onnx files, node by node with ONNX's own helper, and drawn ones of all kinds of nodes."""

import numpy as np
from hypothesis import strategies as st

from tinyzip.exchange.onnx.file import Graph, Node
from tinyzip.exchange.onnx.values import Value, Values


class Model:
    """A graph under construction. shape: of its input, examples first; None where a length is left open."""

    def __init__(self, shape, seed=0, kind=np.float32):
        self.shape, self.kind, self.rng = shape, kind, np.random.default_rng(seed)
        self.nodes, self.constants = [], []

    def constant(self, values, dtype=None):
        """A constant, as the file has it; its name."""
        from onnx import numpy_helper

        array = np.array(values, dtype or self.kind)
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return self.constants[-1].name

    def drawn(self, *shape, low=-1.0, high=1.0):
        return self.constant(self.rng.uniform(low, high, shape))

    def node(self, kind, *inputs, outputs=1, **attributes):
        """A node; what it writes."""
        from onnx import helper

        names = [f"t{len(self.nodes)}_{k}" for k in range(outputs)]
        name = f"node {len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names[0]

    def build(self, end, opset=17, shape=None, kind=None):
        """The file's bytes, with `end` as output; kind: its dtype, where it is not that of the input."""
        from onnx import TensorProto, helper

        numbers = {np.float32: TensorProto.FLOAT, np.float64: TensorProto.DOUBLE, np.int64: TensorProto.INT64}
        number = numbers[self.kind]
        entry = helper.make_tensor_value_info("x", number, [length or "n" for length in self.shape])
        last = helper.make_tensor_value_info(end, numbers[kind or self.kind], shape)
        graph = helper.make_graph(self.nodes, "model", [entry], [last], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        return model.SerializeToString()


def conv(model, x, C, F, kernel=3, stride=1, pads=None, groups=1, bias=True):
    k = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    pads = [k[0] // 2, k[1] // 2] * 2 if pads is None else pads
    w = model.drawn(F, C // groups, *k)
    more = [model.drawn(F)] if bias else []
    return model.node("Conv", x, w, *more, strides=[stride, stride], pads=pads, group=groups)


def norm(model, x, C):
    arrays = model.drawn(C), model.drawn(C), model.drawn(C), model.drawn(C, low=0.3, high=2)
    return model.node("BatchNormalization", x, *arrays, epsilon=1e-3)


@st.composite
def drawn_models(draw, most=4):
    """(bytes, the input's shape with an N, how it ends: in "Softmax", "ArgMax", …)."""
    last = draw(st.integers(0, 4)) == 0
    C, H, W = draw(st.integers(1, 3)), draw(st.integers(6, 9)), draw(st.integers(6, 9))
    N = draw(st.sampled_from([None, 1, 2]))
    model = Model((N, H, W, C) if last else (N, C, H, W), draw(st.integers(0, 2**32)))
    x, shape = "x", (C, H, W)
    if last:
        if draw(st.booleans()):  # as a model that scales its input
            x = model.node("Mul", x, model.constant(np.full((1, 1, 1, C), 0.5)))
        x = model.node("Transpose", x, perm=(0, 3, 1, 2))
    for _ in range(draw(st.integers(1, most))):
        x, shape = draw(st.sampled_from(STEPS))(draw, model, x, shape)
    x, C = draw(flat(model, x, shape))
    turned = model.nodes[-2].op_type == "Transpose"  # which a fully connected layer has to turn back
    for _ in range(draw(st.integers(int(turned), 2))):
        x, C = draw(dense(model, x, C))
    softmax = draw(st.sampled_from(["", "", "Softmax", "LogSoftmax"]))
    if softmax:
        x = model.node(softmax, x, axis=draw(st.sampled_from([1, -1])))
    return model.build(x, shape=["n", C]), (N, *model.shape[1:]), softmax


def convolution(draw, model, x, shape):
    C, H, W = shape
    groups = draw(st.sampled_from([1, C]))
    F = groups * draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, min(3, n))) for n in (H, W))
    stride = draw(st.integers(1, 2))
    given = {"strides": [stride, draw(st.integers(1, 2))], "group": groups}
    if draw(st.booleans()):
        given |= {"auto_pad": draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]))}
    else:
        given |= {"pads": [draw(st.integers(0, 2)) for _ in range(4)]}
    reach = kernel
    if draw(st.booleans()):
        dilation = [
            draw(st.integers(1, 2)) if (k - 1) * 2 < n else 1 for k, n in zip(kernel, (H, W), strict=True)
        ]
        if given.get("auto_pad", "VALID") != "VALID":  # which onnxruntime does not dilate
            dilation = [1, 1]
        given |= {"kernel_shape": kernel, "dilations": dilation}
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    border = [draw(st.integers(0, 2)) for _ in range(4)] if draw(st.booleans()) else [0] * 4
    if any(border):
        pads = model.constant([0, 0, *border[:2], 0, 0, *border[2:]], np.int64)
        x = model.node("Pad", x, pads, model.constant(0.0), mode="constant")
    y = model.node("Conv", x, model.drawn(F, C // groups, *kernel), *draw(maybe(model, F)), **given)
    size = []
    for n, k, s, a, b, at in zip(
        (H, W), reach, given["strides"], border[:2], border[2:], (0, 1), strict=True
    ):
        n += a + b
        match given.get("auto_pad"):
            case "VALID":
                size.append((n - k) // s + 1)
            case None:
                size.append((n + given["pads"][at] + given["pads"][2 + at] - k) // s + 1)
            case _:
                size.append(-(-n // s))
    return y, (F, *size)


def maybe(model, F):
    """A bias, or none."""
    return st.sampled_from([[], [model.drawn(F)]])


def batch_norm(draw, model, x, shape):
    return norm(model, x, shape[0]), shape


def activation(draw, model, x, shape):
    match draw(
        st.sampled_from(
            ["Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "SiLU", "HardSwish", "HardSigmoid", "Gelu"]
        )
    ):
        case "Gelu":
            return gelu(draw, model, x), shape
        case "LeakyRelu":
            return model.node("LeakyRelu", x, alpha=draw(st.sampled_from([0.01, 0.3]))), shape
        case "Clip":
            ends = draw(st.sampled_from([(0.0, 6.0), (-1.0, 1.0), (0.0, None), (None, 0.5)]))
            return model.node("Clip", x, *("" if end is None else model.constant(end) for end in ends)), shape
        case "SiLU":
            return model.node("Mul", *draw(st.permutations([x, model.node("Sigmoid", x)]))), shape
        case "HardSwish":
            gate = model.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)
            return draw(
                st.sampled_from([lambda: model.node("HardSwish", x), lambda: model.node("Mul", x, gate)])
            )(), shape
        case kind:
            return model.node(kind, x), shape


def gelu(draw, model, x):
    """x·½·(1 + erf(x/√2)), its factors in any order and its ½ at any of them."""

    def swapped(kind, *inputs):
        return model.node(kind, *draw(st.permutations(inputs)))

    if draw(st.booleans()):
        within = model.node("Div", x, model.constant(2**0.5))
    else:
        within = swapped("Mul", x, model.constant(0.5**0.5))
    gate = swapped("Add", model.node("Erf", within), model.constant(1.0))
    match draw(st.sampled_from(["x", "gate", "all"])):
        case "x":
            half = swapped("Mul", x, model.constant(0.5))
            return swapped("Mul", half, gate)
        case "gate":
            return swapped("Mul", x, model.node("Div", gate, model.constant(2.0)))
    return swapped("Mul", swapped("Mul", x, gate), model.constant(0.5))


def pool(draw, model, x, shape):
    C, H, W = shape
    kernel = [draw(st.integers(1, min(3, n))) for n in (H, W)]
    strides = [draw(st.integers(1, 2)) for _ in range(2)]
    pads = [draw(st.integers(0, k - 1)) for k in kernel * 2]
    kind, given = draw(st.sampled_from(["MaxPool", "AveragePool"])), {}
    if kind == "AveragePool":
        given = {"count_include_pad": draw(st.integers(0, 1))}
    elif min(kernel) > 1 and draw(st.booleans()):  # of one place onnxruntime itself counts two numbers
        given = {"ceil_mode": 1}
    size = []
    for n, k, s, a, b in zip((H, W), kernel, strides, pads[:2], pads[2:], strict=True):
        count = (-(-(n + a + b - k) // s) if given.get("ceil_mode") else (n + a + b - k) // s) + 1
        size.append(count - 1 if given.get("ceil_mode") and (count - 1) * s >= n + a else count)
    return model.node(kind, x, kernel_shape=kernel, strides=strides, pads=pads, **given), (C, *size)


def padded_pool(draw, model, x, shape):
    """As Keras pads: zeros before a max pool, after a ReLU."""
    x = model.node("Relu", x)
    pads = model.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    x = model.node("Pad", x, pads)
    C, H, W = shape
    return model.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2]), (
        C,
        (H - 1) // 2 + 1,
        (W - 1) // 2 + 1,
    )


def constants(draw, model, x, shape):
    """A sum or product with constants."""
    C = shape[0]
    c = draw(st.sampled_from([(1, C, 1, 1), (C, 1, 1), (1,), ()]))
    name = model.drawn(*c, low=0.5, high=2)
    kind = draw(st.sampled_from(["Add", "Sub", "Mul", "Div"]))
    swapped = kind != "Div" and draw(st.booleans())
    return model.node(kind, *((name, x) if swapped else (x, name))), shape


def residual(draw, model, x, shape):
    """A block with one or two branches of layers, sometimes three; the image keeps its size."""
    C = shape[0]
    F = draw(st.sampled_from([C, C + 1]))

    def way(F):
        y = conv(model, x, C, F, draw(st.sampled_from([1, 3])))
        for _ in range(draw(st.integers(0, 1))):
            y, _ = draw(st.sampled_from([batch_norm, activation]))(draw, model, y, (F, *shape[1:]))
        if draw(st.integers(0, 3)) == 0:
            y = model.node("Add", conv(model, y, F, F), y)
        return y

    other = x if F == C and draw(st.booleans()) else way(F)
    y = model.node("Add", *draw(st.permutations([way(F), other])))
    if draw(st.integers(0, 3)) == 0:
        y = model.node("Add", y, way(F))
    return model.node("Relu", y) if draw(st.booleans()) else y, (F, *shape[1:])


def excited(draw, model, x, shape):
    """Squeeze-and-excitation: each channel times a number between 0 and 1 that comes of all of them."""
    C = shape[0]
    y = conv(model, x, C, C) if draw(st.booleans()) else x
    kept = model.node("GlobalAveragePool", y)
    gate = model.node("Sigmoid", conv(model, model.node("Relu", conv(model, kept, C, 2, 1)), 2, C, 1))
    return model.node("Mul", *draw(st.permutations([y, gate]))), shape


def side_by_side(draw, model, x, shape):
    """Several branches' channels one after the other, the input's among them or not."""
    C = shape[0]
    parts, sizes = [], []
    for k in range(draw(st.integers(2, 4))):
        F = draw(st.integers(1, 2))
        parts.append(model.node("Relu", conv(model, x, C, F, draw(st.sampled_from([1, 3])))) if k else x)
        sizes.append(F if k else C)
    order = draw(st.permutations(range(len(parts))))
    if draw(st.booleans()):
        order = [k for k in order if k] if len(order) > 2 else order
    y = model.node("Concat", *(parts[k] for k in order), axis=draw(st.sampled_from([1, -3])))
    C = sum(sizes[k] for k in order)
    if draw(st.booleans()):  # each layer of a dense block reads all before it
        more = model.node("Relu", conv(model, y, C, 2))
        y, C = model.node("Concat", *(parts[k] for k in order), more, axis=1), C + 2
    return y, (C, *shape[1:])


def gated(draw, model, x, shape):
    """A product of two branches of one shape."""
    y, z = conv(model, x, shape[0], 2), conv(model, x, shape[0], 2, 1)
    return model.node("Mul", y, model.node("Tanh", z)), (2, *shape[1:])


def nothing(draw, model, x, shape):
    return model.node("Dropout", model.node("Identity", x)), shape


STEPS = [
    convolution,
    convolution,
    batch_norm,
    activation,
    pool,
    padded_pool,
    constants,
    residual,
    residual,
    excited,
    side_by_side,
    gated,
    nothing,
]


KINDS = st.sampled_from(["ReduceMean", "ReduceMax"])


@st.composite
def flat(draw, model, x, shape):
    """(features, how many) of an image, by one of many ways."""
    C, H, W = shape
    match draw(
        st.sampled_from(["flatten", "reshape", "shape", "mean", "kept", "global", "maxima", "turned"])
    ):
        case "reshape":
            return model.node("Reshape", x, model.constant([0, -1], np.int64)), C * H * W
        case "shape":  # x.view(x.size(0), -1)
            N = model.node("Gather", model.node("Shape", x), model.constant(0, np.int64), axis=0)
            parts = model.node("Unsqueeze", N, model.constant([0], np.int64)), model.constant([-1], np.int64)
            return model.node("Reshape", x, model.node("Concat", *parts, axis=0)), C * H * W
        case "mean":
            return model.node(draw(KINDS), x, axes=[-1, -2], keepdims=0), C
        case "kept":
            y = model.node("ReduceMean", x, axes=[2, 3], keepdims=1)
            return model.node("Squeeze", y, model.constant([2, 3], np.int64)), C
        case "global":
            return model.node("Flatten", model.node("GlobalAveragePool", x)), C
        case "maxima":
            return model.node("Flatten", model.node("GlobalMaxPool", x), axis=-3), C
        case "turned":  # as a model with channels last flattens
            return model.node("Flatten", model.node("Transpose", x, perm=(0, 2, 3, 1))), C * H * W
    return model.node("Flatten", x), C * H * W


@st.composite
def dense(draw, model, x, C):
    """(features, how many) after a fully connected layer and an activation, or none."""
    F = draw(st.integers(1, 5))
    match draw(st.sampled_from(["Gemm", "turned", "MatMul", "sum"])):
        case "Gemm":
            y = model.node("Gemm", x, model.drawn(F, C), model.drawn(F), transB=1, alpha=0.5, beta=2.0)
        case "turned":
            y = model.node("Gemm", x, model.drawn(C, F), *draw(st.sampled_from([[], [model.drawn(1, F)]])))
        case "MatMul":
            y = model.node("MatMul", x, model.node("Transpose", model.drawn(F, C), perm=(1, 0)))
        case _:
            y = model.node("Add", model.node("MatMul", x, model.drawn(C, F)), model.drawn(F))
    return (model.node("Relu", y), F) if draw(st.booleans()) else (y, F)


IMAGE = Value((2, 5, 6))


def values_of(kind, *inputs, known=IMAGE, **attributes):
    """What is known of a graph with one node that reads constants, and "x", of which the shape is known."""
    constants = {f"c{k}": np.asarray(value) for k, value in enumerate(inputs) if not isinstance(value, str)}
    names = tuple(value if isinstance(value, str) else f"c{k}" for k, value in enumerate(inputs))
    shape = Node(0, "Shape", "", ("x",), ("shape",), {})
    nodes = shape, Node(1, kind, "n", names, ("y",), attributes)
    graph = Graph("file", nodes, constants, {"x": (3, 2, 5, 6)}, ("y",), 17, 1000)
    values = Values(graph, 3)
    values.known["x"] = known
    return values
