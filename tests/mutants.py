"""Mistakes planted in the package by the hundreds: does a test that tests/README.md names notice each?

    python tests/mutants.py                          a hundred, drawn with seed 0
    python tests/mutants.py --seed 3 --count 1000    as many as you like; some hours
    python tests/mutants.py --only quant/door/lower.py    of some files or rooms alone
    python tests/mutants.py --again                  those that lived once more, when tests have been added
    python tests/mutants.py --map out/map            the same in a third of the time

A file is drawn by its lines, then one of the mistakes of `planted` in it. The tests that the tables name for
the file run until one fails; those of the function in question first. A test that does not end has noticed.
With a map those that run the line come before all others; where there is none yet, it is made by the whole
suite under coverage (pytest-cov, a quarter of an hour). An old one changes the order alone, not what is
found.

What is found goes to a file as soon as it is known, and the same command goes on where it was stopped.
Survivors are printed, and at the end the share that was noticed; the exit status is 0 at 98 % or more.
`harmless.txt` has those that change no result, which do not count: file, its line, what became what, and the
reason, a tab between two. They move a threshold between two routes with one result, ask for more memory than
is used, or say in another way what was said.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from planted import Planted, planted
from sources import FILES, TESTS, label, tree
from theorems import PAGE

ROOT = TESTS.parent
HARMLESS = {
    tuple(line.split("\t")[:3]) for line in (TESTS / "harmless.txt").read_text(encoding="utf-8").splitlines()
}
LINK = re.compile(r"\]\(([^)]*\.py)\)")
ENOUGH = 0.98
SECONDS = 120  # for the tests of one mistake
STALE = 4, 5  # pytest's exit status where a map names what is no longer there, or nothing is left to run
OPTIONS = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "-m", "not long")
UNSHRUNK = "--hypothesis-profile=unshrunk"


class Mutant(NamedTuple):
    """A file of the package with one mistake."""

    file: Path
    mistake: Planted

    @property
    def key(self) -> tuple[str, str, str]:
        """As in `HARMLESS`: without a number of a line, which moves."""
        line = text_of(self.file).splitlines()[self.mistake.line - 1].strip()
        return label(self.file), line, f"{self.mistake.before} → {self.mistake.after}"

    @property
    def is_harmless(self) -> bool:
        return self.key in HARMLESS

    def __str__(self) -> str:
        return f"{label(self.file)} {self.mistake}"


@cache
def text_of(file: Path) -> str:
    """As it was when this began: meanwhile somebody may write in it."""
    return file.read_text(encoding="utf-8")


@cache
def mistakes(file: Path) -> list[Planted]:
    return planted(text_of(file))


def drawn(seed: int, count: int, only: list[str]) -> Iterator[Mutant]:
    """So many mutants, no two alike; in a file as many as its share of lines."""
    files = [file for file in FILES if "learn" not in file.parts]
    files = [file for file in files if not only or any(label(file).startswith(part) for part in only)]
    weights = [len(text_of(file).splitlines()) for file in files]
    rng, seen, tries = random.Random(seed), set(), 0
    while len(seen) < count and tries < 20 * count:
        (file,) = rng.choices(files, weights)
        tries += 1
        if mistakes(file):
            mutant = Mutant(file, rng.choice(mistakes(file)))
            if mutant.key not in seen:
                seen.add(mutant.key)
                yield mutant


def function_at(file: Path, line: int) -> str:
    """The function or class of a file that a line belongs to, "" for none."""
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.lineno <= line <= (node.end_lineno or 0):
            return node.name
    return ""


@cache
def tests_of(name: str, function: str) -> tuple[str, ...]:
    """The test files that the tables of tests/README.md link for a file, those of the function first."""
    first: list[str] = []
    rest: list[str] = []
    for row in PAGE.read_text(encoding="utf-8").splitlines():
        cells = row.split(" | ")
        if row.startswith(f"| {name} | "):
            for part in row.split("<br>"):
                (first if f"`{function}`" in part else rest).extend(LINK.findall(part))
        elif len(cells) == 4 and cells[2] == name:
            rest += LINK.findall(cells[3])
    return tuple(f"tests/{path}" for path in dict.fromkeys(first + rest))


def mapped(folder: Path) -> dict[str, dict[str, list[str]]]:
    """File -> line -> the tests that run it, read from a map or made."""
    made = folder / "map.json"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        settings, data = folder / "coveragerc", folder / "data"
        settings.write_text(f"[run]\nsource = tinyzip\ndata_file = {data}\n", encoding="utf-8")
        words = [*OPTIONS, "-n", "auto", "--cov=tinyzip", "--cov-context=test", f"--cov-config={settings}"]
        words.remove("-x")
        subprocess.run([sys.executable, *words, "--cov-report="], cwd=ROOT, check=False)
        import coverage

        kept = coverage.CoverageData(str(data))
        kept.read()
        lines: dict[str, dict[str, list[str]]] = {}
        for file in FILES:
            text = [line.strip() for line in text_of(file).splitlines()]
            for number, tests in kept.contexts_by_lineno(str(file)).items():
                ids = sorted({test.rpartition("|")[0] for test in tests} - {""})
                lines.setdefault(label(file), {}).setdefault(text[number - 1], []).extend(ids)
        made.write_text(json.dumps(lines, ensure_ascii=False), encoding="utf-8")
    found: dict[str, dict[str, list[str]]] = json.loads(made.read_text(encoding="utf-8"))
    return found


def survives(mutant: Mutant, copy: Path, first: list[str]) -> bool:
    """Whether no test of the tables notices, run in a copy of the sources; `first`: to begin with."""
    files = tests_of(label(mutant.file), function_at(mutant.file, mutant.mistake.line))
    if not files:
        return True
    place = copy / mutant.file.relative_to(ROOT)
    whole = place.read_text(encoding="utf-8")
    place.write_text(mutant.mistake.text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(copy), "OPENBLAS_NUM_THREADS": "1"}
    first = [test for test in first if test.partition("::")[0] in files]
    try:
        for tests, unheard in ((first, (0, *STALE)), (files, (0,))):
            words = copy / "tests.txt"
            words.write_text("\n".join(tests), encoding="utf-8")
            if tests:
                done = subprocess.run(
                    [sys.executable, *OPTIONS, UNSHRUNK, f"@{words}"],
                    cwd=copy,
                    env=environment,
                    capture_output=True,
                    timeout=SECONDS,
                    check=False,
                )
                if done.returncode not in unheard:
                    return False
        return True
    except subprocess.TimeoutExpired:
        return False
    finally:
        place.write_text(whole, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--only", nargs="+", default=[], metavar="FILE|ROOM")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="those that lived once more")
    parser.add_argument("--map", type=Path, metavar="FOLDER", help="which tests run which line")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "mutants.json")
    args = parser.parse_args()
    mutants = list(drawn(args.seed, args.count, args.only))
    reached = mapped(args.map) if args.map else {}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(args.out.read_text(encoding="utf-8")) if args.out.exists() else {}
    copies: SimpleQueue[Path] = SimpleQueue()

    def look(mutant: Mutant) -> None:
        name = " | ".join(mutant.key)
        if not mutant.is_harmless and found.get(name, True) and (args.again or name not in found):
            copy = copies.get()
            alive = survives(mutant, copy, reached.get(mutant.key[0], {}).get(mutant.key[1], []))
            copies.put(copy)
            found[name] = alive
            args.out.write_text(json.dumps(found, indent=0, ensure_ascii=False), encoding="utf-8")
            if alive:
                print(f"alive: {mutant}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        for job in range(args.jobs):
            copy = Path(folder, str(job))
            for part in ("tinyzip", "tests", "examples"):
                shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
            for part in ("pyproject.toml", "README.md"):
                shutil.copy(ROOT / part, copy)
            copies.put(copy)
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(look, mutants))
    counted = [mutant for mutant in mutants if not mutant.is_harmless]
    alive = [mutant for mutant in counted if found[" | ".join(mutant.key)]]
    share = 1 - len(alive) / max(len(counted), 1)
    left_out = len(mutants) - len(counted)
    print(*(f"alive: {mutant}" for mutant in alive), sep="\n")
    print(f"{len(counted) - len(alive)} of {len(counted)} noticed, {share:.1%}; {left_out} change no result")
    return int(share < ENOUGH)


if __name__ == "__main__":
    sys.exit(main())
