"""What people write in their first week: none of it passes silently, and each gets one line in return."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def tries():
    """The script, as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        yield import_module("tries")


@pytest.fixture(scope="module")
def answers(tries):
    """What came back, by what was written."""
    return {line: told for rows in tries.answers().values() for line, told in rows.items()}


def test_every_mistake_is_refused_in_one_line(tries, answers):
    by_system = r"\[Errno \d+\] [^\n]+"
    odd = {
        line: told
        for line, told in answers.items()
        if not (tries.LINE.fullmatch(told) or re.fullmatch(by_system, told)) or len(told) > 500
    }
    assert not odd


def test_there_are_tries_for_every_public_way_in(answers):
    for name in ("fit", "evaluate", "predict", "quantize", "calibrate", "lower", "explain", "classify"):
        assert sum(line.startswith(f"{name}(") for line in answers) >= 4, name


def test_what_passes_and_what_fails_otherwise_is_told_from_what_is_refused(tries):
    assert tries.answer("np.zeros(3)", {"np": np}) == "PASSED SILENTLY"
    assert tries.answer("np.zeros(-1)", {"np": np}).startswith("NOT REFUSED IN ONE LINE: ValueError")
    assert tries.answer("undefined", {}).startswith("NOT REFUSED IN ONE LINE: NameError")
