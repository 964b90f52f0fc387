"""Two inputs in one product give the codes of two products, up to the last bound at which they fit."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import COUNTS, batch, codes, integers, programs

from tinyzip.integer import Codes, Conv2d, Linear, MaxPool2d, Operator, Program, run
from tinyzip.integer.bounds import FLOAT_EXACT
from tinyzip.integer.fast import choose, convolution, kernels
from tinyzip.integer.fast.convolution import FEW
from tinyzip.integer.fast.lanes import base_of, largest_sum, pack, pays, scale_down, unpack
from tinyzip.integer.fast.memory import VALUE
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.operators import Weighted
from tinyzip.machine.workspace import FRESH

EDGE = 2895
WIDE = Codes(-128, 127, 0)
KINDS = (
    *("conv", "one place", "pooled", "pooled rows", "pooled by three", "pooled apart"),
    *("padded", "strided, pooled", "depthwise", "dilated", "grouped", "one column", "two columns", "linear"),
)
ALONE = "depthwise", "dilated", "pooled by three", "one column"  # no pairs of columns


@pytest.fixture(autouse=True, scope="module")
def wherever_they_fit() -> Iterator[None]:
    """These layers are too small for it to pay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choose, "pays", lambda *_: True)
        plan_of.cache_clear()
        yield
    plan_of.cache_clear()


def weights(total: int, *shape: int) -> Any:
    """A row of `shape` that adds up to `total`, all of it positive, and as large as the others."""
    size = int(np.prod(shape))
    return (total // size + (np.arange(size) < total % size)).reshape(shape)


def layer(kind: str, total: int) -> tuple[tuple[Operator, ...], tuple[int, ...]]:
    """Two outputs, Σ|w| = `total` in both, of one sign each; and the shape of the input."""

    def rows(*shape: int) -> Any:
        return np.stack([weights(total, *shape), -weights(total, *shape)])

    def conv(w: Any, **fields: Any) -> Conv2d:
        return Conv2d(w, [3, -5], 2**30, 36, WIDE, rounding="single", **fields)

    match kind:
        case "conv":
            return (conv(rows(2, 3, 3)),), (2, 4, 5)
        case "one place":
            return (conv(rows(2, 1, 1)),), (2, 3, 5)
        case "pooled":
            return (conv(rows(2, 4, 3)), MaxPool2d(2)), (2, 9, 7)
        case "pooled rows":
            return (conv(rows(2, 3, 3)), MaxPool2d((2, 1))), (2, 6, 7)
        case "pooled by three":
            return (conv(rows(2, 3, 3)), MaxPool2d(3)), (2, 8, 9)
        case "strided, pooled":
            return (conv(rows(2, 3, 3), padding=1, stride=(1, 2)), MaxPool2d((1, 4))), (2, 4, 17)
        case "pooled apart":
            return (conv(rows(2, 3, 3)), MaxPool2d(3, 2)), (2, 7, 8)
        case "padded":
            return (conv(rows(2, 3, 3), padding=((1, 0), (2, 1)), stride=2),), (2, 5, 4)
        case "depthwise":
            return (conv(rows(1, 3, 3), groups=2),), (2, 5, 6)
        case "dilated":
            return (conv(rows(1, 3, 3), groups=2, dilation=2),), (2, 7, 6)
        case "grouped":
            return (conv(rows(2, 3, 3), groups=2),), (4, 4, 5)
        case "two columns":
            return (conv(rows(2, 3, 3)),), (2, 4, 4)
        case "one column":
            return (conv(rows(2, 3, 3)),), (2, 4, 3)
    return (Linear(rows(24), [3, -5], 2**30, 36, WIDE),), (24,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reach, total", [(15, 193), (16, 181)])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("N", [1, 2, 8, FEW + 1])  # of few examples no columns lie apart
def test_sums_at_both_ends_of_the_last_bound_come_apart(
    kind: str, reach: int, total: int, signed: bool, N: int
) -> None:
    """(LN2)–(LN4): 15·193 = 2,895 and 16·181 = 2,896, attained with both signs, beside one another."""
    x = Codes(-reach if signed else 0, reach, 0)
    operators, shape = layer(kind, total)
    program = Program(operators, shape, x)
    first = program.operators[0]
    assert isinstance(first, Weighted)
    assert largest_sum(first, x) == reach * total
    assert bool(base_of(largest_sum(first, x))) == (reach * total <= EDGE)
    kernel: Any = plan_of(program, "blas", False).tasks[0].kernel
    assert kernel.func is (kernels.linear if kind == "linear" else convolution.conv2d)
    assert bool(kernel.args[0].base) == (reach * total <= EDGE and kind not in ALONE)
    rng = np.random.default_rng(N)
    ends = np.where(rng.random((3, *shape, N)) < 0.5, x.lo, x.hi)
    same = np.broadcast_to(np.where(np.arange(N) % 4 < 2, x.hi, x.lo), (*shape, N))
    beside = np.where(np.arange(N) % 2, x.lo, same)
    for case in (*ends, same, beside):
        codes_in = np.ascontiguousarray(case).astype(x.dtype)
        np.testing.assert_array_equal(run(program, codes_in, "blas"), run(program, codes_in))


def test_two_sums_fit_up_to_2895_and_up_to_2047_at_a_power_of_two() -> None:
    """(LN2), (LN3), (LN4). All steps from acc to s₂ keep order, so it is enough to ask at each s₁'s ends."""
    assert [base_of(largest) for largest in (0, 1, 2047, 2048, EDGE, EDGE + 1)] == [
        *(1, 4, 4096),
        *(4100, 2 * EDGE + 4, 0),
    ]
    for largest in range(EDGE + 1):
        base = base_of(largest)
        assert base > 2 * largest and largest * (base + 1) < FLOAT_EXACT
        second = np.arange(-largest, largest + 1)
        for first in (-largest, largest):
            found = unpack((second * base + first).astype(np.float32), base, FRESH)
            scale_down(found[1], base)
            assert (found[0] == first).all() and (found[1] == second).all()


@settings(max_examples=60)
@given(st.data())
def test_the_largest_sum_is_attained_and_never_passed(data: Any) -> None:
    """(LN1): over all inputs at the ends of their codes, which is where a linear map is largest."""
    x = data.draw(codes())
    w = integers(data.draw, -3, 3, (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 7))))
    operator = Linear(w, None, 2**30, 40, WIDE).checked("drawn")
    ends = np.array(np.meshgrid(*[[x.lo - x.zero, 0, x.hi - x.zero]] * w.shape[1])).reshape(w.shape[1], -1)
    assert largest_sum(operator, x) == np.abs(w @ ends).max()


@given(st.data())
def test_what_is_packed_and_multiplied_comes_apart(data: Any) -> None:
    """(LN2)–(LN4): any whole matrices within the bound, an odd number of images too."""
    x = data.draw(codes())
    F, K, N = (data.draw(st.integers(1, most)) for most in (4, 40, 9))
    w = integers(data.draw, -4, 4, (F, K))
    operator = Linear(w, None, 2**30, 40, WIDE).checked("drawn")
    base = base_of(largest_sum(operator, x))
    if not base:
        return
    images = batch(data.draw, x, (K, N)).astype(int) - x.zero
    half = -(-N // 2)
    packed = np.full((K, half), np.nan, np.float32)
    pack(images[:, :half].astype(np.float32), images[:, half:].astype(np.float32), base, packed)
    first, second = unpack(w.astype(np.float32) @ packed, base, FRESH)
    scale_down(second, base)
    np.testing.assert_array_equal(np.hstack([first, second[:, : N - half]]), w @ images)
    assert N % 2 == 0 or (second[:, -1] == 0).all()


@settings(max_examples=60)
@given(st.data())
def test_programs_of_few_bits_give_the_same_codes(data: Any) -> None:
    program = data.draw(programs(4, ["conv", "max", "linear", "flatten", "add"]))
    x = batch(data.draw, program.input, (*program.shape, data.draw(st.sampled_from(COUNTS))))
    np.testing.assert_array_equal(run(program, x, "blas"), run(program, x))


@pytest.mark.parametrize("kind, wanted", [("linear", [10, 20]), ("conv", [2 * 2 * 20, 2 * 3 * 20])])
def test_a_product_makes_pairs_where_two_fit(
    kind: str, wanted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twenty examples, and of three columns of outputs."""
    widths = []

    def multiply(w: Any, patches: Any, out: Any) -> None:
        widths.append(patches.shape[-1])
        np.matmul(w, patches, out=out)

    for module in (convolution, kernels):
        monkeypatch.setattr(module, "multiply", multiply)
    for reach, total in ((15, 193), (16, 181)):
        x = Codes(0, reach, 0)
        operators, shape = layer(kind, total)
        run(Program(operators, shape, x), np.zeros((*shape, 20), np.uint8), "blas")
    assert widths == wanted


@pytest.mark.parametrize(
    "kind, values, outputs",
    [
        ("conv", 2 * 6 * 2 + 2 * 3 * 2 + 2 * 2 * 2, 2 * 3),
        ("pooled", 2 * 2 * 6 * 2 + 2 * 3 * 4 + 2 * 4 * 2, 2 * 2),
    ],
)
def test_the_memory_of_a_row_counts_what_lies_in_pairs(kind: str, values: int, outputs: int) -> None:
    """Padded columns twice, patches once, and sums twice; of 3 columns of outputs, and of 4 in windows."""
    operators, shape = layer(kind, 193)
    kernel: Any = plan_of(Program(operators, shape, Codes(0, 15, 0)), "blas", False).tasks[0].kernel
    assert kernel.args[0].row == 4 * values + (4 + VALUE) * outputs


def test_two_lanes_pay_where_a_sum_has_many_products() -> None:
    assert pays(50, 784, 784) and not pays(50, 320, 320) and not pays(64, 64, 64)
    assert pays(20, 30, 2, True) and not pays(20, 30, 2)
    assert pays(45, 91, 45) and not pays(45, 90, 45)  # as much is not more
    assert pays(30, 51, 20, True) and not pays(30, 50, 20, True)
