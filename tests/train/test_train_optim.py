"""Optimizers against scalar loops, schedules against their equations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stepping import DECAYS, RATES, SEEDS, draw, steps

from tinyzip.train.optim import SGD, AdamW, constant, cosine, one_cycle

EPS = np.finfo(np.float64).eps
ROUNDINGS = 100  # times ε: more than three steps of both loops round, each time by ε/2 of the terms


def decays(name):
    """The choice of names where nothing else is said, by hand."""
    return name in ("conv.w", "linear.w")


def test_steps_are_counted_in_whole_numbers_and_means_in_the_dtype_of_the_arrays():
    state = AdamW().init({"a.w": np.zeros((2, 3), np.float32)})
    assert {name: (array.dtype, array.shape) for name, array in state.items()} == {
        "t": (np.int64, ()),
        "a.w.m": (np.float32, (2, 3)),
        "a.w.v": (np.float32, (2, 3)),
    }


@given(SEEDS, RATES, DECAYS, st.sampled_from([0.0, 0.5, 0.9]), st.booleans())
def test_sgd_is_the_scalar_loop(seed, lr, decay, momentum, nesterov):
    """(O1)"""
    nesterov = nesterov and momentum > 0
    rule = SGD(momentum, nesterov, decay)
    params, gradients = draw(seed), [draw(seed + t) for t in (1, 2, 3)]
    found = steps(rule, params, gradients, lr)[0]
    for name, p in params.items():
        for at in np.ndindex(p.shape):
            value, b, terms = p[at], 0.0, abs(p[at])
            for grads in gradients:
                g = grads[name][at] + (decay * value if decays(name) else 0.0)
                b = momentum * b + g
                value -= lr * (g + momentum * b if nesterov else b)
                terms += lr * (abs(g) + abs(b))
            assert abs(found[name][at] - value) <= ROUNDINGS * EPS * terms


@given(SEEDS, RATES, DECAYS, st.sampled_from([0.0, 0.9]), st.sampled_from([0.5, 0.999]))
def test_adamw_is_the_scalar_loop(seed, lr, decay, beta1, beta2):
    """(O2)"""
    rule = AdamW(beta1, beta2, 1e-8, decay)
    params, gradients = draw(seed), [draw(seed + t) for t in (1, 2, 3)]
    found = steps(rule, params, gradients, lr)[0]
    for name, p in params.items():
        for at in np.ndindex(p.shape):
            value, m, v, terms, size = p[at], 0.0, 0.0, abs(p[at]), 0.0
            for t, grads in enumerate(gradients, 1):
                g = grads[name][at]
                m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
                size = beta1 * size + (1 - beta1) * abs(g)
                root = math.sqrt(v / (1 - beta2**t)) + 1e-8
                value -= lr * (m / (1 - beta1**t) / root + (decay * value if decays(name) else 0.0))
                terms += lr * (size / (1 - beta1**t) / root + decay * abs(value))
            assert abs(found[name][at] - value) <= ROUNDINGS * EPS * terms


def test_nesterovs_rule_is_that_of_sutskever_et_al_seen_from_where_it_looks_ahead():
    """(O1): Their equations 3 and 4, v ← μv − η∇f(θ + μv) and θ ← θ + v, on f = Σ a·θ²/2; p = θ + μv."""
    a, lr, mu = np.array([0.1, 1.0, 3.0]), 0.2, 0.9
    theta, v = np.ones(3), np.zeros(3)
    params, rule = {"x": np.ones(3)}, SGD(mu, nesterov=True)
    state = rule.init(params)
    for _ in range(9):
        v = mu * v - lr * a * (theta + mu * v)
        theta = theta + v
        rule.step(params, {"x": a * params["x"]}, state, lr)
        assert np.abs(params["x"] - (theta + mu * v)).max() <= 9 * ROUNDINGS * EPS  # values stay below 1


def test_the_first_step_of_adamw_is_as_long_as_the_learning_rate_whatever_the_gradient():
    params = {"x": np.zeros(3)}
    rule = AdamW(eps=1e-30)
    rule.step(params, {"x": np.array([1e-9, -1.0, 1e9])}, rule.init(params), 0.1)
    np.testing.assert_allclose(params["x"], [-0.1, 0.1, -0.1], rtol=ROUNDINGS * EPS)


@pytest.mark.parametrize("rule", [SGD, AdamW])
@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({}, {"conv.w", "linear.w"}),
        ({"decayed": ("conv.w", "linear.b")}, {"conv.w", "linear.b"}),
        ({"decayed": (".gamma", ".b")}, {"norm.gamma", "linear.b"}),
        ({"decayed": ()}, set()),
        ({"decayed": ("",)}, {"conv.w", "norm.gamma", "linear.w", "linear.b"}),
    ],
)
def test_the_decay_pulls_on_the_names_that_are_chosen_and_on_no_others(rule, chosen, named):
    """Without gradient a step multiplies by 1 − ηλ what decays, and leaves the rest."""
    params = draw(0)
    zeros = {name: np.zeros_like(p) for name, p in params.items()}
    found = steps(rule(weight_decay=0.5, **chosen), params, [zeros], 0.1)[0]
    for name, p in params.items():
        np.testing.assert_allclose(found[name], 0.95 * p if name in named else p, rtol=4 * EPS)


@pytest.mark.parametrize("rule", [SGD(), AdamW()])
def test_only_what_has_a_gradient_is_stepped(rule):
    params = draw(0)
    before = {name: p.copy() for name, p in params.items()}
    state = rule.init(params)
    rule.step(params, {}, state, 0.1)
    rule.step(params, {"linear.b": np.ones(4)}, state, 0.1)
    assert [name for name in params if not np.array_equal(params[name], before[name])] == ["linear.b"]


@pytest.mark.parametrize("rule", [SGD(0.9), AdamW()])
def test_a_step_keeps_gradients_dtype_and_arrays_in_place(rule):
    params, grads = draw(1, np.float32), draw(2, np.float32)
    before, arrays = {name: g.copy() for name, g in grads.items()}, dict(params)
    state = rule.init(params)
    kept = dict(state)
    rule.step(params, grads, state, np.float64(0.1))
    assert all(params[name] is array and array.dtype == np.float32 for name, array in arrays.items())
    assert all(state[name] is array for name, array in kept.items())
    assert all(np.array_equal(grads[name], array) for name, array in before.items())


@given(st.floats(0, 1), st.floats(1e-6, 10), st.floats(0, 0.9), st.floats(0, 1e-2))
def test_schedules_are_their_equations(t, peak, warmup, end):
    """(O3)"""
    assert constant(peak)(t) == peak
    fall = 0.5 * (1 + math.cos(math.pi * (t - warmup) / (1 - warmup)))
    risen = t / warmup if t < warmup else 1
    expected = peak * risen if t < warmup else end + (peak - end) * fall
    assert cosine(peak, warmup, end)(t) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    first, last = peak / 25, peak / 25e4
    rise = first + (peak - first) * 0.5 * (1 - math.cos(math.pi * risen))
    expected = rise if t < warmup else last + (peak - last) * fall
    assert one_cycle(peak, warmup)(t) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_schedules_begin_peak_and_end_where_they_say():
    """(O3)"""
    for schedule, start, end in ((cosine(0.5, 0.2, 0.1), 0.0, 0.1), (one_cycle(0.5, 0.2), 0.02, 2e-6)):
        assert [schedule(t) for t in (0.0, 0.2, 1.0)] == pytest.approx([start, 0.5, end], rel=1e-9, abs=1e-12)


def test_settings_that_are_not_given_are_the_usual_ones():
    weights = (".w",)
    assert SGD() == SGD(0.9, False, 0.0, weights)
    assert AdamW() == AdamW(0.9, 0.999, 1e-8, 0.01, weights)
    assert cosine(0.1) == cosine(0.1, 0.0, 0.0)
    assert one_cycle(0.1) == one_cycle(0.1, 0.3)
