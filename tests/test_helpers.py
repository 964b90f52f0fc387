"""What the tests share: a search draws what it is told, a failure is one line, a missing tool is named."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import HARMLESS, Mutant, mistakes
from sources import FILES, label

HERE = Path(__file__).parent
DRAWS = """
from hypothesis import given, settings, strategies
drawn = {"own": [], "shared": []}

@given(strategies.integers(0, 10**9))
@settings(max_examples=3)
def test_own(n):
    drawn["own"].append(n)

@given(strategies.integers(0, 10**9))
def test_shared(n):
    drawn["shared"].append(n)

def test_print():
    print("\\ndrawn", drawn)
"""
COMPARES = """
import numpy as np

def test_equal():
    x = np.arange(12.0).reshape(3, 4)
    y = np.where(x < 6, x, 2 * x)
    np.testing.assert_array_equal(
        y[:],  # the expression is read from the source
        x,
    )

def test_close():
    np.testing.assert_allclose(np.array([1, np.nan, 2.75]), [1, np.nan, 2.5], rtol=0, atol=0.125)
"""
ASSERTS = """
import numpy as np
from hypothesis import given, strategies

x = np.arange(6.0).reshape(2, 3)

def test_bound():
    bound = 3
    assert x.shape == (2, 3) and (np.abs(x) <= bound).all(), "said"

def test_equal():
    assert (x == np.minimum(x, 4)).all()

def test_finite():
    assert np.isfinite(np.where(x == 4, np.inf, x)).all()

def test_truths():
    assert ((x > 1) | (x < 1)).all()

@given(strategies.just(2))
def test_most(bound):
    assert np.abs(x - 1).max() <= bound

def test_words():
    assert "some" == "other"
"""
TOOLS = """
import pytest

@pytest.mark.needs("no-such-compiler", "python3|python")
def test_compiler():
    raise AssertionError

@pytest.mark.needs("no-such-browser|python3|python", "numpy")
def test_either():
    pass

@pytest.mark.long
def test_long():
    print("\\nlong")
"""


SEARCH = ["--search", "70"]
RUNS = {"usual": [], "again": [], "search": SEARCH, "all": [*SEARCH, "-m", "long or not long"]}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What some runs of pytest print about these files, with these helpers; CI is set in "again" alone."""
    folder = tmp_path_factory.mktemp("planted")
    for name, source in (("a", DRAWS), ("b", COMPARES), ("c", ASSERTS), ("d", TOOLS)):
        (folder / f"test_{name}.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-s", "-p", "conftest", "-p", "no:cacheprovider", folder]
    known = {name: value for name, value in os.environ.items() if name != "CI"} | {"PYTHONPATH": str(HERE)}
    found = {}
    for name, options in RUNS.items():
        environment = known | ({"CI": "true"} if name == "again" else {})
        done = subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, encoding="utf-8"
        )
        found[name] = done.stdout
    return found


def draws(printed: str) -> dict[str, list[int]]:
    return ast.literal_eval(re.search(r"^drawn (.*)$", printed, re.MULTILINE)[1])


def errors(printed: str, file: str) -> list[str]:
    """The lines with which the failed tests of a file say why."""
    parts = re.split(r"^_{3,} (\w+) _{3,}$", printed.partition("= FAILURES =")[2], flags=re.MULTILINE)
    return [
        line
        for text in parts[2::2]
        if re.search(rf"^(\S*/)?{file}:\d+", text, re.MULTILINE)
        for line in re.findall(r"^E +(.*)$", text, re.MULTILINE)
    ]


def test_what_is_drawn_is_the_same_on_every_run_unless_one_searches(printed: dict[str, str]) -> None:
    first, second = draws(printed["usual"]), draws(printed["again"])
    assert first == second
    assert [len(first[name]) for name in ("own", "shared")] == [3, 50]


def test_a_search_draws_afresh_as_often_as_it_is_told(printed: dict[str, str]) -> None:
    first, second = draws(printed["search"]), draws(printed["all"])
    assert first != second
    assert [len(first[name]) for name in ("own", "shared")] == [70, 70]


def test_a_failed_comparison_says_in_one_line_what_where_and_how_far(printed: dict[str, str]) -> None:
    assert errors(printed["usual"], "test_b.py") == [
        "AssertionError: y[:] is not x at [2, 3]: 22.0, not 11.0, off by 11; 6 of 12 differ",
        "AssertionError: np.array([1, np.nan, 2.75]) is not [1, np.nan, 2.5] at [2]: 2.75, not 2.5, "
        "off by 0.25; 1 of 3 differ by more than 0.125 + 0·|expected|",
    ]


def test_a_failed_assertion_says_in_one_line_what_was_found_and_needed(printed: dict[str, str]) -> None:
    assert errors(printed["usual"], "test_c.py")[:5] == [
        "AssertionError: np.abs(x) <= bound fails at [1, 2]: found 5.0, needed <= 3; 2 of 6 fail (said)",
        "AssertionError: x == np.minimum(x, 4) fails at [1, 2]: found 5.0, needed == 4.0; 1 of 6 fail",
        "AssertionError: np.isfinite(np.where(x == 4, np.inf, x)) fails at [1, 1]: found inf; 1 of 6 fail",
        "AssertionError: (x > 1) | (x < 1) fails at [0, 1]; 1 of 6 fail",
        "AssertionError: np.abs(x - 1).max() <= bound fails at [1, 2]: found 4.0, needed <= 2",
    ]
    assert "assert 'some' == 'other'" in printed["usual"]


def test_the_end_of_a_run_says_what_was_left_out(printed: dict[str, str]) -> None:
    assert "\nleft out: 1 (long: run with -m long), 1 (needs no-such-compiler)\n" in printed["usual"]


def test_what_is_long_runs_where_it_is_named(printed: dict[str, str]) -> None:
    assert "\nlong\n" not in printed["usual"]
    assert "\nlong\n" in printed["all"] and "\nleft out: 1 (needs no-such-compiler)\n" in printed["all"]


def test_a_missing_tool_is_a_failure_where_all_must_be_there(printed: dict[str, str]) -> None:
    assert "\nleft out: 1 (long: run with -m long)\n" in printed["again"]
    assert "1 error in " in printed["again"] and "error in" not in printed["usual"]
    assert "needs no-such-compiler, which is not installed" in printed["again"]


def test_no_folder_of_tests_is_taken_for_a_package_that_is_missing() -> None:
    """Folders on the path of imports hold none that is called like a package which tests may need."""
    for place in filter(lambda path: path.startswith(str(HERE)), sys.path):
        assert not {"onnx", "tflite"} & {path.name for path in Path(place).iterdir()}, place


@pytest.mark.long
def test_what_is_said_to_change_no_result_can_still_be_planted() -> None:
    files = {file for file, _, _ in HARMLESS}
    there = {Mutant(f, m).key for f in FILES if label(f) in files for m in mistakes(f)}
    assert sorted(HARMLESS - there) == []
