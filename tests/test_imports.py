"""The walls of the house, read from the source: who may import whom.

Between rooms the table below decides. Inside a room its `__init__.py` does: the docstring lists the files and
folders in the order in which they are read, at the beginning of lines and with two spaces after,

    grid.py, blocks.py  what they are about
    after/              what that is about

and a file imports only what stands before it. Who reads in that order has read all that a file uses, and no
import goes round in a circle.
"""

import ast
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest
from sources import FILES, PACKAGE, imports, label, own_imports, tree

MAY_IMPORT = {
    "base": set(),
    "machine": {"base"},
    "nn": {"base", "machine"},
    "train": {"base", "machine", "nn"},
    "distill": {"base", "machine", "nn", "train"},
    "integer": {"base", "machine"},
    "archive": {"base", "machine", "integer"},
    "quant": {"base", "machine", "nn", "train", "distill", "integer"},
    "exchange": {"base", "machine", "nn", "quant", "integer", "archive"},
    "learn": {"base", "machine", "nn", "train", "distill", "quant", "integer", "archive"},
    "cli": {"base", "machine", "nn", "train", "distill", "quant", "integer", "archive", "exchange", "learn"},
}
DOORS = ("__init__.py", "__main__.py")
ROOMS = sorted(path.parent for path in FILES if path.name == "__init__.py" and path.parent != PACKAGE)


def reading_order(room: Path) -> list[str]:
    """The files and folders that a room's docstring lists."""
    lecture = ast.get_docstring(tree(room / "__init__.py")) or ""
    lists = re.findall(r"^ *((?:\w+(?:\.py|/), )*\w+(?:\.py|/)),?(?:  |$)", lecture, re.MULTILINE)
    return [name.rstrip("/") for names in lists for name in names.split(", ")]


@pytest.mark.parametrize("path", FILES, ids=label)
def test_imports_run_downward_only(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0]
    if own in DOORS:
        return
    assert own in MAY_IMPORT, f"{own} has no place in the house"
    for parts, line in own_imports(path):
        assert not parts or parts[0] in MAY_IMPORT[own] | {own}, (  # the package itself is its version
            f"{label(path)}:{line} imports {'/'.join(parts)}"
        )


@pytest.mark.parametrize("room", ROOMS, ids=label)
def test_a_room_says_in_which_order_its_files_are_read(room: Path) -> None:
    listed = reading_order(room)
    files = {path.name for path in room.glob("*.py")} - {"__init__.py"}
    inside = files | {path.name for path in room.iterdir() if (path / "__init__.py").is_file()}
    door = f"the docstring of {label(room)}/__init__.py"
    assert not inside - set(listed), f"{door} must say where these are read: {sorted(inside - set(listed))}"
    assert not set(listed) - inside, f"{door} lists what is not there: {sorted(set(listed) - inside)}"
    assert len(listed) == len(inside), f"{door} lists a file twice: {listed}"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_imports_only_what_is_read_before_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts
    for parts, line in own_imports(path):
        depth = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(own, parts, strict=False))))
        if depth == 0 or (path.name == "__init__.py" and depth == len(own) - 1):
            continue  # another room, or a door that opens into its own room
        name = "/".join(parts)
        assert depth < len(parts), f"{label(path)}:{line} imports the door of its own room, {name}"
        order = reading_order(PACKAGE.joinpath(*own[:depth]))
        read = order[: order.index(own[depth])] if own[depth] in order else order
        assert parts[depth] in read, f"{label(path)}:{line} imports {name}, which is read only after it"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_only_numpy_scipy_and_the_standard_library_are_needed(path: Path) -> None:
    for name, line in imports(path):
        top = name.split(".")[0]
        known = top in sys.stdlib_module_names or top in ("numpy", "scipy", "tinyzip")
        assert known, f"{label(path)}:{line} imports {name}"


def test_the_operations_of_the_float_world_do_not_know_layers() -> None:
    for path in (PACKAGE / "nn" / "ops").glob("*.py"):
        for parts, line in own_imports(path):
            assert parts[0] != "nn" or parts[1:2] == ("ops",), (
                f"{label(path)}:{line} imports {'/'.join(parts)}"
            )


def test_importing_the_integer_world_brings_no_float_world_with_it() -> None:
    command = "import sys, tinyzip.integer; print(*(name for name in sys.modules if name[:7] == 'tinyzip'))"
    loaded = subprocess.run(
        [sys.executable, "-c", command],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout.split()
    assert {name.split(".")[1] for name in loaded if "." in name} <= {"base", "machine", "integer"}


CHANGES = re.compile(
    r"globals\(\)|_getframe\(\d|type\.__setattr__|def __getattr__\(name|metaclass|setattr\((?!self)"
)
READS_OTHERS = {"learn/earlier.py"}  # whose names are those that the student has written


@pytest.mark.parametrize("path", FILES, ids=label)
def test_nothing_changes_a_class_or_a_module_behind_the_readers_back(path: Path) -> None:
    found = {line for line in path.read_text(encoding="utf-8").splitlines() if CHANGES.search(line)}
    found = {line for line in found if "object.__setattr__(" not in line}  # of a frozen object, by itself
    assert not found or label(path) in READS_OTHERS, f"{label(path)}: {found}"


KNOWN = "dataclass cached_property property classmethod staticmethod abstractmethod runtime_checkable cache"
KNOWN += " lru_cache contextmanager overload total_ordering final wraps"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_what_decorates_is_pythons_own(path: Path) -> None:
    for node in ast.walk(tree(path)):
        for decorator in getattr(node, "decorator_list", []):
            name = ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
            assert name in [*KNOWN.split(), "setter"], f"{label(path)}:{decorator.lineno} has @{name}"
