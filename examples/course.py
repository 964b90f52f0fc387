"""Can the course be solved, and do its checks know a mistake when they see one? Played through by a script.

`tinyzip learn start` writes the exercises. Then each solution is typed into its file, checked, and the
milestones are run in their places, all as a student would. In each exercise the known mistakes are made, too:
each must be caught, and be called by its name. A line for each exercise, and one for each milestone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))  # to `parts`

from parts.study import run_as_script

from tinyzip.base.files import write_atomically
from tinyzip.base.refuse import refuse
from tinyzip.base.table import aligned
from tinyzip.learn import folder
from tinyzip.learn.case import Mistake
from tinyzip.learn.course import Exercise, course
from tinyzip.learn.milestones.run import milestones

Row = dict[str, Any]
FEW = 4  # exercises with --quick
TINYZIP = "from tinyzip.cli.main import main; raise SystemExit(main())"


def learn(place: Path, *words: str) -> str:
    """What `tinyzip learn` says in this folder."""
    command = [sys.executable, "-c", TINYZIP, "learn", *words, "--folder", str(place)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=folder.environment(), check=False
    )
    if done.returncode:
        refuse(f"tinyzip learn {' '.join(words)}", done.stderr.strip(), "no error", RuntimeError)
    return done.stdout.strip()


def is_named(exercise: Exercise, mistake: Mistake) -> bool:
    """Whether a mistake is caught, and called by its name."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / exercise.file).write_text(mistake.made(exercise.solution), encoding="utf-8")
        return folder.check(Path(place), exercise).endswith(f" - {mistake.sentence}")


def solve(place: Path, exercise: Exercise, pool: ThreadPoolExecutor) -> Row:
    """An exercise before and after its solution is typed, and with each known mistake."""
    if (told := learn(place, "check", exercise.name).splitlines()[0]) != f"{exercise.file}: not begun yet":
        refuse(exercise.file, told, "that it is not begun", RuntimeError)
    (place / exercise.file).write_text(exercise.solution, encoding="utf-8")
    start = time.perf_counter()
    if (told := learn(place, "check", exercise.name)) != f"{exercise.file} is solved":
        refuse(exercise.file, told, "that it is solved", RuntimeError)
    seconds = time.perf_counter() - start
    mistakes = exercise.mistakes
    caught = sum(pool.map(lambda mistake: is_named(exercise, mistake), mistakes))
    return {"exercise": exercise.file, "mistakes": len(mistakes), "caught": caught, "seconds": seconds}


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"the first {FEW} exercises, no milestone")
    parser.add_argument("--json", type=Path, help="where to write the rows for machines")
    args = parser.parse_args(words)
    rows: list[Row] = []
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        place = Path(home) / "course"
        print(learn(Path(home), "start", str(place)).partition(";")[0], flush=True)
        for exercise in course()[: FEW if args.quick else None]:
            rows.append(solve(place, exercise, pool))
            print(
                "{exercise}: {caught} of {mistakes} mistakes, {seconds:.1f} s".format(**rows[-1]), flush=True
            )
            for stone in milestones():
                if stone.after == exercise.name and not args.quick:
                    begun = time.perf_counter()
                    last = learn(place, "milestone", stone.name).splitlines()[-1]
                    if not last.startswith("passed: "):
                        refuse(f"milestone {stone.name}", last, "passed", RuntimeError)
                    rows.append({"milestone": stone.name, "seconds": time.perf_counter() - begun})
                    print(f"  milestone {stone.name}, {last}, {rows[-1]['seconds']:.0f} s", flush=True)
    print(f"\n{as_table(rows)}\n\n{time.perf_counter() - start:.0f} seconds in all")
    if args.json:
        write_atomically(args.json, [(json.dumps(rows, indent=1) + "\n").encode()])


def as_table(rows: list[Row]) -> str:
    """How many there are of each, and what the slowest takes."""
    exercises = [row for row in rows if "exercise" in row]
    stones = [row for row in rows if "milestone" in row]
    lines = [("", "number", "mistakes", "caught", "seconds, the slowest")]
    written, caught = (sum(row[key] for row in exercises) for key in ("mistakes", "caught"))
    slowest = max(row["seconds"] for row in exercises)
    lines.append(("exercises", f"{len(exercises)}", f"{written}", f"{caught}", f"{slowest:.1f}"))
    if stones:
        slowest = max(row["seconds"] for row in stones)
        lines.append(("milestones", f"{len(stones)}", "", "", f"{slowest:.0f}"))
    return aligned(lines)


if __name__ == "__main__":
    run_as_script("course", main)
