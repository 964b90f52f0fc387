"""X10: ReLU in the memory of what it rectifies."""

import numpy as np
from against import arrays, dirty, printed, through
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, integral, normal

from tinyzip.nn.fast import choose
from tinyzip.nn.fast.in_place import FastReLU, Rectified
from tinyzip.nn.fast.memory import FastLinear
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear, ReLU

RECTIFIED = st.sampled_from(
    [
        (Conv2d(3, 3, 2), (3, 4, 3)),
        (Conv2d(3, 3, 2, groups=3), (3, 4, 3)),
        (Linear(3, 4), (3,)),
        (BatchNorm(3), (3, 2, 3)),
    ]
)


@settings(max_examples=60)
@given(RECTIFIED, st.booleans(), SEEDS)
def test_a_stage_and_its_relu_are_the_two_one_after_the_other_bit_for_bit(case, train, seed):
    """(X10)"""
    layer, shape = case
    stage = choose.one_stage(layer, shape)
    p, x, _ = arrays(normal, [layer], shape, 4, seed, dtype=np.float32)
    p |= {"var": np.abs(p["var"])} if "var" in p else {}
    alone = dirty()
    z, inner = stage.forward(p, x, train=train, rng=None, workspace=alone)
    y, positive = FastReLU(ReLU(), z.shape[:-1]).forward({}, z, train=train, rng=None, workspace=alone)
    dy = normal(seed + 3, *y.shape, dtype=np.float32)
    dz, _ = FastReLU(ReLU(), z.shape[:-1]).backward({}, dy, positive, workspace=alone, need_dx=True)
    dx, dp = stage.backward(p, dz, inner, workspace=alone, need_dx=True)
    found = through(Rectified(stage), p, x, dy, train)
    for name, array in ({"y": y, "dx": dx} | {f"d{part}": a for part, a in dp.items()}).items():
        np.testing.assert_array_equal(found[name], array, name)
    np.testing.assert_array_equal(y, np.maximum(z, 0))


def test_statistics_are_those_of_the_stage():
    stage = choose.one_stage(BatchNorm(3), (3, 2, 3))
    p, x, _ = arrays(normal, [BatchNorm(3)], (3, 2, 3), 4, 0)
    p |= {"mean": np.zeros(3), "var": np.ones(3)}
    how = {"train": True, "rng": None}
    _, both = Rectified(stage).forward(p, x, workspace=dirty(), **how)
    _, alone = stage.forward(p, x, workspace=dirty(), **how)
    found, wanted = Rectified(stage).statistics(p, both), stage.statistics(p, alone)
    assert found.keys() == wanted.keys() != set()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_gradient_is_not_overwritten():
    layer, shape = Conv2d(3, 3, 2), (3, 4, 3)
    stage = choose.one_stage(layer, shape)
    p, x, dy = arrays(integral, [layer], shape, 4, 0)
    kept = x.copy(), dy.copy()
    found = through(Rectified(stage), p, x, dy)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(dy, kept[1])
    for name, array in through(Rectified(stage), p, x, kept[1]).items():
        np.testing.assert_array_equal(found[name], array, name)
    through(FastReLU(ReLU(), shape), {}, x, x)
    np.testing.assert_array_equal(x, kept[0])


def test_the_output_stands_where_the_stage_wrote_it():
    class Noting(FastLinear):
        def forward(self, p, x, **options):
            z, cache = super().forward(p, x, **options)
            written.append(z)
            return z, cache

    written = []
    p, x, _ = arrays(normal, [Linear(3, 4)], (3,), 2, 0, dtype=np.float32)
    y, _ = Rectified(Noting(Linear(3, 4), (3,))).forward(p, x, train=True, rng=None, workspace=dirty())
    assert y is written[0]


@settings(max_examples=20)
@given(st.sampled_from([(3,), (2, 3, 2)]), SEEDS)
def test_a_relu_alone_is_the_textbook(shape, seed):
    p, x, dy = arrays(integral, [ReLU()], shape, 3, seed, largest=1)
    expected = printed([ReLU()], p, x, dy)
    for name, array in through(FastReLU(ReLU(), shape), p, x, dy).items():
        np.testing.assert_array_equal(array, expected[name], name)
