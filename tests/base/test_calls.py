"""Calls that are not as declared are refused with what to write instead; those that are, are passed on."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.base.calls import File, built_by, takes, write_instead
from tinyzip.base.refuse import is_masked, is_number, printable, refuse, said, warn, whole
from tinyzip.integer.codes import Codes
from tinyzip.train.pixels import check_range


def check(value):
    if value == "odd":
        refuse("first", value, "even")


@write_instead(check, old="new=")
def function(first, second, *, third, fourth=4):
    return first, second, third, fourth


@write_instead(lr="schedule=")
def open_function(first, **options):
    return first, options


@built_by(old="size=")
@dataclass(frozen=True)
class Thing:
    size: int
    colour: str = "red"


def test_a_call_that_fits_is_passed_on_as_it_is():
    assert function(1, second=2, third=3) == (1, 2, 3, 4)
    assert open_function(1, a=2) == (1, {"a": 2})
    assert Thing(1) == Thing(size=1, colour="red") == replace(Thing(2), size=1)
    assert function.__name__ == "function" and isinstance(Thing(1), Thing)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: function(1, 2, third=3, old=5), "old: found 5, needed new="),
        (lambda: function(1, 2, third=3, forth=5), "function: forth: found 5, needed fourth="),
        (
            lambda: function(1, 2, third=3, z=5),
            "function: z: found 5, needed one of first, second, third, fo",
        ),
        (
            lambda: function(1, 2, 3),
            "function: found 3 arguments without a name, needed 2 at most, first, sec",
        ),
        (lambda: function(1, first=1, third=3), "function: first: found it twice, by place and by name"),
        (
            lambda: function(1),
            r"function: second, third: found nothing, needed function\(first, second, third",
        ),
        (lambda: function(first=1, third=3), "function: second: found nothing"),
        (lambda: function("odd"), "first: found odd, needed even"),
        (
            lambda: function(1, 2),
            r"function: third: found nothing, needed function\(first, second, third=…\)",
        ),
        (
            lambda: function(SimpleNamespace(images=1, labels=2), third=3),
            "function: first: found a types.SimpleNamespace, needed its two arrays: dataset.images",
        ),
        *(
            (lambda one=one: function(one, third=3), "function: second: found nothing, needed function")
            for one in (
                *(
                    SimpleNamespace(labels=2),
                    SimpleNamespace(images=1),
                    (1, 2),
                    "ab",
                    [SimpleNamespace(shape=1)],
                ),
                *((1, SimpleNamespace(shape=1)), (SimpleNamespace(shape=1), 2, 3)),
            )
        ),
        (lambda: function((SimpleNamespace(shape=1), 2), third=3), "function: first: found a pair of arrays"),
        (lambda: open_function(1, lr=2), "lr: found 2, needed schedule="),
        (lambda: open_function(a=2), r"open_function: first: found nothing, needed open_function\(first\)"),
        (lambda: Thing(old=1), "old: found 1, needed size="),
        (
            lambda: Thing(1, "red", 3),
            "Thing: found 3 arguments without a name, needed 2 at most, size, colour",
        ),
        (lambda: Thing(), r"Thing: size: found nothing, needed Thing\(size\)"),
        (lambda: Thing(1, color="red"), "Thing: color: found 'red', needed colour="),
    ],
)
def test_a_call_that_does_not_fit_is_refused_with_what_to_write_instead(call, line):
    with pytest.raises((TypeError, ValueError), match=rf"^{line}") as caught:
        call()
    assert "\n" not in str(caught.value)


class Made:
    @write_instead(size="length=")
    def method(self, length, wide: bool = False):
        return length, wide

    @classmethod
    @write_instead()
    def made(cls, length, *, wide: bool | None = None):
        return cls, length, wide


@write_instead()
def flagged(first, wide: bool = False, *, deep: bool | None = None, high=False):
    return first, wide, deep, high


@built_by()
@dataclass(frozen=True)
class Flagged:
    size: int = 1
    wide: bool = True


@built_by()
@dataclass(frozen=True)
class Nothing:
    pass


@pytest.mark.parametrize("value", ["no", "", 0, 1, 1.0, [], np.array([True]), bool, None])
def test_what_is_declared_as_a_bool_has_to_be_one(value):
    for call, name in (
        (lambda: flagged(1, value), "flagged: wide"),
        (lambda: flagged(1, wide=value), "flagged: wide"),
        (lambda: flagged(1, deep=value), "flagged: deep"),
        (lambda: Flagged(1, value), "Flagged: wide"),
        (lambda: Flagged(wide=value), "Flagged: wide"),
        (lambda: replace(Flagged(), wide=value), "Flagged: wide"),
        (lambda: Made().method(1, value), "Made.method: wide"),
        (lambda: Made.made(1, wide=value), "Made.made: wide"),
    ):
        if value is None and name in ("flagged: deep", "Made.made: wide"):
            call()
            continue
        needed = "True, False or None" if name in ("flagged: deep", "Made.made: wide") else "True or False"
        with pytest.raises(TypeError, match=rf"^{name}: found .*, needed {needed}$"):
            call()
    assert flagged(1, True, deep=np.bool_(False), high=value)[:2] == (1, True)
    assert Flagged(1, np.bool_(True)).wide and not Flagged(wide=False).wide


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: Made().method(), r"Made.method: length: found nothing, needed Made.method\(length\)"),
        (lambda: Made.made(), r"Made.made: length: found nothing, needed Made.made\(length\)"),
        (lambda: Made().method(1, size=2), "size: found 2, needed length="),
        (
            lambda: Made.made(1, 2),
            "Made.made: found 2 arguments without a name, needed 1 at most, length; by n",
        ),
        (lambda: Nothing(1), "Nothing: found 1 arguments without a name, needed none"),
        (lambda: Nothing(size=1), "Nothing: size: found 1, needed no argument"),
        (lambda: function(1, 2, third=3, first_one=5), "function: first_one: found 5, needed one of first, "),
    ],
)
def test_so_do_methods_and_what_takes_nothing(call, line):
    with pytest.raises(TypeError, match=rf"^{line}"):
        call()
    assert Made().method(2) == (2, False) and Made.made(length=2) == (Made, 2, None)


def test_a_file_with_a_function_of_its_name_says_so_when_it_is_called_and_no_other_does():
    for name, called in (
        ("train.fit", True),
        ("train.evaluate", True),
        ("train.data", False),
        ("nn.layers", False),
    ):
        file = import_module(f"tinyzip.{name}")
        assert isinstance(file, File) == called == callable(file)
    with pytest.raises(
        TypeError, match=r"^tinyzip.train.fit: found a call of the file, needed fit\(…\), from tiny"
    ):
        import_module("tinyzip.train.fit")(3)


def test_what_a_function_raises_inside_is_its_own():
    @write_instead(old="new=")
    def fails(x):
        raise TypeError("missing 1 required positional argument")

    with pytest.raises(TypeError, match=r"^missing 1"):
        fails(1)


def test_a_function_says_whether_it_takes_some_arguments():
    assert takes(lambda a, b: 0, 1, 2) and takes(lambda *a: 0, 1, 2) and takes(max, 1, 2)
    assert not takes(lambda a: 0, 1, 2) and not takes(lambda: 0, 1)


def test_what_was_found_is_said_in_one_line_that_is_not_too_long():
    for many, end in ((294, ""), (295, " …"), (1000, " …")):
        with pytest.raises(ValueError) as caught:
            refuse("x", "a\n b\nc " + "d" * many, "z")
        assert str(caught.value) == f"x: found a b c {'d' * min(many, 294)}{end}, needed z"


class Shaped:
    shape = (2, 3)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (int, "the class int"),
        ("a", "'a'"),
        (None, "None"),
        (True, "True"),
        (0.5, "0.5"),
        (len, "the function len"),
        (check, "the function check"),
        (partial(check), "a functools.partial"),
        ([1], "a list"),
        (np.zeros((2, 3)), "a numpy.ndarray of shape (2, 3)"),
        (np.float32(1), repr(np.float32(1))),
        (Shaped(), "a test_calls.Shaped of shape (2, 3)"),
        (Thing(1), "a test_calls.Thing"),
        (Codes(0, 255, 0), "a Codes"),
    ],
)
def test_what_was_found_is_called_what_it_is(value, words):
    assert said(value) == words


@given(st.text(st.characters()))
def test_a_name_ends_no_line_and_gives_no_order_to_a_terminal(name):
    """It stands in errors, warnings and tables, and may come from a file."""
    for words in ((name, 3, "4"), ("it", name, "4"), ("it", 3, name)):
        with pytest.raises(ValueError) as caught:
            refuse(*words)
        assert str(caught.value).isprintable()
    with pytest.warns(UserWarning) as met:
        warn(name, 3, "4")
    assert str(met[0].message) == f"{printable(name)}: found 3, needed 4" and printable(name).isprintable()
    assert printable(name) == "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in name)


def test_numbers_are_those_that_can_be_compared_with_a_bound():
    assert all(map(is_number, (1, True, 0.5, np.float32(1), np.int64(1), Fraction(1, 2))))
    assert not any(map(is_number, ("1", None, 1j, [1], np.zeros(1), np.complex64(1))))
    assert is_masked(np.ma.masked_array([1])) and not is_masked(np.zeros(1)) and not is_masked(None)


def test_a_warning_is_said_at_the_line_that_called_this_package():
    with pytest.warns(UserWarning, match=r"^it: found 3, needed 4$") as met:
        warn("it", 3, "4")
    assert met[0].filename == __file__
    with pytest.warns(UserWarning, match=r"^images: found .*, needed") as met:
        check_range(np.array([[[0, 0.05]]]), None, "images")
    assert met[0].filename == __file__


@pytest.mark.parametrize("value", [3, 7, np.int8(3), np.uint64(7)])
def test_a_whole_number_is_pythons_or_numpys_within_its_limits(value):
    assert whole(value, "it", 3, 7) == value and type(whole(value, "it", 3, 7)) is int
    for least, most in ((-9, int(value) - 1), (int(value) + 1, 9)):
        with pytest.raises(
            ValueError, match=f"^it: found .*{value}.*needed a whole number from {least} to {most}"
        ):
            whole(value, "it", least, most)
    for other in (True, 3.0, "3", None, np.float64(3), np.True_):
        with pytest.raises(ValueError, match=r"^it: found"):
            whole(other, "it", 0, 7)
    assert whole(2**70, "it", 0) == 2**70
    with pytest.raises(ValueError, match=r"^it: found -1, needed a whole number from 0 up$"):
        whole(-1, "it", 0)
