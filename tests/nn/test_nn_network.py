"""A network as it is printed trains, and is the network that runs fast."""

import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapes import distinct, normal
from test_nn_sequential import SHAPE, everything

from tinyzip.machine import products
from tinyzip.machine.recorder import Recorded, repeated
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.activations import GELU, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
)
from tinyzip.nn.network import Network
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.train.fit import fit
from tinyzip.train.run.checkpoint import describe
from tinyzip.train.run.passes import passes, through

LAYERS = {
    "dense": Conv2d(1, 2, 5, padding=1),
    "relu1": ReLU(),
    "pool1": MaxPool2d(2),
    "rows": Conv2d(2, 2, 3, padding=1),  # by rows of the kernel, and dx by turned kernels
    "relu2": ReLU(),
    "depthwise": Conv2d(2, 2, 3, padding=1, groups=2),
    "average": AvgPool2d(2),
    "scattered": Conv2d(2, 3, (1, 2), bias=False),
    "pool2": MaxPool2d((2, 1)),
    "flatten": Flatten(),
    "out": Linear(3, 2),
}


def whole_numbers(cls):
    """The same network of small whole numbers, printed or fast."""
    rng = np.random.default_rng(0)
    net = Sequential.create(LAYERS, (1, 10, 10), rng, np.float64)
    params = {key: rng.integers(-1, 2, array.shape).astype(np.float64) for key, array in net.params.items()}
    return cls(LAYERS, params, net.shape)


class Signs:
    """Each entry down or up by the rate: weights stay whole numbers [Bernstein et al. 2018, algorithm 1]."""

    def init(self, params):
        return {}

    def step(self, params, grads, state, lr, workers=None):
        for name, g in grads.items():
            params[name] -= lr * np.sign(g)


def objective(z, batch):
    """The mean over the batch of half the squared distance to the right answer."""
    apart = z - np.eye(2)[:, batch.labels]
    return float((apart**2).sum()) / 2 / z.shape[1], apart / z.shape[1]


@pytest.mark.parametrize("small_kernels", [False, True])
@pytest.mark.filterwarnings("ignore:fit. loss:UserWarning")  # a step of 1 is large, and meant
def test_a_training_leaves_the_same_bits_printed_and_fast(small_kernels, monkeypatch):
    """Weights and pixels are whole numbers. So all that is added up is a multiple of 1/32: 1/8 for the mean
    over the batch, 1/4 for the average of four pixels. And float64 rounds none of these below 2⁵³/32; no sum
    is larger than with all pixels 1 and all weights 4, as ±1 is after three steps of 1."""
    monkeypatch.setattr(products, "has_small_kernels", lambda: small_kernels)
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 2, (8, 10, 10)).astype(np.float64), rng.integers(0, 2, 8)

    def train(cls):
        options = {"epochs": 3, "batch": 8, "threads": 1, "progress": False}
        recipe = {"optimizer": Signs(), "schedule": lambda t: 1.0, "objective": objective}
        return fit(whole_numbers(cls), images, labels, rng=np.random.default_rng(2), **recipe, **options)

    (fast, history), (printed, slow_history) = train(Sequential), train(Network)
    assert type(printed) is Network
    assert history.loss == slow_history.loss
    for key, first in whole_numbers(Sequential).params.items():
        np.testing.assert_array_equal(fast.params[key], printed.params[key], key)
        assert (fast.params[key] != first).any(), key
    sizes = fast.with_params({key: np.full_like(a, 4) for key, a in fast.params.items()})
    z, caches = sizes.forward(np.ones((1, 10, 10, 8)))
    largest = [array.max() for array in sizes.backward((z + 1) / 8, caches).values()]
    assert max(largest) < 2**53 / 32


@pytest.mark.parametrize("train", [False, True])
def test_its_backward_is_the_gradient_of_the_whole_network(train):
    """(CH2)"""
    net = everything(np.float64).printed()
    for key, array in net.params.items():
        array += 0.5 * (key == "conv1.b")  # away from where rectifiers and maxima have their kinks
    x = distinct(1, *SHAPE, 3) / 100

    def forward():
        return net.forward(x, train=train, rng=np.random.default_rng(2))

    z, caches = forward()
    dz = normal(3, *z.shape)
    grads = net.backward(dz, caches)
    assert_gradients(lambda: forward()[0], {key: net.params[key] for key in grads}, grads, dz)


def test_every_step_is_a_layer_as_it_is_printed():
    """(CH1)"""
    net = whole_numbers(Inspected)
    assert net.steps is net.layers
    x = normal(0, 1, 10, 10, 3)
    seen = net.activations(x)
    for name, (layer, p) in {"rows": (LAYERS["rows"], "rows"), "out": (LAYERS["out"], "out")}.items():
        before = list(LAYERS)[list(LAYERS).index(name) - 1]
        arrays = {part: net.params[f"{p}.{part}"] for part in layer.parameter_shapes()}
        np.testing.assert_array_equal(seen[name], layer.forward(arrays, seen[before])[0])


@pytest.mark.parametrize("train", [False, True])
def test_statistics_and_answers_are_those_of_the_network_that_runs(train):
    net = everything(np.float64)
    x = normal(1, *SHAPE, 4)
    printed = net.printed()
    (z, caches), (fast_z, fast_caches) = (
        n.forward(x, train=train, rng=np.random.default_rng(2)) for n in (printed, net)
    )
    # A dozen layers of a few hundred terms each, whose rounding no layer here enlarges more than tenfold.
    np.testing.assert_allclose(z, fast_z, rtol=1e-9, atol=1e-9)
    statistics, fast_statistics = printed.statistics(caches), net.statistics(fast_caches)
    assert statistics.keys() == fast_statistics.keys() == ({"norm.mean", "norm.var"} if train else set())
    for key, array in statistics.items():
        np.testing.assert_allclose(array, fast_statistics[key], rtol=1e-9, atol=1e-9)


WHOLE = [ReLU(), LeakyReLU(0.5), Clip(-3, 5), Dropout(0.5), MaxPool2d(2), MaxPool2d(3, 2, 1), AvgPool2d(2, 1)]
REAL = [*WHOLE, Dropout(0.3), AvgPool2d(3, 2, 1), Tanh(), Sigmoid(), SiLU(), HardSwish(), GELU()]


@st.composite
def next_layers(draw, shape, whole, deep=True):
    """A layer that fits images of this shape, or some that are computed together."""
    C, H, W = shape
    kind = draw(st.sampled_from(["conv", "conv", "joined", "norm", "other", *(["block"] if deep else [])]))
    if kind == "norm":
        return [BatchNorm(C, eps=0.5)]
    if kind == "block":
        body = {f"l{k}": layer for k, layer in enumerate(draw(chains(shape, whole, 2, deep=False)))}
        F, OH, OW = after(body.values(), shape)
        if shape == (F, OH, OW) and draw(st.booleans()):
            return [Residual(body)]
        if OH > H or OW > W:
            return [Residual({"conv": Conv2d(C, C, 3, padding=1)})]
        return [Residual(body, {"conv": Conv2d(C, F, (H - OH + 1, W - OW + 1))})]
    if kind != "other":
        groups = draw(st.sampled_from([1, C]))
        F = C * draw(st.integers(1, 2)) if groups == C else draw(st.integers(1, 3))
        kernel = draw(st.sampled_from([1, 3, 5, (2, 1)]))
        padding = draw(st.sampled_from([0, 1, 2])) if min(H, W) > 2 else 2
        conv = Conv2d(C, F, kernel, draw(st.sampled_from([1, 1, 2])), padding, groups, draw(st.booleans()))
        joined = [conv, ReLU(), MaxPool2d(2)]
        return joined if kind == "joined" and fitting(joined, shape) else [conv]
    return [draw(st.sampled_from(WHOLE if whole else REAL))]


@st.composite
def chains(draw, shape, whole, most, deep=True):
    """Layers that fit images of this shape, one or more."""
    layers = []
    for _ in range(draw(st.integers(1, most))):
        more = draw(next_layers(after(layers, shape), whole, deep))
        layers += more if fitting(layers + more, shape) else [ReLU()]
    return layers


def after(layers, shape):
    for layer in layers:
        shape = layer.output_shape(shape)
    return shape


def fitting(layers, shape):
    try:
        return min(after(layers, shape)) >= 1
    except ValueError:
        return False


@st.composite
def drawn(draw, whole):
    """A network with any layers, and what to ask it with: of whole numbers, or of real ones."""
    shape = draw(st.sampled_from([(2, 8, 7), (1, 9, 10), (3, 6, 6)]))
    layers = draw(chains(shape, whole, 5))
    if not whole and draw(st.booleans()):
        layers.append(GlobalAvgPool())
    features = int(np.prod(after(layers, shape)))
    layers = {f"l{k}": layer for k, layer in enumerate([*layers, Flatten(), Linear(features, 3)])}
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    N = draw(st.integers(2, 4))
    net = Sequential.create(layers, shape, rng, np.float64)
    if not whole:
        params = {
            key: rng.uniform(0.5, 2, a.shape)
            if key.endswith(("var", "gamma"))
            else rng.normal(0.2, 1, a.shape)
            for key, a in net.params.items()
        }
        return net.with_params(params), rng.normal(size=(*shape, N)), rng.normal(size=(3, N))
    params = {
        key: np.full(a.shape, 0.5) if key.endswith("var") else rng.integers(-1, 2, a.shape).astype(float)
        for key, a in net.params.items()
    }
    return (
        net.with_params(params),
        rng.integers(-2, 3, (*shape, N)).astype(float),
        rng.integers(-2, 3, (3, N)).astype(float),
    )


def everything_of(net, x, dz, train, **how):
    """All that a network computes, by name."""
    z, caches = net.forward(x, train=train, rng=np.random.default_rng(3), **how)
    return {
        "z": np.array(z),
        "dx": np.array(net.image_gradient(dz, caches, **how)),
        **{f"d {key}": np.array(array) for key, array in net.backward(dz, caches, **how).items()},
        **{f"statistics {key}": array for key, array in net.statistics(caches).items()},
        **{f"output {name}": array for name, array in net.activations(x).items()},
    }


@given(drawn(whole=True), st.booleans())
def test_of_whole_numbers_a_network_gives_the_same_bits_printed_and_fast(case, train):
    """All that is added up is a multiple of a power of two, and float64 holds its sums in any order. A batch
    norm is exact as long as it divides by √(½ + ½), so not by the spread of a batch."""
    net, x, dz = case
    train = train and not any(key.endswith("gamma") for key in net.params)
    found = everything_of(net, x, dz, train, workspace=Workspace())
    expected = everything_of(net.printed(), x, dz, train)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype == np.float64
        np.testing.assert_array_equal(found[name], array, name)


@given(drawn(whole=False), st.booleans())
def test_of_real_numbers_they_differ_by_the_rounding_of_sums(case, train):
    """A few layers of a few hundred terms each, in float64. A batch norm enlarges what was rounded by γ over
    the spread of its input, which √eps keeps below 3."""
    net, x, dz = case
    found = everything_of(net, x, dz, train, workspace=Workspace())
    expected = everything_of(net.printed(), x, dz, train)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        largest = max(1, np.abs(array).max())
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-10 * largest, err_msg=name)


@given(drawn(whole=False), st.sampled_from([1, 2, 40]), st.sampled_from([np.float32, np.float64]))
def test_a_forward_that_is_repeated_gives_the_bits_of_one_that_is_not(case, N, dtype):
    """(PL1), also after the arrays have changed where they stand."""
    net = case[0].with_params({key: array.astype(dtype) for key, array in case[0].params.items()})
    joined = {"product": Product({"one": ReLU()}), "both": Concatenation({"two": Tanh()}, swapped=True)}
    fc = {"fc": Linear(6, 2)}
    params = net.params | {"fc.w": np.ones((2, 6), dtype), "fc.b": np.zeros(2, dtype)}
    net = Sequential(net.layers | joined | fc, params, net.shape)
    assert net.layout.repeats

    def forward(x, workspace):
        workspace.reset()
        return net.forward(x, workspace=workspace)[0]

    workspace, rng = Workspace(), np.random.default_rng(0)
    for k in range(4):
        for array in net.params.values():
            array *= rng.uniform(0.5, 1, array.shape).astype(dtype)
        x = rng.normal(size=(*net.shape, N)).astype(dtype)
        found = repeated(forward, "net", x, workspace)
        assert found.tobytes() == forward(x, Workspace()).tobytes()
        assert [isinstance(note, Recorded) for note in workspace.notes.values()] == [k > 0]


@settings(max_examples=150)
@given(drawn(whole=False), st.sampled_from([1, 2, 20]), st.sampled_from([np.float32, np.float64]))
def test_a_step_that_is_repeated_gives_the_bits_of_one_that_is_not(case, N, dtype):
    """(PL1): logits, gradients, what batch norm has measured; of other images, draws and arrays each time."""
    net = case[0].with_params({key: array.astype(dtype) for key, array in case[0].params.items()})
    assume(net.layout.repeats_training and (N > 1 or not any(key.endswith("gamma") for key in net.params)))
    workspace, other, rng = Workspace(), Workspace(), np.random.default_rng(0)
    for k in range(5):
        for array in net.params.values():
            array *= rng.uniform(0.5, 1, array.shape).astype(dtype)
        images, weights = rng.random((N, *net.shape)), rng.normal(size=(3, N))
        found = []
        for way, memory in ((passes, workspace), (through, other)):
            both = way(net, images, np.random.default_rng(k), memory)
            x, z, caches = next(both)
            arrays = {"x": x, "z": z, **both.send((weights * z).astype(dtype)), **net.statistics(caches)}
            assert {type(array) for array in arrays.values()} == {np.ndarray}
            found.append({name: (array.shape, array.tobytes()) for name, array in arrays.items()})
            memory.reset()
        assert found[0] == found[1]
    assert [isinstance(note, tuple) for note in workspace.notes.values()] == [True]


@pytest.mark.parametrize("kind", [Network, Inspected, Sequential])
def test_floats_are_float32_where_no_array_says_otherwise(kind):
    assert kind({"relu": ReLU()}, {}, (3,)).dtype == np.float32
    assert kind.create({"fc": Linear(3, 2)}, (3,), RNG).dtype == np.float32
    assert kind.create({"fc": Linear(3, 2)}, (3,), RNG, np.float64).dtype == np.float64


RNG = np.random.default_rng(0)
FC = {"flat": Flatten(), "fc": Linear(6, 3)}
X = np.zeros((2, 3, 1, 4), np.float32)
NETS = {kind.__name__: kind.create(FC, (2, 3, 1), RNG) for kind in (Network, Inspected, Sequential)}


@pytest.mark.parametrize("kind", [Network, Inspected, Sequential])
@pytest.mark.parametrize(
    ("error", "line", "call"),
    [
        (
            TypeError,
            "forward: x: found dtype|forward: x: found float64",
            lambda net: net.forward(X.astype(float)),
        ),
        (TypeError, "forward: x: found list", lambda net: net.forward(X.tolist())),
        (TypeError, r"forward: x: found a .*MaskedArray", lambda net: net.forward(np.ma.masked_array(X))),
        (ValueError, r"forward: x: found shape \(2, 3, 2, 4\)", lambda net: net.forward(X.repeat(2, axis=2))),
        (ValueError, r"forward: x: found shape \(2, 3, 1, 0\)", lambda net: net.forward(X[..., :0])),
        (TypeError, "forward: train: found 1, needed True or False", lambda net: net.forward(X, train=1)),
        (
            ValueError,
            r"backward: dz: found shape \(2, 4\)",
            lambda net: net.backward(X[:, 0, 0], net.forward(X)[1]),
        ),
        (TypeError, "backward: dz: found None", lambda net: net.backward(None, net.forward(X)[1])),
        (
            TypeError,
            "backward: dz: found dtype int64",
            lambda net: net.backward(X[0, :, 0].astype(int), net.forward(X)[1]),
        ),
        (TypeError, "backward: caches: found list", lambda net: net.backward(net.forward(X)[0], [])),
        (TypeError, "backward: caches: found dict", lambda net: net.backward(net.forward(X)[0], {"fc": X})),
        (ValueError, "params: found keys that differ", lambda net: net.with_params({})),
        (TypeError, r"params\['fc.b'\]: found dtype float64", lambda net: other(net, np.zeros(3))),
        (ValueError, r"params\['fc.b'\]: found shape", lambda net: other(net, np.zeros(4, np.float32))),
        (
            TypeError,
            "params: found dtype int64",
            lambda net: net.with_params({k: a.astype(int) for k, a in net.params.items()}),
        ),
        (ValueError, r"shape: found \[2, 3, 1\]", lambda net: type(net)(FC, net.params, [2, 3, 1])),
        (ValueError, r"\w+: layers: found none", lambda net: type(net)({}, {}, (3,))),
        (ValueError, r"\w+: layers: found \[ReLU", lambda net: type(net)([ReLU()], {}, (3,))),
        (ValueError, r"\w+: layers: found none", lambda net: type(net).create({}, (3,), RNG)),
        (ValueError, r"\w+: layers: found \[ReLU", lambda net: type(net).create([ReLU()], (3,), RNG)),
        (TypeError, r"\w+: layers\[1\]: found ReLU", lambda net: type(net).create({1: ReLU()}, (3,), RNG)),
        (TypeError, r"\w+: layers\['']: found ReLU", lambda net: type(net).create({"": ReLU()}, (3,), RNG)),
        (TypeError, r"\w+: layers\['a'\]: found 3", lambda net: type(net).create({"a": 3}, (3,), RNG)),
        (TypeError, "create: rng: found int", lambda net: type(net).create(FC, (2, 3, 1), 0)),
        (ValueError, r"layers: found \['a.b'\]", lambda net: type(net).create({"a.b": ReLU()}, (3,), RNG)),
        (ValueError, "fc: Linear", lambda net: type(net)(FC, net.params, (2, 3, 2))),
    ],
)
def test_what_does_not_fit_is_refused_by_every_kind_of_network(kind, error, line, call):
    with pytest.raises(error, match=line):
        call(NETS[kind.__name__])


@pytest.mark.parametrize("kind", [Inspected, Sequential])
def test_a_gradient_of_images_is_asked_with_what_forward_gave(kind):
    net = NETS[kind.__name__]
    z, caches = net.forward(X)
    assert net.image_gradient(z, caches).shape == X.shape
    for dz, other, line in ((z[:2], caches, r"dz: found shape \(2, 4\)"), (z, {}, "caches: found dict")):
        with pytest.raises((TypeError, ValueError), match=f"^image_gradient: {line}"):
            net.image_gradient(dz, other)


@pytest.mark.parametrize("kind", [Network, Inspected, Sequential])
def test_arrays_of_a_checkpoint_are_told_from_those_of_a_network(kind):
    net = NETS[kind.__name__]
    with pytest.raises(ValueError) as caught:
        net.with_params({f"params/{name}": array for name, array in net.params.items()} | {"fc.w": X})
    odd = ["fc.b", "params/fc.b", "params/fc.w"]
    line = f"params: found keys that differ in {odd}, needed the keys ['fc.b', 'fc.w']"
    assert str(caught.value).endswith(
        f"{line}; a checkpoint's model is tinyzip.quant.training.saved.load(path)"
    )
    with pytest.raises(ValueError, match=r"keys that differ in \['b'\], needed the keys \['fc.b', 'fc.w'\]$"):
        net.with_params(net.params | {"b": X})


class Careless(ReLU):
    """Gives a gradient of another shape than its array's."""

    def parameter_shapes(self):
        return {"w": (2,)}

    def backward(self, p, dy, cache):
        return dy, {"w": np.zeros(3, dy.dtype)}


@pytest.mark.parametrize("kind", [Network, Inspected, Sequential])
def test_a_gradient_of_another_shape_than_its_array_is_refused(kind):
    net = kind({"own": Careless()}, {"own.w": np.zeros(2, np.float32)}, (3,))
    z, caches = net.forward(np.ones((3, 1), np.float32))
    with pytest.raises(ValueError, match=r"found shape \(3,\), needed shape \(2,\)$"):
        net.backward(z, caches)


def other(net, b):
    return net.with_params(net.params | {"fc.b": b})


@pytest.mark.parametrize("kind", [Network, Inspected])
def test_a_mean_is_remembered_and_no_part_of_what_a_network_is(kind):
    net = NETS[kind.__name__]
    other = kind(FC, net.params, net.shape, (0, 1), 0.5)
    assert other.input_mean == 0.5 and "input_mean" not in describe(other, values=False)


@pytest.mark.parametrize("kind", [Network, Inspected, Sequential])
def test_a_range_is_two_finite_numbers_in_order(kind):
    net = NETS[kind.__name__]
    for good in ((0, 1), (-1.0, -1.0), (0, 0)):
        assert kind(FC, net.params, net.shape, good).input_range == good
    for wrong in ((1, 0), (-np.inf, 0), (0, np.inf), (np.nan, 1), (0, np.nan)):
        with pytest.raises(
            ValueError, match=r"input_range: found .*, needed \(low, high\), finite, low ≤ high"
        ):
            kind(FC, net.params, net.shape, wrong)
