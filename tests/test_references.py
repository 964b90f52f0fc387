"""What docstrings and comments of the package name in backquotes is there: a file, a module, a function."""

import ast
import builtins
import importlib
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from sources import FILES, PACKAGE, TESTS, file_of, label, tree, words

OTHERS = {*sys.stdlib_module_names, "numpy", "scipy"}  # whose names are looked up by importing them
PATH, DOTTED = r"[\w/]+\.(?:py|md|js)|\w+/[\w/]*", r"[^\W\d]\w*(?:\.\w+)+"


def named(path: Path, pattern: str) -> list[tuple[int, str]]:
    """What stands between single backquotes and is such a name, each with its line."""
    found = [(line, name) for line, text in words(path) for name in re.findall(r"`([\w./]+)`", text)]
    return [(line, name) for line, name in found if re.fullmatch(pattern, name)]


@cache
def bound(path: Path) -> set[str]:
    """The names that a file binds or asks for: definitions, imports, arguments, fields, attributes."""
    nodes = ast.walk(tree(path))
    names = (getattr(node, part, None) for node in nodes for part in ("name", "id", "arg", "attr", "asname"))
    return {name.split(".")[0] for name in names if isinstance(name, str)}


@cache
def everything() -> set[str]:
    """All names that some file of the package binds, and what numbers, texts and arrays have."""
    return set().union(*map(bound, FILES), dir(builtins), dir(str), dir(list))


def has(place: Path, parts: list[str]) -> bool:
    """Whether a file or a folder of the package holds the first name, and that the next, and so on."""
    if place.is_dir() and parts:
        inner = [path for path in (place / parts[0], place / f"{parts[0]}.py") if path.exists()]
        return any(has(path, parts[1:]) for path in inner) or has(place / "__init__.py", parts)
    return not parts or (place.is_file() and parts[0] in bound(place) and everything().issuperset(parts))


def imported(name: str) -> bool:
    """Whether a name of the standard library, NumPy or SciPy is there."""
    first, *rest = name.split(".")
    thing = importlib.import_module(first)
    for part in rest:
        thing = getattr(thing, part, None)  # type: ignore[assignment]
    return thing is not None


def exists(name: str, path: Path) -> bool:
    """Whether a dotted name leads somewhere from a file: along modules of the package, or names of the file.

    A module counts from the file's own folder and from those around it, or is what the file imports so.
    """
    first, *rest = name.split(".")
    around = [folder for folder in path.parents if PACKAGE.parent in (folder, *folder.parents)]
    places = [place for folder in around for place in (folder / first, folder / f"{first}.py")]
    for node in ast.walk(tree(path)):
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if first == (alias.asname or alias.name) and (place := file_of(f"{node.module}.{alias.name}")):
                places.append(place)
    if places := [place for place in places if place.exists()]:
        return any(has(place, rest) for place in places)
    if first in OTHERS:
        return imported(name)
    return everything().issuperset((first, *rest))


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_that_a_docstring_names_is_there(path: Path) -> None:
    folders = path.parent, PACKAGE, PACKAGE.parent, TESTS
    gone = [at for at in named(path, PATH) if not any((folder / at[1]).exists() for folder in folders)]
    assert not gone, f"{label(path)}, by the line where the text begins: no file {gone}"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_module_or_function_that_a_docstring_names_is_there(path: Path) -> None:
    gone = [at for at in named(path, DOTTED) if not re.fullmatch(PATH, at[1]) and not exists(at[1], path)]
    assert not gone, f"{label(path)}, by the line where the text begins: nothing of the name {gone}"
