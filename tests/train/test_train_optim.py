"""Optimizers against scalar loops, schedules against their equations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.machine.workers import Workers
from tinyzip.train.blocks import BLOCK, ENOUGH
from tinyzip.train.optim import SGD, AdamW, Schedule, constant, cosine, one_cycle

SHAPES = {"w": (3, 4), "b": (4,), "k": (2, 1, 2, 2)}
seeds = st.integers(0, 2**32 - 1)
rates = st.floats(1e-4, 1.0)
decays = st.sampled_from([0.0, 1e-2, 0.5])


def draw(rng, shapes=SHAPES, dtype=np.float64):
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


@given(seeds, rates, decays, st.sampled_from([0.0, 0.5, 0.9]), st.booleans())
def test_sgd_is_the_scalar_loop(seed, lr, decay, momentum, nesterov):
    nesterov = nesterov and momentum > 0
    rng = np.random.default_rng(seed)
    params = draw(rng)
    expected = {name: p.copy() for name, p in params.items()}
    b = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    rule = SGD(momentum, nesterov, decay)
    state = rule.init(params)
    for _ in range(3):
        grads = draw(rng)
        rule.step(params, grads, state, lr)
        for name, p in expected.items():
            for at in np.ndindex(p.shape):
                g = grads[name][at] + (decay * p[at] if p.ndim > 1 else 0.0)
                b[name][at] = momentum * b[name][at] + g
                p[at] -= lr * (g + momentum * b[name][at] if nesterov else b[name][at])
    for name, p in expected.items():
        assert np.allclose(params[name], p, rtol=1e-12, atol=1e-14)


@given(seeds, rates, decays, st.sampled_from([0.0, 0.9]), st.sampled_from([0.5, 0.999]))
def test_adamw_is_the_scalar_loop(seed, lr, decay, beta1, beta2):
    rng = np.random.default_rng(seed)
    params = draw(rng)
    expected = {name: p.copy() for name, p in params.items()}
    m, v = ({name: np.zeros(shape) for name, shape in SHAPES.items()} for _ in range(2))
    rule = AdamW(beta1, beta2, 1e-8, decay)
    state = rule.init(params)
    for t in range(1, 4):
        grads = draw(rng)
        rule.step(params, grads, state, lr)
        for name, p in expected.items():
            for at in np.ndindex(p.shape):
                g = grads[name][at]
                m[name][at] = beta1 * m[name][at] + (1 - beta1) * g
                v[name][at] = beta2 * v[name][at] + (1 - beta2) * g * g
                m_hat, v_hat = m[name][at] / (1 - beta1**t), v[name][at] / (1 - beta2**t)
                p[at] -= lr * (m_hat / (math.sqrt(v_hat) + 1e-8) + (decay * p[at] if p.ndim > 1 else 0.0))
    for name, p in expected.items():
        assert np.allclose(params[name], p, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", [SGD(), SGD(0.9, True, 0.1), SGD(0.0), AdamW()])
def test_blocks_and_threads_do_not_change_a_bit(rule):
    """An array of many blocks is stepped like its entries by themselves, on one thread or three."""
    shapes = {"w": (ENOUGH, BLOCK - 7), "b": (5,)}
    rng = np.random.default_rng(0)
    start, grads = draw(rng, shapes, np.float32), draw(rng, shapes, np.float32)
    results = []
    for threads in (1, 3):
        params = {name: p.copy() for name, p in start.items()}
        state = rule.init(params)
        with Workers(threads) as workers:
            for _ in range(2):
                rule.step(params, grads, state, 0.1, workers)
        results.append(params)
    row = {"w": start["w"][-1:].copy()}
    state = rule.init(row)
    for _ in range(2):
        rule.step(row, {"w": grads["w"][-1:]}, state, 0.1)
    assert results[0]["w"].tobytes() == results[1]["w"].tobytes()
    assert results[0]["b"].tobytes() == results[1]["b"].tobytes()
    assert results[0]["w"][-1:].tobytes() == row["w"].tobytes()


@pytest.mark.parametrize("rule", [SGD(), AdamW()])
def test_only_what_has_a_gradient_is_stepped(rule):
    params = draw(np.random.default_rng(0))
    before = {name: p.copy() for name, p in params.items()}
    state = rule.init(params)
    rule.step(params, {}, state, 0.1)
    rule.step(params, {"b": np.ones(4)}, state, 0.1)
    assert [name for name in SHAPES if not np.array_equal(params[name], before[name])] == ["b"]


@pytest.mark.parametrize("rule", [SGD(0.9), AdamW()])
def test_a_step_keeps_gradients_dtype_and_arrays_in_place(rule):
    rng = np.random.default_rng(1)
    params, grads = draw(rng, dtype=np.float32), draw(rng, dtype=np.float32)
    before = {name: g.copy() for name, g in grads.items()}
    arrays = dict(params)
    state = rule.init(params)
    rule.step(params, grads, state, 0.1)
    assert all(params[name] is arrays[name] and params[name].dtype == np.float32 for name in SHAPES)
    assert all(np.array_equal(grads[name], before[name]) for name in SHAPES)


@given(st.floats(0, 1), st.floats(1e-6, 10), st.floats(0, 0.9), st.floats(0, 1e-2))
def test_schedules_are_their_equations(t, peak, warmup, end):
    assert constant(peak)(t) == peak
    fall = 0.5 * (1 + math.cos(math.pi * (t - warmup) / (1 - warmup)))
    expected = peak * t / warmup if t < warmup else end + (peak - end) * fall
    assert cosine(peak, warmup, end)(t) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    first, last = peak / 25, peak / 25e4
    rise = first + (peak - first) * 0.5 * (1 - math.cos(math.pi * t / max(warmup, 1e-300)))
    expected = rise if t < warmup else last + (peak - last) * fall
    assert one_cycle(peak, warmup)(t) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_schedules_begin_peak_and_end_where_they_say():
    for schedule, start, end in ((cosine(0.5, 0.2, 0.1), 0.0, 0.1), (one_cycle(0.5, 0.2), 0.02, 2e-6)):
        assert [schedule(t) for t in (0.0, 0.2, 1.0)] == pytest.approx([start, 0.5, end], rel=1e-9, abs=1e-12)


P = {"w": np.zeros((2, 2))}


@pytest.mark.parametrize(
    "call",
    [
        lambda: SGD(1.0),
        lambda: SGD(weight_decay=-1.0),
        lambda: SGD(0.0, nesterov=True),
        lambda: AdamW(beta1=1.0),
        lambda: AdamW(beta2=-0.1),
        lambda: AdamW(eps=0.0),
        lambda: AdamW(weight_decay=math.nan),
        lambda: constant(-1.0),
        lambda: constant(math.inf),
        lambda: cosine(1.0, warmup=1.0),
        lambda: one_cycle(1.0)(1.5),
        lambda: one_cycle(1.0)(-0.1),
        lambda: AdamW().step(P, {"v": P["w"]}, {}, 0.1),
        lambda: AdamW().step(P, {"w": np.zeros(4)}, {}, 0.1),
        lambda: SGD().step(P, P, {}, math.nan),
        lambda: SGD().step(P, P, {}, 0.1),
        lambda: AdamW().step(P, P, {}, 0.1),
        lambda: AdamW().step(P, P, AdamW().init({"w": np.zeros((2, 3))}), 0.1),
        lambda: SGD(momentum="0.9"),
        lambda: AdamW(eps=None),
        lambda: one_cycle(None),
        lambda: Schedule(0.1, 0.1, 0.1, 0.5, "cubic"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call):
    with pytest.raises(ValueError, match=r"^\w+(: \w+)?.*: found .*, needed "):
        call()


@pytest.mark.parametrize("rule", [SGD(), AdamW()])
def test_arrays_of_another_dtype_or_none_at_all_are_refused(rule):
    state = rule.init(P)
    for params, grads in (
        (P, {"w": np.zeros((2, 2), np.float32)}),
        (P, {"w": [[0.0] * 2] * 2}),
        (None, P),
        (P, 3),
    ):
        with pytest.raises(TypeError, match=r"step: (params|grads).*: found .*, needed "):
            rule.step(params, grads, state, 0.1)
    for params in ({"w": np.zeros((2, 2), int)}, {"w": [0.0]}, [P["w"]]):
        with pytest.raises(TypeError, match=r"init: params.*: found .*, needed "):
            rule.init(params)
