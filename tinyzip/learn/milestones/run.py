"""Depth: the milestones in their places among the exercises, and how one of them is run.

Each is a file of this folder: its title is its first line, it comes AFTER an exercise, it USES some, and
`run` raises Wrong or gives the line of success. It runs in a process of its own, which is stopped after three
minutes; what it says on the way is shown as it comes. Nothing is kept of a milestone: whether it is passed is
found by running it.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tinyzip.base.refuse import refuse
from tinyzip.learn.course import Exercise, course
from tinyzip.learn.folder import checked, environment, not_begun
from tinyzip.learn.judge import Wrong
from tinyzip.learn.milestones.own import Own, needed, place_of

ORDER = ("network", "teacher", "integers", "reader")
SECONDS = 180.0  # after which a milestone is stopped
Say = Callable[[str], None]


class Milestone:
    """A milestone by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def module(self) -> ModuleType:
        return importlib.import_module(f"tinyzip.learn.milestones.{self.name}")

    @property
    def title(self) -> str:
        return (self.module.__doc__ or "").splitlines()[0].removeprefix("Depth: ")

    @property
    def after(self) -> str:
        """The exercise that stands before it."""
        found: str = self.module.AFTER
        return found

    @property
    def needed(self) -> list[Exercise]:
        """The exercises whose functions it runs, in order."""
        return needed(self.module.USES)


def milestones() -> list[Milestone]:
    """All of them, in order."""
    return [Milestone(name) for name in ORDER]


def before(exercise: Exercise | None) -> Milestone | None:
    """The milestone that stands just before an exercise; before None, that after the last."""
    names = [each.name for each in course()]
    number = len(names) if exercise is None else names.index(exercise.name)
    return next((m for m in reversed(milestones()) if number and m.after == names[number - 1]), None)


def reached(exercise: Exercise | None) -> Milestone | None:
    """The last milestone that stands anywhere before an exercise; before None, the last."""
    solved = [each.name for each in course() if exercise is None or each.number < exercise.number]
    return next((m for m in reversed(milestones()) if m.after in solved), None)


def milestone(name: str) -> Milestone:
    """The milestone of this name."""
    if name not in ORDER:
        refuse("learn milestone: NAME", name, f"one of {', '.join(ORDER)}")
    return Milestone(name)


class Result(NamedTuple):
    """Whether a milestone is passed, and one line on it."""

    passed: bool
    line: str


def run(folder: Path, name: str, say: Say, seconds: float = SECONDS) -> Result:
    """Run a milestone on a student's folder; `say` gets what it says on the way.

    A file that is begun has to be right; for one that is not, the library's solution is taken.
    """
    begun = [exercise for exercise in milestone(name).needed if not not_begun(folder, exercise)]
    for _, told in checked(folder, begun):
        if told:
            return Result(False, told)
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report"
        words = [sys.executable, "-m", __name__, name, str(folder.resolve()), str(report)]
        spoken = environment() | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
        stopped = threading.Event()
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, encoding="utf-8", errors="replace", env=spoken
        ) as process:

            def stop() -> None:
                stopped.set()
                process.kill()

            timer = threading.Timer(seconds, stop)
            timer.daemon = True
            timer.start()
            try:
                for line in process.stdout or ():
                    say(line.rstrip())
            finally:
                timer.cancel()
                process.kill()
        if report.exists():
            return Result(*json.loads(report.read_text(encoding="utf-8")))
    slow = "is there a loop that does not end, or one over single numbers?"
    end = f"still running after {seconds:.0f} seconds; {slow}"
    end = end if stopped.is_set() else "it ended Python before the milestone was over"
    return Result(False, f"{name}: {end}")


def main(words: list[str]) -> None:
    """In a process of its own: run the milestone NAME on FOLDER; what comes of it is written to REPORT."""
    name, folder, report = words[0], Path(words[1]), Path(words[2])
    module = Milestone(name).module
    result = Result(False, "")
    try:
        own = Own(folder, module.USES)
        print(own)
        result = Result(True, module.run(own, print))
    except Wrong as wrong:
        result = Result(False, str(wrong))
    except BaseException as error:
        line = f"{place_of(error, folder)}{type(error).__name__}: {' '.join(str(error).split())}"
        result = Result(False, line)
    unfinished = report.with_suffix(".part")
    unfinished.write_text(json.dumps(result), encoding="utf-8")
    os.replace(unfinished, report)


if __name__ == "__main__":
    main(sys.argv[1:])
