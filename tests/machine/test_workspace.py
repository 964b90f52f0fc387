import sys
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.machine import workers
from tinyzip.machine.workers import Workers, thread_count
from tinyzip.machine.workspace import ALIGNMENT, Fresh, Workspace
from tinyzip.nn import models

USUAL = np.getbufsize()  # noted before any test has run
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
    assert all(array.ctypes.data % ALIGNMENT == 0 for array in arrays if array.size)


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
    places = []
    for _ in range(3):
        with workspace.scratch():
            places.append(workspace.empty((1000,), np.float32).ctypes.data)
    assert places[1] == places[2]
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


@given(st.integers(1, 4), st.integers(0, 9))
def test_workers_give_every_item_its_own_result_in_order(threads, items):
    with Workers(threads) as crew:
        assert crew.map(lambda item, _: item**2, range(items)) == [item**2 for item in range(items)]


def test_an_item_always_lands_on_the_same_workspace():
    with Workers(3) as crew:
        for _ in range(3):
            assert crew.map(lambda _, workspace: workspace, range(7)) == [
                crew.workspaces[k % 3] for k in range(7)
            ]


@pytest.mark.parametrize("failing", [0, 1, 5])
def test_an_error_in_any_thread_comes_out_after_all_have_stopped(failing):
    finished = []

    def work(item, _):
        if item == failing:
            raise ArithmeticError(item)
        finished.append(item)

    with Workers(2) as crew:
        with pytest.raises(ArithmeticError):
            crew.map(work, range(6))
        many = len(finished)
        assert crew.map(lambda item, _: item, range(3)) == [0, 1, 2]
        assert len(finished) == many


def test_blas_is_held_to_one_thread_until_the_outermost_block_ends():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def found():
        return {lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        for _ in range(2):
            with Workers(2) as crew:
                with crew:
                    assert found() == {1}
                assert found() == {1}
            assert found() == {2}


def test_there_are_no_more_threads_than_cores_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert (thread_count(None), thread_count(1), thread_count(12)) == (3, 1, 12)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)))
    assert thread_count(None) == 8
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert thread_count(None) == 1


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    with pytest.raises(ValueError, match="threads: found"):
        Workers(threads)


def test_the_buffer_size_is_what_it_was_even_after_an_error():
    for threads in (1, 2):
        with Workers(threads) as crew:
            assert crew.map(lambda _, __: np.getbufsize(), range(4)) == [workers.BUFFER] * 4
            assert np.getbufsize() == USUAL
            with pytest.raises(ZeroDivisionError):
                crew.map(lambda item, _: 1 / item, range(4))
            assert np.getbufsize() == USUAL


def test_an_error_waits_until_no_thread_uses_the_workspaces():
    begun, done = threading.Event(), []

    def work(item, _):
        if item == 0:
            begun.wait()
            raise ZeroDivisionError
        begun.set()
        for i in range(10**5):
            if i == 10**5 - 1:
                done.append(item)

    with Workers(2) as crew, pytest.raises(ZeroDivisionError):
        crew.map(work, range(2))
    assert done == [1]
