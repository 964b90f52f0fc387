"""What is written down is repeated with the same bits, and what cannot be is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.machine.recorder import NOTES, Recorded, bound, recorder, repeated
from tinyzip.machine.workspace import Workspace


def test_copies_after_ones_back_are_repeated_and_views_stay_views() -> None:
    """Reshapes that must copy, picked rows, assignments, means; the second time from other numbers."""

    def work(x: Any) -> Any:
        y = np.zeros_like(x) + x.T.reshape(3, 4)
        y[1:, [0, 2]] = x[[2, 0]][:, 1:3]
        y[0] += x[x.shape[0] - 1].astype(np.int64)
        return y.copy().reshape(2, 6).sum(0) + np.clip(y.transpose(), -3, 3, out=y.T)[0, 0:1]

    kind = recorder()
    entry, other = np.arange(12).reshape(3, 4), np.arange(12).reshape(3, 4)[::-1] ** 2
    result = work(entry.view(kind)).view(np.ndarray)
    np.testing.assert_array_equal(result, work(entry))
    entry[...] = other
    for call in kind.calls:
        bound(*call)()
    np.testing.assert_array_equal(result, work(other))


def test_work_that_looks_at_values_cannot_be_planned() -> None:
    for look in (lambda x: x[0], np.max, lambda x: x.sum()):
        with pytest.raises(ValueError, match="a value that Python looks at"):
            look(np.arange(3).view(recorder()))


def test_what_gives_a_view_is_no_call() -> None:
    kind = recorder()
    x = np.arange(6).reshape(2, 3).view(kind)
    turned = np.transpose(x)
    assert isinstance(turned, kind) and turned.base is not None and kind.calls == []


def steps(w: Any) -> Any:
    """A function with all forms of calls: products, sums, maxima, parts, copies."""

    def function(x: Any, workspace: Workspace) -> Any:
        workspace.reset()
        y = workspace.empty((4, *x.shape[1:]), x.dtype)
        np.matmul(w.view(workspace.kind), x, out=y)
        np.copyto(y[:, ::2], y[:, ::2] - y[:1, ::2])
        y[1:] += np.float32(3)
        z = np.maximum(y[:2], y[2:], out=workspace.empty((2, *x.shape[1:]), x.dtype))
        z *= np.minimum(y[:2], y[2:])
        z *= 0.1  # of which float32 has another than float64
        return np.divide(z, np.sqrt(np.abs(y[:1]) + 1))

    return function


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_what_comes_again_is_repeated_with_the_same_bits(N: int, seed: int) -> None:
    """(PL1): on other inputs, and on other numbers in what a run reads beside them."""
    rng, workspace = np.random.default_rng(seed), Workspace()
    w = np.empty((4, 3), np.float32)
    function = steps(w)
    for k in range(4):
        w[...] = rng.normal(size=w.shape)
        x = rng.normal(size=(3, N)).astype(np.float32)
        found = repeated(function, "steps", x, workspace).copy()
        assert found.tobytes() == function(x, Workspace()).tobytes()
        assert [isinstance(note, Recorded) for note in workspace.notes.values()] == [k > 0]


def lying(data: Any, rng: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Numbers that lie in memory row by row, column by column, or apart, perhaps with an axis of length 1."""
    axis, step = data.draw(st.permutations(range(len(shape)))), data.draw(st.sampled_from([1, 1, 2]))
    turned = rng.normal(size=(*(shape[k] for k in axis[:-1]), step * shape[axis[-1]])).astype(dtype)
    return turned[..., ::step].transpose(np.argsort(axis))


@settings(max_examples=300)
@given(st.data(), st.sampled_from([np.float32, np.float64]), st.integers(0, 2**32 - 1))
def test_a_call_that_is_bound_gives_the_bits_of_the_call_however_its_arrays_lie(
    data: Any, dtype: Any, seed: int
) -> None:
    """Products of one matrix or of several, and what is done entry by entry or broadcast."""
    rng, size = np.random.default_rng(seed), st.sampled_from([1, 1, 2, 3, 17, 64])
    S, M, K, P = (data.draw(size) for _ in range(4))
    stack = data.draw(st.sampled_from([(), (1,), (1, 1), (min(S, 3),)]))
    if data.draw(st.booleans()):
        shapes, function = [(*stack, M, K), (*stack, K, P), (*stack, M, P)], np.matmul
    else:
        narrow = tuple(n if data.draw(st.booleans()) else 1 for n in (M, K))
        shapes = [(*stack, M, K), (*data.draw(st.sampled_from([(), stack])), *narrow), (*stack, M, K)]
        function = data.draw(st.sampled_from([np.add, np.subtract, np.multiply, np.divide, np.maximum]))
    dtypes = dtype, data.draw(st.sampled_from([dtype, dtype, np.float32])), dtype
    w, x, y = (lying(data, rng, *each) for each in zip(shapes, dtypes, strict=True))
    function(w, x, out=y)
    out = np.copy(y)
    y[...] = np.nan
    bound(function, (w, x), {"out": (y,)})()
    assert y.tobytes() == out.tobytes()
    target = lying(data, rng, shapes[2], dtype)
    bound(np.copyto, (target, y), {})()
    assert target.tobytes() == out.tobytes()


@given(
    st.lists(st.integers(0, 3), max_size=3),
    st.integers(0, 5),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
    st.booleans(),
)
def test_runs_are_copied_as_single_elements_with_the_same_bits(
    shape: list[int], run: int, gaps: tuple[int, int], dtype: Any, backwards: bool
) -> None:
    """(PL2): with gaps between the runs, which stay as they are; no runs at all; rows from the last one."""
    rng = np.random.default_rng(0)
    source, target = (rng.integers(0, 255, (*shape, run + gap)).astype(dtype) for gap in gaps)
    part, wanted = source[..., :run], target.copy()
    part = part[::-1] if backwards else part
    np.copyto(wanted[..., :run], part)
    bound(np.copyto, (target[..., :run], part), {})()
    np.testing.assert_array_equal(target, wanted)


def test_runs_that_overlap_are_copied_as_if_they_did_not() -> None:
    """(PL2)"""
    memory = np.arange(40)
    wanted = memory.copy().reshape(8, 5)
    wanted[1:, :3] = wanted[:-1, :3].copy()
    rows = memory.reshape(8, 5)
    bound(np.copyto, (rows[1:, :3], rows[:-1, :3]), {})()
    np.testing.assert_array_equal(rows, wanted)


def test_a_function_is_known_by_its_key_and_by_what_it_is_given() -> None:
    workspace, x = Workspace(), np.zeros((3, 2), np.float32)
    once, twice = (lambda x, _, k=k: x * x.dtype.type(k) for k in (1, 2))
    for _ in range(3):
        for key, function in ((1, once), (2, twice)):
            for one in (x + 1, (x + 1).astype(float), x[:2] + 1):
                found = repeated(function, key, one, workspace)
                assert found.dtype == one.dtype
                np.testing.assert_array_equal(found, key * one)
    assert len(workspace.notes) == 6
    for N in range(NOTES):
        repeated(once, 1, np.zeros(N), workspace)
        assert len(workspace.notes) <= NOTES


def test_what_would_keep_too_much_is_called_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, called = Workspace(), []

    def function(x: Any, workspace: Workspace) -> Any:
        called.append(len(x))
        return (x + np.int64(1)).T.reshape(-1)

    small, large = np.zeros((4, 2), np.int64), np.zeros((5, 2), np.int64)
    monkeypatch.setattr("tinyzip.machine.recorder.MOST", 3 * small.nbytes)
    for k in range(4):
        for x in (small + k, large + k):
            np.testing.assert_array_equal(repeated(function, 0, x, workspace), np.full(x.size, k + 1))
    assert called == [4, 5, 4, 5, 5, 5]
    (recorded,) = (note for note in workspace.notes.values() if isinstance(note, Recorded))
    assert recorded.nbytes == 3 * small.nbytes  # of the input, the sum and its copy
    kind = recorder()
    for _ in range(2):  # of its own, not of what was written down by that kind before
        assert Recorded(function, small, Workspace(), kind).nbytes == 3 * small.nbytes


def test_a_function_that_fails_while_it_is_written_down_leaves_the_workspace_as_it_was() -> None:
    workspace = Workspace()
    with pytest.raises(ValueError, match="a value that Python looks at"):
        Recorded(lambda x, _: x if x[0] else -x, np.ones(3), workspace)
    assert type(workspace.empty((2,), float)) is np.ndarray


def test_what_is_one_call_may_do_anything() -> None:
    kind = recorder()
    x = np.array([1.0, -2.0])

    def looks(x: Any, parts: Any) -> Any:
        assert type(x) is type(parts["w"]) is np.ndarray
        return x if x[0] > 0 else parts["w"]

    given = x.view(kind), {"w": np.array([7.0, 8.0]).view(kind)}
    y = x.view(kind).noted(lambda *of: looks(*of).copy(), given, {})
    assert type(y) is kind and not np.shares_memory(y.view(np.ndarray), x)
    x[0] = -1
    for call, args, options in kind.calls:
        call(*args, **options)
    np.testing.assert_array_equal(y.view(np.ndarray), [7.0, 8.0])
