"""The same codes from other compilers, on machines of 32 bits, and with all that is undefined watched."""

import pytest
from c_compiled import DRAWN, SANITIZED, check_equal, extremes
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import programs

from tinyzip.integer import Program

WINDOWS = ["conv", "max", "avg", "mean", "product", "table"]


@pytest.mark.needs("gcc")
@settings(max_examples=4, **DRAWN)
@given(st.lists(programs(6, WINDOWS), min_size=8, max_size=8))
def test_nothing_is_undefined_and_no_array_is_left(drawn: list[Program]) -> None:
    batches = [extremes(program.input, program.shape) for program in drawn]
    check_equal(drawn, batches, "gcc", "-O1", *SANITIZED)


@pytest.mark.needs("clang")
@settings(max_examples=3, **DRAWN)
@given(st.lists(programs(6), min_size=8, max_size=8))
def test_another_compiler_gives_the_same(drawn: list[Program]) -> None:
    batches = [extremes(program.input, program.shape) for program in drawn]
    check_equal(drawn, batches, "clang", "-O2", "-fsanitize=undefined", "-fno-sanitize-recover=all")


@pytest.mark.needs("gcc -m32")
@settings(max_examples=3, **DRAWN)
@given(st.lists(programs(6), min_size=8, max_size=8))
def test_a_machine_of_32_bits_gives_the_same(drawn: list[Program]) -> None:
    batches = [extremes(program.input, program.shape) for program in drawn]
    check_equal(drawn, batches, "gcc", "-m32", "-O2")
