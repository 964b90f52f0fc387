"""Depth: what `tinyzip learn` does.

Without a word it checks the first exercise that is not solved, in the folder where one stands.
"""

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tinyzip.base.refuse import refuse
from tinyzip.learn import folder
from tinyzip.learn.course import Exercise, course, named

DO = ("check", "start", "list", "hint", "reset", "solution")


def options(parser: ArgumentParser) -> None:
    """[check | start FOLDER | list | hint [NAME] | reset NAME | solution NAME]."""
    parser.add_argument(
        "do", nargs="?", default="check", choices=DO, metavar="WHAT", help=f"one of {', '.join(DO)}"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="an exercise; with start, a folder")
    parser.add_argument("--folder", type=Path, default=Path(), help="the course's folder; this one")
    parser.add_argument("--watch", action="store_true", help="check whenever a file is saved, until Ctrl-C")
    parser.add_argument("--give-up", action="store_true", help="with solution: before it is solved")


def run(options: Namespace) -> None:
    """Do what was asked for."""
    place: Path = options.folder
    match options.do:
        case "start":
            begin(options.name)
        case "list":
            for exercise, told in folder.progress(place):
                print(f"{'     ' if told else 'done '} {exercise.file:<18} {exercise.title}")
        case "hint":
            hint(place, options.name)
        case "reset":
            kept = folder.reset(place, one(options.name))
            print(f"{one(options.name).file} is as at first; what stood there is in {kept.name}")
        case "solution":
            solution(place, one(options.name), options.give_up)
        case _:
            check(place, options.name)
            while options.watch:
                watch(place)
                check(place, options.name)


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


def watch(place: Path) -> None:
    """Wait until a file of the course is saved."""
    before = stamps(place)
    while stamps(place) == before:
        time.sleep(0.2)


def stamps(place: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(place.glob("*.py"))}


def hint(place: Path, name: str | None) -> None:
    """Say all three, the last of which is nearly the line: who asks wants to go on."""
    found = folder.first_unsolved(place) if name is None else (named(name), "")
    if found is None:
        print("all is solved")
    else:
        print(found[0].file, *(f"{k}. {line}" for k, line in enumerate(found[0].check.hints, 1)), sep="\n")


def solution(place: Path, exercise: Exercise, give_up: bool) -> None:
    """Print the solution of what is solved, or given up, and where the library has it."""
    if not give_up and folder.check(place, exercise):
        refuse("learn solution", f"{exercise.file}, which is not solved", "it solved, or --give-up")
    print(f"{exercise.solution}\n# In the library: tinyzip/{exercise.check.library}")


def one(name: str | None) -> Exercise:
    if name is None:
        refuse("learn: NAME", "nothing", "the name of an exercise; `tinyzip learn list` has them")
    return named(name)
