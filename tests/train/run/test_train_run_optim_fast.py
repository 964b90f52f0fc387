"""The fast optimizers are the textbook's, but for rounding that is counted; others are used as they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stepping import DECAYS, RATES, SEEDS, draw, steps
from tiny import bytes_of, network, train

from tinyzip.machine.packed import CHUNK, ENOUGH, Packed
from tinyzip.machine.workers import Workers
from tinyzip.train.optim import SGD, AdamW, constant
from tinyzip.train.run.checkpoint import read
from tinyzip.train.run.optim_fast import packed_optimizer

DTYPES = st.sampled_from([np.float32, np.float64])
NAMES = st.sampled_from([(".w",), (), (".gamma", "linear.b")])


def fast_steps(rule, params, gradients, lr, threads=1):
    """Parameters after a step for each of the gradients, as `fit` makes them."""
    fast = packed_optimizer(rule)
    packed, slopes = (Packed.like(params, fast.group) for _ in range(2))
    packed.fill(params)
    state = fast.init(packed)
    with Workers(threads) as workers:
        for grads in gradients:
            slopes.fill(grads)
            fast.step(packed, slopes, state, lr, workers)
    return packed.places


@pytest.mark.parametrize("kind", [SGD, AdamW])
def test_arrays_lie_in_two_vectors_where_some_decay_and_else_in_one(kind):
    params = draw(0, np.float32)
    for decay, names, groups in ((0.1, (".w",), 2), (0.1, (), 1), (0.1, ("",), 1), (0.0, (".w",), 1)):
        group = packed_optimizer(kind(weight_decay=decay, decayed=names)).group
        assert len(Packed.like(params, group).vectors) == groups


@given(SEEDS, RATES, DECAYS, NAMES, st.sampled_from([0.0, 0.9]), st.booleans(), DTYPES)
def test_fast_sgd_is_the_textbooks_but_for_rounding(seed, lr, decay, names, momentum, nesterov, dtype):
    """(O1): Rounding is by u = ε/2 of what is rounded; a scalar is rounded too when it meets an array.

    With the sum of terms G = |g| + λ|p| and B ← μB + G, b differs by E ← μE + λD + 2·6uB, for p that differ
    by D: on each side λ, λp, the sum with g, μ, μb and the sum with that are rounded, 6 times at most. Then
    D ← D + η(E + λD) + 2·5u(|p| + η(G + B)): μ, μb and the sum, or η twice, the product, the difference.
    """
    rule = SGD(momentum, nesterov and momentum > 0, decay, names)
    u = np.finfo(dtype).eps / 2
    params, gradients = draw(seed, dtype), [draw(seed + t, dtype) for t in (1, 2, 3)]
    found = fast_steps(rule, params, gradients, lr)
    for name, p in params.items():
        decays = decay if name.endswith(names) else 0.0
        B, E, D = (np.zeros(p.shape) for _ in range(3))
        for t, grads in enumerate(gradients):
            p = np.abs(steps(rule, params, gradients[:t], lr)[0][name].astype(float))
            G = np.abs(grads[name].astype(float)) + decays * p
            B = momentum * B + G
            E = momentum * E + decays * D + 12 * u * B
            D = D + lr * (E + decays * D) + 10 * u * (p + lr * (G + B))
        expected = steps(rule, params, gradients, lr)[0][name]
        assert (np.abs(found[name].astype(float) - expected) <= D).all()


@given(SEEDS, RATES, DECAYS, NAMES, st.sampled_from([0.0, 0.9]), st.sampled_from([0.5, 0.999]), DTYPES)
def test_fast_adamw_is_the_textbooks_but_for_rounding(seed, lr, decay, names, beta1, beta2, dtype):
    """(O4): Rounding is by u = ε/2 of what is rounded; a scalar is rounded too when it meets an array.

    m and v, and so M and V, are off by 3t + 3 roundings of the terms' sizes: β, the product and the sum in
    each step, and before that 1 − β, g² and their product. On each side come m̂ (2), the root (half of v's
    and of 2 for v̂, and 1), ε and the sum (2), the quotient (1), η or r and the product (2), and fewer than
    ten of the numbers themselves: less than 5t + 20 of the size R that the step would have if no terms
    cancelled. The decay and the difference round p 6 times. Gradients are given, so differences add up.
    """
    rule = AdamW(beta1, beta2, 1e-8, decay, names)
    u = np.finfo(dtype).eps / 2
    params, gradients = draw(seed, dtype), [draw(seed + t, dtype) for t in (1, 2, 3)]
    found = fast_steps(rule, params, gradients, lr)
    for name, p in params.items():
        A, v, D = (np.zeros(p.shape) for _ in range(3))
        for t, grads in enumerate(gradients, 1):
            p = np.abs(steps(rule, params, gradients[: t - 1], lr)[0][name].astype(float))
            g = np.abs(grads[name].astype(float))
            A, v = beta1 * A + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
            R = A / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + 1e-8)
            D += 2 * u * ((5 * t + 20) * lr * R + 6 * (p + lr * R))
        expected = steps(rule, params, gradients, lr)[0][name]
        assert (np.abs(found[name].astype(float) - expected) <= D).all()


@pytest.mark.parametrize("rule", [SGD(), SGD(0.9, True, 0.1), SGD(0.0), AdamW(), AdamW(weight_decay=0.0)])
def test_chunks_threads_and_packing_do_not_change_a_bit(rule):
    """An array of many chunks is stepped like one of its rows by itself, on one thread or three."""
    shapes = {"a.w": (ENOUGH, CHUNK - 7), "a.b": (5,), "b.w": (3, 2), "b.b": (1,)}
    start, *gradients = (draw(seed, np.float32, shapes) for seed in range(3))
    one, three = (fast_steps(rule, start, gradients, 0.1, threads) for threads in (1, 3))
    assert all(one[name].tobytes() == three[name].tobytes() for name in shapes)
    row = fast_steps(rule, {"a.w": start["a.w"][-1]}, [{"a.w": g["a.w"][-1]} for g in gradients], 0.1)
    assert one["a.w"][-1].tobytes() == row["a.w"].tobytes()
    for name in ("b.w", "a.b"):
        alone = fast_steps(rule, {name: start[name]}, [{name: g[name]} for g in gradients], 0.1)
        assert one[name].tobytes() == alone[name].tobytes()


def test_numbers_from_numpy_step_like_pythons():
    rules = [AdamW(weight_decay=0.1), AdamW(*map(np.float64, (0.9, 0.999, 1e-8, 0.1)))]
    params, gradients = draw(0, np.float32), [draw(1, np.float32)]
    one, other = (fast_steps(rule, params, gradients, np.float64(0.1)) for rule in rules)
    assert all(one[name].tobytes() == other[name].tobytes() for name in params)


class Lion:
    """A rule of a caller's own [Chen et al. 2023, algorithm 2], without decay."""

    def init(self, params):
        return {f"{name}.m": np.zeros_like(p) for name, p in params.items()}

    def step(self, params, grads, state, lr):
        for name, g in grads.items():
            m = state[f"{name}.m"]
            params[name] -= lr * np.sign(0.9 * m + 0.1 * g)
            m[...] = 0.99 * m + 0.01 * g


def test_a_rule_of_ones_own_trains_and_resumes_to_the_bit(tmp_path):
    path = tmp_path / "file"
    straight, history = train(optimizer=Lion())
    assert np.isfinite(history.loss).all()

    def stop(epoch):
        raise StopIteration

    with pytest.raises(StopIteration):
        train(optimizer=Lion(), checkpoint=path, callbacks=[stop])
    assert "optimizer/conv.w.m" in read(path)[1]
    for threads in (1, 2):
        assert bytes_of(train(optimizer=Lion(), resume=path, threads=threads)[0]) == bytes_of(straight)


def test_a_class_that_inherits_from_a_rule_is_used_as_it_is():
    class Still(AdamW):
        def step(self, params, grads, state, lr):
            met.append({name: g.shape for name, g in grads.items()})

    met, start = [], network()
    trained, _ = train(model=start, optimizer=Still())
    assert all(np.array_equal(trained.params[name], start.params[name]) for name in start.trainable())
    assert met == [{name: start.params[name].shape for name in start.trainable()}] * 6


def test_a_network_trains_by_the_textbook_as_by_the_fast_rule():
    """After one step, in which R is at most 1, see above."""

    class Textbook(AdamW):
        """The rule as printed: a class that inherits has no fast form."""

    lr, u = 0.01, np.finfo(np.float32).eps / 2
    options = {"epochs": 1, "batch": 46, "schedule": constant(lr)}
    fast, textbook = (train(optimizer=rule, **options)[0].params for rule in (AdamW(), Textbook()))
    for name in network().trainable():
        bound = 2 * u * (25 * lr + 6 * (np.abs(fast[name]) + lr))
        assert (np.abs(fast[name] - textbook[name]) <= bound).all()
        assert not np.array_equal(textbook[name], network().params[name])
