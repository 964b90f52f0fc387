"""The walls of the house, read from the source: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tinyzip

PACKAGE = Path(tinyzip.__file__).parent
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
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(name):
    """The room of a dotted name: tinyzip.nn.ops.conv is in nn."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "tinyzip"


def imports(path):
    """Every module that a file names in an import, with its line; relative ones are not used here."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            if node.module == "tinyzip":
                yield from ((f"tinyzip.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def place(path):
    """The room a file stands in."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downward_only(path):
    own = place(path)
    if own not in MAY_IMPORT:
        assert own in ("__init__", "__main__"), f"{own} has no place in the house"
        return
    for name, line in imports(path):
        if name.split(".")[0] == "tinyzip":
            assert room(name) in MAY_IMPORT[own] | {own}, f"{path.name}:{line} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_numpy_scipy_and_the_standard_library_are_needed(path):
    for name, line in imports(path):
        top = name.split(".")[0]
        known = top in sys.stdlib_module_names or top in ("numpy", "scipy", "tinyzip")
        assert known, f"{path.name}:{line} imports {name}"


def test_the_operations_of_the_float_world_do_not_know_layers():
    for path in (PACKAGE / "nn" / "ops").glob("*.py"):
        for name, line in imports(path):
            inside = not name.startswith("tinyzip.nn") or name.startswith("tinyzip.nn.ops")
            assert inside, f"{path.name}:{line} imports {name}"


def test_importing_the_integer_world_brings_no_float_world_with_it():
    command = "import sys, tinyzip.integer; print(*(name for name in sys.modules if name[:7] == 'tinyzip'))"
    loaded = subprocess.run(
        [sys.executable, "-c", command], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {room(name) for name in loaded} <= {"tinyzip", "base", "machine", "integer"}
