"""Scales that are powers of two: the best there are, and a program without a multiplier."""

import numpy as np
import pytest
from error_bound import assert_within_bound
from hypothesis import given
from hypothesis import strategies as st
from quant_networks import networks, pictures, random_student, randomized, squared_errors

from tinyzip import integer
from tinyzip.nn.layers import Flatten, Linear
from tinyzip.nn.models import separable_net
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate, fit_biases
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.lowbit import Signs, best_weight_grids, binary_scale
from tinyzip.quant.grids.powers import power_of_two_grids, power_of_two_scale
from tinyzip.train.data import to_input

BITS = {"conv2": 2, "fc1": 8, "fc2": 4}


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 7, 127]), st.integers(1, 2000), st.integers(0, 12))
def test_the_scale_is_the_best_of_all_powers_of_two(seed, hi, K, apart):
    """(QP1), of many weights, and in one channel one up to 2¹² times as large: to clip it may pay."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(2, K)) * rng.uniform(0.01, 10)
    w[0, 0] *= 2**apart
    scale = power_of_two_scale(w, hi)
    assert (np.log2(scale) == np.rint(np.log2(scale))).all()
    best = squared_errors(w, Grid(scale, 0, -hi, hi))
    for exponent in range(-30, 20):
        other = squared_errors(w, Grid(np.full(2, 2.0**exponent), 0, -hi, hi))
        assert (best <= other * (1 + 1e-12)).all()


def test_channels_of_zeros_have_scale_1_and_what_has_no_scale_is_refused():
    assert power_of_two_scale(np.zeros((2, 5)), 7).tolist() == [1, 1]
    assert power_of_two_scale(np.array([[0.0, 0.0], [0.5, -1.0]]), 1).tolist()[0] == 1
    with pytest.raises(ValueError, match="hi"):
        power_of_two_scale(np.ones((1, 1)), 0)
    with pytest.raises(ValueError, match="at least one in each channel"):
        power_of_two_scale(np.empty((3, 0)), 7)
    with pytest.raises(ValueError, match="finite"):
        power_of_two_scale(np.array([[1.0, np.nan]]), 7)


@given(networks(np.float64), st.integers(2, 8))
def test_power_of_two_grids_run_without_a_multiplier_within_the_bound_of_any_grid(model_and_images, bits):
    model, images = model_and_images
    grids = power_of_two_grids(model, calibrate(model, images, bits))
    program = lower(model, grids, rounding="shift")
    codes = integer.run(program, grids["input"].quantize(to_input(images)))
    assert_within_bound(fold_batch_norm(model), grids, images, program, codes)


def test_activations_get_the_next_power_unless_it_is_a_hundredth_above_the_last():
    model = separable_net()
    grids = {"a": Grid(0.9, 0, 0, 255), "b": Grid(1 / 255, 0, 0, 255), "c": Grid(0.252, 3, 0, 15)}
    grids |= {"d": Grid(0.253, 0, 0, 15)}
    found = power_of_two_grids(model, grids | calibrate(model, pictures(1, 28)))
    assert [float(found[name].scale) for name in "abcd"] == [1, 1 / 256, 0.25, 0.5]
    assert (int(found["c"].zero), found["c"].hi) == (3, 15)


def test_power_of_two_grids_keep_signs_and_leave_room_for_biases():
    model = random_student()
    params = {name: value.copy() for name, value in model.params.items()}
    params["fc1.w"][0], params["fc1.b"][:2] = 0, 0.7
    params["fc1.w"][1] *= 1e-12
    model = model.with_params(params)
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    grids = fit_biases(model, calibrate(model, images) | best_weight_grids(model, {"conv1": 1} | BITS))
    shifted = power_of_two_grids(model, grids)
    assert isinstance(shifted["conv1.w"], Signs)
    ideal = binary_scale(model.params["conv1.w"])
    for factor in (0.5, 2):
        scale = shifted["conv1.w"].scale
        assert np.all(np.abs(scale - ideal) <= np.abs(factor * scale - ideal))
    program = lower(model, shifted, rounding="shift")
    unit = shifted["conv2"].scale * shifted["fc1.w"].scale
    operator = next(operator for operator in program.operators if operator.name == "fc1")
    assert operator.bias[:2] * unit[:2] == pytest.approx(0.7, rel=1e-6)


def test_signs_get_the_power_of_two_that_is_nearest_to_their_mean():
    m = np.linspace(1.02, 1.98, 24).astype(np.float32)
    w = m[:, None] * np.float32([1, -1, 1, 1])
    model = randomized(
        {"flat": Flatten(), "out": Linear(4, 24, bias=False)}, (1, 2, 2), np.random.default_rng(0)
    )
    model = model.with_params({"out.w": w})
    grids = calibrate(model, pictures(9, 2)) | {"out.w": Signs(m)}
    assert power_of_two_grids(model, grids)["out.w"].scale.tolist() == [1] * 12 + [2] * 12


def test_of_two_scales_without_an_error_the_smaller_that_clips_nothing_is_taken():
    """(QP1) begins at the least that covers the largest weight, and not above."""
    assert power_of_two_scale(np.array([[8.0, 8.0], [4.0, -4.0]]), 7).tolist() == [2.0, 1.0]
