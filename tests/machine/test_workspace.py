"""Scratch memory is apart while it is taken, given back, and the same again."""

import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Fresh, Workspace
from tinyzip.nn import models

DTYPES = st.sampled_from([np.float32, np.float64, np.uint8, np.bool_, np.int16])
REQUESTS = st.lists(
    st.tuples(st.lists(st.integers(0, 9), max_size=3).map(tuple), DTYPES), min_size=1, max_size=9
)


@given(REQUESTS)
def test_arrays_of_one_pass_are_aligned_and_apart(requests):
    workspace = Workspace()
    for _ in range(3):
        workspace.reset()
        arrays = [workspace.empty(shape, dtype) for shape, dtype in requests]
        for k, (array, (shape, dtype)) in enumerate(zip(arrays, requests, strict=True)):
            assert array.shape == shape and array.dtype == dtype
            assert array.flags.c_contiguous and array.flags.writeable
            array[...] = k
        for k, array in enumerate(arrays):
            np.testing.assert_array_equal(array, np.array(k, array.dtype))
    assert all(array.ctypes.data % 64 == 0 for array in arrays if array.size)


def test_memory_is_taken_by_whole_lines_of_the_cache():
    workspace = Workspace()
    for shape, dtype, whole in (((1,), np.uint8, 64), ((64,), np.uint8, 128), ((5, 13), np.uint8, 256)):
        workspace.empty(shape, dtype)
        assert workspace.peak == whole
    workspace.reset()
    workspace.reserve(1000)
    assert workspace.peak == 1000 and workspace.empty((1000,), np.uint8).base is not None
    workspace.reserve(500)
    assert workspace.peak == 1024
    workspace.notes["key"] = 1
    workspace.reset()  # larger than before: what was noted of the old memory is forgotten
    assert not workspace.notes
    workspace.notes["key"] = 1
    workspace.reset()
    assert workspace.notes


@given(REQUESTS)
def test_the_second_pass_and_all_later_ones_take_the_same_memory(requests):
    workspace = Workspace()
    places = []
    for _ in range(4):
        workspace.reset()
        places.append([workspace.empty(shape, dtype).ctypes.data for shape, dtype in requests])
    assert places[1] == places[2] == places[3]


def test_scratch_gives_back_what_was_taken_inside_even_after_an_error():
    workspace = Workspace()
    workspace.empty((100,), np.float64)
    workspace.reset()
    with workspace.scratch():
        inside = workspace.empty((10,), np.float64)
    after = workspace.empty((10,), np.float64)
    assert after.ctypes.data == inside.ctypes.data
    with pytest.raises(ZeroDivisionError), workspace.scratch():
        inside = workspace.empty((10,), np.float64)
        raise ZeroDivisionError
    assert workspace.empty((10,), np.float64).ctypes.data == inside.ctypes.data


def test_a_workspace_that_is_only_used_by_blocks_grows_too():
    workspace = Workspace()
    kept = []  # or the allocator may give the same place again
    for _ in range(3):
        with workspace.scratch():
            kept.append(workspace.empty((1000,), np.float32))
    assert np.shares_memory(kept[1], kept[2]) and not np.shares_memory(kept[0], kept[1])
    with workspace.scratch():
        first = workspace.empty((10,), np.float32)
        first[...] = 1
        with workspace.scratch():
            workspace.empty((100_000,), np.float32)[...] = 2
        assert workspace.empty((10,), np.float32).ctypes.data != first.ctypes.data and (first == 1).all()


def test_a_fresh_workspace_never_reuses():
    fresh = Fresh()
    with fresh.scratch():
        first = fresh.empty((3,), np.float32)
    fresh.reset()
    assert not np.shares_memory(first, fresh.empty((3,), np.float32))


@pytest.mark.parametrize("name", ["seed_net", "lenet5", "vgg_net", "separable_net"])
def test_after_the_first_step_a_training_step_allocates_less_than_a_megabyte(name):
    net = getattr(models, name)()
    rng = np.random.default_rng(0)
    x, dz = rng.random((1, 28, 28, 64), np.float32), rng.random((10, 64), np.float32)

    def step(_, workspace):
        workspace.reset()
        _, caches = net.forward(x, train=True, rng=rng, workspace=workspace)
        net.backward(dz, caches, workspace=workspace)

    with Workers(1) as crew:
        crew.map(step, range(2))
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            crew.map(step, range(3))
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak - before < 2**20
    assert after - before < 2**16


def test_a_step_on_a_workspace_does_not_keep_it_alive_or_grow_it():
    net, workspace = models.student_net(), Workspace()
    x = np.zeros((1, 28, 28, 8), np.float32)
    for _ in range(2):
        net.forward(x, workspace=workspace)
        workspace.reset()
    memory = workspace.empty((1,), np.uint8).base
    references = sys.getrefcount(memory)
    for _ in range(3):
        workspace.reset()
        net.forward(x, workspace=workspace)
    workspace.reset()
    assert workspace.empty((1,), np.uint8).base.nbytes == memory.nbytes
    assert sys.getrefcount(memory) <= references + 1
