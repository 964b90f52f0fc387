"""Mistakes that nobody wrote: drawn at random among all that can be planted in the solutions, and caught.

Those that get through are listed with the reason why they change no answer.
"""

import random
from pathlib import Path

import pytest
from planted import planted

from tinyzip.learn import folder
from tinyzip.learn.course import course

DRAWN, SEED = 100, 0
HARMLESS = {
    (
        "up_or_down",
        "line 44: * → +",
    ): "that many rounds are never needed; they only end a search that goes wrong",
}


@pytest.mark.long
def test_a_hundred_random_mistakes_are_caught_but_for_those_that_change_nothing(tmp_path: Path) -> None:
    every = [(exercise, mistake) for exercise in course() for mistake in planted(exercise.solution)]
    through = []
    for exercise, mistake in random.Random(SEED).sample(every, DRAWN):
        path = tmp_path / exercise.file
        path.write_text(mistake.text, encoding="utf-8")
        [(_, wrong)] = folder.checked(tmp_path, [exercise], 4, 2_000_000_000)
        if not wrong:
            through.append((exercise.name, str(mistake)))
        path.unlink()
    assert [found for found in through if found not in HARMLESS] == []
    assert len(through) <= DRAWN - 98


def test_what_is_said_to_change_nothing_is_still_there() -> None:
    every = {(exercise.name, str(m)) for exercise in course() for m in planted(exercise.solution)}
    assert HARMLESS.keys() <= every
