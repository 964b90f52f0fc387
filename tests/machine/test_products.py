"""Products in pieces are the products."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyzip.machine import blas, products
from tinyzip.machine.products import (
    COLUMNS,
    ENTRIES,
    MOST,
    has_small_kernels,
    multiply,
    multiply_transposed,
    pieces_of,
    transposed_pieces_of,
)
from tinyzip.machine.workspace import FRESH


@pytest.fixture(autouse=True, scope="module")
def small_kernels() -> Iterator[None]:
    """As if BLAS had them, whatever this machine has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "has_small_kernels", lambda: True)
        yield


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 70), st.integers(1, 400), st.integers(1, 1100)),
    st.sampled_from([(), (1,), (3,)]),
    st.sampled_from([np.float32, np.float64, np.int32]),
    st.integers(0, 2**32 - 1),
)
def test_whole_numbers_are_the_same_in_pieces(
    sizes: tuple[int, int, int], before: tuple[int, ...], dtype: Any, seed: int
) -> None:
    """(MP1), where w is turned, and x and out are parts of larger arrays, too."""
    M, K, P = sizes
    rng = np.random.default_rng(seed)
    w, x = rng.integers(-9, 10, (*before, K, M)).swapaxes(-1, -2), rng.integers(-9, 10, (*before, K, P + 3))
    out = np.full((*before, M, P + 5), 7, dtype)
    multiply(w.astype(dtype), x.astype(dtype)[..., 1 : P + 1], out[..., 2 : P + 2])
    np.testing.assert_array_equal(out[..., 2 : P + 2], w @ x[..., 1 : P + 1])
    assert (out[..., :2] == 7).all() and (out[..., P + 2 :] == 7).all()


@pytest.mark.parametrize(("kernels", "small"), [(None, False), ("Haswell", False), ("SkylakeX", True)])
def test_some_kernels_are_small(monkeypatch: pytest.MonkeyPatch, kernels: str | None, small: bool) -> None:
    found = kernels and blas.OpenBLAS(lambda: 1, lambda threads: None, kernels)
    monkeypatch.setattr("tinyzip.machine.blas.openblas", lambda: found)
    assert has_small_kernels.__wrapped__() is small


def test_a_million_products_are_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    w, out = np.ones((100, 100), np.float32), np.empty((100, 101), np.float32)
    multiply(w, np.ones((100, 101), np.float32), out)  # would be cut
    monkeypatch.setattr(products, "cut", None)
    multiply(w, w, out[:, 1:])
    assert (out == 100).all()


def test_what_is_small_enough_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rows of 25 numbers and 576 columns are one call, though pieces have no more than 512 columns."""
    rng = np.random.default_rng(0)
    w, x, out = (rng.standard_normal(shape, np.float32) for shape in ((10, 25), (25, 576), (10, 576)))
    multiply(w, np.tile(x, 10), np.empty((10, 5760), np.float32))  # would be cut
    monkeypatch.setattr(products, "cut", None)
    multiply(w, x, out)
    np.testing.assert_array_equal(out, w @ x)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 70), st.integers(1, 70), st.integers(1, 1500)),
    st.sampled_from([(), (1,), (3,)]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
@example((2, 32, 32, 1001), (), np.float32, 0)  # columns that no piece divides
def test_sums_over_a_long_axis_are_the_same_in_pieces(
    sizes: tuple[int, int, int, int], before: tuple[int, ...], dtype: Any, seed: int
) -> None:
    """(MP2), where x, y and out are parts of larger arrays, too."""
    S, L, F, P = sizes
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(-9, 10, (*before, S, size, P + 3)).astype(dtype) for size in (L, F))
    out = np.full((*before, L, F + 2), 7, dtype)
    multiply_transposed(x[..., 1 : P + 1], y[..., 2 : P + 2], out[..., 1:-1], FRESH)
    needed = np.einsum("...slp,...sfp->...lf", x[..., 1 : P + 1], y[..., 2 : P + 2])
    np.testing.assert_array_equal(out[..., 1:-1], needed)
    assert (out[..., [0, -1]] == 7).all()


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 10**6))
def test_no_piece_of_a_sum_has_more_products_or_entries_than_the_kernels_take(L: int, F: int, P: int) -> None:
    few, most, width = transposed_pieces_of(L, F, P, True)
    assert 1 <= few <= F and 1 <= most <= L and 1 <= width <= P
    assert few * most <= ENTRIES and few * most * width <= MOST
    assert transposed_pieces_of(L, F, P, False) == (F, L, P)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_no_piece_has_more_products_than_the_kernels_take(M: int, K: int) -> None:
    rows, columns = pieces_of(M, K)
    assert rows * K * columns <= MOST and 1 <= rows <= M and columns % COLUMNS == 0
    assert columns or MOST // (COLUMNS * min(M, products.THIN)) < K


@pytest.mark.parametrize(
    ("M", "K", "rows", "columns"),
    [
        (16, 976, 16, 64),
        (16, 977, 16, 0),
        (100, 976, 16, 64),
        (100, 400, 36, 64),
        (4, 9, 4, 512),
        (17, 976, 12, 64),
    ],
)
def test_pieces_are_as_large_as_a_million_products_allow(M: int, K: int, rows: int, columns: int) -> None:
    """16·976·64 are not quite 10⁶; pieces have rows by fours, as many each, and 512 columns at most."""
    assert pieces_of(M, K) == (rows, columns)


@pytest.mark.parametrize(
    ("L", "F", "P", "pieces"),
    [
        (70, 70, 5000, (24, 35, 1000)),
        (32, 32, 976, (32, 32, 976)),
        (32, 32, 977, (32, 32, 489)),
        (33, 33, 100, (17, 33, 100)),
        (41, 25, 100, (25, 21, 100)),
    ],
)
def test_pieces_of_a_sum_are_about_equal(L: int, F: int, P: int, pieces: tuple[int, int, int]) -> None:
    """Up to 32 rows of y, 1,024 entries, and 10⁶ products."""
    assert transposed_pieces_of(L, F, P, True) == pieces


@pytest.mark.parametrize(("P", "is_cut"), [(64, False), (65, True)])
def test_columns_of_one_piece_are_not_cut(monkeypatch: pytest.MonkeyPatch, P: int, is_cut: bool) -> None:
    w, x, met = np.ones((2000, 25), np.float32), np.ones((25, P), np.float32), []
    monkeypatch.setattr(
        products, "cut", lambda x, width, usual=products.cut: met.append(width) or usual(x, width)
    )
    multiply(w, x, out := np.empty((2000, P), np.float32))
    assert (out == 25).all() and bool(met) == is_cut


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("small_here", [True, False])
def test_only_float32_has_small_kernels(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, small_here: bool
) -> None:
    asked = []

    def pieces(L: int, F: int, P: int, small: bool) -> tuple[int, int, int]:
        asked.append(small)
        return F, L, P

    monkeypatch.setattr(products, "transposed_pieces_of", pieces)
    monkeypatch.setattr(products, "has_small_kernels", lambda: small_here)
    x, out = np.ones((1, 2, 9), dtype), np.empty((2, 2), dtype)
    multiply_transposed(x, x, out, FRESH)
    assert asked == [small_here and dtype is np.float32] and (out == 9).all()


def test_other_kernels_multiply_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "has_small_kernels", lambda: False)
    monkeypatch.setattr(products, "cut", None)
    w, x, out = (
        np.ones((20, 30), np.float32),
        np.ones((30, 9000), np.float32),
        np.empty((20, 9000), np.float32),
    )
    multiply(w, x, out)
    assert (out == 30).all()
