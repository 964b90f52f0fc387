"""Codes that minimise a quadratic: AdaRound and the descent, against their definitions and brute force."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from gradcheck import assert_gradients, numerical_gradient
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.quant.rounding import quadratic as module
from tinyzip.quant.rounding.quadratic import (
    GAMMA,
    LAMBDA,
    ZETA,
    Rows,
    adaround_codes,
    best_codes,
    descend,
    penalty,
    relaxed,
    soft_start,
    soft_step,
)

seeds = st.integers(0, 10**6)


def problem(seed, F=4, K=6, hi=7, shifted=False):
    """Rows with correlated inputs; with `shifted` the float network's inputs are not the quantized one's."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(K, 2)) @ rng.normal(size=(2, 60)) + 0.3 * rng.normal(size=(K, 60))
    seen = x + (0.2 * rng.normal(size=x.shape) if shifted else 0)
    both = np.cov(x, seen, bias=True)
    w, step = rng.normal(size=(F, K)), rng.uniform(0.2, 0.8, F)
    return Rows(w, step, -hi, hi, both[K:, K:], both[:K, K:]), x, seen


@given(seeds)
def test_the_loss_is_the_squared_error_of_the_centred_output_up_to_a_constant(seed):
    """(QQ1), (QR1)"""
    rows, x, seen = problem(seed, shifted=True)
    q = rows.nearest()
    outputs = (q * rows.step[:, None]) @ seen - rows.w @ x
    centred = outputs - outputs.mean(axis=1, keepdims=True)
    constant = (rows.w @ np.cov(x, bias=True) * rows.w).sum(axis=1)
    np.testing.assert_allclose(rows.loss(q)[0] + constant, (centred**2).mean(axis=1), atol=1e-12)


@given(seeds)
def test_the_nearest_codes_are_each_weights_own(seed):
    rows, *_ = problem(seed, hi=2)
    everything = np.arange(-2, 3)
    for f, k in np.ndindex(rows.w.shape):
        apart = np.abs(everything * rows.step[f] - rows.w[f, k])
        assert apart[rows.nearest()[f, k].astype(int) + 2] == apart.min()


@given(seeds)
def test_the_slope_of_the_loss_is_its_derivative(seed):
    rows, *_ = problem(seed, shifted=True)
    q = rows.nearest()
    dq = rows.loss(q)[1] * rows.step[:, None]
    assert_gradients(lambda: rows.loss(q)[0], {"q": q}, {"q": dq}, np.ones(len(q)))


def test_soft_steps_reach_0_and_1_and_their_slope_is_the_difference_quotient():
    """(QQ2)"""
    V = np.linspace(-4, 4, 81) + 0.01
    h, slope = soft_step(V)
    sigmoid = 1 / (1 + np.exp(-V))
    np.testing.assert_allclose(h, np.clip(sigmoid * (ZETA - GAMMA) + GAMMA, 0, 1), atol=1e-15)
    assert h.min() == 0 and h.max() == 1
    inner = V[(h > 0.01) & (h < 0.99)]
    slopes = {"V": soft_step(inner)[1]}
    assert_gradients(lambda: soft_step(inner)[0], {"V": inner}, slopes, np.ones(len(inner)))
    assert not slope[(h == 0) | (h == 1)].any()
    within = np.linspace(0.001, 0.999, 50)
    np.testing.assert_allclose(soft_step(soft_start(within))[0], within, atol=1e-14)


@pytest.mark.parametrize("beta", [2.0, 7.5, 11.0])
def test_the_penalty_is_the_printed_one_and_free_at_0_and_1(beta):
    h = np.linspace(0.05, 0.95, 10)
    value, dh = penalty(h, beta)
    assert value == pytest.approx(sum(1 - abs(2 * one - 1) ** beta for one in h.tolist()))
    assert_gradients(lambda: np.asarray(penalty(h, beta)[0]), {"h": h}, {"h": dh}, np.ones(()))
    assert penalty(np.array([0.0, 1.0]), beta)[0] == 0


@pytest.mark.parametrize("beta", [None, 2.0, 11.0])
@pytest.mark.parametrize("hi", [1, 7])
def test_the_gradient_of_the_relaxed_objective_is_the_difference_quotient(beta, hi):
    """(QQ3), where weights are clipped (hi = 1) as where they are not; V is kept off the kinks of h."""
    rows, *_ = problem(3, hi=hi, shifted=True)
    V = np.random.default_rng(0).uniform(-2, 2, rows.w.shape)
    floor, h = np.floor(rows.w / rows.step[:, None]), soft_step(V)[0]
    value, dV = relaxed(rows, V, 0.5, beta)
    wanted = rows.loss(np.clip(floor + h, -hi, hi))[0].sum() / 0.5
    assert value == pytest.approx(wanted + (LAMBDA * penalty(h, beta)[0] if beta else 0))
    expected = numerical_gradient(lambda: relaxed(rows, V, 0.5, beta)[0], V)
    np.testing.assert_allclose(dV, expected, atol=1e-6 * np.abs(expected).max())


@given(seeds, st.sampled_from([1, 3, 7]))
@settings(max_examples=15)
def test_the_best_codes_are_never_worse_than_nearest_rounding_and_its_descent(seed, hi):
    rows, *_ = problem(seed, hi=hi)
    codes, nearest = best_codes(rows, 100), rows.nearest()
    assert codes.dtype == np.int64 and np.abs(codes).max() <= hi
    least = rows.loss(codes)[0]
    scale = np.abs(rows.loss(nearest)[0]).max()
    assert (least <= rows.loss(descend(rows, nearest))[0] + 1e-12 * scale).all()
    assert (rows.loss(descend(rows, nearest))[0] <= rows.loss(nearest)[0] + 1e-12 * scale).all()


@given(seeds)
def test_of_uncorrelated_inputs_the_best_codes_are_the_nearest(seed):
    rows, *_ = problem(seed)
    variances = np.diag(np.random.default_rng(seed).uniform(0.1, 2, rows.w.shape[1]))
    apart = Rows(rows.w, rows.step, rows.lo, rows.hi, variances, variances)
    np.testing.assert_array_equal(best_codes(apart, 5), apart.nearest())


@given(seeds, st.integers(2, 12))
def test_of_one_input_seen_many_times_only_the_sum_counts_and_half_a_step_of_it_is_lost(seed, K):
    """Σ = 1: the output is off by |Σ_k (s·q_k − w_k)|, K/2 steps at nearest rounding, half a step at best."""
    rng = np.random.default_rng(seed)
    w, step = rng.normal(size=(3, K)), rng.uniform(0.2, 0.8, 3)
    ones = np.ones((K, K))
    rows = Rows(w, step, -127, 127, ones, ones)
    lost = np.abs((best_codes(rows, 5) * step[:, None] - w).sum(axis=1))
    assert (lost <= step / 2 * (1 + 1e-6)).all()


@given(seeds, st.booleans())
def test_descent_only_goes_down_and_ends_where_no_single_change_helps(seed, shifted):
    rows, *_ = problem(seed, hi=3, shifted=shifted)
    q = rows.nearest()
    end = descend(rows, q)
    least, scale = rows.loss(end)[0], np.abs(rows.loss(q)[0]).max()
    assert (least <= rows.loss(q)[0] + 1e-12 * scale).all()
    threshold = 1e-9 * (rows.step**2 * np.diag(rows.covariance).max()) + 1e-12 * scale
    for k, change in product(range(rows.w.shape[1]), (-1, 1)):
        other = end.copy()
        other[:, k] = np.clip(other[:, k] + change, -3, 3)
        assert (rows.loss(other)[0] >= least - threshold).all()


@given(seeds)
def test_the_descent_leaves_the_codes_of_weights_that_are_zero_and_of_no_others(seed):
    """The columns of other weights move, those of 1 among them, where the codes are far from the best."""
    rows, *_ = problem(seed, hi=7)
    w = np.where(np.arange(rows.w.shape[1]) % 2, 1.0, 0.0) * np.ones_like(rows.w)
    apart = Rows(w, rows.step, -7, 7, np.eye(w.shape[1]), np.eye(w.shape[1]))
    q = np.full(w.shape, -7.0)
    assert ((descend(apart, q) == q) == (w == 0)).all()


@given(seeds)
@settings(max_examples=10)
def test_each_change_of_the_descent_is_the_best_there_is(seed):
    """(QQ4), of one row, against trying all changes by one in each round."""
    rows, *_ = problem(seed, F=1, hi=3)
    q = rows.nearest()
    path = [q]
    while True:
        neighbours = [path[-1].copy() for _ in range(2 * rows.w.shape[1])]
        for (k, change), other in zip(product(range(rows.w.shape[1]), (-1, 1)), neighbours, strict=True):
            other[0, k] = np.clip(other[0, k] + change, -3, 3)
        best = min(neighbours, key=lambda other: rows.loss(other)[0][0])
        if rows.loss(best)[0][0] >= rows.loss(path[-1])[0][0] - 1e-9:
            break
        path.append(best)
    np.testing.assert_array_equal(descend(rows, q), path[-1])


@pytest.mark.parametrize("iterations", [1, 7, 40, 200])
def test_adaround_is_adam_on_the_relaxed_objective_with_the_printed_schedule(iterations):
    """(QQ3) by [Kingma and Ba 2015, algorithm 1]; after a fifth of the way the penalty, β from 20 to 2."""
    rows, *_ = problem(1, F=12, K=9, shifted=True)
    step = rows.step[:, None]
    floor = np.floor(rows.w / step)
    lost = np.clip(np.rint(rows.w / step), rows.lo, rows.hi) * step - rows.w
    unit = np.trace(lost @ rows.covariance @ lost.T) / lost.size
    V = soft_start(np.clip(rows.w / step - floor, 0.001, 0.999))
    m = v = np.zeros_like(V)
    for t in range(1, iterations + 1):
        way = (t / iterations - 0.2) / 0.8
        beta = 2 + 9 * (1 + np.cos(np.pi * way)) if way > 0 else None
        g = relaxed(rows, V, unit, beta)[1]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        V = V - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-12)
    wanted = np.clip(floor + (soft_step(V)[0] >= 0.5), rows.lo, rows.hi)
    np.testing.assert_array_equal(adaround_codes(rows, iterations), wanted)


def test_adaround_leaves_weights_that_are_on_their_grid():
    """Nothing is lost there, and (QQ3) measures in what is lost."""
    rows, *_ = problem(0, hi=3)
    codes = rows.nearest()
    np.testing.assert_array_equal(adaround_codes(replace(rows, w=codes * rows.step[:, None]), 20), codes)


def test_adaround_ends_at_codes_beside_each_weight_and_learning_finds_better_ones():
    rows, *_ = problem(0, F=50, K=40)
    floor = np.floor(rows.w / rows.step[:, None])
    learned = {iterations: adaround_codes(rows, iterations) for iterations in (1, 500)}
    for codes in learned.values():
        up = codes - np.clip(floor, rows.lo, rows.hi)
        assert ((up == 0) | (up == 1)).all()

    def loss(codes):
        return rows.loss(codes)[0].sum()

    assert loss(learned[500]) < loss(learned[1])
    assert loss(descend(rows, learned[500])) < loss(descend(rows, rows.nearest()))


def test_rows_that_do_not_fit_are_refused():
    for F, K in ((3, 3), (2, 4)):
        with pytest.raises(ValueError, match="Rows: step, covariance, cross"):
            Rows(np.ones((2, 3)), np.ones(F), -1, 1, np.eye(K), np.eye(3))


@pytest.mark.parametrize("iterations", [1, 5, 10, 23])
def test_the_penalty_begins_after_a_fifth_of_the_way_and_its_exponent_falls_from_20_to_2(
    iterations, monkeypatch
):
    """(QQ3)"""
    told = []
    monkeypatch.setattr(module, "relaxed", lambda rows, V, unit, beta: told.append(beta) or (0.0, V))
    adaround_codes(problem(0)[0], iterations)
    ways = [(Fraction(t, iterations) - Fraction(1, 5)) / Fraction(4, 5) for t in range(1, iterations + 1)]
    assert [beta is None for beta in told] == [way <= 0 for way in ways]
    wanted = [2 + 9 * (1 + np.cos(np.pi * float(way))) for way in ways if way > 0]
    np.testing.assert_allclose([beta for beta in told if beta is not None], wanted, rtol=1e-12)


def test_descent_goes_as_far_as_codes_reach_and_not_for_less_than_a_billionth():
    """A weight a little above the middle between two codes gains twice as little by the upper one."""
    one = np.ones((1, 1))
    rows = Rows(3.5 + np.array([[2e-10], [2e-9]]), np.ones(2), -127, 127, one, one)
    assert descend(rows, np.full((2, 1), 3.0)).tolist() == [[3.0], [4.0]]
    small = Rows(1e-16 * rows.w, 1e-16 * rows.step, -127, 127, one, one)  # less than a billionth of 10⁻³⁰
    assert descend(small, np.full((2, 1), 3.0)).tolist() == [[3.0], [3.0]]
    far = Rows(np.full((2, 5), 9.0), np.ones(2), -7, 7, np.eye(5), np.eye(5))
    assert (descend(far, np.full((2, 5), -7.0)) == 7).all()


def test_where_a_soft_step_reaches_1_exactly_it_has_no_slope():
    h, slope = soft_step(np.array([2.397895272798368]))
    assert h.item() == 1 and slope.item() == 0
