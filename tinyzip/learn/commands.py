"""Depth: what `tinyzip learn` does.

Without a word it checks the first exercise that is not solved, in the folder where one stands. Where a
milestone stands before that one, and it is not begun, the milestone is run.
"""

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tinyzip.base.files import check_writable, write_atomically
from tinyzip.base.refuse import refuse
from tinyzip.learn import folder
from tinyzip.learn import grade as grading
from tinyzip.learn.course import Exercise, course, named
from tinyzip.learn.milestones import run as milestones
from tinyzip.learn.milestones.run import Milestone

DO = ("check", "start", "list", "hint", "reset", "solution", "milestone", "golf", "grade")


def options(parser: ArgumentParser) -> None:
    """[check | start FOLDER | list | hint [NAME] | reset NAME | solution NAME | milestone [NAME] | golf FILE
    | grade FOLDER…]."""
    parser.add_argument(
        "do", nargs="?", default="check", choices=DO, metavar="WHAT", help=f"one of {', '.join(DO)}"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="an exercise or a milestone; folders; a .tz")
    parser.add_argument("--folder", type=Path, default=Path(), help="the course's folder; this one")
    parser.add_argument("--watch", action="store_true", help="check whenever a file is saved, until Ctrl-C")
    parser.add_argument("--number", type=int, choices=(1, 2, 3), default=1, help="with hint: which of three")
    parser.add_argument("--give-up", action="store_true", help="with solution: before it is solved")
    parser.add_argument("--data", type=Path, help="with golf: a folder with the four files of MNIST")
    parser.add_argument("--final", action="store_true", help="with golf: the test images, once")
    parser.add_argument("--csv", type=Path, help="with grade: a file for a table of everybody")


def run(options: Namespace) -> None:
    """Do what was asked for."""
    place: Path = options.folder
    if options.do == "grade":
        return grade([Path(name) for name in options.names], options.csv)
    if len(options.names) > 1:
        refuse(f"learn {options.do}", f"{len(options.names)} names", "one")
    name = next(iter(options.names), None)
    match options.do:
        case "start":
            begin(name)
        case "list":
            for exercise, told in folder.progress(place):
                print(f"{'     ' if told else 'done '} {exercise.file:<18} {exercise.title}")
                for stone in milestones.milestones():
                    if stone.after == exercise.name:
                        print(f"    * {f'milestone {stone.name}':<18} {stone.title}")
            print(f"    * {'golf FILE.tz':<18} the fewest bytes that read handwriting")
        case "hint":
            hint(place, name, options.number)
        case "reset":
            kept = folder.reset(place, one(name))
            print(f"{one(name).file} is as at first; what stood there is in {kept.name}")
        case "solution":
            solution(place, one(name), options.give_up)
        case "milestone":
            run_milestone(place, chosen(place, name))
        case "golf":
            if name is None:
                refuse("learn golf", "no file", "one: tinyzip learn golf FILE.tz")
            from tinyzip.learn.milestones.golf import golf  # it needs more than a check, which is not to wait

            for line in golf(Path(name), options.data, options.final):
                print(line)
        case _:
            check(place, name)
            while options.watch:
                watch(place)
                check(place, name)


def begin(name: str | None) -> None:
    if name is None:
        refuse("learn start", "no folder", "one: tinyzip learn start FOLDER")
    written = folder.start(Path(name))
    print(f"{len(written)} exercises are in {name}; open {course()[0].file}, then: cd {name}, tinyzip learn")


def check(place: Path, name: str | None) -> None:
    """Say what is wrong with an exercise, or with the first that is not solved."""
    folder.check_folder(place)
    found = (named(name), folder.check(place, named(name))) if name else folder.first_unsolved(place)
    if found is None:
        print(f"all {len(course())} exercises are solved")
    elif found[1]:
        print(f"{found[1]}\n`tinyzip learn hint` has a hint")
    else:
        print(f"{found[0].file} is solved")
    if name is None and (found is None or folder.not_begun(place, found[0])):
        stone = milestones.before(found and found[0])
        if stone is not None:
            run_milestone(place, stone)


def chosen(place: Path, name: str | None) -> Milestone:
    """The milestone of this name; without one, the last before the first exercise that is not solved."""
    if name is not None:
        return milestones.milestone(name)
    found = folder.first_unsolved(place)
    stone = milestones.reached(found and found[0])
    if stone is None:
        refuse("learn milestone", "none before the first unsolved exercise", "a name: `tinyzip learn list`")
    return stone


def run_milestone(place: Path, stone: Milestone) -> None:
    """Run a milestone, and say whether it is passed."""
    folder.check_folder(place)
    print(f"milestone {stone.name}: {stone.title}", flush=True)
    result = milestones.run(place, stone.name, lambda line: print(line, flush=True))
    print(f"passed: {result.line}" if result.passed else f"not passed: {result.line}")


def watch(place: Path) -> None:
    """Wait until a file of the course is saved."""
    before = stamps(place)
    while stamps(place) == before:
        time.sleep(0.2)


def stamps(place: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(place.glob("*.py"))}


def hint(place: Path, name: str | None, number: int) -> None:
    """Say one of three: the first asks a question, the last is nearly the line."""
    found = folder.first_unsolved(place) if name is None else (named(name), "")
    if found is None:
        print("all is solved")
    else:
        print(f"{found[0].file}, hint {number} of 3: {found[0].check.hints[number - 1]}")
        if number < 3:
            print(f"`tinyzip learn hint{f' {name}' if name else ''} --number {number + 1}` says more")


def solution(place: Path, exercise: Exercise, give_up: bool) -> None:
    """Print the solution of what is solved, or given up, and where the library has it."""
    if not give_up and folder.check(place, exercise):
        refuse("learn solution", f"{exercise.file}, which is not solved", "it solved, or --give-up")
    print(f"{exercise.solution}\n# In the library: tinyzip/{exercise.check.library}")


def grade(folders: list[Path], table: Path | None) -> None:
    """Say of each folder how many exercises are solved, and what is wrong with those that are not."""
    if not folders:
        refuse("learn grade", "no folder", "students' folders: tinyzip learn grade FOLDER…")
    if table:
        check_writable(table, grading.as_csv([]).encode())
    found = []
    for place, told in grading.grade(folders):
        print(grading.as_lines(place, told), flush=True)
        found.append((place, told))
    if table:
        write_atomically(table, [grading.as_csv(found).encode()])


def one(name: str | None) -> Exercise:
    if name is None:
        refuse("learn: NAME", "nothing", "the name of an exercise; `tinyzip learn list` has them")
    return named(name)
