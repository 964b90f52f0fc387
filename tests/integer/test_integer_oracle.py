"""Loops = printed = fast: both engines against Python integers and loops, on programs of every kind."""

from dataclasses import replace
from functools import partial
from typing import Any, cast

import integer_programs
import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import COUNTS, batch, codes, programs, weighted

from tinyzip.base.windows import reach_of, windows
from tinyzip.integer import (
    Add,
    Argmax,
    AvgPool2d,
    Codes,
    Concat,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Multiply,
    Operator,
    Pad,
    Product,
    Program,
    Recall,
    Reshape,
    Softmax,
    Table,
    Transpose,
    resume,
    run,
)
from tinyzip.integer import softmax as printed
from tinyzip.integer.fast import copies, elementwise, memory, pools
from tinyzip.integer.fast.choose import kernel_of
from tinyzip.integer.fast.convolution import conv2d
from tinyzip.integer.fast.depthwise import band_matrices, banded, summed
from tinyzip.integer.fast.elementwise import products_of, terms_of
from tinyzip.integer.fast.kernels import linear
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.fixedpoint import ROUNDINGS
from tinyzip.integer.softmax import ONE
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace

RESIDUAL = ["conv", "max", "recall", "add", "concat", "flatten", "linear"]
PLACES = 49
WITHOUT_A_SHAPE = ["add", "concat", "recall", "table", "softmax"]  # of images and of vectors


def used(self: Workspace, shape: tuple[int, ...], dtype: Any, empty: Any = Workspace.empty) -> Any:
    """Scratch memory in which something was before."""
    array = empty(self, shape, dtype)
    array.view(np.uint8)[...] = 99
    return array


def check_drawn(data: Any, program: Program) -> None:
    """In one block, and in blocks of a few rows and channels, of one at least."""
    x = batch(data.draw, program.input, (*program.shape, data.draw(st.integers(1, 3))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "BLOCK", data.draw(st.sampled_from([memory.BLOCK, 2000, 1])))
        patch.setattr(Workspace, "empty", used)
        check_three_ways(program, x)


def check_three_ways(program: Program, x: Any) -> None:
    """What the loops write both engines write: after every operator, and where only the last is asked for."""
    N = x.shape[-1]
    expected = [reference.run(program, x[..., n].tolist()) for n in range(N)]
    for product in ("printed", "integer", "blas"):
        outputs = run(program, x, product, trace=True)
        for i, (operator, y) in enumerate(zip(program.operators, outputs, strict=True)):
            where = f"operator {i} ({operator.kind}), {product}"
            assert y.shape == (*program.shapes[i + 1], N), where
            assert y.dtype == (np.int64 if isinstance(operator, Argmax) else program.codes[i + 1].dtype), (
                where
            )
            assert [y[..., n].tolist() for n in range(N)] == [e[i] for e in expected], where
        np.testing.assert_array_equal(run(program, x, product), outputs[-1])


@pytest.mark.parametrize("kinds", [None, RESIDUAL], ids=["of every kind", "that name earlier outputs"])
@settings(max_examples=120)
@given(data=st.data())
def test_loops_printed_and_fast_write_the_same_codes(kinds: list[str] | None, data: Any) -> None:
    """(TB1), (TB2)"""
    check_drawn(data, data.draw(programs(6, kinds)))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("kind", ["conv", "linear", "mean", "product"])
@settings(max_examples=25)
@given(data=st.data())
def test_loops_printed_and_fast_agree_on_each_operator_in_each_rounding(
    kind: str, rounding: str, data: Any
) -> None:
    """(OP2)"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integer_programs, "ROUNDINGS", (rounding,))
        program = data.draw(programs(3, ["flatten", kind] if kind == "linear" else [kind]))
    check_drawn(data, program)


@pytest.mark.parametrize("kind", ["max", "avg", "pad", "transpose", "reshape", *WITHOUT_A_SHAPE])
@settings(max_examples=25)
@given(data=st.data())
def test_loops_printed_and_fast_agree_on_each_other_operator(kind: str, data: Any) -> None:
    """(TB3), (SW1): a program of vectors ends in an Argmax half of the time."""
    check_drawn(data, data.draw(programs(3, [kind, "flatten"] if kind in WITHOUT_A_SHAPE else [kind])))


KERNELS: dict[type[Operator], Any] = {
    **{Conv2d: conv2d, Linear: linear, Argmax: copies.argmax, Concat: copies.concat},
    **{MaxPool2d: pools.max_pool2d_codes, AvgPool2d: pools.avg_pool2d, GlobalAvgPool: pools.global_avg_pool},
    **{Add: elementwise.combine, Product: elementwise.combine, Softmax: elementwise.softmax},
    **{Table: elementwise.look_up, Multiply: elementwise.look_up},
    **{Pad: copies.pad, Transpose: copies.transpose, Flatten: copies.reshape_channels_last},
    **{Reshape: copies.reshape_channels_last, Recall: None},
}


@settings(max_examples=40)
@given(programs(6))
def test_each_operator_goes_to_its_kernel_and_what_only_reads_otherwise_to_none(program: Program) -> None:
    for i, operator in enumerate(program.operators):
        kernel: Any = kernel_of(program, i, "integer")
        while isinstance(kernel, partial):
            kernel = kernel.args[0] if kernel.func is memory.by_channels else kernel.func
        reads_only = operator in (Flatten(), Pad(((0, 0), (0, 0)))) or (
            isinstance(operator, Reshape) and operator.order == "CHW"
        )
        assert kernel is (None if reads_only else KERNELS[type(operator)])


@given(st.integers(0, 40), st.integers(1, 3 * 2**22))
def test_blocks_are_as_long_as_their_memory_allows_and_cover_all_in_order(count: int, size: int) -> None:
    most, workspace = max(1, memory.BLOCK // size), Workspace()
    stops = [*range(most, count, most), *[count] * (count > 0)]
    for block, stop in zip(memory.blocks(count, size, workspace), stops, strict=True):
        assert block == slice((stop - 1) // most * most, stop)
        workspace.empty((2**10,), np.uint8)
    assert workspace.peak <= 2**11


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 200, 2000, 10**6]))
def test_channels_go_in_blocks_of_the_largest_array_of_theirs(C: int, x: int, y: int, block: int) -> None:
    seen: list[int] = []

    def kernel(*inputs: Any, y: Any, workspace: Any) -> None:
        assert {len(one) for one in inputs} == {len(y)}
        seen.append(len(y))
        y[...] = inputs[1]

    arrays = np.ones((C, x, 2)), np.arange(C)[:, None], np.zeros((C, y))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "BLOCK", block)
        memory.by_channels(kernel, *arrays[:2], y=arrays[2], workspace=Workspace())
    most = max(1, block // (memory.VALUE * max(2 * x, y)))
    assert seen == [min(most, C - start) for start in range(0, C, most)]
    assert (arrays[2] == np.arange(C)[:, None]).all()


BYTE = Codes(0, 255, 3)
SMALL = [2**30] * 3, [31, 31, 50], BYTE


@pytest.mark.parametrize(
    "operator",
    [
        Table(np.zeros((30, 256), int), BYTE),
        Softmax(2**30, 20),
        Add(-1, *SMALL),
        MaxPool2d(3, 1, 1, BYTE),
        AvgPool2d(3, 1, 1),
        GlobalAvgPool(),
        GlobalAvgPool(2**30, 40, BYTE),
        Multiply([3] * 30, 2**30, 40, BYTE),
        Conv2d(np.ones((30, 30, 3, 3), int), None, 2**30, 45, BYTE, padding=1),
    ],
    ids=lambda operator: operator.kind,
)
def test_what_a_block_takes_is_near_what_it_may(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter more at most, where channels and rows are so small that several share a block; half as much

    again and more for a convolution, whose blocks see some rows of the next.
    """
    program = Program((operator,), (30, 30, 20), BYTE)
    kernel: Any = kernel_of(program, 0, "integer")
    x, workspace = np.zeros((30, 30, 20, 2), np.uint8), Workspace()
    y = np.empty((*program.shapes[1], 2), program.output.dtype)
    monkeypatch.setattr(memory, "BLOCK", 150_000)
    with workspace.scratch():
        kernel(*[x] * len(operator.reads(0)), y=y, workspace=workspace)
    assert workspace.peak <= (1.6 if isinstance(operator, Conv2d) else 1.25) * 150_000


@settings(max_examples=60)
@given(st.data())
def test_band_matrices_and_plain_sums_are_the_products_with_all_windows(data: Any) -> None:
    """(DW1)"""
    C, M, kh, kw, N, extra = (data.draw(st.integers(1, most)) for most in (3, 3, 3, 4, 3, 4))
    stride, dilation = data.draw(st.tuples(*[st.integers(1, 3)] * 2)), (1, data.draw(st.integers(1, 3)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    size = kh + extra, (kw - 1) * dilation[1] + 1 + data.draw(st.integers(0, 4))
    x = rng.integers(-99, 100, (C, *size, N)).astype(np.float32)
    w = rng.integers(-9, 10, (C, M, kh, kw)).astype(np.float32)
    seen = windows(x, (kh, kw), stride, dilation)
    wanted = np.einsum("cmij,cijhwn->cmhwn", w, seen).reshape(C * M, *seen.shape[3:])
    T = band_matrices(w, size[1], stride, dilation)
    assert T is not None
    for kind in (np.float32, np.int32):
        found = np.empty(wanted.shape, kind)
        summed(x.astype(kind), w.astype(kind), stride, dilation, found, Workspace())
        np.testing.assert_array_equal(found, wanted)
    found = np.empty(wanted.shape, np.float32)
    banded(x, T, kh, stride[0], found, Workspace())
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_loops_printed_and_fast_agree_on_the_means_nearest_to_a_half(rounding: str) -> None:
    """(GA1), (GA2): of some multipliers, the sums at which one rounding more or less would show."""
    rng, x, y = np.random.default_rng(0), Codes(-128, 127, -7), Codes(-128, 127, -3)
    sums = np.arange(PLACES * x.lo, PLACES * x.hi + 1)
    for _ in range(60):
        m0 = 2**30 if rounding == "shift" else int(rng.integers(2**30, 2**31)) >> 7 << 7
        operator = GlobalAvgPool(m0, int(rng.integers(35, 38)), y, cast(Any, rounding))
        scaled = (sums - PLACES * x.zero) * m0 / 2**operator.n
        check_means(operator, x, sums[np.argsort(np.abs(scaled % 1 - 0.5))[:6]])


def test_a_mean_by_floats_is_rounded_once_more_when_its_zero_point_is_added() -> None:
    """(GA2), with numbers for which a code would differ otherwise, found by a search."""
    operator = GlobalAvgPool(1742883840, 38, Codes(-128, 127, -70), "float32")
    check_means(operator, Codes(-128, 127, -61), np.array([-3541, -2437]))


def check_means(operator: GlobalAvgPool, x: Codes, sums: Any) -> None:
    """On images of PLACES codes that have these sums."""
    images = sums // PLACES + (np.arange(PLACES)[:, None] < sums % PLACES)
    check_three_ways(Program((operator,), (1, 1, PLACES), x), images[None, None].astype(x.dtype))


@settings(max_examples=40)
@given(st.data())
def test_pooling_the_accumulators_gives_the_pooled_codes(data: Any) -> None:
    """(PQ1): with trace, convolution and pool run one after the other; without, the pool comes first."""
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


# groups, inputs a group, kernel, stride, dilation, pool: what makes a convolution go one way or another
ROUTES: dict[str, Any] = {
    "in blocks": (1, 2, (5, 3), 1, (1, 1), MaxPool2d((2, 3))),
    "in blocks, a clamp": (1, 1, (4, 2), 1, (1, 1), MaxPool2d(2, y=Codes(2, 9, 5))),
    "in blocks columns": (1, 2, (3, 3), 1, (1, 1), MaxPool2d((1, 2))),
    "in blocks rows": (1, 2, (3, 3), (1, 2), (1, 1), MaxPool2d((2, 1))),
    "in blocks, grouped": (2, 2, (4, 4), 1, (1, 1), MaxPool2d(2)),
    "in blocks, rows dilated": (1, 2, (4, 2), 1, (2, 1), MaxPool2d(2)),
    "in blocks, columns dilated by three": (1, 2, (2, 3), 1, (1, 3), MaxPool2d(2)),
    "in blocks, strides": (1, 2, (3, 3), (1, 2), (1, 1), MaxPool2d((1, 2))),
    "pools that are wide": (1, 2, (2, 2), 1, (1, 1), MaxPool2d((2, 5))),
    "pools that overlap": (1, 2, (5, 2), 1, (1, 1), MaxPool2d(2, 1)),
    "pools with padding": (1, 2, (4, 2), 1, (1, 1), MaxPool2d(2, 2, 1)),
    "nothing to gather": (1, 3, (1, 1), 1, (1, 1), None),
    "in blocks, one place": (1, 3, (1, 1), 1, (1, 1), MaxPool2d(2)),
    "in blocks rows, one place": (1, 3, (1, 1), 1, (1, 1), MaxPool2d((2, 1))),
    "in blocks, one place, strides": (1, 3, (1, 1), 2, (1, 1), MaxPool2d(2)),
    "one place, strides": (1, 3, (1, 1), 2, (1, 1), None),
    "narrow depthwise": (3, 1, (3, 3), 1, (1, 1), None),
    "narrow depthwise, strides": (3, 1, (2, 3), (1, 2), (1, 1), None),
    "narrow depthwise, columns dilated": (2, 1, (3, 2), (2, 1), (1, 2), None),
    "narrow depthwise, pooled": (3, 1, (4, 2), 1, (1, 1), MaxPool2d(2)),
    "wide depthwise": (3, 1, (2, 1), 1, (1, 1), None),
    "depthwise, rows dilated": (3, 1, (2, 3), 1, (2, 2), None),
}


@pytest.mark.parametrize("route", ROUTES)
@settings(max_examples=15)
@given(data=st.data())
def test_whichever_way_a_convolution_goes_the_codes_are_the_oracles(route: str, data: Any) -> None:
    """(DW1) and the rest; through BLAS and integers, all rows at once and row by row, two outputs a group."""
    groups, inner, kernel, stride, dilation, pool = ROUTES[route]
    x = data.draw(codes())
    reach = reach_of(kernel, dilation)
    shape = (groups * inner, *(k + data.draw(st.integers(2, 4)) for k in reach))
    if "wide" in route:
        shape = (*shape[:2], shape[2] + 8)
    fields = {
        "dilation": dilation,
        "groups": groups,
        "padding": data.draw(st.integers(0, 1)),
        "stride": stride,
    }
    conv: Any = weighted(data.draw, Conv2d, (2 * groups, inner, *kernel), x, **fields)
    operators: list[Operator] = [conv]
    if pool is not None:
        operators = [replace(conv, y=Codes(0, 12, 5)) if pool.y else conv, pool]
    program = Program(tuple(operators), shape, x)
    kernel_of: Any = plan_of(program, "blas", False).tasks[0].kernel
    prepared = kernel_of.args[0]
    assert (prepared.window != (1, 1)) == route.startswith("in blocks")
    assert prepared.narrow == route.startswith("narrow")
    N = data.draw(st.sampled_from([2, 16, 80]))  # 80, so that a row of outputs has products of its own
    images = np.repeat(batch(data.draw, x, (*shape, 2)), N // 2, axis=3)
    wanted = [reference.run(program, images[..., n].tolist())[-1] for n in (0, N // 2)]
    for block in (memory.BLOCK, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory, "BLOCK", block)
            patch.setattr(Workspace, "empty", used)
            for product in ("integer", "blas"):
                found = run(program, images, product)
                pairs = np.asarray(found).reshape(*found.shape[:-1], 2, N // 2)
                assert (pairs == pairs[..., :1]).all()
                assert [pairs[..., n, 0].tolist() for n in range(2)] == wanted
                assert run(program, images[..., :1], product)[..., 0].tolist() == wanted[0]


ROWS: dict[str, tuple[Any, ...]] = {  # weights, size, fields, window; values of int16, outputs requantized
    "lines": ((3, 2, 3, 2), (8, 9), {"padding": 1}, None, 2 * 11 + 2 * 2 * 10 + 3 * 10, 3 * 10),
    "patches": ((3, 2, 3, 2), (11, 9), {"stride": (3, 2)}, None, 2 * 3 * 8 + 2 * 3 * 2 * 4 + 3 * 4, 3 * 4),
    "dilated": ((3, 2, 3, 2), (9, 9), {"dilation": (2, 1)}, None, 2 * 9 + 2 * 3 * 2 * 8 + 3 * 8, 3 * 8),
    "the image": ((3, 2, 1, 1), (8, 9), {}, None, 2 * 9 + 3 * 9, 3 * 9),
    "depthwise": ((4, 1, 3, 3), (9, 9), {"groups": 2, "stride": 2}, None, 2 * 2 * 9 + 4 * 4, 4 * 4),
    "pooled": ((3, 2, 3, 2), (8, 9), {}, (3, 2), 2 * 3 * 10 + 2 * 2 * 3 * 8 + 3 * 3 * 8, 3 * 4),
}


@pytest.mark.parametrize("weights, size, fields, window, values, outputs", ROWS.values(), ids=ROWS)
def test_the_memory_of_a_row_is_that_of_what_is_new_in_it(
    weights: Any, size: Any, fields: Any, window: Any, values: int, outputs: int
) -> None:
    """Padded rows, patches and sums; and what requantizing takes for each output that is left."""
    y = Codes(0, 255, 0)
    conv = Conv2d(np.ones(weights, int), None, 2**30, 45, y, **fields)
    pools = [] if window is None else [MaxPool2d(window)]
    kernel: Any = plan_of(Program((conv, *pools), (2, *size), y), "integer", False).tasks[0].kernel
    assert kernel.args[0].row == 2 * values + (2 + memory.VALUE) * outputs


@settings(max_examples=15)
@given(st.data())
def test_programs_that_run_again_and_again_on_kept_workers_give_the_same_codes(data: Any) -> None:
    """In copies of the process from the second run on, until another program or product takes turns."""
    several = data.draw(st.lists(programs(), min_size=1, max_size=2))
    with Workers(data.draw(st.integers(1, 3))) as workers:
        for _ in range(8):
            program = data.draw(st.sampled_from(several))
            product = data.draw(st.sampled_from(["integer", "blas"]))
            x = batch(data.draw, program.input, (*program.shape, data.draw(st.sampled_from(COUNTS))))
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
    for product in ("printed", "blas"):
        np.testing.assert_array_equal(whole, run(program, x, product, threads=3))
    one_by_one = [run(program, x[..., n : n + 1]) for n in range(0, N, 7)]
    np.testing.assert_array_equal(whole[..., ::7], np.concatenate(one_by_one, -1))


@settings(max_examples=40)
@given(st.data())
def test_from_any_operator_on_a_run_resumes_and_what_is_replaced_goes_on(data: Any) -> None:
    program = data.draw(programs(6, data.draw(st.sampled_from([None, RESIDUAL]))))
    x = batch(data.draw, program.input, (*program.shape, 2))
    outputs = [x, *run(program, x, trace=True)]
    i = data.draw(st.integers(0, len(program.operators)))
    np.testing.assert_array_equal(resume(program, outputs[: i + 1]), outputs[-1])
    other = batch(data.draw, program.codes[i], outputs[i].shape)
    if not isinstance(program.operators[i - 1], Argmax) or i == 0:
        found = resume(program, [*outputs[:i], other])
        for n in range(2):
            expected = [output[..., n].tolist() for output in (*outputs[:i], other)]
            for k in range(i, len(program.operators)):
                read = [expected[r + 1] for r in program.operators[k].reads(k)]
                codes = [program.codes[r + 1] for r in program.operators[k].reads(k)]
                expected.append(reference.apply(program.operators[k], read, codes, program.shapes[k + 1]))
            assert found[..., n].tolist() == expected[-1]


@pytest.mark.parametrize("most", [1, 2, 7, 60])
def test_a_softmax_rounds_as_the_printed_one_where_a_code_changes(most: int) -> None:
    """(SM4) beside so many greatest codes: at the least exponential of each greater code, and one below."""
    x, table = np.array([0] * most + [-1], np.int8)[:, None], np.full(256, ONE)
    y = np.empty_like(x)
    for p in range(-127, 240 // (1 + most) - 128, 5):
        below, enough = 0, ONE
        while enough - below > 1:
            table[254] = (below + enough) // 2
            fewer = printed.softmax(table, x)[-1, 0] < p
            below, enough = (int(table[254]), enough) if fewer else (below, int(table[254]))
        for table[254] in (below - 1, below, enough, enough + 1):
            elementwise.softmax(table, x, y, Workspace())
            np.testing.assert_array_equal(y, printed.softmax(table, x))


def test_what_a_table_has_for_codes_that_never_come_is_0() -> None:
    """Files of ONNX hold all 256 entries, and the same program gives the same file."""
    x, y = Codes(3, 90, 5), Codes(0, 255, 9)
    never = [code for code in range(256) if not x.lo <= code <= x.hi]
    for table in terms_of(Add(-1, [2**30, 2**30 + 5, 2**30], [31, 32, 48], y).checked("here"), [x, x]):
        assert not table[never].any() and table[x.lo : x.hi + 1].any()
    for w in ([7], [7, -9, 4]):
        table = products_of(Multiply(w, 2**30, 33, y).checked("here"), x, np.uint8)
        assert not table[..., never].any() and table.shape == ((256,) if len(w) == 1 else (3, 256))
