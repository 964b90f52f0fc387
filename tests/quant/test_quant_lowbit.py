from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip import integer
from tinyzip.nn.models import separable_net, student_net
from tinyzip.quant.calibrate import calibrate, fit_biases
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.quant.grid import Grid
from tinyzip.quant.lowbit import (
    Signs,
    best_weight_grids,
    binary_scale,
    lowest_grid,
    power_of_two_grids,
    power_of_two_scale,
    ternary_scale,
)
from tinyzip.quant.lower import lower
from tinyzip.quant.twin import real
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits

seeds = st.integers(0, 2**32 - 1)
BITS = {"conv2": 2, "fc1": 8, "fc2": 4}


def weights(seed, F=3, K=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(F, K)) ** rng.integers(1, 4) * rng.uniform(0.01, 10)


def squared_error(w, grid):
    return ((w - grid.dequantize(grid.quantize(w))) ** 2).reshape(len(w), -1).sum(axis=1)


@given(seeds)
def test_binary_scale_beats_a_brute_force_search(seed):
    w = weights(seed)
    best = squared_error(w, Signs(binary_scale(w)))
    for scale in np.linspace(0.01, 1, 200) * np.abs(w).max():
        assert np.all(best <= squared_error(w, Signs(np.full(3, scale))) + 1e-6 * (w**2).sum())


@given(seeds)
def test_ternary_scale_beats_a_brute_force_search(seed):
    w = weights(seed)
    best = squared_error(w, Grid(ternary_scale(w), 0, -1, 1))
    for scale in np.linspace(0.01, 1, 200) * np.abs(w).max():
        assert np.all(best <= squared_error(w, Grid(np.full(3, scale), 0, -1, 1)) + 1e-6 * (w**2).sum())


@given(seeds, st.sampled_from([1, 3, 7, 127]))
def test_power_of_two_scale_is_the_best_of_all_powers(seed, hi):
    w = weights(seed)
    scale = power_of_two_scale(w, hi)
    assert np.all(np.log2(scale) == np.rint(np.log2(scale)))
    best = squared_error(w, Grid(scale, 0, -hi, hi))
    for exponent in range(-30, 12):
        other = squared_error(w, Grid(np.full(3, 2.0**exponent), 0, -hi, hi))
        assert np.all(best <= other + 1e-6 * (w**2).sum())


def test_signs_round_trip_and_their_zero_counts_as_plus():
    grid = Signs([0.5, 2.0])
    assert grid.bits == 1
    codes = grid.quantize(np.array([[0.0, -3.0, 0.1], [-0.0, 7.0, -1e-30]]))
    assert codes.tolist() == [[1, -1, 1], [1, 1, -1]]
    values = grid.dequantize(codes)
    assert values.tolist() == [[0.5, -0.5, 0.5], [2, 2, -2]]
    assert np.array_equal(grid.quantize(values), codes)


def test_channels_of_zeros_have_a_defined_scale():
    zeros = np.zeros((2, 5))
    assert binary_scale(zeros).tolist() == ternary_scale(zeros).tolist() == [1, 1]
    assert power_of_two_scale(zeros, 7).tolist() == [1, 1]
    assert lowest_grid(zeros, 2).quantize(zeros).tolist() == np.zeros((2, 5)).tolist()


@pytest.mark.parametrize("scale", [binary_scale, ternary_scale, lambda w: power_of_two_scale(w, 7)])
def test_what_has_no_scale_is_refused(scale):
    with pytest.raises(ValueError, match="at least one in each channel"):
        scale(np.empty((3, 0)))
    with pytest.raises(ValueError, match="finite"):
        scale(np.array([[1.0, np.nan]]))


def test_bits_other_than_the_lowest_are_refused():
    with pytest.raises(ValueError, match="bits"):
        lowest_grid(np.ones((1, 1)), 3)
    with pytest.raises(ValueError, match="hi"):
        power_of_two_scale(np.ones((1, 1)), 0)


def test_best_grids_go_from_eight_bits_to_one_and_each_bit_helps():
    model = student_net()
    w = model.params["fc1.w"]
    errors = [squared_error(w, best_weight_grids(model, bits)["fc1.w"]).sum() for bits in range(1, 9)]
    assert all(after < before for before, after in pairwise(errors))
    mixed = best_weight_grids(model, {"conv1": 8, "conv2": 1, "fc1": 2, "fc2": 3})
    assert [mixed[f"{name}.w"].bits for name in ("conv1", "conv2", "fc1", "fc2")] == [8, 1, 2, 3]
    with pytest.raises(ValueError, match="weights"):
        best_weight_grids(model, {"conv1": 8})
    with pytest.raises(ValueError, match="conv1"):
        best_weight_grids(model, 9)


def test_power_of_two_grids_run_without_a_multiplier_and_nearly_as_well():
    model = student_net()
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28)).astype(np.uint8)
    grids = calibrate(model, images)
    shifted = power_of_two_grids(model, grids)
    assert float(shifted["input"].scale) == 1 / 256
    program = lower(model, shifted, rounding="shift")
    z = real(integer.run(program, shifted["input"].quantize(to_input(images))), program.output)
    exact = logits(model, images)
    assert ((z - exact) ** 2).mean() < 0.01 * exact.var()


def test_power_of_two_grids_keep_signs_and_leave_room_for_biases():
    model = student_net()
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


def test_grids_of_a_network_with_batch_norm_are_those_of_the_folded_one():
    model = separable_net()
    rng = np.random.default_rng(0)
    params = {k: rng.uniform(0.5, 2, p.shape) if k.endswith("gamma") else p for k, p in model.params.items()}
    model = model.with_params({k: p.astype(np.float32) for k, p in params.items()})
    for bits in (1, 2, 4):
        one, other = best_weight_grids(model, bits), best_weight_grids(fold_batch_norm(model), bits)
        assert all(np.array_equal(one[name].scale, other[name].scale) for name in one.keys() | other.keys())
