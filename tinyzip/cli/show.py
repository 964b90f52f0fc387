"""Depth: tinyzip show: what a program computes, as a table; what it costs, on the disk and in a run."""

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from tinyzip.archive.account import Account
from tinyzip.archive.records import PARTS
from tinyzip.base.kinds import PROGRAM
from tinyzip.cli.programs import FILE_HELP, File
from tinyzip.integer.codes import Codes
from tinyzip.integer.fast.run import memory_of
from tinyzip.integer.fast.shown import shown
from tinyzip.integer.program import Program
from tinyzip.integer.table import stored_bytes

HELP = "print programs as tables: operators, shapes, bits, bytes, bounds, cost of a run"
EXAMPLES = """\
tinyzip show digits.tz
tinyzip show --bytes --fast digits.tz
cat digits.tz | tinyzip show --json -"""


def options(parser: ArgumentParser) -> None:
    """FILE… [--bytes] [--fast] [--json]."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILE_HELP)
    parser.add_argument("--bytes", action="store_true", help="print where every byte of a .tz file goes, too")
    parser.add_argument("--fast", action="store_true", help="print what speed makes of each operator, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object a file, a line each")


def run(options: Namespace) -> None:
    """Print each program, and what it costs; all are read before the first is printed."""
    texts = [text_of(file, options) for file in options.files]
    for file, text in zip(options.files, texts, strict=True):
        print(text if options.json or len(texts) == 1 else f"{file}\n{text}")


def text_of(file: str, options: Namespace) -> str:
    """What is printed of one file."""
    read = File.read(file)
    data = read.data
    account = Account.of(data, read.source) if data.startswith(PROGRAM) else None
    program = account.program if account else read.program
    parts = {part: account.total(part) for part in PARTS} if account else {}
    if options.json:
        return json.dumps({"file": file, "bytes": len(data), "parts": parts} | facts(program))
    codes, peak = memory_of(program)
    said = ", ".join(f"{part} {size:,}" for part, size in parts.items())
    lines = [
        str(program),
        f"{len(data):,} bytes on disk{': ' if said else ''}{said}",
        f"{sum(program.multiplications):,} multiply-accumulates for an image",
        f"{codes:,} bytes of codes at once in a run of one image, {peak:,} with scratch memory",
    ]
    if options.bytes and account:
        lines += ["", str(account)]
    if options.fast:
        lines += ["", shown(program)]
    return "\n".join(lines)


def facts(program: Program) -> dict[str, Any]:
    """All that the table says, as JSON can hold it."""
    codes, peak = memory_of(program)
    operators = [{
        "kind": operator.kind, "name": operator.name, "shape": program.shapes[i + 1],
        "weight_bits": getattr(operator, "weight_bits", None), "codes": codes_as_words(program.codes[i + 1]),
        "stored_bytes": stored_bytes(operator), "multiply_accumulates": program.multiplications[i],
        "bound": program.bounds[i], "accumulator": str(program.accumulators[i]) if program.bounds[i] else None
    } for i, operator in enumerate(program.operators)]  # fmt: skip
    return {"shape": program.shape, "input": codes_as_words(program.input),
            "multiply_accumulates": sum(program.multiplications), "code_memory": codes, "peak_memory": peak,
            "operators": operators}  # fmt: skip


def codes_as_words(codes: Codes) -> dict[str, Any]:
    """Codes by the names of their fields; the scale is the pair (m, n), worth m·2⁻ⁿ."""
    return {"lo": codes.lo, "hi": codes.hi, "zero": codes.zero, "scale": codes.scale, "bits": codes.bits}
