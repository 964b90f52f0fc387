"""Fast kernels against Python integers and loops, on programs of every kind."""

from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import batch, codes, programs, weighted

from tinyzip.integer import Conv2d, MaxPool2d, Program, kernels, run
from tinyzip.machine.workers import Workers


@settings(max_examples=150)
@given(st.data())
def test_every_output_is_the_oracles(data: Any) -> None:
    program = data.draw(programs())
    N = data.draw(st.integers(1, 3))
    x = batch(data.draw, program.input, (*program.shape, N))
    expected = [reference.run(program, x[..., n].tolist()) for n in range(N)]
    for product in ("integer", "blas"):
        outputs = run(program, x, product, trace=True)
        for i, output in enumerate(outputs):
            assert output.shape[:-1] == program.shapes[i + 1]
            assert [output[..., n].tolist() for n in range(N)] == [e[i] for e in expected], i
        np.testing.assert_array_equal(run(program, x, product), outputs[-1])


@settings(max_examples=40)
@given(st.data())
def test_pooling_the_accumulators_gives_the_pooled_codes(data: Any) -> None:
    """With trace, convolution and pool run one after the other; without, the pool comes first."""
    program = data.draw(programs(1, ["conv"]))
    size = program.shapes[-1][1:]
    kernel = data.draw(st.tuples(*[st.integers(1, min(3, s)) for s in size]))
    padding = tuple(data.draw(st.tuples(*[st.integers(0, k - 1)] * 2)) for k in kernel)
    stride = data.draw(st.tuples(*[st.integers(1, 3)] * 2))
    pool = MaxPool2d(kernel, stride, padding)
    program = Program((*program.operators, pool), program.shape, program.input)
    x = batch(data.draw, program.input, (*program.shape, 3))
    for product in ("integer", "blas"):
        pooled = run(program, x, product)
        np.testing.assert_array_equal(pooled, run(program, x, product, trace=True)[-1])


@settings(max_examples=40)
@given(st.data())
def test_patches_that_hold_a_whole_pooling_window_change_nothing(data: Any) -> None:
    """Windows of 4 rows and more, pooled without overlap, go through BLAS stacked; bands of one row, too."""
    C, F = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    kernel = data.draw(st.tuples(st.integers(4, 6), st.integers(1, 3)))
    rows, columns = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
    x = data.draw(codes())
    shape = (C, kernel[0] + data.draw(st.integers(rows, 6)), kernel[1] + data.draw(st.integers(columns, 5)))
    padding = data.draw(st.integers(0, 2))
    conv = weighted(data.draw, Conv2d, (F, C, *kernel), x, padding=padding)
    program = Program((conv, MaxPool2d((rows, columns))), shape, x)
    images = batch(data.draw, x, (*shape, 3))
    wanted = run(program, images, trace=True)[-1]
    for band in (kernels.BAND, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "BAND", band)
            for product in ("integer", "blas"):
                np.testing.assert_array_equal(run(program, images, product), wanted)


@settings(max_examples=15)
@given(st.data())
def test_programs_that_run_again_and_again_on_kept_workers_give_the_same_codes(data: Any) -> None:
    """In copies of the process from the second run on, until another program or product takes turns."""
    several = data.draw(st.lists(programs(), min_size=1, max_size=2))
    with Workers(data.draw(st.integers(1, 3))) as workers:
        for _ in range(8):
            program = data.draw(st.sampled_from(several))
            product = data.draw(st.sampled_from(["integer", "blas"]))
            x = batch(data.draw, program.input, (*program.shape, data.draw(st.integers(1, 9))))
            found = run(program, x, product, threads=workers)
            expected = run(program, x)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@settings(max_examples=25)
@given(st.data())
def test_shards_and_threads_change_nothing(data: Any) -> None:
    program = data.draw(programs())
    N = data.draw(st.sampled_from([1, 2, 63, 64, 65, 130]))
    x = batch(data.draw, program.input, (*program.shape, N))
    whole = run(program, x)
    np.testing.assert_array_equal(whole, run(program, x, "blas", threads=3))
    one_by_one = [run(program, x[..., n : n + 1]) for n in range(0, N, 7)]
    np.testing.assert_array_equal(whole[..., ::7], np.concatenate(one_by_one, -1))
