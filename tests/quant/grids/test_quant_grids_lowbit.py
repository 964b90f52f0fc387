"""One bit and three values: scales against brute force, and grids from eight bits down to one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_networks import squared_errors

from tinyzip.nn.models import separable_net, student_net
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.lowbit import Signs, best_weight_grids, binary_scale, lowest_grid, ternary_scale

seeds = st.integers(0, 2**32 - 1)


def weights(seed, F=3, K=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(F, K)) ** rng.integers(1, 4) * rng.uniform(0.01, 10)


@given(seeds, st.sampled_from([Signs, lambda scale: Grid(scale, 0, -1, 1)]))
def test_scales_in_closed_form_beat_a_brute_force_search(seed, grid):
    """(QL1), (QL2), (QL3)"""
    w = weights(seed)
    scale = binary_scale(w) if grid is Signs else ternary_scale(w)
    q = grid(scale).quantize(w).astype(int)
    assert scale == pytest.approx((w * q).sum(axis=1) / (q * q).sum(axis=1))
    best = squared_errors(w, grid(scale))
    for other in np.linspace(0.01, 1, 200) * np.abs(w).max():
        assert (best <= squared_errors(w, grid(np.full(3, other))) + 1e-12 * (w**2).sum()).all()


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
    assert lowest_grid(zeros, 2).quantize(zeros).tolist() == np.zeros((2, 5)).tolist()


@pytest.mark.parametrize("scale", [binary_scale, ternary_scale])
def test_what_has_no_scale_is_refused(scale):
    for w in (np.empty((3, 0)), np.empty((0, 3)), np.ones(3)):
        with pytest.raises(ValueError, match="at least one in each channel"):
            scale(w)
    with pytest.raises(ValueError, match="finite"):
        scale(np.array([[1.0, np.nan]]))


@pytest.mark.parametrize("more", [(1,), (1, -1, 1), (0, -2, 1), (0, -1, 2), ([0, 1],)])
def test_signs_are_minus_one_and_one_and_nothing_else(more):
    with pytest.raises(ValueError, match="Signs: zero, lo, hi"):
        Signs(1.0, *more)
    grid = Signs([0.5, 2.0], [0, 0], -1, 1)
    assert (grid.lo, grid.hi, grid.bits) == (-1, 1, 1) and not grid.zero.any()


def test_bits_other_than_the_lowest_are_refused():
    """One bit has two codes, two have three."""
    w = np.array([[0.5, -2.0, 3.0]])
    assert [(grid.lo, grid.hi, grid.bits) for grid in map(lowest_grid, (w, w), (1, 2))] == [
        (-1, 1, 1),
        (-1, 1, 2),
    ]
    for bits in (3, 0, True):
        with pytest.raises(ValueError, match="lowest_grid: bits"):
            lowest_grid(np.ones((1, 1)), bits)


def test_signs_of_another_number_of_channels_are_refused():
    with pytest.raises(ValueError, match=r"^Signs.quantize: x: found shape \(3, 2\), needed \(2, …\)"):
        Signs([0.5, 2.0], [0, 0], -1, 1).quantize(np.ones((3, 2)))


def test_best_grids_go_from_eight_bits_to_one_and_each_bit_helps():
    model = student_net()
    w = model.params["fc1.w"]
    errors = [squared_errors(w, best_weight_grids(model, bits)["fc1.w"]).sum() for bits in range(1, 9)]
    assert all(after < before for before, after in pairwise(errors))
    mixed = best_weight_grids(model, {"conv1": 8, "conv2": 1, "fc1": 2, "fc2": 3})
    assert [mixed[f"{name}.w"].bits for name in ("conv1", "conv2", "fc1", "fc2")] == [8, 1, 2, 3]
    with pytest.raises(ValueError, match="weights"):
        best_weight_grids(model, {"conv1": 8})
    with pytest.raises(ValueError, match="conv1"):
        best_weight_grids(model, 9)


def test_grids_of_a_network_with_batch_norm_are_those_of_the_folded_one():
    model = separable_net()
    rng = np.random.default_rng(0)
    params = {k: rng.uniform(0.5, 2, p.shape) if k.endswith("gamma") else p for k, p in model.params.items()}
    model = model.with_params({k: p.astype(np.float32) for k, p in params.items()})
    for bits in (1, 2, 4):
        one, other = best_weight_grids(model, bits), best_weight_grids(fold_batch_norm(model), bits)
        assert all(np.array_equal(one[name].scale, other[name].scale) for name in one.keys() | other.keys())
