"""Where outputs live: as few slots of memory as are needed at once, and none given away too early."""

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_programs import BYTE, N, batch, conv, programs

from tinyzip.integer import Add, Concat, Conv2d, Flatten, MaxPool2d, Operator, Program, Recall, run
from tinyzip.integer.fast.plan import plan_of


def same(**fields: Any) -> Conv2d:
    """A convolution that keeps the shape of two channels."""
    return conv(w=np.eye(2, dtype=int)[..., None, None], **fields)


def slots(*operators: Operator) -> int:
    program = Program(operators, (2, 4, 4), BYTE)
    return len(plan_of(program, "integer", False).sizes)


def test_a_chain_of_any_depth_needs_two_slots_of_memory_and_a_residual_block_three() -> None:
    assert slots(same()) == 1
    assert slots(same(), same()) == slots(*[same()] * 9) == 2
    block = [same(), same(), same(), Add(0, [1, 1], 1, BYTE, rounding="single")]
    assert slots(*block) == 3
    assert slots(*block, same(), same()) == 3
    assert slots(same(), Recall(0), Flatten(), Recall(0), same()) == 2


@given(programs())
def test_a_slot_is_as_large_as_the_largest_output_that_lives_in_it(program: Program) -> None:
    plan = plan_of(program, "integer", True)
    largest = [0] * len(plan.sizes)
    for task in plan.tasks:
        if task.kernel is not None:
            largest[task.slot] = max(largest[task.slot], prod(task.shape) * task.dtype.itemsize)
    assert plan.sizes == tuple(largest)


@given(programs())
def test_no_output_is_overwritten_before_its_last_reader(program: Program) -> None:
    """A slot holds one output, from the task that writes it to the last that reads it or a view of it."""
    tasks = plan_of(program, "integer", True).tasks
    views = {task.i: task.reads[0] for task in tasks if task.kernel is None}

    def written(k: int) -> int:
        return written(views[k]) if k in views else k

    for t, task in enumerate(tasks):
        if task.kernel is None:
            continue
        later = {written(k) for other in tasks[t:] for k in other.reads} | {written(tasks[-1].i)}
        alive = [other for other in tasks[:t] if other.kernel is not None and other.i in later]
        assert task.slot not in {other.slot for other in alive}
        assert plan_of(program, "integer", True).sizes[task.slot] >= np.prod(task.shape) * task.dtype.itemsize


@pytest.mark.parametrize(
    "after", [[Recall(0), MaxPool2d(2)], [Recall(0)], [Concat((1, 1)), Recall(0), Flatten()]]
)
def test_a_convolution_that_is_named_is_not_taken_by_the_pool_after_it(after: list[Operator]) -> None:
    w = np.arange(18).reshape(2, 1, 3, 3)
    program = Program((conv(w=w, n=N - 4), MaxPool2d(2), *after), (1, 7, 7), BYTE)
    assert [task.i for task in plan_of(program, "blas", False).tasks] == list(range(2 + len(after)))
    x = np.random.default_rng(0).integers(0, 256, (1, 7, 7, 3), np.uint8)
    np.testing.assert_array_equal(run(program, x, "blas"), run(program, x, trace=True)[-1])
    pooled = Program(program.operators[:2], (1, 7, 7), BYTE)
    assert [task.i for task in plan_of(pooled, "blas", False).tasks] == [1]


@given(st.data())
def test_the_input_and_an_output_may_be_named_again_and_again(data: Any) -> None:
    """(AD2), one sum after another."""
    x = batch(data.draw, BYTE, (2, 3, 3, 5))
    sums = ((-1, [1, 1], 2), (-1, [1, 2], 2), (0, [1, 3], 3))
    chain = [Add(other, m0, n, BYTE, rounding="single") for other, m0, n in sums]
    wide = x.astype(int)
    first = (2 * wide + 2) // 4
    second = (first + 2 * wide + 2) // 4
    found = run(Program(tuple(chain), (2, 3, 3), BYTE), x)
    np.testing.assert_array_equal(found, (second + 3 * first + 4) // 8)


def test_a_view_of_the_input_lives_where_that_came_from() -> None:
    tasks = plan_of(
        Program((Recall(-1), Flatten(), Recall(-1), same()), (2, 4, 4), BYTE), "blas", False
    ).tasks
    assert [task.slot for task in tasks] == [-1, -1, -1, 0]
