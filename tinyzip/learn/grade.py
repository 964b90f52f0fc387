"""Depth: many students' folders, each judged in processes of its own: who solved what, and what is wrong.

Nothing that a student handed in is imported here. Each folder is copied to where nothing else is, so that
what runs there changes no one's files, and judged under the limits of `confined`. The grade is how many
exercises answer all questions; for each of the others there is the one line that the student sees, too.
"""

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tinyzip.base.refuse import refuse
from tinyzip.learn import folder
from tinyzip.learn.course import Exercise, course

MEMORY = 2_000_000_000  # bytes of one process, of which Python and NumPy map about one half

Told = list[tuple[Exercise, str]]


def grade(folders: Sequence[Path], seconds: float = folder.SECONDS) -> Iterator[tuple[Path, Told]]:
    """For each folder every exercise, and what is wrong with it, "" if nothing is; in the folders' order.

    raises  ValueError for a folder that has no exercises, before any is judged
    """
    for place in folders:
        folder.check_folder(place)
    if twice := {str(place) for place in folders if folders.count(place) > 1}:
        refuse("learn grade", f"{', '.join(sorted(twice))} more than once", "each folder once")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from zip(folders, pool.map(partial(graded, seconds=seconds), folders), strict=True)


def graded(place: Path, seconds: float) -> Told:
    """One folder, from a copy of its exercises."""
    with tempfile.TemporaryDirectory() as copied:
        for exercise in course():
            if (place / exercise.file).is_file():
                shutil.copy(place / exercise.file, copied)
        return [
            (exercise, told.replace(copied, str(place)))
            for exercise, told in folder.checked(Path(copied), course(), seconds, MEMORY)
        ]


def as_csv(told: Sequence[tuple[Path, Told]]) -> str:
    """A line for each student and exercise: folder, exercise, 1 or 0, what is wrong."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("folder", "exercise", "solved", "what is wrong"))
    for place, own in told:
        rows.writerows((place, exercise.name, int(not line), line) for exercise, line in own)
    return text.getvalue()


def as_lines(place: Path, told: Told) -> str:
    """How many are solved, and a line for each that was begun and is not."""
    solved = sum(not line for _, line in told)
    wrong = [f"  {line}" for _, line in told if line and not line.endswith(folder.NOT_BEGUN)]
    return "\n".join([f"{place}: {solved} of {len(told)} solved", *wrong])
