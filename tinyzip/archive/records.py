"""A program as a row of numbers: every field of it, in a fixed order.

What can be computed is not written: shapes between operators and the bounds of accumulators follow from the
rest, and `Program` proves them anew, so a file cannot claim what does not hold. And what repeats is hardly
written: most fields are as they were, and decisions that always come out the same soon cost nothing.

Kinds and fields have numbers, which stay what they are. A new kind goes to the end of `KINDS`. A new field
has a default, as in Python, and goes to the end of `DEFAULTED`: a record says by number which of these
fields are not as they were in the operator of this kind before, or, in the first, not as the default. So a
file that does not know a field stays right, and one that uses what its reader does not know is refused.
"""

from dataclasses import fields
from typing import Any

from tinyzip.archive import fields as leaf
from tinyzip.archive.coder import Coder
from tinyzip.archive.fields import Leaf
from tinyzip.archive.numbers import integer, natural
from tinyzip.integer.codes import Codes
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Pool,
)
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import Add, Concat, Product, Recall

MOST_OPERATORS = 4096
PARTS = ("container", "structure", "names", "weights", "biases", "multipliers")  # of a file
PART_OF = {"name": "names", "w": "weights", "table": "weights", "bias": "biases",
           "m0": "multipliers", "n": "multipliers"}  # fmt: skip

PER_OUTPUT: dict[str, Leaf] = {
    "weight_bits": leaf.weight_bits, "bias": leaf.per_output(integer), "m0": leaf.per_output(leaf.multiplier),
    "n": leaf.per_output(leaf.difference), "y": leaf.grid}  # fmt: skip
KINDS: dict[type[Operator], dict[str, Leaf]] = {  # in the order of their numbers
    Conv2d: {"w": leaf.kernels} | PER_OUTPUT,
    Linear: {"w": leaf.matrix} | PER_OUTPUT,
    MaxPool2d: {"kernel": leaf.pair}, Flatten: {}, Argmax: {}, GlobalAvgPool: {},
    AvgPool2d: {"kernel": leaf.pair},
    Add: {"other": leaf.source, "m0": leaf.naturals, "n": leaf.naturals, "y": leaf.grid},
    Recall: {"source": leaf.source}, Concat: {"sources": leaf.sources}, Pad: {"padding": leaf.padding},
    Table: {"y": leaf.grid, "table": leaf.table},
    Multiply: {"w": leaf.integers, "m0": natural, "n": natural, "y": leaf.grid},
    Softmax: {"m0": natural, "n": natural}, Reshape: {"shape": leaf.sizes}, Transpose: {"axes": leaf.axes},
    Product: {"other": leaf.source, "m0": natural, "n": natural, "y": leaf.grid}}  # fmt: skip
DEFAULTED: dict[str, Leaf] = {
    "rounding": leaf.word("double", "single", "shift", "float32"), "padding": leaf.padding,
    "stride": leaf.pair, "groups": leaf.groups, "name": leaf.text, "dilation": leaf.pair,
    "order": leaf.word("CHW", "HWC"), "y": leaf.grid, "m0": natural, "n": natural}  # fmt: skip


def walk_program(coder: Coder, program: Program | None) -> Program:
    """Write a program, or read one; raises ValueError or TypeError where `Program` refuses what was read."""
    shape = leaf.sizes(coder, None if program is None else program.shape, "shape")
    coder.last |= {"grid": Codes(0, 255, 0), "octave": 0, "outputs": shape[0] if shape else 0}
    codes = leaf.grid(coder, None if program is None else program.input, "y")
    count = natural(coder, None if program is None else len(program.operators), "operators")
    if not 0 < count <= MOST_OPERATORS:
        coder.refuse(f"{count} operators", f"from 1 to {MOST_OPERATORS}")
    operators = []
    for i in range(count):
        coder.spent("structure")
        coder.ledger.place = i
        if program is not None:
            coder.last["image"] = image_before(program, i)
        operators.append(walk_operator(coder, None if program is None else program.operators[i]))
    return Program(tuple(operators), shape, codes) if program is None else program


def image_before(program: Program, i: int) -> tuple[int, ...]:
    """Rows and columns of the image that was flattened for operator i, channels first; (1, 1) if none was."""
    before = program.operators[i - 1] if i else None
    shape = program.shapes[i - 1] if i else ()
    return shape[1:] if getattr(before, "order", None) == "CHW" and len(shape) == 3 else (1, 1)


def walk_operator(coder: Coder, operator: Operator | None) -> Operator:
    """Write or read one operator: its kind, the fields with a default that have changed, all others."""
    number = natural(coder, None if operator is None else list(KINDS).index(type(operator)), "kind")
    if number >= len(KINDS):
        coder.refuse(f"an operator of kind {number}", f"{len(KINDS) - 1} at most, or a later version")
    kind, walks = list(KINDS.items())[number]
    coder.spent("structure")
    values = dict(changed_fields(coder, kind, operator))
    for name, walk in walks.items():
        values[name] = walk(coder, None if operator is None else getattr(operator, name), name)
        coder.spent(PART_OF.get(name, "structure"))
    return kind(**values) if operator is None else operator


def changed_fields(coder: Coder, kind: type[Operator], operator: Operator | None) -> dict[str, Any]:
    """All fields that have a default, when those that differ from the last operator of this kind were walked.

    Each goes as its number in `DEFAULTED`, from 1 up and in ascending order, and its value; 0 ends them.
    """
    defaults = {field.name: field.default for field in fields(kind) if field.name not in KINDS[kind]}
    last: dict[str, Any] = coder.last.setdefault(kind.__name__, dict(defaults))
    given = {} if operator is None else {name: as_given(operator, name) for name in defaults}
    names = list(DEFAULTED)
    numbers = [names.index(name) + 1 for name in given if given[name] != last[name]]
    found = 0
    for following in [*sorted(numbers), 0] if operator else [None] * (len(names) + 1):
        number = natural(coder, following, "changed")
        if number == 0:
            break
        if not found < number <= len(names) or names[number - 1] not in defaults:
            coder.refuse(f"field {number} of a {kind.__name__}", "its fields in order, or a later version")
        found, name = number, names[number - 1]
        coder.spent("structure")
        walk = DEFAULTED[name] if defaults[name] is not None else leaf.optional(DEFAULTED[name])
        last[name] = walk(coder, given.get(name), name)
        coder.spent(PART_OF.get(name, "structure"))
    coder.spent("structure")
    return last


def as_given(operator: Operator, name: str) -> Any:
    """A field as it would be given: the stride of a pool only where it is not the kernel."""
    value = getattr(operator, name)
    return None if name == "stride" and isinstance(operator, Pool) and value == operator.kernel else value
