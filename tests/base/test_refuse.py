"""How this library says no: one line of three parts, whatever was found."""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.base.refuse import flag, is_masked, is_number, printable, refuse, said, warn, whole
from tinyzip.integer.codes import Codes
from tinyzip.train.pixels import check_range


@dataclass(frozen=True)
class Thing:
    size: int


@pytest.mark.parametrize("value", ["no", "", 0, 1, 1.0, [], np.array([True]), bool, None])
def test_true_and_false_are_no_other_values(value):
    with pytest.raises(TypeError, match=r"^it: found .*, needed True or False$"):
        flag(value, "it")
    assert flag(True, "it") is True and flag(np.bool_(False), "it") is False


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
        (printable, "the function printable"),
        (partial(printable), "a functools.partial"),
        ([1], "a list"),
        (np.zeros((2, 3)), "a numpy.ndarray of shape (2, 3)"),
        (np.float32(1), repr(np.float32(1))),
        (Shaped(), "a test_refuse.Shaped of shape (2, 3)"),
        (Thing(1), "a test_refuse.Thing"),
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
