"""Depth: a C file as it grows: its tables, its functions, and how a function reads and writes codes.

Tables stand in flash, in the narrowest integers that hold their numbers.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.exchange.c.arithmetic import clipped, shortened
from tinyzip.exchange.c.plan import Plan
from tinyzip.exchange.c.text import WIDTH, Axis, Lines, affine, array, block, index, with_row
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.operators import Operator, Weighted

Kind = TypeVar("Kind", bound=Operator)
WIDTHS = (np.int8, np.int16, np.int32)


def ctype(dtype: np.dtype[Any]) -> str:
    """The name of a dtype in C."""
    return f"{dtype}_t"


@dataclass
class Draft:
    """What has been written so far for a plan.

    prefix  what the names that others see begin with
    whole   a type that holds every index and size: an int, of which C promises 16 bits, or int32_t
    flash   bytes of all tables; calls: how the function of each step is called, with oh for the row
    """

    plan: Plan
    prefix: str
    whole: str
    lines: Lines = field(default_factory=list)
    flash: int = 0
    calls: dict[int, str] = field(default_factory=dict)

    def table(self, name: str, values: Array, place: str) -> str:
        """Write a table, and give the expression that reads it at `place`."""
        dtype = values.dtype
        if dtype == np.int64:
            least, most = int(values.min()), int(values.max())
            fitting = [d for d in WIDTHS if np.iinfo(d).min <= least and most <= np.iinfo(d).max]
            dtype = np.dtype(fitting[0])
        if values.size > np.iinfo(np.int32).max:
            refuse(f"c: {name}", f"{values.size} numbers", f"at most {np.iinfo(np.int32).max}")
        self.lines += [*array(ctype(dtype), name, values, "FLASH"), ""]
        self.flash += values.size * dtype.itemsize
        return f"({ctype(dtype)})FLASH_{8 * dtype.itemsize}({name} + {place})"

    def by_channel(self, name: str, values: Array) -> str:
        """What stands for values[f]: a number if all are one, else what reads them from a table."""
        least, most = int(values.min()), int(values.max())
        return str(least) if least == most else self.table(name, values.astype(np.int64), "f")

    def name(self, i: int) -> str:
        return self.plan.names[i]

    def codes(self, k: int) -> Codes:
        """Those of output k, −1 for the input."""
        return self.plan.program.codes[k + 1]

    def operator(self, i: int, kind: type[Kind]) -> Kind:
        operator = self.plan.program.operators[i]
        assert isinstance(operator, kind)
        return operator

    def array(self, name: str) -> str:
        """How a function names an array: a member of a union where it shares its memory."""
        for number, union in enumerate(self.plan.unions):
            if len(union) > 1 and any(buffer.name == name for buffer in union):
                return f"shared{number}.{name}"
        return name

    def array_of(self, k: int) -> str:
        """The array that output k is in, or is a view of."""
        return self.array(f"{self.name(self.plan.home(k))}_codes")

    def load(self, k: int, place: str) -> str:
        """The code of output k at a place of its array."""
        if self.plan.home(k) < 0:
            return f"{self.prefix.upper()}_READ_INPUT(image, {place})"
        return f"{self.array_of(k)}[{place}]"

    def centred(self, k: int, place: str) -> str:
        """The code at a place minus its zero point."""
        zero = self.codes(k).zero
        code = self.load(k, place)
        return f"({code} {'-' if zero > 0 else '+'} {abs(zero)})" if zero else code

    def store(self, i: int, place: str, value: str) -> Lines:
        """Write a code of operator i's output."""
        to = "answer" if i == self.plan.result else self.array_of(i)
        words = f"{to}[{place}] =", f"{self.cast(i)}{value};"
        return [" ".join(words)] if sum(map(len, words)) < WIDTH - 20 else [words[0], f"    {words[1]}"]

    def cast(self, i: int) -> str:
        return f"({ctype(self.codes(i).dtype)})"

    def slot(self, k: int, h: str) -> Axis:
        """Where row h of output k lies in its array, and how many rows that holds."""
        H, rows = self.plan.shape(k)[1], self.plan.rows(k)
        if k < 0 or rows == H:
            return h, H
        return (f"({h}) % {rows}" if " " in h else f"{h} % {rows}"), rows

    def place(self, k: int, c: str, h: str, w: str) -> str:
        """The place of channel c, row h and column w in the array of output k."""
        C, _, W = self.plan.shape(k)
        return index((c, C), self.slot(k, h), (w, W))

    def pull(self, k: int, step: int, rows: int, variable: str = "oh", count: int = 2) -> Lines:
        """Ask for the rows of output k before row step·variable + rows, if it is one that exists as rows."""
        if k not in self.plan.streamed:
            return []
        H, done = self.plan.shape(k)[1], f"{self.name(k)}_rows"
        end = affine((variable, step, count), plus=rows)
        further = f" && {done} < {H}" if (count - 1) * step + rows > H else ""
        call = with_row(self.calls[k], done)
        return block(f"for (; {done} < {end}{further}; {done}++)", [f"{call};"])


@dataclass(frozen=True)
class Scales:
    """How the sums of an operator become codes: what a channel needs, and the expression.

    constants  type, name and value of what is the same for all places of channel f
    """

    constants: list[tuple[str, str, str]]
    rounding: str
    y: Codes

    def code(self, total: str) -> str:
        """The code of a sum, without the cast to its type."""
        values = {name: value for _, name, value in self.constants}
        words = {name: value if value.lstrip("-").isdigit() else name for name, value in values.items()}
        bias = words["bias"]
        if bias != "0":
            total = f"{total} - {bias[1:]}" if bias.startswith("-") else f"{total} + {bias}"
        scaled = [total, *(word for name, word in words.items() if name != "bias")]
        return clamped(f"rescale_{self.rounding}({', '.join(scaled)})", self.y)

    def declared(self, *parts: Lines) -> Lines:
        """The parts below those constants that are not just numbers."""
        lines = [line for part in parts for line in part]
        needed = [c for c in self.constants if not c[2].lstrip("-").isdigit()]
        return [*(f"const {kind} {name} = {value};" for kind, name, value in needed), *lines]


def clamped(value: str, y: Codes) -> str:
    """A value that counts from the zero point as a code."""
    code = f"clamp({value}, {y.lo - y.zero}, {y.hi - y.zero})"
    return f"({code} {'-' if y.zero < 0 else '+'} {abs(y.zero)})" if y.zero else code


def scales_of(draft: Draft, i: int, operator: Any, y: Codes) -> Scales:
    """The tables of a bias and of multipliers, by (CA1) where it holds; `operator` has m0, n, a rounding."""
    name, known = draft.name(i), ("double", "single", "shift", "float32")
    if operator.rounding not in known:
        refuse(f"c: operator {i}: rounding", repr(operator.rounding), f"one of {', '.join(known)}")
    bias = operator.bias if isinstance(operator, Weighted) else np.zeros(1, np.int32)
    m0, n = np.broadcast_arrays(operator.m0, [clipped(int(v)) for v in np.atleast_1d(operator.n)])
    kept, rounding = [("int32_t", "m0", m0), ("int", "n", n)], operator.rounding
    short = shortened(m0, n, rounding, draft.plan.program.bounds[i], y)
    if short is not None:
        kept, rounding = list(zip(("int32_t", "int32_t", "int"), "mrs", short, strict=True)), "short"
    kept = [("int32_t", "bias", bias), *kept[rounding == "shift" :]]
    constants = [(kind, what, draft.by_channel(f"{name}_{what}", values)) for kind, what, values in kept]
    return Scales(constants, rounding, y)
