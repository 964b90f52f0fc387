import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.machine.workspace import Workspace
from tinyzip.quant.training import lsq_fast
from tinyzip.quant.training.lsq import RULES, fake_quantize, fake_quantize_backward, gradient_scale

seeds = st.integers(0, 2**32 - 1)
ranges = st.sampled_from([(-1, 1), (-7, 7), (-8, 7), (0, 15), (0, 255), (-127, 127), (-3, 12)])


def draw(seed, per_channel, dtype=np.float64):
    rng = np.random.default_rng(seed)
    x = rng.normal(scale=3, size=(3, 4, 5)).astype(dtype)
    step = rng.uniform(0.05, 2, size=3 if per_channel else ()).astype(dtype)
    return x, step, rng.normal(size=x.shape).astype(dtype)


def paper_gradients(x, step, lo, hi, rule):
    """dy/dx and dy/ds of one element, in the paper's words."""
    v = x / step
    if lo < v < hi:
        return 1.0, {"lsq": round(v) - v, "straight-through": 0.0}[rule]
    return 0.0, 0.0 if rule == "straight-through" else float(lo if v <= lo else hi)


@given(seeds, ranges, st.booleans(), st.sampled_from(RULES))
def test_gradients_are_the_papers_formulas(seed, lo_hi, per_channel, rule):
    """(QS1) to (QS4)"""
    lo, hi = lo_hi
    x, step, dy = draw(seed, per_channel)
    y = fake_quantize(x, step, lo, hi)
    dx, dstep = fake_quantize_backward(dy, x, y, step, lo, hi, rule)
    steps = np.broadcast_to(step.reshape(-1, 1, 1), x.shape)
    expected_dx, ds = np.empty_like(x), np.empty_like(x)
    for i in np.ndindex(x.shape):
        assert y[i] == steps[i] * min(max(round(x[i] / steps[i]), lo), hi)
        expected_dx[i], ds[i] = paper_gradients(x[i], steps[i], lo, hi, rule)
    np.testing.assert_array_equal(dx, dy * expected_dx)
    total = (dy * ds).sum(axis=(1, 2) if per_channel else None)
    np.testing.assert_allclose(dstep, total, atol=1e-10)
    assert dstep.shape == step.shape


@given(seeds, ranges)
def test_outside_the_range_the_gradient_is_the_difference_quotient(seed, lo_hi):
    lo, hi = lo_hi
    x, step, dy = draw(seed, False)
    x = np.sign(x + 1e-9) * (np.abs(x) + (max(hi, -lo) + 1) * step)
    y = fake_quantize(x, step, lo, hi)
    dx, dstep = fake_quantize_backward(dy, x, y, step, lo, hi)
    assert_gradients(lambda: fake_quantize(x, step, lo, hi), {"step": step}, {"step": dstep}, dy)
    assert not dx.any()


@given(seeds, ranges)
def test_the_average_slope_of_the_staircase_is_the_straight_through_slope(seed, lo_hi):
    lo, hi = lo_hi
    step = np.random.default_rng(seed).uniform(0.1, 2)
    x = np.linspace(lo * step, hi * step, 50_001)
    y = fake_quantize(x, step, lo, hi)
    assert (y[-1] - y[0]) / (x[-1] - x[0]) == pytest.approx(1)
    assert np.abs(y - x).max() <= step / 2 * (1 + 1e-9)


@given(seeds, ranges, st.booleans())
def test_fake_quantization_is_idempotent_monotone_and_keeps_zero(seed, lo_hi, per_channel):
    x, step, _ = draw(seed, per_channel, np.float32)
    x[0, 0, 0] = 0
    y = fake_quantize(x, step, *lo_hi)
    np.testing.assert_array_equal(fake_quantize(y, step, *lo_hi), y)
    assert y[0, 0, 0] == 0
    rows = np.sort(x.reshape(3, -1), axis=1)
    assert np.all(np.diff(fake_quantize(rows, step, *lo_hi), axis=1) >= 0)


@given(seeds, ranges)
def test_of_a_squared_error_rounding_lowers_the_step_and_clipping_raises_it(seed, lo_hi):
    """(QS3) for the gradient 2e of Σ e², e = y − x: 2/s·(Σ e² inside + Σ e·y outside), where e·y ≤ 0."""
    lo, hi = lo_hi
    x, step, _ = draw(seed, False)
    y = fake_quantize(x, step, lo, hi)
    _, dstep = fake_quantize_backward(2 * (y - x), x, y, step, lo, hi)
    error, outside = y - x, (x <= lo * step) | (x >= hi * step)
    clipping = (error * y)[outside].sum()
    assert clipping <= 0
    assert dstep == pytest.approx(2 / step * ((error[~outside] ** 2).sum() + clipping), rel=1e-9, abs=1e-9)


@given(seeds, ranges, st.booleans(), st.sampled_from(RULES), st.sampled_from([np.float32, np.float64]))
def test_in_a_workspace_the_bits_are_those_of_the_formulas(seed, lo_hi, per_channel, rule, dtype):
    """Also where x meets an end of the range exactly, is not finite, or lies in memory in another order."""
    rng = np.random.default_rng(seed)
    x, step, dy = draw(seed, per_channel, dtype)
    x[0, 0] = (step.ravel()[0] * np.array([lo_hi[0], lo_hi[1], 0.5, -0.5, 0])).astype(dtype)
    x[1, 1, :2] = rng.choice([np.inf, -np.inf, np.nan], 2)
    x = x if seed % 2 else np.asfortranarray(x)
    workspace = Workspace()
    for _ in range(2):  # memory of its own, then memory that was used before
        with np.errstate(invalid="ignore"):
            y, fast = fake_quantize(x, step, *lo_hi), lsq_fast.fake_quantize(x, step, *lo_hi, workspace)
            plain = fake_quantize_backward(dy, x, y, step, *lo_hi, rule)
            found = lsq_fast.fake_quantize_backward(dy, x, fast, step, *lo_hi, rule, workspace)
        for expected, array in zip((y, *plain), (fast, *found), strict=True):
            assert array.dtype == expected.dtype == dtype and array.shape == expected.shape
            assert array.tobytes() == expected.tobytes()
        workspace.reset()


def test_gradient_scale_is_the_papers():
    """(QS5)"""
    assert gradient_scale(100, 4) == 0.05 and gradient_scale(1, 1) == 1
    for count, hi in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match=r"gradient_scale: count, hi: found \(., .\), needed whole"):
            gradient_scale(count, hi)


def test_what_cannot_be_quantized_is_refused():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="x: found int64"):
        fake_quantize(np.ones(3, np.int64), 1.0, 0, 7)
    for step in (0.0, -1.0, np.nan, [1.0, 0.0]):
        with pytest.raises(ValueError, match="above zero"):
            fake_quantize(x, step, 0, 7)
    with pytest.raises(ValueError, match="one for each channel"):
        fake_quantize(x, [1.0, 1.0, 1.0], 0, 7)
    with pytest.raises(ValueError, match="one for each channel"):
        fake_quantize(np.ones(()), [1.0], 0, 7)
    assert fake_quantize(np.ones(3), [1.0, 2.0, 4.0], 0, 7).tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="relative to zero"):
        fake_quantize(x, 1.0, 1, 7)
    with pytest.raises(ValueError, match="rule"):
        fake_quantize_backward(x, x, x, 1.0, 0, 7, "lqs")
    with pytest.raises(ValueError, match="x's"):
        fake_quantize_backward(x[:1], x, x, 1.0, 0, 7)
    for count, hi in ((0, 7), (7, 0)):
        with pytest.raises(ValueError, match="from 1 up"):
            gradient_scale(count, hi)
