"""Losses on features and on relations: their formulas, their derivatives, and what they do not see."""

import math

import numpy as np
import pytest
from gradcheck import STEP, TOLERANCE, numerical_gradient
from hypothesis import assume, given
from hypothesis import strategies as st
from shapes import SEEDS, normal

from tinyzip.distill.features import attention, hint
from tinyzip.distill.relations import angles, distances

maps = st.tuples(*(st.integers(1, 3) for _ in range(4)), st.integers(1, 4))  # C, D, H, W, N
relations = pytest.mark.parametrize("loss", [distances, angles])


def features(size, seed):
    C, D, H, W, N = size
    rng = np.random.default_rng(seed)
    return rng.standard_normal((C, H, W, N)), rng.standard_normal((D, H, W, N))


def assert_slope(dh, loss, h):
    expected = numerical_gradient(loss, h)
    assert np.abs(dh - expected).max() <= TOLERANCE * max(1e-2, np.abs(expected).max())


@given(maps, SEEDS, st.booleans())
def test_a_hint_is_the_mean_square_of_what_the_regressor_misses(size, seed, flat):
    """(K8)"""
    h, g = features(size, seed)
    if flat:
        h, g = h[:, 0, 0], g[:, 0, 0]
    w, b = normal(seed, len(g), len(h)), normal(seed + 1, len(g))
    loss, *derivatives = hint(h, g, w, b)
    missed = [
        sum(w[d, c] * h[(c, *at)] for c in range(len(h))) + b[d] - g[(d, *at)]
        for d in range(len(g))
        for at in np.ndindex(h.shape[1:])
    ]
    assert loss == pytest.approx(sum(r * r for r in missed) / 2 / len(missed), rel=1e-12)
    for array, derivative in zip((h, w, b), derivatives, strict=True):
        assert_slope(derivative, lambda: hint(h, g, w, b)[0], array)


@given(maps, SEEDS)
def test_attention_compares_maps_of_length_one(size, seed):
    """(K9)"""
    h, g = features(size, seed)
    loss, dh = attention(h, g)
    expected = 0.0
    for n in range(h.shape[3]):
        u, v = (
            np.array([sum(value**2 for value in x[:, i, j, n]) for i, j in np.ndindex(x.shape[1:3])])
            for x in (h, g)
        )
        expected += sum((u / math.hypot(*u) - v / math.hypot(*v)) ** 2) / 2 / h.shape[3]
    assert loss == pytest.approx(expected, rel=1e-10, abs=1e-15)
    h += 0.5 * np.sign(h)  # the map's length stays above ¼, and with it what differences miss stays small
    assert_slope(attention(h, g)[1], lambda: attention(h, g)[0], h)
    assert dh.shape == h.shape


@given(maps, SEEDS, st.floats(0.01, 100), st.floats(0.01, 100))
def test_attention_does_not_see_a_scale(size, seed, one, other):
    h, g = features(size, seed)
    loss, dh = attention(h, g)
    scaled, scaled_dh = attention(h * one, g * other)
    assert scaled == pytest.approx(loss, rel=1e-10, abs=1e-14)
    np.testing.assert_allclose(scaled_dh * one, dh, rtol=1e-9, atol=1e-13)
    assert attention(h, h)[0] == 0


def residuals(loss, h, g):
    """How far each relation of the student is from the teacher's: |ψ − ψ'| of (K12)."""
    N = h.shape[-1]
    columns = [x.reshape(-1, N).T for x in (h, g)]

    def length(x, i, j):
        return math.sqrt(sum((a - b) ** 2 for a, b in zip(x[i], x[j], strict=True)))

    def unit(x, i, j):
        return (x[i] - x[j]) / (length(x, i, j) or 1)

    psi = []
    for x in columns:
        if loss is distances:
            mu = sum(length(x, i, j) for i in range(N) for j in range(N)) / N**2 or 1
            psi.append([length(x, i, j) / mu for i in range(N) for j in range(N)])
        else:
            indices = [(i, j, k) for i in range(N) for j in range(N) for k in range(N)]
            psi.append([sum(unit(x, i, j) * unit(x, k, j)) for i, j, k in indices])
    return [abs(a - b) for a, b in zip(*psi, strict=True)]


@relations
@given(maps, SEEDS)
def test_relations_are_their_formula_in_loops(loss, size, seed):
    """(K10) to (K12)"""
    h, g = features(size, seed)
    apart = residuals(loss, h, g)
    expected = sum(r * r / 2 if r <= 1 else r - 0.5 for r in apart) / len(apart)
    assert loss(h, g)[0] == pytest.approx(expected, rel=1e-10, abs=1e-14)


@relations
@given(st.integers(1, 3), SEEDS)
def test_the_derivative_of_relations_agrees_with_differences(loss, D, seed):
    """Examples near the corners of a box are well apart, so that no difference step turns a direction far.
    None takes a residual past 1, where δ has a kink in its slope."""
    corners = np.array([(a, 2.3 * b, 3.1 * c) for a, b, c in np.ndindex(2, 2, 2)][:6]).T
    h = corners + 0.2 * normal(seed, 3, 6)
    g = 3 * normal(seed + 1, D, 6)
    assume(min(abs(r - 1) for r in residuals(loss, h, g)) > 10 * STEP)
    assert_slope(loss(h, g)[1], lambda: loss(h, g)[0], h)


@relations
@given(SEEDS, st.floats(0.1, 10))
def test_relations_do_not_see_a_rotation_a_shift_or_a_scale(loss, seed, scale):
    h, g = normal(seed, 4, 6), normal(seed + 1, 3, 6)
    rotation = np.linalg.qr(normal(seed + 2, 4, 4))[0]
    value, dh = loss(h, g)
    moved, moved_dh = loss(scale * (rotation @ h) + 3, g)
    assert moved == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(scale * rotation.T @ moved_dh, dh, rtol=1e-8, atol=1e-12)
    assert loss(scale * (rotation @ h) + 3, h)[0] <= 1e-20
    assert value > 1e-6


@relations
@given(SEEDS, st.integers(1, 5))
def test_a_batch_twice_has_the_same_relations(loss, seed, N):
    h, g = normal(seed, 4, N), normal(seed + 1, 3, N)
    value, dh = loss(h, g)
    twice, dh2 = loss(np.tile(h, 2), np.tile(g, 2))
    assert twice == pytest.approx(value, rel=1e-12, abs=1e-15)
    np.testing.assert_allclose(dh2, np.tile(dh, 2) / 2, rtol=1e-9, atol=1e-13)


def test_examples_that_coincide_have_the_angles_of_a_distance_of_one():
    """There a direction has no derivative, and that of (xᵢ − xⱼ)/1 is taken."""
    h, g = normal(3, 3, 6), normal(4, 2, 6)
    h[:, 1] = h[:, 0]
    alike = np.eye(6, dtype=np.bool_)[..., None]  # each with itself
    together = alike.copy()
    together[:2, :2] = True

    def cosines(x, alike):
        difference = x.T[None] - x.T[:, None]
        e = difference / np.where(alike, 1, np.linalg.norm(difference, axis=2, keepdims=True))
        return e @ e.swapaxes(1, 2)

    def loss():
        r = np.abs(cosines(h, together) - cosines(g, alike))
        return np.where(r <= 1, r * r / 2, r - 0.5).mean()

    assert angles(h, g)[0] == pytest.approx(loss(), rel=1e-12)
    assert_slope(angles(h, g)[1], loss, h)


@given(maps, SEEDS)
def test_a_batch_twice_has_the_same_hints_and_attention(size, seed):
    h, g = features(size, seed)
    w, b = normal(seed, len(g), len(h)), normal(seed + 1, len(g))
    two = [np.tile(x, 2) for x in (h, g)]
    for (value, dh, *_), (twice, dh2, *_) in (
        (hint(h, g, w, b), hint(*two, w, b)),
        (attention(h, g), attention(*two)),
    ):
        assert twice == pytest.approx(value, rel=1e-12, abs=1e-15)
        np.testing.assert_allclose(dh2, np.tile(dh, 2) / 2, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("loss", [attention, distances, angles])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_that_are_all_alike_are_finite_and_the_dtype_is_kept(loss, dtype):
    rng = np.random.default_rng(0)
    g = rng.standard_normal((3, 2, 2, 5)).astype(dtype)
    for h in (np.zeros((2, 2, 2, 5), dtype), np.full((2, 2, 2, 5), 1e4, dtype), g):
        for teacher in (g, np.zeros_like(g)):
            value, dh = loss(h, teacher.astype(np.float64))
            assert math.isfinite(value) and value >= 0
            assert np.isfinite(dh).all() and dh.shape == h.shape and dh.dtype == dtype


H, G, W, B = np.zeros((2, 3, 3, 4)), np.zeros((5, 3, 3, 4)), np.zeros((5, 2)), np.zeros(5)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: hint(H[:, 1:], G, W, B), ValueError),
        (lambda: hint(H, G[..., 1:], W, B), ValueError),
        (lambda: hint(H, G, W.T, B), ValueError),
        (lambda: hint(H, G, W, B[1:]), ValueError),
        (lambda: hint(H, G, W.astype(np.float32), B), TypeError),
        (lambda: hint(H.astype(int), G, W, B), TypeError),
        (lambda: hint(H, None, W, B), TypeError),
        (lambda: attention(H[:, 0, 0], G[:, 0, 0]), ValueError),
        (lambda: attention(H[:, :2], G), ValueError),
        (lambda: attention(H, G[..., :0]), ValueError),
        (lambda: distances(H, G[..., 1:]), ValueError),
        (lambda: distances(H[0, 0, 0], G), ValueError),
        (lambda: angles(H.tolist(), G), TypeError),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error):
    with pytest.raises(error, match=r"^(hint|attention|distances|angles): .*found .*needed "):
        call()
