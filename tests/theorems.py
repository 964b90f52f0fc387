"""Which test proves which equation and which function: the tables of tests/README.md, read from the sources.

An equation stands in a docstring with its label at the right, two spaces or more between them,

    q(x) = clamp(rint(x / scale) + zero)    (G2)  then perhaps its source, or a word about it

first in the lecture that opens the file, and perhaps again in this file beside the code that computes it.
Anywhere else "(G2)" cites it. A test says in its docstring, or in a comment in it, which equations it proves;
and a function is proved by the test files that name it.

    python tests/theorems.py    writes the tables anew
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from importlib import import_module
from pathlib import Path
from types import FunctionType

sys.path.insert(0, str(Path(__file__).parent.parent))

from sources import FILES, PACKAGE, TESTS, label, own_imports, tree, words

PAGE = TESTS / "README.md"
BEGIN = "<!-- From here on written by theorems.py -->\n"
FEW = 5
CITED = re.compile(r"\(([A-Z]+)(\d+)\)(?: to \(\1(\d+)\))?")
DEFINED = re.compile(r'(?:  |\] )\(([A-Z]+\d+)\)(?=  |$|""")', re.MULTILINE)


def citations(text: str) -> set[str]:
    """The labels that a text cites, "(M1) to (M3)" for three."""
    return {
        f"{letters}{number}"
        for letters, first, last in CITED.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


def equations(text: str) -> list[tuple[str, str]]:
    """Each label after an equation, and the equation: a line higher if only a source stands before it."""
    found, lines = [], text.splitlines()
    for i, line in enumerate(lines):
        if match := DEFINED.search(line):
            before = line[: match.start() + 1].strip(' "')
            found.append((match[1], before if before[:1] not in ("", "[") else lines[i - 1].strip()))
    return found


def definitions() -> dict[str, list[tuple[Path, str]]]:
    """For each label the file and the equation, once for each time that it is defined: twice is wrong."""
    found = defaultdict(list)
    for path in FILES:
        lecture, *others = (equations(text) for _, text in words(path))
        known = {name for name, _ in lecture}
        beside = [pair for pairs in others for pair in pairs if pair[0] not in known]
        for name, line in lecture + beside:
            found[name].append((path, line))
    return found


def proofs() -> dict[str, list[tuple[Path, str]]]:
    """For each label the tests that cite it: file and name."""
    tests = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                spoken = [text for line, text in words(path) if node.lineno <= line <= node.end_lineno]
                for name in citations("\n".join(spoken)):
                    tests[name].append((path, node.name))
    return tests


def named(path: Path) -> Counter[tuple[str, str]]:
    """How often a test file names functions and classes of the package, each as module and name."""
    known: dict[str, object] = {}
    found: list[object] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tinyzip":
            for alias in node.names:
                holder = import_module(node.module)
                if not hasattr(holder, alias.name):
                    import_module(f"{node.module}.{alias.name}")
                known[alias.asname or alias.name] = getattr(holder, alias.name)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name):
            found.append(known.get(node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.append(getattr(known.get(node.value.id), node.attr, None))
    return Counter(
        (thing.__module__, thing.__qualname__) for thing in found if isinstance(thing, type | FunctionType)
    )


def linked(path: Path, text: str) -> str:
    return f"[{text}]({path.relative_to(TESTS).as_posix()})"


def equation_table() -> list[str]:
    tests = proofs()
    rows = ["| | equation | stands in | proved by |", "| --- | --- | --- | --- |"]
    for name, ((file, line), *_) in definitions().items():
        by = (linked(path, test.removeprefix("test_").replace("_", " ")) for path, test in tests[name])
        equation = " ".join(line.replace("`", "").split()).replace("|", "\\|")
        rows.append(f"| ({name}) | `{equation}` | {label(file)} | {'; '.join(by)} |")
    return rows


def testing(file: Path, where: dict[tuple[str, str], list[Path]]) -> dict[tuple[Path, ...], list[str]]:
    """The functions of a file that tests name, by the test files in which they do.

    Of many test files those of the function's own room are given, first the one that is named after the
    function's file, then those that name the function most.
    """
    groups = defaultdict(list)
    room, *_ = label(file).split("/")
    module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    for node in tree(file).body:
        tests = where.get((module, getattr(node, "name", "")), [])
        tests = [test for test in tests if test.is_relative_to(TESTS / room)] or tests
        tests = sorted(tests, key=lambda test: not test.stem.endswith(f"_{file.stem}"))
        if tests:
            groups[tuple(tests)].append(f"`{node.name}`")
    return groups


def nearest_tests(
    name: str, users: dict[str, dict[str, None]], where: dict[tuple[str, str], list[Path]]
) -> str:
    """Of a file that no test names: the tests that have its name, or the nearest of those who use it."""
    folder, stem = (TESTS / name).parent, Path(name).stem
    if mirrored := sorted({*folder.glob(f"test_*_{stem}*.py"), *folder.glob(f"test_{stem}.py")}):
        return ", ".join(linked(test, test.name) for test in mirrored[:FEW])
    passed, heads = {name}, [name]
    while heads:
        heads = [user for head in heads for user in users.get(head, ()) if user not in passed]
        passed |= set(heads)
        found = {user: testing(PACKAGE / user, where) for user in dict.fromkeys(heads)}
        tests = dict.fromkeys(test for groups in found.values() for group in groups for test in group)
        if tests:
            more = [f"and {len(tests) - FEW} more"] if len(tests) > FEW else []
            named = [linked(test, test.name) for test in [*tests][:FEW]] + more
            using = [user for user, groups in found.items() if groups][:FEW]
            return f"through {', '.join(using)}: {', '.join(named)}"
    return ""


def function_table() -> list[str]:
    """A row for each file: which functions tests name, and where most; else by which tests it is reached."""
    times = {path: named(path) for path in sorted(TESTS.rglob("test_*.py"))}
    where = {
        thing: sorted((path for path in times if thing in times[path]), key=lambda path: -times[path][thing])
        for thing in set().union(*times.values())
    }
    users: dict[str, dict[str, None]] = defaultdict(dict)
    for file in FILES:
        for parts, _ in own_imports(file):
            if parts[:1] == file.relative_to(PACKAGE).parts[:1] and file.name != "__init__.py":
                users["/".join(parts)][label(file)] = None
    rows = ["| file | proved in |", "| --- | --- |"]
    for file in FILES:
        lines = []
        for tests, names in testing(file, where).items():
            more = [f"and {len(tests) - FEW} more"] if len(tests) > FEW else []
            lines.append(
                f"{', '.join(names)}: {', '.join([linked(test, test.name) for test in tests[:FEW]] + more)}"
            )
        runs = file.name == "__init__.py" and any(isinstance(node, ast.Expr) for node in tree(file).body[1:])
        of = ["/".join(parts) for parts, _ in own_imports(file)] if runs else [label(file)]
        lines += filter(None, [] if lines else [nearest_tests(name, users, where) for name in of])
        if lines:
            rows.append(f"| {label(file)} | {'<br>'.join(lines)} |")
    return rows


def page() -> str:
    """tests/README.md as it should be: what is written by hand, and the tables."""
    by_hand, _, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    tables = [
        "## Equations",
        "",
        *equation_table(),
        "",
        "## Files and their functions",
        "",
        *function_table(),
    ]
    return by_hand + BEGIN + "\n" + "\n".join(tables) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
