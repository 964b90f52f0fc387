"""Where outputs live: as few pieces of memory as are needed at once, and none given away too early."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_programs import BYTE, N, batch, conv, programs

from tinyzip.integer import Add, Concat, Conv2d, Flatten, MaxPool2d, Operator, Program, Recall, run
from tinyzip.integer.fast.plan import plan


def same(**fields: Any) -> Conv2d:
    """A convolution that keeps the shape of two channels."""
    return conv(w=np.eye(2, dtype=int)[..., None, None], **fields)


def pieces(*operators: Operator) -> int:
    program = Program(operators, (2, 4, 4), BYTE)
    return len(plan(program, "integer", False).sizes)


def test_a_chain_of_any_depth_needs_two_pieces_of_memory_and_a_residual_block_three() -> None:
    assert pieces(same()) == 1
    assert pieces(same(), same()) == pieces(*[same()] * 9) == 2
    block = [same(), same(), same(), Add(0, [1, 1], 1, BYTE, rounding="single")]
    assert pieces(*block) == 3
    assert pieces(*block, same(), same()) == 3
    assert pieces(same(), Recall(0), Flatten(), Recall(0), same()) == 2


@given(programs())
def test_no_output_is_overwritten_before_its_last_reader(program: Program) -> None:
    """A piece holds one output, from the step that writes it to the last that reads it or a view of it."""
    steps = plan(program, "integer", True).steps
    views = {step.i: step.reads[0] for step in steps if step.kernel is None}

    def written(k: int) -> int:
        return written(views[k]) if k in views else k

    for t, step in enumerate(steps):
        if step.kernel is None:
            continue
        later = {written(k) for other in steps[t:] for k in other.reads} | {written(steps[-1].i)}
        alive = [other for other in steps[:t] if other.kernel is not None and other.i in later]
        assert step.place not in {other.place for other in alive}
        assert plan(program, "integer", True).sizes[step.place] >= np.prod(step.shape) * step.dtype.itemsize


@pytest.mark.parametrize(
    "behind", [[Recall(0), MaxPool2d(2)], [Recall(0)], [Concat((1, 1)), Recall(0), Flatten()]]
)
def test_a_convolution_that_is_named_is_not_swallowed_by_the_pool_behind_it(behind: list[Operator]) -> None:
    w = np.arange(18).reshape(2, 1, 3, 3)
    program = Program((conv(w=w, n=N - 4), MaxPool2d(2), *behind), (1, 7, 7), BYTE)
    assert [step.i for step in plan(program, "blas", False).steps] == list(range(2 + len(behind)))
    x = np.random.default_rng(0).integers(0, 256, (1, 7, 7, 3), np.uint8)
    np.testing.assert_array_equal(run(program, x, "blas"), run(program, x, trace=True)[-1])
    pooled = Program(program.operators[:2], (1, 7, 7), BYTE)
    assert [step.i for step in plan(pooled, "blas", False).steps] == [1]


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
