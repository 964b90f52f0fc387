"""Calls that are not as declared are refused with what to write instead; those that are, are passed on."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from tinyzip.base.calls import built_by, takes, write_instead
from tinyzip.base.refuse import refuse


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
            lambda: function(SimpleNamespace(images=1, labels=2), third=3),
            "function: first: found a types.SimpleNamespace, needed its two arrays: dataset.images",
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
    with pytest.raises(ValueError, match=r"^x: found a b c d+ …, needed z$") as caught:
        refuse("x", "a\n b\nc " + "d" * 1000, "z")
    assert len(str(caught.value)) < 400
