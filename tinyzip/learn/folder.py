"""Depth: a student's folder: its files, what is solved, hints. Its files are all the state there is."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tinyzip.base.refuse import refuse
from tinyzip.learn.course import Exercise, course

SECONDS = 10.0  # after which a check is stopped


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
    """Judge one file in a process of its own: "" if it is solved, else one line on what is wrong."""
    path = folder / exercise.file
    if not path.is_file():
        return f"{exercise.file}: it is not in {folder}; `tinyzip learn start {folder}` writes it"
    if path.read_text(encoding="utf-8", errors="replace") == exercise.stub:
        return f"{exercise.file}: not begun yet"
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        command = [
            sys.executable,
            "-m",
            "tinyzip.learn.judge",
            str(path.resolve()),
            exercise.name,
            str(report),
        ]
        try:
            subprocess.run(command, timeout=seconds, stdout=2, check=False, env=environment())
        except subprocess.TimeoutExpired:
            late = f"{exercise.file}: still running after {seconds:.0f} seconds"
            return f"{late}; is there a loop that does not end?"
        if not report.exists():
            return f"{exercise.file}: it ended Python before the check was over"
        told: str = json.loads(report.read_text(encoding="utf-8"))
        return told


def environment() -> dict[str, str]:
    """That of this process, in which the package is found from wherever the student stands."""
    here = str(Path(__file__).parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def progress(folder: Path) -> Iterator[tuple[Exercise, str]]:
    """Each exercise, and what is wrong with it."""
    check_folder(folder)
    for exercise in course():
        yield exercise, check(folder, exercise)


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
