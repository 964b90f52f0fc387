"""The reading order is a way: nothing on it needs what comes later, and both its lists are made of it."""

import ast

import pytest
from reading import DEPTH, DOOR, EVENING, README, WEEK, door, imported, order, readme
from sources import FILES, PACKAGE, label, tree

WAY = order([*EVENING, *WEEK])


@pytest.mark.parametrize("file", WAY)
def test_a_file_on_the_way_imports_only_what_is_read_before_it(file: str) -> None:
    later = set(imported(file)) - set(WAY[: WAY.index(file)])
    assert not later, f"{file} is read before {', '.join(sorted(later))}, which it imports"


def test_no_file_is_read_twice_and_each_exists() -> None:
    assert len(set(WAY)) == len(WAY)
    for file in WAY:
        assert (PACKAGE / file).is_file(), file


def test_both_lists_are_made_of_the_one_that_is_written() -> None:
    for page, needed in ((README, readme()), (DOOR, door())):
        assert page.read_text(encoding="utf-8") == needed, "write it anew: python tests/reading.py --write"


def test_the_first_line_of_a_file_says_whether_it_is_depth() -> None:
    for path in FILES:
        if path.name not in ("__init__.py", "__main__.py") and path.parent.name != "exercises":
            first = (ast.get_docstring(tree(path)) or "").splitlines()[0]
            assert first.startswith(DEPTH) != (label(path) in WAY), f"{label(path)} begins with {first!r}"
