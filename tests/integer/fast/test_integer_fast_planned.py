"""A planned program repeats the calls of a run, and gives its codes."""

import importlib
import tracemalloc
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import BYTE, batch, conv, programs, small

from tinyzip.integer import Flatten, Linear, MaxPool2d, Program, prepare, run
from tinyzip.machine import blas
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace


@settings(max_examples=120)
@given(st.data())
def test_a_planned_program_gives_the_codes_of_a_run(data: Any) -> None:
    """(PL1): for any program and number of examples, again and again, whatever was there before."""
    program, N = data.draw(programs()), data.draw(st.sampled_from([1, 1, 2, 5]))
    product: Any = data.draw(st.sampled_from(["integer", "blas"]))
    planned = prepare(program, N, product)
    batches = [batch(data.draw, program.input, (*program.shape, N)) for _ in range(2)]
    for x in (*batches, batches[0]):
        found, wanted = planned(x), run(program, x, product)
        assert type(found) is type(wanted) and found.dtype == wanted.dtype
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


@settings(max_examples=40)
@given(st.data())
def test_shards_that_come_again_are_repeated_and_give_the_codes_of_the_first_time(data: Any) -> None:
    """(PL1), with other programs, sizes and larger memory in between."""
    several = data.draw(st.lists(programs(), min_size=1, max_size=2))
    workers = Workers(1)
    for _ in range(10):
        program, N = data.draw(st.sampled_from(several)), data.draw(st.sampled_from([1, 1, 3]))
        product: Any = data.draw(st.sampled_from(["integer", "blas"]))
        x = batch(data.draw, program.input, (*program.shape, N))
        found = run(program, x, product, threads=workers)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(run(program, x, product)))


def test_the_third_run_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    program, workers = Program((conv(padding=1), Flatten()), (1, 6, 6), BYTE), Workers(1)
    x = np.random.default_rng(0).integers(0, 256, (1, 6, 6, 4), np.uint8)
    wanted = [np.asarray(run(program, x + np.uint8(k), threads=workers)).copy() for k in (0, 1)][1]
    monkeypatch.setattr(Workspace, "empty", None)
    np.testing.assert_array_equal(np.asarray(run(program, x + np.uint8(1), threads=workers)), wanted)


def test_a_planned_run_holds_blas_where_its_products_are_of_blas_and_only_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, held = small(), list[str]()
    monkeypatch.setattr(blas, "hold", lambda: held.append("held") or (lambda: held.append("let go")))
    for product, wanted in zip(("integer", "blas"), ([], ["held", "let go"]), strict=True):
        planned: Any = prepare(program, 2, cast(Any, product))
        held.clear()
        planned(np.zeros((*program.shape, 2), np.uint8))
        assert held == wanted


def test_an_answer_stays_when_the_next_one_is_computed() -> None:
    program = Program(small().operators[:-1], (1, 8, 8), BYTE)
    planned = prepare(program, 3)
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (1, 8, 8, 3), np.uint8) for _ in range(2))
    kept = planned(first)
    planned(second)
    np.testing.assert_array_equal(np.asarray(kept), np.asarray(run(program, first)))


def test_nothing_is_decided_or_allocated_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program((conv(padding=1), Flatten()), (1, 64, 64), BYTE)
    planned = prepare(program, 64, "blas")
    x = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 64), np.uint8)
    planned(x)
    monkeypatch.setattr(Workspace, "empty", None)
    tracemalloc.start()
    try:
        found = planned(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < found.nbytes + 2**18  # NumPy's own buffers


def test_a_clamp_is_written_down_as_one_ufunc() -> None:
    planned = prepare(Program((conv(padding=1), Flatten()), (1, 8, 8), BYTE), 2, "blas")
    calls = [call for call, _, _ in planned.recorded[2].calls]
    names = [getattr(call, "__self__", call).__name__ for call in calls]
    assert names.count("clip") == 1 and not {"maximum", "minimum"} & set(names)
    assert np.clip not in calls


def test_the_memory_of_a_plan_is_said() -> None:
    program = Program((conv(), Flatten()), (1, 200, 200), BYTE)
    assert prepare(program).count == 1
    prepare(program, 4)
    tracemalloc.start()
    try:
        planned = prepare(program, 4)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert abs(kept - planned.nbytes) <= 2**16
    assert prepare(program, 16).nbytes < 4.1 * planned.nbytes


def test_shards_of_both_sizes_are_computed_in_one_piece_of_memory() -> None:
    def memory(array: Any) -> Any:
        while isinstance(array.base, np.ndarray):
            array = array.base
        return array

    planned = prepare(small(), 301)
    one, other = planned.recorded.values()
    assert memory(one.output) is memory(other.output)
    alone = prepare(small(), planned.size)
    assert planned.nbytes - other.nbytes == alone.nbytes > other.nbytes > 0


def test_a_pool_right_after_a_convolution_saves_the_memory_of_what_that_writes() -> None:
    wide = conv(w=np.ones((9, 1, 1, 1), int))
    pooled, alone = (Program((wide, *more), (1, 64, 64), BYTE) for more in ((MaxPool2d(8),), ()))
    assert prepare(pooled, 4).nbytes < prepare(alone, 4).nbytes - 8 * 9 * 8 * 64


@pytest.mark.parametrize("count", [1, 3, 4, 7, 11])
def test_many_examples_are_planned_in_the_shards_of_a_run(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(PL1) for each of two sizes at most, whose memory does not grow with the number of examples."""
    program = Program((conv(padding=1), Flatten()), (1, 8, 8), BYTE)
    monkeypatch.setattr(importlib.import_module("tinyzip.integer.fast.run"), "MOST", 4)
    planned = prepare(program, count)
    assert len(planned.recorded) <= 2 and max(planned.recorded) <= 4
    assert planned.nbytes < 1.5 * prepare(program, 4).nbytes  # their codes lie apart
    x = np.random.default_rng(count).integers(0, 256, (1, 8, 8, count), np.uint8)
    np.testing.assert_array_equal(np.asarray(planned(x)), np.asarray(run(program, x)))


@pytest.mark.parametrize(
    "fields, error, words",
    [
        ({"count": 0}, ValueError, "prepare: count"),
        ({"count": 2**20 + 1}, ValueError, "prepare: count: found 1048577"),
        ({"count": True}, ValueError, "prepare: count"),
        ({"product": "float"}, ValueError, "prepare: product"),
        (
            {"product": "printed"},
            ValueError,
            "prepare: product: found 'printed', needed one of integer",
        ),
        ({"program": "conv"}, TypeError, "prepare: program"),
    ],
)
def test_what_cannot_be_planned_is_refused(fields: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        prepare(**({"program": small()} | fields))


def test_codes_that_a_run_refuses_are_refused_and_so_is_another_number_of_them() -> None:
    planned = prepare(Program((Linear([[1, 1]], None, 2**30, 31, BYTE),), (2,), BYTE), 2)
    for codes, error in ((np.zeros((2, 2)), TypeError), (np.zeros((3, 2), np.uint8), ValueError)):
        with pytest.raises(error, match="run: codes"):
            planned(codes)
    with pytest.raises(ValueError, match="planned: codes: found 3 examples, needed 2"):
        planned(np.zeros((2, 3), np.uint8))


def test_a_plan_that_would_give_other_codes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program((conv(padding=1), Flatten()), (1, 6, 6), BYTE)
    right = run(program, np.zeros((1, 6, 6, 2), np.uint8))
    monkeypatch.setattr("tinyzip.integer.fast.planned.run", lambda *_: np.asarray(right) + 1)
    with pytest.raises(ValueError):
        prepare(program, 2)


def test_a_plan_by_blas_gives_its_threads_back() -> None:
    found = blas.openblas()
    if found is None:
        pytest.skip("another BLAS")
    planned = prepare(Program((conv(padding=1), Flatten()), (1, 6, 6), BYTE), 2, "blas")
    before = found.get_threads()
    found.set_threads(2)
    try:
        planned(np.zeros((1, 6, 6, 2), np.uint8))
        assert found.get_threads() == 2
    finally:
        found.set_threads(before)
