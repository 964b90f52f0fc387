"""What to write for a name that is not there, where people look for it.

Functions stand in files of their own, so `net.fit` and `from tinyzip import fit` find nothing. Python's error
is raised, with the line of `refuse` in it. What to write is read from the sources, and only when the error is
printed: `hasattr` asks for many names, and costs no more than before.
"""

import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from opcode import opmap
from pathlib import Path
from typing import Any, NoReturn

PACKAGE = Path(__file__).parents[1]
HIDDEN = {"fast", "proof", "exchange", "cli", "learn", "machine", "run"}  # nobody looks for what is there
DEFINED = re.compile(r"^(?:class|def) ([A-Za-z]\w*)[(:]", re.MULTILINE)
Hints = Mapping[str, str]


@lru_cache(maxsize=1)
def homes() -> dict[str, list[tuple[str, str]]]:
    """The library's names in lower case; of each, how it is spelled and the module that defines it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not HIDDEN.intersection(parts[:-1]):
            for name in DEFINED.findall(path.read_text(encoding="utf-8")):
                found.setdefault(name.lower(), []).append((name, ".".join(("tinyzip", *parts))))
    return found


def imports(name: str) -> str:
    """The line that imports a name, in any spelling of its letters; "" where nothing is called so."""
    if (PACKAGE / name).is_dir():
        return f"import tinyzip.{name}"
    found = homes().get(name.lower(), [])
    found = [one for one in found if one[0] == name] or found
    return " or ".join(f"{own}(…), from {home} import {own}" for own, home in found[:2])


class Missing(AttributeError):
    """An attribute that is not there; made of what lacks it, its name, and what to write for some names."""

    def __str__(self) -> str:
        owner, name, hints = self.args
        needed = hints.get(name) or imports(name) or f"one of those in dir({owner})"
        return f"{owner}: found no {name!r}, needed {needed}"


def attributes_say(kind: type, hints: Hints) -> None:
    """Let objects of a class say what to write for an attribute that they do not have."""

    def __getattr__(self: Any, name: str) -> Any:
        if name.startswith("_") or hasattr(type(self), name):  # a property that raised the error itself
            return object.__getattribute__(self, name)
        raise Missing(type(self).__name__, name, hints, name=name, obj=self)

    type.__setattr__(kind, "__getattr__", __getattr__)


def module_says(module: str, hints: Hints | None = None) -> None:
    """Let a module say so, too."""
    names = vars(sys.modules[module])
    names["__getattr__"] = lambda name: missing(module, name, hints or {})
    if "__path__" in names:
        names["__dir__"] = lambda: listed(module)


def listed(room: str) -> list[str]:
    """What can be imported from a folder of the package: its files and folders, and what `__all__` names."""
    names = vars(sys.modules[room])
    files = {path.stem for path in Path(names["__path__"][0]).iterdir() if path.suffix in ("", ".py")}
    return sorted({*(file for file in files if not file.startswith("_")), *names.get("__all__", ())})


def missing(module: str, name: str, hints: Hints) -> NoReturn:
    """Raise what Python would where a module's `__getattr__`, which calls this, is asked for a name."""
    if name.startswith("_"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    error = Missing(module, name, hints, name=name, obj=sys.modules[module])
    caller = sys._getframe(2)
    if caller.f_code.co_code[caller.f_lasti] == opmap["IMPORT_FROM"]:  # which says nothing of an attribute
        raise ImportError(str(error), name=name)
    raise error
