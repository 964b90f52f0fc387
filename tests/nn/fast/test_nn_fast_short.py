"""X20, X21: patches that are gathered from lines are the patches; and their sum is that of `col2im`."""

import numpy as np
import pytest
from against import conv_layers, dirty
from hypothesis import given
from hypothesis import strategies as st
from shapes import SEEDS, integral, normal

from tinyzip.machine.recorder import recorder
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast import blocks, short
from tinyzip.nn.layers import Conv2d


def patches(layer, x, most, size):
    """All blocks of the matrix of patches, copied, and their columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(short, "SHORT", most)
        geometry = layer.geometry(x.shape[:3])
        found = blocks.patch_blocks(x, layer.groups, geometry, Workspace())
        return [(columns, block.copy()) for columns, block in found]


@given(conv_layers(), st.sampled_from([1, 600, 2**21]), SEEDS, st.permutations(range(4)))
def test_patches_from_lines_are_the_same_matrix_block_by_block(case, size, seed, order):
    """(X20): of any image, however it lies in memory."""
    layer, shape, N = case
    x = integral(seed, *shape, N)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    plain, found = (patches(layer, x, most, size) for most in (0, 10**6))
    assert [columns for columns, _ in found] == [columns for columns, _ in plain]
    for (_, block), (_, wanted) in zip(found, plain, strict=True):
        np.testing.assert_array_equal(block, wanted)


@pytest.mark.parametrize(
    ("conv", "N", "copies"),
    [
        (Conv2d(2, 1, 3), 7, 2),  # rows of 9 outputs: 63 numbers
        (Conv2d(2, 1, 3), 8, 1),
        (Conv2d(2, 1, (1, 3)), 1, 1),
        (Conv2d(2, 1, 3, (1, 2)), 1, 2),
        (Conv2d(2, 1, 3, (2, 1)), 1, 1),
    ],
)
def test_short_runs_of_rows_that_overlap_are_gathered_from_lines_at_stride_one(conv, N, copies):
    workspace = Workspace()
    kind = workspace.kind = recorder()
    x = np.zeros((2, 11, 11, N), np.float32).view(kind)
    for _ in blocks.patch_blocks(x, 1, conv.geometry((2, 11, 11)), workspace):
        pass
    assert [function for function, _, _ in kind.calls] == [np.copyto] * copies


@given(conv_layers(stride=st.sampled_from([(1, 1), (1, 2), (1, 3)])), st.booleans(), SEEDS)
def test_patches_fall_onto_the_image_in_the_same_order(case, single, seed):
    """(X21): the same bits, of real numbers too."""
    layer, shape, N = case
    N = 1 if single else N
    geometry = layer.geometry(shape)
    size = shape[0], geometry.size[0] + sum(geometry.padding[0]), geometry.size[1] + sum(geometry.padding[1])
    dpatches = normal(seed, shape[0] * geometry.kernel[0] * geometry.kernel[1], N * np.prod(geometry.outputs))
    wanted, found = np.zeros((*size, N)), np.full((*size, N), np.nan)
    blocks.scatter(dpatches, geometry, wanted)
    short.scatter(dpatches, geometry, found, dirty())
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize(("N", "size", "called"), [(7, 2**21, True), (8, 2**21, False), (1, 600, False)])
def test_few_examples_are_added_up_at_once_if_they_are_one_block(N, size, called, monkeypatch):
    """Rows of 9 outputs: 63 numbers."""
    geometry, met = Conv2d(2, 1, 3).geometry((2, 11, 11)), []
    monkeypatch.setattr(blocks, "BLOCK", size)
    monkeypatch.setattr(short, "scatter", lambda *given: met.append(given))
    dy, w, dx = np.zeros((1, 1, 81 * N)), np.zeros((1, 1, 18)), np.zeros((2, 11, 11, N))
    blocks.input_gradient(dy, w, geometry, dx, Workspace())
    assert bool(met) == called
