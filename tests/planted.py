"""Mistakes planted in Python text, one at a time: what a test must notice.

Each is a small change where the code decides something: an operator, a comparison, a constant, a sign, min
for max, a term or a clamp that is dropped, an axis, a dtype, a condition turned round, a statement left out.
What only speaks is left alone: docstrings, texts, annotations, declarations, refusals, and what runs as a
script only.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

OPERATORS = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "//",
    ast.Pow: "*",
    ast.LShift: ">>",
    ast.RShift: "<<",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.BitXor: "|",
}
COMPARISONS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
NAMES = {
    "min": "max",
    "minimum": "maximum",
    "argmin": "argmax",
    "floor": "ceil",
    "rint": "floor",
    "zeros": "ones",
    "any": "all",
    "sum": "max",
    "int64": "float32",
    "int32": "float32",
    "float64": "float16",
    "float32": "float16",
    "uint8": "int8",
}
NAMES |= {after: before for before, after in NAMES.items() if not before[-1].isdigit()}
SPEAK = {"refuse", "said", "print", "Wrong", "warn"}  # calls whose arguments are words
TYPES = {"Callable", "Literal", "Mapping", "NDArray", "tuple", "dict", "list"}  # whose brackets annotate


class Planted(NamedTuple):
    """A mistake: its line, what was changed to what, and the text with it."""

    line: int
    before: str
    after: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.before} → {self.after}"


def planted(text: str) -> list[Planted]:
    """Every mistake that can be planted in a text, in the order of its lines; each text compiles."""
    data = text.encode()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def place(line: int, column: int) -> int:
        return starts[line - 1] + column

    found = []
    for node, first, last, after in changes(ast.parse(text), data, place):
        new = data[:first] + after.encode() + data[last:]
        try:
            compile(new, "planted", "exec")
        except SyntaxError:  # a minus sign beside a comment, say
            continue
        before = " ".join(data[first:last].decode().split())
        found.append(Planted(node.lineno, before, " ".join(after.split()), new.decode()))
    return sorted(found)


def changes(tree: ast.Module, data: bytes, place) -> Iterator[tuple[ast.AST, int, int, str]]:
    """(node, first byte, byte after the last, what comes there instead)."""
    for node in deciding(tree):
        if not hasattr(node, "lineno"):
            continue
        first, last = place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)

        def source(part: ast.expr) -> str:
            a, b = place(part.lineno, part.col_offset), place(part.end_lineno, part.end_col_offset)
            return data[a:b].decode()

        def between(left: ast.expr, right: ast.expr) -> tuple[int, int]:
            """Where the operator stands, without the blanks and brackets around it."""
            a, b = place(left.end_lineno, left.end_col_offset), place(right.lineno, right.col_offset)
            found = data[a:b]
            head, tail = len(found) - len(found.lstrip(b" )\n")), len(found) - len(found.rstrip(b" (\n"))
            return a + head, b - tail

        match node:
            case ast.BinOp(left, op, right):
                if type(op) in OPERATORS:
                    yield node, *between(left, right), OPERATORS[type(op)]
                if isinstance(op, ast.Add | ast.Sub | ast.Mult):
                    yield node, first, last, f"({source(left)})"
            case ast.Compare(left, [op], [right]) if type(op) in COMPARISONS:
                yield node, *between(left, right), COMPARISONS[type(op)]
            case ast.BoolOp(op, [left, *_, right]):
                yield node, first, last, f"({source(left)})"
                yield node, first, last, f"({source(right)})"
            case ast.UnaryOp(ast.USub() | ast.Not(), operand):
                yield node, first, last, f"({source(operand)})"
            case ast.Constant(bool() as value):
                yield node, first, last, str(not value)
            case ast.Constant(int() as value):
                if data[:first].endswith(b"-") and b"reshape(" in data[first - 40 : first]:
                    continue  # any negative number means what is left over
                yield node, first, last, str(value + 1)
            case ast.Constant(float() as value) if value + 1 != value:
                yield node, first, last, str(value + 1)
            case ast.Call(ast.Attribute(attr="clip"), [x, *_]):
                yield node, first, last, f"({source(x)})"
            case ast.Call(ast.Attribute(attr="maximum" | "minimum"), [left, right]):
                yield node, first, last, f"({source(left)})"
            case ast.Attribute(value, "T"):
                yield node, first, last, f"({source(value)})"
            case ast.Attribute(_, attr) if attr in NAMES:
                yield node, last - len(attr.encode()), last, NAMES[attr]
            case ast.Name(name, ast.Load()) if name in NAMES:
                yield node, first, last, NAMES[name]
            case ast.If(test) | ast.IfExp(test):
                a, b = place(test.lineno, test.col_offset), place(test.end_lineno, test.end_col_offset)
                yield test, a, b, f"(not ({source(test)}))"
            case ast.AugAssign(target, op, _):
                yield node, first, last, "pass"
                if type(op) in OPERATORS:
                    a = place(target.end_lineno, target.end_col_offset)
                    b = a + data[a:last].index(b"=")
                    yield node, a, b, f" {OPERATORS[type(op)]}"
            case ast.Expr(ast.Call()):
                yield node, first, last, "pass"


def deciding(tree: ast.AST) -> Iterator[ast.AST]:
    """The parts of a program that decide something, from outside in."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
                continue
            case ast.Expr(ast.Constant()) | ast.AugAssign(ast.Name("__all__")):
                continue
            case ast.Call(ast.Name(name)) | ast.Expr(ast.Call(ast.Name(name))) if name in SPEAK:
                continue
            case ast.If(ast.Compare(ast.Name("__name__"))):
                continue
            case ast.Assign(value=ast.Subscript(ast.Name(name))) if name in TYPES:  # a name for a type
                continue
            case ast.FunctionDef(body=[*_, ast.Expr(ast.Constant(value))]) if value is ...:
                continue  # only declared
            case ast.FunctionDef():
                yield from (part for line in node.body for part in deciding(ast.Module([line], [])))
                defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
                yield from (part for default in defaults for part in deciding(ast.Expression(default)))
            case ast.ClassDef():  # and not what decorates it
                yield from deciding(ast.Module(node.body, []))
            case ast.keyword("strict"):
                continue  # of what fits it changes nothing
            case ast.AnnAssign():
                if node.value:
                    yield from deciding(ast.Expression(node.value))
            case _:
                yield node
                yield from deciding(node)
