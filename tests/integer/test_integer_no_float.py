"""No float takes part: every array of a run is watched, and every leaf of a program is an integer."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import read_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import batch, programs

from tinyzip.integer import Program, fixedpoint, ops, run

DATA = Path(__file__).parent.parent / "data"


class Floats(AssertionError):
    """A float or complex array was seen."""


class Watched(np.ndarray):
    """An array that looks at every argument and result of every NumPy function it meets."""

    calls = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        result = getattr(ufunc, method)(*plain(inputs), **plain(kwargs))
        Watched.calls += 1
        refuse_floats((inputs, kwargs, result), ufunc)
        return kwargs["out"][0] if "out" in kwargs else watched(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = function(*plain(args), **plain(kwargs))
        Watched.calls += 1
        refuse_floats((args, kwargs, result), function)
        return watched(result)


def plain(value: Any) -> Any:
    """The same nest of containers with the watchers taken off."""
    if isinstance(value, Watched):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(plain(v) for v in value)
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def watched(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(watched(v) for v in value)
    return value.view(Watched) if isinstance(value, np.ndarray) else value


def refuse_floats(value: Any, function: Any) -> None:
    if isinstance(value, tuple | list):
        for v in value:
            refuse_floats(v, function)
    elif isinstance(value, dict):
        for v in value.values():
            refuse_floats(v, function)
    elif isinstance(value, float | complex | np.inexact) or (
        isinstance(value, np.ndarray) and value.dtype.kind not in "iub"
    ):
        raise Floats(f"{function}: {getattr(value, 'dtype', type(value))}")


def leaves(value: Any) -> list[Any]:
    """All that a program holds, through dataclasses and containers."""
    if is_dataclass(value):
        return [leaf for f in fields(value) for leaf in leaves(getattr(value, f.name))]
    if isinstance(value, tuple | list):
        return [leaf for v in value for leaf in leaves(v)]
    return [value]


def only_moved(x: Any, y: Any, zero: int) -> bool:
    """Whether all codes of x stand in y and no others but zero: what was not seen may move and pad them."""
    before, after = (set(codes.ravel().tolist()) for codes in (plain(x), plain(y)))
    return before <= after <= before | {zero}


@settings(max_examples=60)
@given(st.data())
def test_a_run_touches_integers_only(data: Any) -> None:
    program = data.draw(programs())
    x = batch(data.draw, program.input, (*program.shape, 3))
    for trace in (False, True):
        calls = Watched.calls
        output = run(program, x.view(Watched), trace=trace)
        last = output[-1] if trace else output
        assert Watched.calls > calls or only_moved(x, last, program.input.zero)
        assert isinstance(last, Watched)
        np.testing.assert_array_equal(plain(last), run(program, x))


@settings(max_examples=60)
@given(st.data())
def test_the_printed_engine_touches_integers_only(data: Any) -> None:
    """Views by strides and arrays made of any value are watched again where they are made."""
    program = data.draw(programs())
    x = batch(data.draw, program.input, (*program.shape, 3))
    calls = Watched.calls
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((ops, "windows"), (fixedpoint, "integers")):
            patch.setattr(module, name, watching(getattr(module, name)))
        outputs = run(program, x.view(Watched), "printed", trace=True)
    assert Watched.calls > calls or only_moved(x, outputs[-1], program.input.zero)
    np.testing.assert_array_equal(plain(outputs[-1]), run(program, x))


def watching(function: Any) -> Any:
    """The function, what it is handed and what it gives looked at."""

    def looked_at(*args: Any, **kwargs: Any) -> Any:
        result = function(*plain(args), **plain(kwargs))
        refuse_floats((args, kwargs, result), function)
        return watched(result)

    return looked_at


def test_every_array_of_a_run_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays are watched also where memory comes from, and the golden network runs all the same."""
    golden = read_golden(DATA / "mixed.npz")
    empty = np.empty
    monkeypatch.setattr(np, "empty", lambda *args, **kwargs: empty(*args, **kwargs).view(Watched))
    for product in ("printed", "integer"):
        outputs = run(golden.program, golden.codes.view(Watched), product, trace=True)
        for found, wanted in zip(outputs, golden.expected, strict=True):
            np.testing.assert_array_equal(plain(found), wanted)


def test_the_watcher_sees_the_floats_of_blas() -> None:
    golden = read_golden(DATA / "mixed.npz")
    with pytest.raises(Floats):
        run(golden.program, golden.codes.view(Watched), "blas")


@given(programs())
def test_all_leaves_of_a_program_are_integers(program: Program) -> None:
    for leaf in leaves(program):
        if isinstance(leaf, np.ndarray):
            assert leaf.dtype.kind == "i" and not leaf.flags.writeable
        else:
            assert leaf is None or type(leaf) in (int, str)
    assert all(type(bound) is int for bound in program.bounds)


def test_floats_occur_in_three_modules_only() -> None:
    """The code of all others names none: one chooses exact products, two compute in the floats of these."""
    package = Path(__file__).parents[2] / "tinyzip" / "integer"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if {"float", "float32", "ldexp", "rint"}
        & names(compile(path.read_text(encoding="utf-8"), str(path), "exec"))
    }
    assert found == {f"fast/{name}.py" for name in ("gemm", "lanes", "steps")}


def names(code: Any) -> set[str]:
    """All names and attributes of a module's code, nested functions too; "float" for each 1.5."""
    inner = [names(constant) for constant in code.co_consts if hasattr(constant, "co_names")]
    numbers = {"float"} & {type(constant).__name__ for constant in code.co_consts}
    return set(code.co_names).union(numbers, *inner)
