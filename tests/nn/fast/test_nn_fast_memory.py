"""X2: results in memory that was used before are those in new memory."""

import numpy as np
import pytest
from against import arrays, assert_equal, assert_within_rounding, dirty, through
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, normal

from tinyzip.nn.fast.memory import FastDropout, FastLinear
from tinyzip.nn.layers import Dropout, Linear

LINEAR = st.builds(Linear, st.integers(1, 6), st.integers(1, 6), st.booleans())


@given(LINEAR, st.integers(1, 5), SEEDS)
def test_a_linear_stage_is_the_textbook_bit_for_bit_on_whole_numbers(layer, N, seed):
    """(X2)"""
    assert_equal(FastLinear(layer, (layer.C,)), [layer], (layer.C,), N, seed)


@given(LINEAR, st.integers(1, 5), SEEDS)
def test_on_real_numbers_it_is_the_same_sums_in_another_order(layer, N, seed):
    assert_within_rounding(FastLinear(layer, (layer.C,)), layer, (layer.C,), N, seed)


def test_a_stage_leaves_out_dx_when_it_is_not_needed():
    layer = Linear(3, 4)
    p, x, dy = arrays(normal, [layer], (3,), 2, 0)
    dx, dp = FastLinear(layer, (layer.C,)).backward(p, dy, x, workspace=dirty(), need_dx=False)
    assert dx is None and dp.keys() == {"w", "b"}


@settings(max_examples=30)
@given(st.sampled_from([np.float32, np.float64]), st.floats(0, 0.95), SEEDS)
def test_dropout_draws_what_the_textbook_draws(dtype, rate, seed):
    layer = Dropout(rate)
    p, x, dy = arrays(normal, [layer], (3, 2, 2), 4, seed, dtype=dtype)
    y, mask = layer.forward(p, x, train=True, rng=np.random.default_rng(seed))
    found = through(FastDropout(layer, x.shape[:-1]), p, x, dy, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(found["y"], y)
    np.testing.assert_array_equal(found["dx"], layer.backward(p, dy, mask)[0])


class Fixed(np.random.Generator):
    """Draws one number only."""

    def random(self, size, dtype):
        return np.full(size, 0.5, dtype)


@pytest.mark.parametrize("rate", [0.5, 0.51])
def test_a_draw_that_is_the_rate_keeps_its_number(rate):
    layer = Dropout(rate)
    p, x, dy = arrays(normal, [layer], (3,), 4, 0, dtype=np.float32)
    found = through(FastDropout(layer, (3,)), p, x, dy, rng=Fixed(np.random.PCG64()))
    expected, _ = layer.forward(p, x, train=True, rng=Fixed(np.random.PCG64()))
    np.testing.assert_array_equal(found["y"], expected)


def test_dropout_rests_outside_training():
    p, x, dy = arrays(normal, [Dropout(0.5)], (3,), 4, 0)
    for options in ({"train": False, "rng": np.random.default_rng(0)}, {"train": False}):
        found = through(FastDropout(Dropout(0.5), (3,)), p, x, dy, **options)
        assert found["y"] is x and found["dx"] is dy
    with pytest.raises(ValueError, match="Dropout: rng: found None"):
        through(FastDropout(Dropout(0.5), (3,)), p, x, dy, train=True)
