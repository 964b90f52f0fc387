"""Depth: signs that a console does not have.

Tables and errors hold signs such as × and −. A console of Windows, or one of ASCII, lacks some of them, and
`print` would end in a UnicodeEncodeError. Importing any file of this package lets the standard streams write
neighbours there instead.
"""

import codecs
import sys

STRICT = ("strict", "surrogateescape", "backslashreplace")  # how Python opens them itself
NEIGHBOURS = dict(zip("×−–…·≤≥±→µ", ["x", "-", "-", "..", "*", "<=", ">=", "+-", "->", "u"], strict=True))


def neighbour(error: UnicodeError) -> tuple[str, int]:
    """What to write for signs that the encoding does not have; called by `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(NEIGHBOURS.get(sign, "?") for sign in signs), error.end


def let_streams_write() -> None:
    """Let the standard streams of now write neighbours."""
    codecs.register_error("tinyzip.neighbour", neighbour)
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) in STRICT and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="tinyzip.neighbour")
