"""The package read as text: what each file imports, and what its docstrings and comments say."""

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tinyzip

TESTS = Path(__file__).parent
PACKAGE = Path(tinyzip.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def label(path: Path) -> str:
    """How a file of the package is named here: nn/ops/conv.py."""
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def file_of(module: str) -> Path | None:
    """The file or folder of a module of this package; None for what is no module."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    if path.is_dir():
        return path
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file names in an import, with its line; relative ones are not used here."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if file_of(inner) else node.module, node.lineno


def own_imports(path: Path) -> Iterator[tuple[tuple[str, ...], int]]:
    """What a file imports of this package, as the parts of a path below it, with the line."""
    for module, line in imports(path):
        if module.split(".")[0] == "tinyzip":
            target = file_of(module)
            assert target, f"{path}:{line} imports {module}, which does not exist"
            yield target.relative_to(PACKAGE).parts, line


@cache
def words(path: Path) -> list[tuple[int, str]]:
    """The docstrings and comments of a file, each with the line on which it begins."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return [
        (token.start[0], token.string)
        for token in tokens
        if token.type == tokenize.COMMENT or token.string.startswith('"""')
    ]
