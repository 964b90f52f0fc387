"""Depth: a student's folder: its files, what is solved, hints. Its files are all the state there is."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tinyzip.base.refuse import refuse
from tinyzip.learn.course import Exercise, course, named

SECONDS = 10.0  # after which a check is stopped
NOT_BEGUN = ": not begun yet"


def start(folder: Path) -> list[Path]:
    """Write all exercises that are not there yet; files that are there stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for exercise in course():
        path = folder / exercise.file
        if not path.exists():
            path.write_text(exercise.stub, encoding="utf-8")
            written.append(path)
    return written


def check(folder: Path, exercise: Exercise, seconds: float = SECONDS) -> str:
    """What is wrong with one exercise in one line; "" if it is solved."""
    return next(checked(folder, [exercise], seconds))[1]


def checked(
    folder: Path, exercises: Sequence[Exercise], seconds: float = SECONDS, memory: int | None = None
) -> Iterator[tuple[Exercise, str]]:
    """Each exercise, and what is wrong with it; all that are begun are judged in one process.

    What ends that process, or takes longer than so many seconds, is told, and another goes on after it.

    memory  the bytes that a process may take; then it is confined as `confined` says
    """
    told: dict[str, str] = {}
    begun = [exercise.name for exercise in exercises if not not_begun(folder, exercise)]
    for exercise in exercises:
        if exercise.name in begun and exercise.name not in told:
            told |= judged(folder, begun[begun.index(exercise.name) :], seconds, memory)
        yield exercise, told[exercise.name] if exercise.name in told else not_begun(folder, exercise)


def not_begun(folder: Path, exercise: Exercise) -> str:
    """What to say of a file that is missing, or as it was written; "" of any other."""
    path = folder / exercise.file
    if not path.is_file():
        return f"{exercise.file}: it is not in {folder}; `tinyzip learn start {folder}` writes it"
    text = path.read_text(encoding="utf-8", errors="replace")
    return f"{exercise.file}{NOT_BEGUN}" if text == exercise.stub else ""


def judged(folder: Path, names: Sequence[str], seconds: float, memory: int | None) -> dict[str, str]:
    """What a process says of these exercises, up to the first that is wrong, or that it does not survive."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report"
        report.touch()
        run = ["tinyzip.learn.confined", str(memory)] if memory else ["tinyzip.learn.judge"]
        command = [sys.executable, "-m", *run, str(report), str(folder.resolve()), *names]
        process = subprocess.Popen(command, stdout=2, env=environment())
        size, end = -1, "it ended Python before the check was over"
        while report.stat().st_size > size:  # each exercise has its own time
            size = report.stat().st_size
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
        if process.poll() is None:
            process.kill()
            process.wait()
            end = f"still running after {seconds:.0f} seconds; is there a loop that does not end?"
        told = dict(json.loads(line) for line in report.read_text(encoding="utf-8").splitlines())
        if len(told) < len(names) and not any(told.values()):
            exercise = named(names[len(told)])
            told[exercise.name] = f"{exercise.file}: {end}"
        return told


def environment() -> dict[str, str]:
    """That of this process, in which the package is found from wherever the student stands."""
    here = str(Path(__file__).parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def progress(folder: Path) -> Iterator[tuple[Exercise, str]]:
    """Each exercise, and what is wrong with it."""
    check_folder(folder)
    yield from checked(folder, course())


def first_unsolved(folder: Path) -> tuple[Exercise, str] | None:
    """The first exercise that is not solved and what is wrong with it; None where all are."""
    return next((found for found in progress(folder) if found[1]), None)


def reset(folder: Path, exercise: Exercise) -> Path:
    """Write an exercise anew; the old file is kept beside it, under the name that is returned."""
    check_folder(folder)
    path = folder / exercise.file
    number = 1
    while (kept := path.with_suffix(f".old{number}")).exists():
        number += 1
    if path.exists():
        path.rename(kept)
    path.write_text(exercise.stub, encoding="utf-8")
    return kept


def check_folder(folder: Path) -> None:
    """Refuse a folder without exercises."""
    if not any((folder / exercise.file).is_file() for exercise in course()):
        refuse("learn", f"no exercises in {folder}", "a folder of them: tinyzip learn start FOLDER")
