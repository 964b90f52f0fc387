"""The choice: which layers run as which stage, and that all together are the network as it is printed."""

from functools import partial

import numpy as np
import pytest
from against import arrays, assert_equal, conv_layers, dirty, through
from hypothesis import given, settings
from shapes import SEEDS, integral

from tinyzip.nn.fast import blocks, choose, rows, turned
from tinyzip.nn.fast.bands import FastDepthwise
from tinyzip.nn.fast.choose import one_stage, stages
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.fast.in_place import FastReLU, Rectified
from tinyzip.nn.fast.memory import FastDropout, FastLinear
from tinyzip.nn.fast.norm import FastBatchNorm
from tinyzip.nn.fast.pool_first import ConvReLUPool
from tinyzip.nn.fast.pools import FastAvgPool2d, FastGlobalAvgPool, FastMaxPool2d
from tinyzip.nn.fast.stage import AsPrinted, Stage
from tinyzip.nn.layer import Layer
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
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential


def chosen(*layers, shape=(2, 12, 12)):
    """The stages of layers that are named by their place."""
    return stages({str(k): layer for k, layer in enumerate(layers)}, shape)


@settings(max_examples=200)
@given(conv_layers(), SEEDS)
def test_whatever_route_is_chosen_for_a_convolution_it_is_the_textbook(case, seed):
    layer, shape, N = case
    assert_equal(one_stage(layer, shape), [layer], shape, N, seed)


def routes(layer, shape=(2, 9, 9)):
    stage = one_stage(layer, shape)
    gather = stage.input_gradient
    through = (gather.func, gather.keywords["multiply"]) if isinstance(gather, partial) else (gather,)
    return stage.multiply, stage.weight_gradient, *through


def test_a_convolution_gets_the_routes_whose_conditions_it_meets():
    scatter, gather = blocks.input_gradient, turned.input_gradient
    plain, many, shared, few = blocks.multiply, blocks.weight_gradient, rows.multiply, rows.weight_gradient
    assert routes(Conv2d(2, 2, 3, padding=1)) == (shared, few, gather, shared)
    assert routes(Conv2d(2, 6, 3, padding=1)) == (shared, few, scatter)  # three maps a channel
    assert routes(Conv2d(4, 2, (1, 3), padding=(0, 1)), (4, 9, 9)) == (plain, many, gather, plain)
    assert routes(Conv2d(2, 1, 3, 2)) == (shared, few, scatter)
    assert routes(Conv2d(2, 1, 3, 3)) == (plain, many, scatter)
    assert routes(Conv2d(2, 4, 1)) == (plain, few, scatter)
    assert routes(Conv2d(2, 4, 1, 2)) == (plain, many, scatter)
    assert routes(Conv2d(4, 4, 3, padding=1, groups=2), (4, 9, 9)) == (shared, few, gather, shared)
    wide = Conv2d(40, 40, 3, padding=1)  # 14,400 weights
    assert routes(wide, (40, 9, 9)) == (shared, many, gather, shared)


def test_each_layer_has_its_stage():
    image = (4, 6, 6)
    for layer, kind in {
        Conv2d(4, 4, 3): FastConv2d,
        Conv2d(4, 8, 3, groups=4): FastDepthwise,
        Conv2d(4, 8, 3, groups=2): FastConv2d,
        MaxPool2d(2): FastMaxPool2d,
        AvgPool2d(2): FastAvgPool2d,
        GlobalAvgPool(): FastGlobalAvgPool,
        BatchNorm(4): FastBatchNorm,
        ReLU(): FastReLU,
        Dropout(0.5): FastDropout,
        Flatten(): AsPrinted,
    }.items():
        assert type(one_stage(layer, image)) is kind
    assert type(one_stage(Linear(4, 2), (4,))) is FastLinear
    assert type(one_stage(Conv2d(1, 4, 3), (1, 6, 6))) is FastConv2d  # one channel is one group
    assert type(one_stage(Conv2d(2, 4, 3, groups=2), (2, 6, 6))) is FastDepthwise


def test_a_convolution_is_joined_with_the_two_layers_after_it():
    five = Conv2d(2, 2, 5)
    assert chosen(five, ReLU(), MaxPool2d(2), Flatten()) == {
        "0": ConvReLUPool(one_stage(five, (2, 12, 12))),
        "3": AsPrinted(Flatten(), (2, 4, 4)),
    }


def test_layers_are_joined_where_a_law_says_so():
    five, three, relu, pool = Conv2d(2, 2, 5), Conv2d(2, 2, 3), ReLU(), MaxPool2d(2)
    for layer in (Conv2d(2, 2, 5, stride=2), Conv2d(2, 2, 5, groups=2), Conv2d(2, 2, 2)):
        assert chosen(layer, relu, pool).keys() == {"0"}
        assert isinstance(chosen(layer, relu, pool)["0"], ConvReLUPool)
    for first, second, *rest in (
        [five, relu, MaxPool2d(3)],
        [five, relu, MaxPool2d(2, 1)],
        [five, relu, MaxPool2d(2, padding=1)],
        [BatchNorm(2), relu],
        [three, relu, relu],
    ):
        made = chosen(first, second, *rest)
        assert isinstance(made["0"], Rectified) and list(made) == ["0", *map(str, range(2, 2 + len(rest)))]
    for apart in ([five, pool, relu], [pool, relu], [relu, five], [five], [Dropout(0.1), relu]):
        assert list(chosen(*apart)) == [str(k) for k in range(len(apart))]


def test_a_callers_own_layer_runs_as_itself():
    class Doubled(Linear):
        def forward(self, p, x, **options):
            y, cache = super().forward(p, x, **options)
            return 2 * y, cache

    class Own(Layer, Stage):
        """Its own stage."""

        def output_shape(self, shape):
            return shape

        def forward(self, p, x, *, train=False, rng=None, workspace=None):
            return x, None

        def backward(self, p, dy, cache, *, workspace=None, need_dx=True):
            return dy, {}

    doubled, own = Doubled(3, 3), Own()
    assert chosen(doubled, ReLU(), own, shape=(3,)) == {
        "0": AsPrinted(doubled, (3,)),
        "1": FastReLU(ReLU(), (3,)),
        "2": own,
    }


CHAIN = {
    "conv1": Conv2d(1, 4, 3, padding=1, bias=False),
    "norm1": BatchNorm(4),
    "relu1": ReLU(),
    "each": Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
    "norm2": BatchNorm(4),
    "block": Residual({"norm": BatchNorm(4), "relu": ReLU(), "conv": Conv2d(4, 4, 1), "norm2": BatchNorm(4)}),
    "relu2": ReLU(),
    "conv2": Conv2d(4, 3, 3),
    "relu3": ReLU(),
    "drop": Dropout(0.5),
    "conv3": Conv2d(3, 3, 1),
    "relu4": ReLU(),
    "norm3": BatchNorm(3),
    "flatten": Flatten(),
    "fc": Linear(48, 5),
    "relu5": ReLU(),
}


def test_what_nobody_else_looks_at_is_overwritten():
    """(X11): an own x after a convolution; not what others share."""
    net = Sequential.create(CHAIN, (1, 6, 6), np.random.default_rng(0))
    assert net.steps["norm1"].stage.over and net.steps["norm2"].over
    assert not net.steps["norm3"].over  # after a ReLU, whose backward looks at it
    body = net.steps["block"].body
    assert not body["body.norm"].stage.over and body["body.norm2"].over  # the block's x is its shortcut, too


@pytest.mark.parametrize("probed", [(), ("conv1", "norm2", "block.body.norm", "fc")])
def test_overwriting_changes_no_bit_and_nothing_of_the_callers(probed, monkeypatch):
    rng = np.random.default_rng(0)
    net = Sequential.create(CHAIN, (1, 6, 6), rng).probed(probed)
    x, dz = (rng.standard_normal(shape, np.float32) for shape in ((1, 6, 6, 5), (5, 5)))
    kept = x.copy(), dz.copy()

    def gradients(network):
        workspace = dirty()
        z, caches = network.forward(x, train=True, rng=np.random.default_rng(1), workspace=workspace)
        seen = {name: seen.y.copy() for name, seen in network.probes(caches).items()}
        found = [{"z": z.copy(), **seen}]
        for _ in range(2):  # the caches serve a second time
            grads = network.backward(dz, caches, workspace=workspace)
            found.append({name: array.copy() for name, array in grads.items()})
        return [*found, network.statistics(caches)]

    found = gradients(net)
    monkeypatch.setattr(choose, "in_place", lambda chosen: chosen)
    for mine, other in zip(found, gradients(type(net)(net.layers, net.params, net.shape)), strict=True):
        assert mine.keys() == other.keys()
        for name, array in mine.items():
            np.testing.assert_array_equal(array, other[name], name)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(dz, kept[1])


IMAGE = (2, 4, 4)  # sixteen pixels, so that means of whole numbers are exact
VIEWED = [
    (Conv2d(2, 4, 3), IMAGE),
    (Conv2d(2, 4, 1), IMAGE),
    (Conv2d(2, 4, 1, padding=1), IMAGE),
    (Conv2d(2, 4, (2, 3), padding=1, groups=2), IMAGE),
    (MaxPool2d(3, 2, 1), IMAGE),
    (AvgPool2d(2), IMAGE),
    (GlobalAvgPool(), IMAGE),
    (BatchNorm(2), IMAGE),
    (ReLU(), IMAGE),
    (Flatten(), IMAGE),
    (Linear(7, 3), (7,)),
]


@pytest.mark.parametrize(("layer", "shape"), VIEWED, ids=[type(layer).__name__ for layer, _ in VIEWED])
def test_an_input_and_a_gradient_that_are_views_give_the_same_as_their_copies(layer, shape):
    p, x, dy = arrays(integral, [layer], shape, 8, 0)
    p |= {"var": np.abs(p["var"]) + 1} if "var" in p else {}
    x, dy = x[::-1, ..., ::2], dy[::-1, ..., 1::2]
    stage = one_stage(layer, shape)
    for name, array in through(stage, p, x, dy).items():
        np.testing.assert_array_equal(array, through(stage, p, x.copy(), dy.copy())[name], name)


def test_three_layers_are_joined_whatever_comes_after_them():
    for after in (BatchNorm(2), ReLU(), Conv2d(2, 2, 1)):
        assert list(chosen(Conv2d(2, 2, 3), ReLU(), MaxPool2d(2), after)) == ["0", "3"]
