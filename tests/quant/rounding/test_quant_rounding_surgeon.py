"""The surgeon: weights taken away and rounded, against solving anew at every step; and fast = printed."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.quant.rounding.quadratic import Rows, best_codes, descend
from tinyzip.quant.rounding.surgeon import damped, rise, set_one, settle
from tinyzip.quant.rounding.surgeon_fast import in_columns, kept, refit, removals, rounded, surgeon_codes

seeds = st.integers(0, 10**6)


def problem(seed, F=3, K=6, hi=7, shifted=False, noise=0.3):
    """Rows with correlated inputs; with `shifted` the float network's inputs are not the quantized one's."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(K, 2)) @ rng.normal(size=(2, 60)) + noise * rng.normal(size=(K, 60))
    seen = x + (0.2 * rng.normal(size=x.shape) if shifted else 0)
    both = np.cov(x, seen, bias=True)
    w, step = rng.normal(size=(F, K)), rng.uniform(0.2, 0.8, F)
    return Rows(w, step, -hi, hi, both[K:, K:], both[:K, K:])


def started(rows, damping=0.01):
    return damped(rows.w, rows.covariance, rows.cross, damping)


def squared(w, best, H):
    return np.einsum("fk,kl,fl->f", w - best, H, w - best)


def rounding(step):
    return lambda w: np.rint(w / step) * step


@given(seeds, st.booleans())
def test_the_layers_quadratic_is_a_square_around_its_minimum(seed, shifted):
    """(SG1), where the inputs' covariance has an inverse and nothing is added to it."""
    rows = problem(seed, shifted=shifted)
    best, H = started(rows, 0.0)
    q = rows.nearest()
    least = rows.loss(best / rows.step[:, None])[0]
    np.testing.assert_allclose(rows.loss(q)[0] - least, squared(q * rows.step[:, None], best, H), atol=1e-9)


@given(seeds, st.integers(1, 6), st.booleans(), st.booleans(), st.data())
def test_each_weight_is_settled_as_if_all_were_solved_anew(seed, count, prune, given_order, data):
    """(SG2), (SG3): which weight, what L rises by, and what the others become."""
    rows = problem(seed, F=1)
    (best,), H = started(rows)
    order = data.draw(st.permutations(range(6))) if given_order else ()
    one = (lambda w: 0.0) if prune else rounding(0.5)
    w, inverse, steps = settle(best, np.linalg.inv(H), np.zeros_like if prune else one, count, order)
    wanted, path = reference.surgeon(H, best, one, count, order)
    assert [q for q, _ in steps] == [q for q, _ in path]
    np.testing.assert_allclose([r for _, r in steps], [r for _, r in path], atol=1e-9)
    np.testing.assert_allclose(w, wanted, atol=1e-9)
    settled = [q for q, _ in steps]
    assert not inverse[settled].any() and not inverse[:, settled].any()
    free = np.setdiff1d(np.arange(6), settled)
    np.testing.assert_allclose(
        inverse[np.ix_(free, free)] @ H[np.ix_(free, free)], np.eye(len(free)), atol=1e-9
    )


@given(seeds)
def test_no_other_change_that_settles_a_weight_costs_less(seed):
    """(SG2) is a minimum: any other row with this weight at t is further from w*."""
    rng = np.random.default_rng(seed)
    (best,), H = started(problem(seed, F=1))
    q, t = int(rng.integers(6)), float(rng.normal())
    w, _ = set_one(best, np.linalg.inv(H), q, t)
    least = squared(w[None], best, H)
    np.testing.assert_allclose(least, rise(best, np.linalg.inv(H), np.full(6, t))[q], rtol=1e-9)
    other = w + 0.1 * rng.normal(size=(20, 6))
    other[:, q] = t
    assert (squared(other, best, H) >= least).all()


@given(seeds, st.integers(0, 5), st.sampled_from([0.001, 0.01, 0.3]), st.booleans())
def test_what_the_dampening_costs_is_bounded(seed, gone, damping, shifted):
    """(SG4), also where the covariance has no inverse; v is a plain removal, the best one, and others."""
    rng = np.random.default_rng(seed)
    rows = problem(seed, F=1, shifted=shifted, noise=0.0)
    best, H = started(rows, damping)
    extra = H[0, 0] - rows.covariance[0, 0]
    mask = np.ones((1, 6), bool)
    mask[0, rng.permutation(6)[:gone]] = False
    w = refit(best, H, mask)

    def loss(v):
        return rows.loss(v / rows.step[:, None])[0] + extra * ((v - rows.w) ** 2).sum()

    free = np.flatnonzero(mask[0])
    exact = np.zeros((1, 6))
    covariance = rows.covariance[np.ix_(free, free)]
    exact[0, free] = np.linalg.lstsq(covariance, rows.target[0, free], rcond=1e-10)[0]
    for v in (rows.w * mask, exact, w + rng.normal(size=w.shape) * mask):
        assert loss(w) <= loss(v) + 1e-9 * abs(loss(v))


@given(seeds, st.integers(1, 5))
def test_removal_is_never_worse_than_plain_removal_of_the_same_weights_and_exact(seed, count):
    """Without dampening the weights that are left solve the normal equations (SG6)."""
    rows = problem(seed, shifted=True)
    best, H = started(rows, 0.0)
    mask = kept([removals(best, H)], 3 * count)[0]
    w = refit(best, H, mask)
    assert not w[~mask].any() and (~mask).sum() == 3 * count
    plain = np.where(mask, rows.w, 0)
    steps = rows.step[:, None]
    assert (rows.loss(w / steps)[0] <= rows.loss(plain / steps)[0] + 1e-12).all()
    slope = rows.loss(w / steps)[1]
    np.testing.assert_allclose(np.where(mask, slope, 0), 0, atol=1e-9)


@given(seeds, st.integers(1, 9))
def test_the_order_of_a_row_is_the_textbooks(seed, K):
    """Also where the settled weights have been dropped from the inverse several times."""
    best, H = started(problem(seed, K=K))
    order, rises = removals(best, H)
    for f, row in enumerate(best):
        _, _, steps = settle(row, np.linalg.inv(H), np.zeros_like, K)
        assert order[f].tolist() == [q for q, _ in steps]
        np.testing.assert_allclose(rises[f], [r for _, r in steps], rtol=1e-6, atol=1e-9)


@given(seeds, st.integers(0, 24), st.sampled_from([1.0, 3.0]))
def test_layers_are_pruned_in_one_greedy_order(seed, count, unit):
    """(SG5): always the row of a layer whose own next weight is the cheapest of all."""
    problems = [started(problem(seed, F=2, K=6)), started(problem(seed + 1, F=3, K=4))]
    found = [removals(best, H) for best, H in problems]
    found[1] = found[1][0], found[1][1] * unit
    masks = kept(found, count)
    heads = {(i, f): 0 for i, (order, _) in enumerate(found) for f in range(len(order))}
    wanted = [np.ones(order.shape, bool) for order, _ in found]
    for _ in range(count):
        rest = {key: n for key, n in heads.items() if n < found[key[0]][0].shape[1]}
        i, f = min(rest, key=lambda key: found[key[0]][1][key[1], rest[key]])
        wanted[i][f, found[i][0][f, heads[i, f]]] = False
        heads[i, f] += 1
    for mask, other in zip(masks, wanted, strict=True):
        np.testing.assert_array_equal(mask, other)


@given(seeds, st.data())
def test_refitted_rows_are_the_textbooks_whatever_the_order(seed, data):
    """(SG6) is what (SG2) and (SG3) end at."""
    best, H = started(problem(seed, F=1))
    order = data.draw(st.permutations(range(6)))[: data.draw(st.integers(0, 6))]
    mask = np.ones((1, 6), bool)
    mask[0, list(order)] = False
    w, _, _ = settle(best[0], np.linalg.inv(H), np.zeros_like, len(order), order)
    np.testing.assert_allclose(refit(best, H, mask)[0], w, atol=1e-9)


@given(seeds, st.integers(1, 9), st.sampled_from([1, 2, 3, 8, 32]))
def test_blocks_by_cholesky_round_as_the_textbook_in_the_order_of_columns(seed, K, block):
    """(SG7), in blocks that end before the last column, at it and after it."""
    rows = problem(seed, K=K)
    best, H = started(rows)
    steps = rows.step[:, None]
    found = in_columns(best, H, lambda w: np.rint(w / steps) * steps, block)
    for f, row in enumerate(best):
        goal = rounding(rows.step[f])
        wanted, _, _ = settle(row, np.linalg.inv(H), goal, K, range(K))
        np.testing.assert_allclose(found[f], wanted, atol=1e-9)


@given(seeds)
def test_pruning_and_rounding_as_one_are_the_textbooks_two_steps(seed):
    """Weights to 0, then the rest to their codes in the order of variances; then comes the descent."""
    rows = problem(seed, shifted=True)
    mask = np.random.default_rng(seed).random(rows.w.shape) < 0.6
    rows = Rows(rows.w * mask, rows.step, -9, 9, rows.covariance, rows.cross)
    best, H = started(rows)
    turn = np.argsort(-np.diag(H), kind="stable")
    codes = np.zeros_like(rows.w)
    for f in range(3):
        gone, left = np.flatnonzero(~mask[f]), [k for k in turn if mask[f, k]]
        w, inverse, _ = settle(best[f], np.linalg.inv(H), np.zeros_like, len(gone), gone.tolist())
        step = rows.step[f]
        w, _, _ = settle(w, inverse, lambda w, s=step: np.clip(np.rint(w / s), -9, 9) * s, len(left), left)
        codes[f] = np.rint(w / step)
    np.testing.assert_array_equal(rounded(rows), codes)
    found = surgeon_codes(rows)
    ends = [descend(rows, start) for start in (codes, rows.nearest())]
    least = np.minimum(*(rows.loss(end)[0] for end in ends))
    np.testing.assert_allclose(rows.loss(found.astype(float))[0], least, rtol=1e-9)
    assert found.dtype == np.int64 and not found[~mask].any()


@given(seeds, st.sampled_from([1, 3, 7]), st.booleans())
def test_the_surgeons_codes_are_never_worse_than_nearest_rounding_of_the_same_weights(seed, hi, prune):
    rows = problem(seed, hi=hi, shifted=True)
    if prune:
        rows = Rows(rows.w * (np.abs(rows.w) > 0.7), rows.step, -hi, hi, rows.covariance, rows.cross)
    codes = surgeon_codes(rows)
    assert np.abs(codes).max() <= hi and not codes[rows.w == 0].any()
    scale = np.abs(rows.loss(rows.nearest())[0]).max()
    assert (rows.loss(codes.astype(float))[0] <= rows.loss(rows.nearest())[0] + 1e-12 * scale).all()


def test_rounding_in_view_of_the_output_loses_less_even_before_the_descent():
    rows = problem(5, F=40, K=30, hi=3)
    best, H = started(rows)
    steps = rows.step[:, None]
    w = in_columns(best, H, lambda w: np.clip(np.rint(w / steps), -3, 3) * steps)
    constant = np.einsum("fk,kl,fl->f", rows.w, rows.covariance, rows.w)
    lost, nearest = (rows.loss(q)[0] + constant for q in (np.rint(w / steps), rows.nearest()))
    assert lost.sum() < 0.5 * nearest.sum()


@given(seeds, st.integers(1, 17))
def test_of_uncorrelated_inputs_it_is_magnitude_and_nearest_rounding(seed, count):
    """Diagonal Σ: the least w²Σ_kk go, the others keep their values, and codes are each weight's nearest."""
    rows = problem(seed)
    variances = np.random.default_rng(seed).uniform(0.1, 2, 6)
    apart = Rows(rows.w, rows.step, -7, 7, np.diag(variances), np.diag(variances))
    best, H = started(apart, 0.0)
    np.testing.assert_allclose(best, rows.w, atol=1e-12)
    mask = kept([removals(best, H)], count)[0]
    gone = np.argsort((rows.w**2 * variances).ravel())[:count]
    assert not mask.ravel()[gone].any() and mask.sum() == 18 - count
    np.testing.assert_allclose(refit(best, H, mask), rows.w * mask, atol=1e-12)
    np.testing.assert_array_equal(surgeon_codes(apart), apart.nearest())


@given(seeds)
def test_what_was_taken_away_stays_away_however_codes_are_chosen(seed):
    rows = problem(seed, F=8, K=12, noise=0.0)
    pruned = Rows(rows.w * (np.abs(rows.w) > 0.8), rows.step, -1, 1, rows.covariance, rows.cross)
    for codes in (best_codes(pruned, 60), descend(pruned, pruned.nearest()), surgeon_codes(pruned)):
        assert not codes[pruned.w == 0].any()


def test_inputs_that_never_vary_leave_the_weights_as_they_are():
    w, nothing = np.array([[0.3, -1.2]]), np.zeros((2, 2))
    best, H = damped(w, nothing, nothing)
    np.testing.assert_allclose(best, w)
    np.testing.assert_array_equal(H, np.eye(2))
    rows = Rows(w, np.array([0.5]), -7, 7, nothing, nothing)
    np.testing.assert_array_equal(surgeon_codes(rows), rows.nearest())


@pytest.mark.parametrize("goal", [np.zeros_like, np.rint])
def test_of_settled_weights_none_is_settled_again(goal):
    (best,), H = started(problem(7, F=1))
    w, inverse, first = settle(best, np.linalg.inv(H), goal, 2)
    assert np.isinf(rise(w, inverse, np.zeros(6))[[q for q, _ in first]]).all()
    _, _, rest = settle(w, inverse, np.rint, 4)
    assert sorted(q for q, _ in first + rest) == list(range(6))


@pytest.mark.parametrize("damping", [None, 0.01, 0.0, 0.3])
def test_the_dampening_is_on_both_diagonals_in_parts_of_the_mean_variance(damping):
    """(SG1), (SG4): a hundredth, where nothing else is said."""
    rows = problem(3, shifted=True)
    some = 0.01 if damping is None else damping
    extra = some * np.diag(rows.covariance).mean() * np.eye(6)
    best, H = damped(rows.w, rows.covariance, rows.cross, *() if damping is None else (damping,))
    np.testing.assert_allclose(H, rows.covariance + extra, rtol=1e-12)
    np.testing.assert_allclose(best @ H, rows.w @ (rows.cross + extra), rtol=1e-9)
