"""The same codes from other compilers, on machines of 32 bits, and with all that is undefined watched."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from c_compiled import DRAWN, EMULATORS, SANITIZED, check_drawn, few_or_many
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import programs

from tinyzip.exchange import c
from tinyzip.integer import Program

WINDOWS = ["conv", "max", "avg", "mean", "product", "table"]


@pytest.mark.needs("gcc")
@few_or_many(2, 4)
def test_nothing_is_undefined_and_no_array_is_left(count: int) -> None:
    check_drawn(count, programs(6, WINDOWS), "gcc", "-O1", *SANITIZED)


@pytest.mark.needs("gcc", "nm")
@settings(max_examples=2, **DRAWN)
@given(st.lists(programs(6), min_size=8, max_size=8))
def test_no_library_is_called_and_no_memory_asked_for(drawn: list[Program]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, program in enumerate(drawn):
            c.write(program, Path(folder) / f"p{number}", f"p{number}")
        sources = [f"p{number}.c" for number in range(len(drawn))]
        subprocess.run(["gcc", "-O0", "-c", *sources], cwd=folder, check=True)
        objects = [source.replace(".c", ".o") for source in sources]
        command = ["nm", "--undefined-only", "--no-sort", "-A", *objects]
        assert subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout == b""


@pytest.mark.needs("clang")
@few_or_many(2, 3)
def test_another_compiler_gives_the_same(count: int) -> None:
    check_drawn(count, programs(6), "clang", "-O2", "-fsanitize=undefined", "-fno-sanitize-recover=all")


@pytest.mark.parametrize(
    ("compiler", "emulator"),
    [
        pytest.param(compiler, emulator, marks=pytest.mark.needs(compiler, emulator))
        for compiler, (emulator,) in EMULATORS.items()
    ],
)
def test_a_machine_with_its_bytes_the_other_way_round_and_other_processors_give_the_same(
    compiler: str, emulator: str
) -> None:
    check_drawn(2, programs(6), compiler, "-O2", "-static")


@pytest.mark.needs("gcc -m32")
@few_or_many(2, 3)
def test_a_machine_of_32_bits_gives_the_same(count: int) -> None:
    check_drawn(count, programs(6), "gcc", "-m32", "-O2")
