"""Any layer runs as a stage, and is held to what it has announced."""

from dataclasses import dataclass

import numpy as np
import pytest
from against import arrays, printed, through
from shapes import normal

from tinyzip.machine.recorder import repeated
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.activations import LeakyReLU
from tinyzip.nn.fast.stage import AsPrinted
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    ("layer", "shape"), [(Conv2d(2, 3, 3, 2, 1), (2, 5, 5)), (BatchNorm(2), (2, 3, 3)), (Linear(3, 2), (3,))]
)
def test_a_layer_as_printed_is_that_layer(layer, shape, train):
    p, x, dy = arrays(normal, [layer], shape, 3, 0)
    p = {name: np.abs(array) for name, array in p.items()}
    expected = printed([layer], p, x, dy, train)
    found = through(AsPrinted(layer, shape), p, x, dy, train)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, name)


def test_its_statistics_are_those_of_the_layer():
    layer = BatchNorm(2)
    p, x, _ = arrays(normal, [layer], (2,), 5, 0)
    cache = layer.forward(p, x, train=True)[1]
    for name, array in AsPrinted(layer, (2,)).statistics(p, cache).items():
        np.testing.assert_array_equal(array, layer.statistics(p, cache)[name])


@dataclass(frozen=True)
class Careless(Layer):
    """2·x, with something wrong."""

    wrong: str

    def output_shape(self, shape):
        return shape

    def parameter_shapes(self):
        return {"w": ()}

    def forward(self, p, x, *, train=False, rng=None):
        y = 2 * x
        return {"shape of y": y[:1], "dtype of y": y.astype(np.float64)}.get(self.wrong, y), None

    def backward(self, p, dy, cache):
        dx, dw = 2 * dy, np.zeros_like(p["w"])
        dx = {"shape of dx": dx[..., :1], "no dx": None}.get(self.wrong, dx)
        return dx, {"shape of dw": {"w": dw[None]}, "no dw": {}}.get(self.wrong, {"w": dw})


@pytest.mark.parametrize(
    ("wrong", "error", "line"),
    [
        ("shape of y", ValueError, r"Careless.forward: y: found shape \(1, 2\), needed shape \(3, 2\)"),
        ("dtype of y", TypeError, r"Careless.forward: y: found dtype float64, needed float32"),
        ("shape of dx", ValueError, r"Careless.backward: dx: found shape \(3, 1\)"),
        ("no dx", TypeError, r"Careless.backward: dx: found None"),
        ("shape of dw", ValueError, r"Careless.backward: dp\['w'\]: found shape \(1,\)"),
        ("no dw", TypeError, r"Careless.backward: dp\['w'\]: found None"),
    ],
)
def test_a_layer_that_gives_something_else_is_refused(wrong, error, line):
    p, x, dy = arrays(normal, [Careless(wrong)], (3,), 2, 0, dtype=np.float32)
    with pytest.raises(error, match=line):
        through(AsPrinted(Careless(wrong), (3,)), p, x, dy)


def test_a_layer_before_all_that_learns_need_not_give_dx():
    p, _, dy = arrays(normal, [Careless("no dx")], (3,), 2, 0)
    stage = AsPrinted(Careless("no dx"), (3,))
    dx, dp = stage.backward(p, dy, None, workspace=None, need_dx=False)
    assert dx is None and dp["w"].shape == ()


def test_where_calls_are_repeated_a_layer_is_asked_anew():
    """It may do anything, and each time something else."""
    stage, workspace = AsPrinted(LeakyReLU(0.5), (3, 2, 2)), Workspace()

    def forward(x, workspace):
        workspace.reset()
        return stage.forward({}, x, train=False, rng=None, workspace=workspace)[0]

    for seed in range(4):
        x = normal(seed, 3, 2, 2, 4)
        y = repeated(forward, "a stage", x, workspace)
        np.testing.assert_array_equal(y, np.where(x > 0, x, 0.5 * x), strict=True)
