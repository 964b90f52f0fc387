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

import theorems
from reading import EVENING, WEEK, order
from sources import FILES, PACKAGE, TESTS, file_of, label, tree

from tinyzip.exchange.page import html

ROOT = PACKAGE.parent
definitions, proofs = cache(theorems.definitions), cache(theorems.proofs)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
Place = tuple[Path, str]  # a file, and a name in it; "" for the file
LONGEST = 10  # lines of an example
ENGINE = [f"tinyzip/exchange/page/{name}.js" for name in html.SCRIPTS if name != "app"]
SOLUTIONS = "learn/exercises/", "learn/checks/"  # which would give away what the course asks


class Piece(NamedTuple):
    """Some lines of a file: a public definition, or what stands between two of them, whose name is ""."""

    name: str
    node: ast.stmt | None
    first: int
    last: int


class Example(NamedTuple):
    """Lines that use a name, and where they stand: a function of a file, or a heading of the recipes."""

    source: str
    target: Place
    code: str


@cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def document(path: Path) -> str:
    """The name under which a file is a page."""
    return path.relative_to(ROOT).with_suffix("").as_posix()


@cache
def chapters() -> dict[str, list[Path]]:
    """The files by how they are read: an evening, a week, the doors of rooms, tests that prove equations."""
    evening, week = ([PACKAGE / name for name in order(parts)] for parts in (EVENING, WEEK))
    doors = [path for path in FILES if path.name == "__init__.py" and not label(path).startswith(SOLUTIONS)]
    tests = sorted({path for places in proofs().values() for path, _ in places})
    return {"evening": evening, "week": week, "rooms": doors, "tests": tests}


def ordered(door: Path) -> list[Path]:
    """The files of a room in the order in which its door lists them."""
    files = set(door.parent.glob("*.py")) - {door, PACKAGE / "__main__.py"}
    return sorted(files, key=lambda path: (ast.get_docstring(tree(door)) or "").find(path.name))


@cache
def depth(door: Path) -> list[Path]:
    """The files of a room that are not on the path."""
    return [path for path in ordered(door) if path not in (*chapters()["evening"], *chapters()["week"])]


@cache
def documents() -> frozenset[str]:
    """The pages that are read from Python files."""
    files = [*chapters().values(), *map(depth, chapters()["rooms"])]
    return frozenset(document(path) for paths in files for path in paths)


@cache
def equations() -> dict[str, Path]:
    """The file in which each equation is derived."""
    return {name: places[0][0] for name, places in definitions().items()}


@cache
def proved() -> dict[Place, list[str]]:
    """Which equations each test proves."""
    found: dict[Place, list[str]] = defaultdict(list)
    for name, places in proofs().items():
        for place in places:
            found[place].append(name)
    return found


@cache
def glossary() -> dict[str, str]:
    """What each word means: the table of words in README, each with its own part of the explanation."""
    found: dict[str, str] = {}
    table = read(ROOT / "README.md").partition("| word | means |\n")[2].partition("\n\n")[0]
    for row in table.splitlines()[1:]:
        names, means = (cell.strip() for cell in row.strip("|").split("|"))
        words, parts = names.split(", "), means.split("; ")
        if len(parts) != len(words):
            parts = means.split(", ") if means.count(", ") == len(words) - 1 else [means] * len(words)
        found |= dict(zip(words, parts, strict=True))
    return found


@cache
def known(path: Path) -> dict[str, Place]:
    """The names of the package that a file imports or defines, each with the file that defines it."""
    if path.suffix != ".py":
        return {}
    own = {name: (path, name) for name in names(path)} if path.is_relative_to(PACKAGE) else {}
    return imports(tree(path)) | own


@cache
def imports(code: ast.Module) -> dict[str, Place]:
    return {
        alias.asname or alias.name: resolved(node.module or "", alias.name)
        for node in ast.walk(code)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tinyzip"
        for alias in node.names
    }


def resolved(module: str, name: str) -> Place:
    """Where a name that is imported from a module is defined, through the doors of rooms."""
    inner, holder = file_of(f"{module}.{name}"), file_of(module)
    path = inner or holder
    assert path, f"{module} does not exist"
    path = path / "__init__.py" if path.is_dir() else path
    return (path, "") if inner else imports(tree(path)).get(name) or (path, name)


@cache
def names(path: Path) -> dict[str, ast.stmt]:
    """The public names that a file defines, with their statements."""
    found = {}
    for node in tree(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets += [node.target] if isinstance(node, ast.AnnAssign) else []
        inner = [name for target in targets for name in getattr(target, "elts", [target])]
        for name in [getattr(node, "name", None), *(getattr(part, "id", None) for part in inner)]:
            if name and not name.startswith("_"):
                found[name] = node
    return found


@cache
def pieces(path: Path) -> list[Piece]:
    """A file cut at its public definitions, and at methods whose docstrings have more than one line."""
    lines = read(path).splitlines()
    found: list[Piece] = []
    for (first, name, node), (end, _, _) in pairwise([*cut(path), (len(lines) + 1, "", None)]):
        if found and found[-1].name == name:  # private ones in a row, or the forms of an overload
            first = found.pop().first
        last = max(number for number in range(first, end) if lines[number - 1].strip())
        found.append(Piece(name, node, first, last))
    return found


def cut(path: Path, of: ast.ClassDef | None = None) -> Iterator[tuple[int, str, ast.stmt | None]]:
    lines = read(path).splitlines()
    for node in of.body if of else tree(path).body[1:]:
        name = getattr(node, "name", "_")
        first = beginning(node)
        while lines[first - 2].lstrip().startswith("#"):
            first -= 1
        if isinstance(node, DEFINITIONS) and not name.startswith("_"):
            if not of or "\n" in (ast.get_docstring(node) or ""):
                yield first, f"{of.name}.{name}" if of else name, node
            if isinstance(node, ast.ClassDef):
                yield from cut(path, node)
        elif not of:
            yield first, "", None


def beginning(node: ast.stmt) -> int:
    """The first line of a statement, decorators and all."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(part.lineno for part in decorators)])


def signature(name: str, node: ast.stmt) -> str:
    """How something is called, or of a class without a constructor of its own its fields."""
    if isinstance(node, ast.ClassDef):
        init = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
        fields = [ast.unparse(part) for part in node.body if isinstance(part, ast.AnnAssign)]
        shown = ", ".join(part for part in fields if "ClassVar" not in part)
        return f"{name}({ast.unparse(init[0].args).partition(', ')[2] if init else shown})"
    if isinstance(node, ast.FunctionDef):
        return f"{name}({ast.unparse(node.args)}) → {ast.unparse(node.returns or node)}"
    return name


def used(node: ast.AST, known: dict[str, Place]) -> Iterator[Place]:
    """The names of the package that some code uses: by themselves, or as attributes of a module or class."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in known:
            yield known[part.id]
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in known:
            path, name = known[part.value.id]
            door = imports(tree(path)).get(part.attr) if path.name == "__init__.py" else None
            yield door or (path, f"{name}.{part.attr}" if name else part.attr)


@cache
def examples() -> dict[Place, Example]:
    """For each public name lines that use it: of the recipes, else the shortest test, else of the package."""
    found: dict[Place, Example] = {}
    tests = shortest(sorted(TESTS.rglob("test_*.py")), "test_")
    for example, places in (*recipes(), *tests, *shortest(FILES, "")):
        for place in places - {example.target}:
            found.setdefault(place, example)
    return found


def recipes() -> Iterator[tuple[Example, set[Place]]]:
    page = ROOT / "examples" / "RECIPES.md"
    for section in re.split(r"^##+ ", read(page), flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0].strip()
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for code in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
            body = ast.parse(code)
            for node in body.body:
                lines = code.splitlines()[node.lineno - 1 : node.end_lineno]
                if len(lines) <= LONGEST:
                    example = Example(f"recipe: {title}", (page, slug), "\n".join(lines))
                    yield example, set(used(node, imports(body)))


def shortest(paths: list[Path], prefix: str) -> list[tuple[Example, set[Place]]]:
    """The functions of files that can be an example, the shortest first."""
    found = []
    for path in paths:
        lines = read(path).splitlines()
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(prefix):
                code = lines[beginning(node) - 1 : node.end_lineno]
                if len(code) <= LONGEST:
                    example = Example(path.relative_to(ROOT).as_posix(), (path, node.name), "\n".join(code))
                    found.append((example, set(used(node, known(path)))))
    return sorted(found, key=lambda pair: (pair[0].code.count("\n"), pair[0].target))
