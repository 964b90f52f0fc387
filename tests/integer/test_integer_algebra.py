"""Laws that hold for any weights: what one operator does can be done by another."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import batch, codes, convolution, pool, weighted

from tinyzip.base.windows import pad
from tinyzip.integer import AvgPool2d, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, Program, run

shapes = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))


def drawn_convolution(data: Any) -> tuple[Conv2d, Any, Any]:
    """A convolution, its input codes and a batch for it."""
    shape, x = data.draw(shapes), data.draw(codes())
    operator: Any = convolution(data.draw, shape, x)
    return operator, x, batch(data.draw, x, (*shape, 3))


def one(operator: Any, x: Any, batch: Any, **options: Any) -> Any:
    return run(Program((operator,), batch.shape[:-1], x), batch, **options)


@settings(max_examples=40)
@given(st.data())
def test_permuting_the_outputs_permutes_the_result(data: Any) -> None:
    """Within a group, whose outputs all see the same channels."""
    operator, x, images = drawn_convolution(data)
    within = np.arange(len(operator.w)).reshape(operator.groups, -1)
    order = np.random.default_rng(0).permuted(within, axis=1).ravel()
    permuted = replace(
        operator, **{name: getattr(operator, name)[order] for name in ("w", "bias", "m0", "n")}
    )
    np.testing.assert_array_equal(one(permuted, x, images), one(operator, x, images)[order])


@settings(max_examples=40)
@given(st.data())
def test_a_batch_equals_its_examples_one_by_one(data: Any) -> None:
    operator, x, images = drawn_convolution(data)
    singles = [one(operator, x, images[..., n : n + 1]) for n in range(images.shape[-1])]
    np.testing.assert_array_equal(one(operator, x, images), np.concatenate(singles, -1))


@settings(max_examples=40)
@given(st.data())
def test_padding_equals_a_border_of_zero_points(data: Any) -> None:
    operator, x, images = drawn_convolution(data)
    bordered = pad(images, operator.padding, x.zero)
    np.testing.assert_array_equal(
        one(operator, x, images), one(replace(operator, padding=((0, 0), (0, 0))), x, bordered)
    )


@settings(max_examples=40)
@given(st.data())
def test_groups_equal_a_dense_convolution_with_zeros(data: Any) -> None:
    """Depthwise, grouped and dense are one operator: a dense weight that is 0 across groups."""
    operator, x, images = drawn_convolution(data)
    G, F, C = operator.groups, *operator.w.shape[:2]
    w = np.zeros((F, C * G, *operator.kernel), np.int8)
    for f in range(F):
        g = f // (F // G)
        w[f, g * C : (g + 1) * C] = operator.w[f]
    dense = replace(operator, w=w, groups=1, weight_bits=8)
    for product in ("integer", "blas"):
        np.testing.assert_array_equal(
            one(operator, x, images, product=product), one(dense, x, images, product=product)
        )


@settings(max_examples=40)
@given(st.data())
def test_a_1_by_1_convolution_is_a_linear_layer_at_each_place(data: Any) -> None:
    shape, x = data.draw(shapes), data.draw(codes())
    linear: Any = weighted(data.draw, Linear, (data.draw(st.integers(1, 5)), shape[0]), x)
    images = batch(data.draw, x, (*shape, 3))
    conv = Conv2d(
        linear.w[:, :, None, None], linear.bias, linear.m0, linear.n, linear.y, rounding=linear.rounding
    )
    wanted = one(linear, x, images.reshape(shape[0], -1)).reshape(-1, *images.shape[1:])
    np.testing.assert_array_equal(one(conv, x, images), wanted)


@settings(max_examples=40)
@given(st.data())
def test_a_stride_samples_the_dense_convolution(data: Any) -> None:
    operator, x, images = drawn_convolution(data)
    dense = one(replace(operator, stride=(1, 1)), x, images)
    sh, sw = operator.stride
    np.testing.assert_array_equal(one(operator, x, images), dense[:, ::sh, ::sw])


@settings(max_examples=40)
@given(st.data())
def test_a_convolution_as_large_as_the_image_is_a_linear_layer(data: Any) -> None:
    shape, x = data.draw(shapes), data.draw(codes())
    conv: Any = weighted(data.draw, Conv2d, (3, *shape), x)
    images = batch(data.draw, x, (*shape, 3))
    linear = Linear(conv.w.reshape(3, -1), conv.bias, conv.m0, conv.n, conv.y, rounding=conv.rounding)
    flat = run(Program((Flatten(), linear), shape, x), images)
    np.testing.assert_array_equal(one(conv, x, images).reshape(3, -1), flat)


@settings(max_examples=40)
@given(st.data())
def test_max_pool_commutes_with_requantization(data: Any) -> None:
    """A channel by itself, times a weight that is not negative, before or after the pool."""
    shape, x = data.draw(shapes), data.draw(codes())
    identity: Any = weighted(data.draw, Conv2d, (shape[0], 1, 1, 1), x, groups=shape[0])
    scale = replace(identity, w=np.minimum(np.abs(identity.w.astype(int)), 127), weight_bits=8)
    images = batch(data.draw, x, (*shape, 3))
    drawn = pool(data.draw, MaxPool2d, shape, x)
    pooling = MaxPool2d(drawn.kernel, drawn.stride, drawn.padding)
    after = run(Program((scale, pooling), shape, x), images)
    before = run(Program((pooling, scale), shape, x), images)
    np.testing.assert_array_equal(after, before)


@settings(max_examples=30)
@given(st.data())
def test_a_global_mean_is_an_average_pool_over_the_image(data: Any) -> None:
    shape, x = data.draw(shapes), data.draw(codes())
    images = batch(data.draw, x, (*shape, 3))
    np.testing.assert_array_equal(one(GlobalAvgPool(), x, images), one(AvgPool2d(shape[1:]), x, images))
