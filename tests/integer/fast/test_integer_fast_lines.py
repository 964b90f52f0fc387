"""The patches of a convolution, however they are gathered, are what its windows see."""

from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.base.windows import pad
from tinyzip.integer.fast import lines
from tinyzip.integer.fast.lines import Layout, centre, gather
from tinyzip.integer.operators import NO_PADDING
from tinyzip.machine.recorder import recorder
from tinyzip.machine.workspace import FRESH, Fresh


class Used(Fresh):
    """Memory in which something was before."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return np.full(shape, 99, dtype)


@settings(max_examples=80)
@given(st.data())
def test_each_output_finds_its_window_whether_rows_are_shared_or_not(data: Any) -> None:
    """(LP1), (LP2): column (row, o, n) of part p is the window of output (down·row + d, together·o + p)."""

    def pair(least: int, most: int) -> tuple[int, int]:
        low, high = data.draw(st.tuples(*[st.integers(least, most)] * 2))
        return low, high

    kernel, stride, dilation, padding = pair(1, 4), pair(1, 3), pair(1, 3), (pair(0, 2), pair(0, 2))
    together, down = pair(1, 3)
    if data.draw(st.integers(0, 3)) == 0:  # each patch is one place
        kernel = stride = 1, 1
        together = data.draw(st.sampled_from([1, 1, together]))
    G, inner, N, columns, rows = (data.draw(st.integers(1, most)) for most in (2, 2, 3, 3, 2))
    counts = rows * down, columns * together
    size = [
        (count - 1) * s + (k - 1) * d + 1 - sum(ends) + data.draw(st.integers(0, 1))
        for count, s, k, d, ends in zip(counts, stride, kernel, dilation, padding, strict=True)
    ]
    if min(size) < 1:
        return
    x = np.random.default_rng(0).integers(0, 100, (G * inner, *size, N), np.uint8)
    layout = Layout.of(kernel, stride, dilation, G, together, 1, columns)
    seen = (rows * down - 1) * stride[0] + layout.reach
    dtype = np.dtype(np.float32)
    image = centre(x, 7, dtype, padding, (0, seen), layout.phases, Used())
    padded = pad(x.astype(int) - 7, padding, 0)
    parts = G, together, down, rows, layout.kernel[0] * layout.kernel[1] * inner, columns, N
    for alone, short in {(False, 0), (False, 2**60), (layout.slides, 0)}:
        with patch.object(lines, "SHORT", short):
            found = gather(image, layout, down, alone, Used())
        if alone:
            patches = found.reshape(parts)
        elif layout.is_pointwise and down == 1:
            patches = found.reshape(G, 1, 1, inner, rows, columns, N).transpose(0, 1, 2, 4, 3, 5, 6)
        else:
            patches = found.reshape(G, -1, together, down, rows, columns, N).transpose(0, 2, 3, 4, 1, 5, 6)
        for g, p, d, row, o in np.ndindex(G, together, down, rows, columns):
            h, w = (row * down + d) * stride[0], (o * together + p) * stride[1]
            window = padded[g * inner : (g + 1) * inner, h :: dilation[0], w :: dilation[1]][
                :, : kernel[0], : kernel[1]
            ]
            wanted = window.transpose(1, 2, 0, 3).reshape(-1, N)
            np.testing.assert_array_equal(patches[g, p, d, row, :, o], wanted)


@pytest.mark.parametrize(
    ("N", "stride", "alone", "copies"),
    [
        (1, 1, False, 2),
        (7, 1, False, 2),
        (8, 1, False, 1),
        (1, 3, False, 1),
        (8, 1, True, 1),
    ],
)
def test_short_runs_are_gathered_from_lines_and_long_ones_at_once(
    N: int, stride: int, alone: bool, copies: int
) -> None:
    """(LP2): of 8 columns; rows that do not overlap have no lines to share."""
    layout = Layout.of((3, 3), (stride, 1), (1, 1), 1, 1, 1, 8)
    rows = 7 * stride + 3
    x = np.random.default_rng(0).integers(0, 256, (2, rows, 10, N), np.uint8)
    image = centre(x, 0, np.dtype(np.float32), NO_PADDING, (0, rows), layout.phases, FRESH)
    kind = recorder()
    gather(image.view(kind), layout, 1, alone, FRESH)
    assert [function is np.copyto for function, _, _ in kind.calls] == [True] * copies


@pytest.mark.parametrize("kernel, dilation, slides", [(3, 1, True), (2, 1, False), (3, 2, False)])
def test_rows_have_products_of_their_own_where_they_overlap_and_are_long_enough(
    kernel: int, dilation: int, slides: bool
) -> None:
    """(LP2): 64 numbers; of a stride of two."""
    layout = Layout.of((kernel, 1), (2, 1), (dilation, 1), 1, 1, 1, 8)
    assert layout.slides == slides
    assert [layout.is_alone(N) for N in (1, 7, 8, 9)] == [False, False, slides, slides]


def test_a_layout_has_as_many_columns_of_each_phase_as_its_windows_see() -> None:
    """(LP1): five times two windows of 3 columns, 2 apart, see 21; every fourth of them is 6 at most."""
    assert Layout.of((3, 3), (1, 2), (1, 1), 1, 2, 1, 5).phases == (4, 6)
    assert Layout.of((3, 3), (1, 2), (1, 3), 1, 2, 1, 5).phases == (4, 7)
    assert Layout.of((1, 1), (1, 1), (1, 1), 1, 1, 1, 7).phases == (1, 7)


def test_patches_are_the_image_where_each_is_one_place_and_columns_are_made_one_at_a_time() -> None:
    for kernel, stride, together in product(((1, 1), (1, 2)), ((1, 1), (2, 1)), (1, 2)):
        layout = Layout.of(kernel, stride, (1, 1), 1, together, together, 4)
        assert layout.is_pointwise == (kernel == stride == (1, 1) and together == 1)
