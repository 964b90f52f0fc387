"""What the book knows of the sources: where a name and an equation stand, what a word means, who uses what.

All is read from the files themselves, by the same functions with which the tests hold them to their rules.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from reading import EVENING, WEEK, order
from sources import FILES, PACKAGE, TESTS, file_of, label, tree
from theorems import definitions, proofs

ROOT = PACKAGE.parent
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Place = tuple[Path, str]  # a file, and a name in it; "" for the file
LONGEST = 12  # lines of an example
SOLUTIONS = "learn/exercises/", "learn/checks/"  # which would give away what the course asks


class Piece(NamedTuple):
    """Some lines of a file: a public definition, or what stands between two of them, whose name is ""."""

    name: str
    node: Definition | None
    first: int
    last: int


class Example(NamedTuple):
    """Lines that use a name, and where they stand: a file, or a heading of the recipes."""

    source: str
    target: Place
    code: str
    first: int


@cache
def document(path: Path) -> str:
    """The name under which a file is a page."""
    return path.relative_to(ROOT).with_suffix("").as_posix()


@cache
def chapters() -> dict[str, list[Path]]:
    """The files by how they are read: an evening, a week, the doors of rooms, tests that prove equations."""
    evening, week = ([PACKAGE / name for name in order(parts)] for parts in (EVENING, WEEK))
    doors = [path for path in FILES if path.name == "__init__.py" and not label(path).startswith(SOLUTIONS)]
    tests = sorted({path for places in proving().values() for path, _ in places})
    return {"evening": evening, "week": week, "rooms": doors, "tests": tests}


@cache
def depth(door: Path) -> list[Path]:
    """The other files of a room, in the order that it gives."""
    read = {*chapters()["evening"], *chapters()["week"], door, PACKAGE / "__main__.py"}
    return [path for path in ordered(door) if path not in read]


def ordered(door: Path) -> list[Path]:
    """The files of a room in the order in which its door lists them."""
    text = ast.get_docstring(tree(door)) or ""
    return sorted(set(door.parent.glob("*.py")) - {door}, key=lambda path: text.find(path.name))


@cache
def documents() -> frozenset[str]:
    """The pages that are read from Python files."""
    files = [*chapters().values(), *(depth(door) for door in chapters()["rooms"])]
    return frozenset(document(path) for paths in files for path in paths)


def engine() -> list[str]:
    """The scripts with which a page computes, in order, as paths from the folder of the sources."""
    text = (PACKAGE / "exchange" / "page" / "html.py").read_text(encoding="utf-8")
    scripts: tuple[str, ...] = ast.literal_eval(re.findall(r"^SCRIPTS = (.*)$", text, re.MULTILINE)[0])
    return [f"tinyzip/exchange/page/{name}.js" for name in scripts if name != "app"]


@cache
def equations() -> dict[str, Path]:
    """The file in which each equation is derived."""
    return {name: places[0][0] for name, places in definitions().items()}


@cache
def glossary() -> dict[str, str]:
    """What each word means: the table of words in README, each with its own part of the explanation."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for row in text.partition("| word | means |\n")[2].partition("\n\n")[0].splitlines()[1:]:
        names, means = (cell.strip() for cell in row.strip("|").split("|"))
        words, parts = names.split(", "), means.split("; ")
        if len(parts) != len(words):
            parts = means.split(", ") if means.count(", ") == len(words) - 1 else [means] * len(words)
        found |= dict(zip(words, parts, strict=True))
    return found


@cache
def imported(path: Path) -> dict[str, Place]:
    """What each name that a file imports from the package is: a file, and the name that it has there."""
    found: dict[str, Place] = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tinyzip":
            for alias in node.names:
                found[alias.asname or alias.name] = resolved(node.module or "", alias.name)
    return found


def resolved(module: str, name: str) -> Place:
    """Where a name that is imported from a module is defined, through the doors of rooms."""
    if inner := file_of(f"{module}.{name}"):
        return (inner / "__init__.py" if inner.is_dir() else inner), ""
    holder = file_of(module)
    assert holder, f"{module} does not exist"
    path = holder / "__init__.py" if holder.is_dir() else holder
    return imported(path).get(name) or (path, name)


def names(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """The public names that a file defines, with their statements."""
    for node in tree(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        inner = [name for target in targets for name in (getattr(target, "elts", None) or [target])]
        for name in [getattr(node, "name", None), *(getattr(part, "id", None) for part in inner)]:
            if isinstance(name, str) and not name.startswith("_"):
                yield name, node


@cache
def pieces(path: Path) -> list[Piece]:
    """A file cut at its public definitions, and at methods whose docstrings have more than one line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found: list[Piece] = []
    cuts = [*cut(tree(path).body[1:], "", lines), (len(lines) + 1, "", None)]
    for (first, name, node), (after, _, _) in pairwise(cuts):
        last = after - 1
        while last > first and not lines[last - 1].strip():
            last -= 1
        if found and found[-1].name == name:  # private ones in a row, or the forms of an overload
            first = found.pop().first
        found.append(Piece(name, node, first, last))
    return found


def cut(body: list[ast.stmt], of: str, lines: list[str]) -> Iterator[tuple[int, str, Definition | None]]:
    for node in body:
        first = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))])
        while lines[first - 2].lstrip().startswith("#"):
            first -= 1
        if isinstance(node, Definition) and not node.name.startswith("_"):
            if not of or "\n" in (ast.get_docstring(node) or ""):
                yield first, of + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from cut(node.body, f"{node.name}.", lines)
        elif not of:
            yield first, "", None


def signature(name: str, node: ast.stmt) -> str:
    """How something is called, or of a class without a constructor of its own its fields."""
    if isinstance(node, ast.ClassDef):
        inits = [part for part in node.body if getattr(part, "name", "") == "__init__"]
        if inits and isinstance(inits[0], ast.FunctionDef):
            return f"{name}({ast.unparse(inits[0].args).removeprefix('self').removeprefix(', ')})"
        parts = [part for part in node.body if isinstance(part, ast.AnnAssign) and part.simple]
        return (
            f"{name}({', '.join(ast.unparse(part) for part in parts if 'ClassVar' not in ast.unparse(part))})"
        )
    if isinstance(node, ast.FunctionDef):
        returns = f" → {ast.unparse(node.returns)}" if node.returns else ""
        return f"{name}({ast.unparse(node.args)}){returns}"
    return name


def used(node: ast.AST, known: dict[str, Place]) -> set[Place]:
    """The names of the package that some code uses: by themselves, or as attributes of a module."""
    found = {known[part.id] for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in known}
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in known:
            path, name = known[part.value.id]
            door = imported(path).get(part.attr) if not name and path.name == "__init__.py" else None
            found.add(door or (path, part.attr if not name else f"{name}.{part.attr}"))
    return found


@cache
def examples() -> dict[Place, Example]:
    """For each public name lines that use it: of the recipes, else the shortest test, else of the package."""
    found: dict[Place, Example] = {}
    for example, places in (*recipes(), *tests(), *callers()):
        for place in places:
            found.setdefault(place, example)
    return found


def recipes() -> Iterator[tuple[Example, set[Place]]]:
    page = ROOT / "examples" / "RECIPES.md"
    text = page.read_text(encoding="utf-8")
    for section in re.split(r"^##+ ", text, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0].strip()
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for code in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
            known = {
                alias.asname or alias.name: resolved(node.module or "", alias.name)
                for node in ast.walk(ast.parse(code))
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinyzip")
                for alias in node.names
            }
            for node in ast.parse(code).body:
                lines = code.splitlines()[node.lineno - 1 : node.end_lineno]
                if len(lines) <= LONGEST:
                    yield Example(f"recipe: {title}", (page, slug), "\n".join(lines), 0), used(node, known)


def tests() -> Iterator[tuple[Example, set[Place]]]:
    return shortest(sorted(TESTS.rglob("test_*.py")), "test_")


def callers() -> Iterator[tuple[Example, set[Place]]]:
    return shortest(FILES, "")


def shortest(paths: list[Path], prefix: str) -> Iterator[tuple[Example, set[Place]]]:
    """The functions of files that can be an example, the shortest first."""
    found = []
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(prefix):
                first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
                code = "\n".join(lines[first - 1 : node.end_lineno])
                if code.count("\n") < LONGEST:
                    source = path.relative_to(ROOT).as_posix()
                    places = used(node, imported(path) | own(path)) - {(path, node.name)}
                    found.append((Example(source, (path, node.name), code, first), places))
    return iter(sorted(found, key=lambda pair: (pair[0].code.count("\n"), pair[0].source, pair[0].first)))


@cache
def own(path: Path) -> dict[str, Place]:
    """The public names of a file itself."""
    return {name: (path, name) for name, _ in names(path)} if path.is_relative_to(PACKAGE) else {}


@cache
def proving() -> dict[str, list[Place]]:
    """The tests that prove each equation."""
    found = proofs()
    return {name: found[name] for name in equations()}


@cache
def proved() -> dict[Place, list[str]]:
    """Which equations each test proves."""
    found: dict[Place, list[str]] = defaultdict(list)
    for name, places in proving().items():
        for place in places:
            found[place].append(name)
    return found
