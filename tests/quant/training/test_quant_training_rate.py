"""What weights will cost in the file is a term of the loss, and training makes it small."""

import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from quant_networks import pictures, small_network

from tinyzip.distill.guides import Sum
from tinyzip.nn.losses import Batch
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.lowbit import lowest_grid
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.lsq import gradient_scale
from tinyzip.quant.training.rate import Price, entropy, rate
from tinyzip.train.fit import fit, hard_labels

IMAGES = pictures(60)
LABELS = np.arange(60) % 3

seeds = st.integers(0, 2**32 - 1)
ends = st.sampled_from([(-1, 1), (-3, 3), (-7, 7), (-8, 7), (0, 15)])


def draw(seed, lo, hi, per_channel):
    rng = np.random.default_rng(seed)
    step = rng.uniform(0.05, 2, 3 if per_channel else ())
    codes = rng.normal(0, 2, (3, 4, 5))
    return codes * (step.reshape(-1, 1, 1) if per_channel else step), step


def in_words(w, step, lo, hi):
    """(QN1) and (QN2), weight by weight."""
    steps = np.broadcast_to(step.reshape(-1, 1, 1) if step.ndim else step, w.shape)
    counts = {c: 0.0 for c in range(lo, hi + 1)}
    for i in np.ndindex(w.shape):
        u = min(max(w[i] / steps[i], lo), hi)
        for c in counts:
            counts[c] += max(0.0, 1 - abs(u - c))
    return -sum(n * np.log2(n / w.size) for n in counts.values() if n > 0)


@given(seeds, ends, st.booleans())
def test_the_rate_is_the_entropy_of_the_counts(seed, lo_hi, per_channel):
    """(QN1), (QN2)"""
    w, step = draw(seed, *lo_hi, per_channel)
    bits, _, _ = rate(w, step, *lo_hi)
    assert bits == pytest.approx(in_words(w, step, *lo_hi), rel=1e-9, abs=1e-9)
    assert 0 <= bits <= w.size * np.log2(lo_hi[1] - lo_hi[0] + 1) + 1e-9


@given(seeds, ends)
def test_weights_on_their_codes_cost_the_entropy_of_the_codes(seed, lo_hi):
    codes = np.random.default_rng(seed).integers(lo_hi[0], lo_hi[1] + 1, (6, 20))
    _, n = np.unique(codes, return_counts=True)
    bits, _, _ = rate(codes * 0.5, np.array(0.5), *lo_hi)
    assert bits == pytest.approx(-np.sum(n * np.log2(n / codes.size)), abs=1e-9)
    assert entropy(codes * 0.5, np.array(0.5), *lo_hi) == pytest.approx(bits, abs=1e-9)


@given(seeds, ends, st.booleans())
def test_the_entropy_is_that_of_the_codes_that_weights_are_rounded_to(seed, lo_hi, per_channel):
    w, step = draw(seed, *lo_hi, per_channel)
    steps = step.reshape(-1, 1, 1) if per_channel else step
    codes = np.clip(np.rint(w / steps), *lo_hi)
    _, n = np.unique(codes, return_counts=True)
    assert entropy(w, step, *lo_hi) == pytest.approx(-np.sum(n * np.log2(n / w.size)), abs=1e-9)


@given(seeds, ends, st.booleans())
def test_the_gradients_agree_with_differences_and_end_at_the_ends(seed, lo_hi, per_channel):
    """(QN3)"""
    lo, hi = lo_hi
    rng = np.random.default_rng(seed)
    between = np.resize(np.arange(lo - 2, hi + 2), (3, 20)) + rng.uniform(0.05, 0.95, (3, 20))  # no kinks
    step = rng.uniform(0.5, 2, 3 if per_channel else ())
    w = between * (step[:, None] if per_channel else step)
    outside = (between < lo) | (between > hi)
    _, dw, dstep = rate(w, step, lo, hi)
    assert outside.any() and not dw[outside].any()
    arrays, gradients = {"w": w, "step": step}, {"w": dw, "step": dstep}
    assert_gradients(lambda: rate(w, step, lo, hi)[0], arrays, gradients, 1.0)


def test_a_weight_is_pulled_to_the_more_frequent_of_its_neighbours():
    w = np.array([[0.0] * 20 + [1.0] * 5 + [0.5, 1.5]])
    _, dw, _ = rate(w, np.array(1.0), -2, 2)
    assert dw[0, -2] > 0  # descent goes down, to the zeros
    assert dw[0, -1] > 0  # and from 1.5 to 1, of which there are more than of 2


def test_a_price_makes_the_codes_cheaper_and_nothing_else_trains_differently_without_one():
    model = small_network()
    grids = calibrate(model, IMAGES, weights=4, weight_method="mse")
    fake = FakeQuantized.create(model, grids)

    def trained(objective):
        return fit(
            fake, IMAGES, LABELS, rng=np.random.default_rng(0), epochs=60, objective=objective, progress=False
        )[0]

    def bits(trained):
        return sum(
            rate(trained.params[n], trained.step(n), *ends)[0]
            for n, ends in Price.create(trained, 1.0).ends.items()
        )

    free = trained(hard_labels)
    for_nothing = trained(Sum((hard_labels, Price.create(fake, 0.0))))
    for name, array in free.params.items():
        np.testing.assert_array_equal(array, for_nothing.params[name])
    assert bits(trained(Sum((hard_labels, Price.create(fake, 3e-3))))) < 0.9 * bits(free)


def test_bits_cost_nothing_while_the_codes_have_no_more_of_them_than_are_free():
    """(QN4)"""
    model = small_network()
    fake = FakeQuantized.create(model, calibrate(model, IMAGES, weights=3, weight_method="mse"))
    usual = Price.create(fake, 0.25)
    seen = {name: fake.params[name] * (0.93 if name.endswith(".w") else 1) for name in usual.layers}
    batch = type("Seen", (), {"seen": seen})
    weights = [(seen[name], fake.step(name), *ends) for name, ends in usual.ends.items()]
    bits = sum(entropy(*array) for array in weights)
    whole = usual(np.ones((4, 3)), batch)
    beyond = Price.create(fake, 0.25, bits - 1e-6)(np.ones((4, 3)), batch)
    assert beyond[0] == whole[0] > 0
    for name, gradient in whole[2].items():
        np.testing.assert_array_equal(beyond[2][name], gradient)
    loss, _, gradients = Price.create(fake, 0.25, bits + 1e-6)(np.ones((4, 3)), batch)
    assert loss == 0 and gradients.keys() == whole[2].keys()
    assert not any(gradient.any() for gradient in gradients.values())


def test_training_ends_near_the_bits_that_are_free():
    model = small_network()
    fake = FakeQuantized.create(model, calibrate(model, IMAGES, weights=4, weight_method="mse"))

    def bits(fake):
        return sum(
            entropy(fake.params[n], fake.step(n), *ends) for n, ends in Price.create(fake, 1.0).ends.items()
        )

    free = 0.7 * bits(fake)
    objective = Sum((hard_labels, Price.create(fake, 3e-2, free)))
    trained, _ = fit(
        fake, IMAGES, LABELS, rng=np.random.default_rng(0), epochs=60, objective=objective, progress=False
    )
    assert 0.8 * free < bits(trained) <= 1.02 * free


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("rule", ["lsq", "straight-through"])
def test_the_price_is_that_of_all_weights_and_its_gradients_are_by_what_is_trained(rule, per_channel):
    model = small_network(np.float64)
    fake = FakeQuantized.create(model, calibrate(model, IMAGES, weights=3, per_channel=per_channel), rule)
    price = Price.create(fake, 0.25)
    seen = {n: fake.params[n] * (0.93 if n.endswith(".w") else 1) for n in price.layers}  # off the codes
    assert (rule == "lsq") == any(name.endswith(".log_step") for name in price.layers)
    batch = type("Seen", (), {"seen": seen})
    loss, dz, gradients = price(np.ones((4, 3)), batch)
    parts = [rate(seen[n], fake.step(n), *ends)[0] for n, ends in price.ends.items()]
    assert loss == pytest.approx(0.25 * sum(parts)) and not dz.any()
    steps = {n: a for n, a in seen.items() if n.endswith(".log_step")}
    assert gradients.keys() == seen.keys()
    assert all(isinstance(array, np.ndarray) for array in gradients.values())
    for name in steps:  # the weights' own are held above; a small move of a step crosses no kink
        found = []
        for move in (1e-7, -1e-7):
            moved = {**seen, name: seen[name] + move}
            found.append(price(np.ones((4, 3)), type("Seen", (), {"seen": moved}))[0])
        expected = (found[0] - found[1]) / 2e-7
        w = name.removesuffix(".log_step")
        g = gradient_scale(seen[w].size // seen[name].size, price.ends[w][1])
        assert gradients[name].sum() == pytest.approx(g * expected, rel=1e-4, abs=1e-4 * g)


def test_bad_prices_and_codes_are_refused():
    with pytest.raises(ValueError, match=r"Price: price: found -1, needed a finite number, 0 or more"):
        Price(-1, 0, {}, {})
    with pytest.raises(ValueError, match=r"Price: free: found -1, needed a finite number, 0 or more"):
        Price(1, -1, {}, {})
    for bad in (np.inf, np.nan, "1", None):
        with pytest.raises(ValueError, match=r"Price: price: found .*, needed a finite number"):
            Price(bad, 0, {}, {})
    with pytest.raises(ValueError, match="rate: w"):
        rate(np.zeros((0, 3)), np.array(1.0), -1, 1)
    with pytest.raises(ValueError, match="rate: lo, hi"):
        rate(np.zeros((1, 3)), np.array(1.0), 1, 1)


def test_signs_always_cost_one_bit_and_so_have_no_price():
    model = small_network()
    grids = calibrate(model, IMAGES, weights=3) | {"conv.w": lowest_grid(model.params["conv.w"], 1)}
    assert list(Price.create(FakeQuantized.create(model, grids), 1e-4).ends) == ["out.w"]


def test_no_bits_are_free_where_none_are_said():
    model = small_network()
    assert Price.create(FakeQuantized.create(model, calibrate(model, pictures())), 1e-4).free == 0


def test_bits_that_are_just_free_cost_nothing():
    """(QN4)"""
    model = small_network()
    fake = FakeQuantized.create(model, calibrate(model, pictures(), weights=3))
    seen = {name: fake.params[name] for name in fake.params}
    weights = list(Price.create(fake, 1e-4).ends)
    bits = sum(entropy(seen[n], fake.step(n), *Price.create(fake, 1e-4).ends[n]) for n in weights)
    z, batch = (
        np.zeros((3, 2), np.float32),
        Batch(np.zeros((3, 2)), np.zeros(2, int), np.arange(2), seen=seen),
    )
    for free, costs in ((bits, False), (bits * (1 - 1e-9), True)):
        assert bool(Price.create(fake, 1e-4, free)(z, batch)[0]) == costs
