"""Calls that are not as a function is declared.

Python says that an argument is missing or unexpected, and knows neither what the argument is for nor what
other libraries call it. A function that people call from memory says it itself, in the line of `refuse`.

And Python takes anything for true or false: bias="no" is true. So what is declared as a bool has to be one.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import Parameter, Signature, signature
from types import ModuleType
from typing import Any, NoReturn, ParamSpec, TypeVar

from tinyzip.base.refuse import refuse, said

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Class = TypeVar("Class")
BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
GIVEN = (*BY_PLACE, Parameter.KEYWORD_ONLY)  # not *args, **options
BOOLS = {bool: "True or False", bool | None: "True, False or None"}


class File(ModuleType):
    """A file that has the name of a function in it: `from tinyzip.train import fit` gives the file."""

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        own = self.__name__.rpartition(".")[2]
        refuse(self.__name__, "a call of the file", f"{own}(…), from {self.__name__} import {own}", TypeError)


def write_instead(
    check: Callable[[Any], None] | None = None, /, **hints: str
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Refuse calls that do not fit the function, in one line with what to write instead.

    check  what refuses a first argument that is of a wrong kind; asked before the missing ones are named
    hints  an argument that other libraries have and this function has not = what was needed, in the words
           of `refuse`
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        declared, name = signature(function), function.__name__
        owned = next(iter(declared.parameters), "") in ("self", "cls")
        own = declared.replace(parameters=[*declared.parameters.values()][1:]) if owned else declared
        flags = flags_of(own)
        if function.__module__.endswith(f".{name}"):
            object.__setattr__(sys.modules[function.__module__], "__class__", File)

        @wraps(function)
        def checked(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
            given, whole = args[1:] if owned else args, name
            if owned:
                owner = getattr(args[0], "__name__", type(args[0]).__name__)
                whole = owner if name == "__init__" else f"{owner}.{name}"
            for other in hints.keys() & options.keys():
                refuse(other, said(options[other]), hints[other], TypeError)
            try:
                own.bind(*given, **options)
            except TypeError:
                explain(whole, own, check, given, options)
            check_flags(whole, flags, given, options)
            return function(*args, **options)

        return checked

    return decorate


def built_by(
    check: Callable[[Any], None] | None = None, /, **hints: str
) -> Callable[[type[Class]], type[Class]]:
    """`write_instead` for a class: for the calls that build its objects."""

    def decorate(kind: type[Class]) -> type[Class]:
        type.__setattr__(kind, "__init__", write_instead(check, **hints)(kind.__dict__["__init__"]))
        return kind

    return decorate


def flags_of(declared: Signature) -> dict[str, tuple[int, str]]:
    """The parameters that are declared as bools: the place of each, and what it takes."""
    places = enumerate(declared.parameters.values())
    return {one.name: (i, BOOLS[one.annotation]) for i, one in places if one.annotation in tuple(BOOLS)}


def check_flags(
    name: str, flags: Mapping[str, tuple[int, str]], args: Sequence[Any], options: Mapping[str, Any]
) -> None:
    """Refuse what Python would take for true or false, and is neither."""
    for flag, (place, needed) in flags.items():
        value = options.get(flag, args[place] if place < len(args) else True)
        if type(value).__name__ not in ("bool", "bool_") and not (value is None and "None" in needed):
            refuse(f"{name}: {flag}", said(value), needed, TypeError)


def takes(function: Any, *args: Any) -> bool:
    """Whether a function can be called with these arguments; True for one that does not say."""
    try:
        declared = signature(function)
    except (TypeError, ValueError):
        return True
    try:
        declared.bind(*args)
    except TypeError:
        return False
    return True


def explain(
    name: str,
    declared: Signature,
    check: Callable[[Any], None] | None,
    args: Sequence[Any],
    options: Mapping[str, Any],
) -> NoReturn:
    """Refuse a call that does not fit: an unknown name first, then too many arguments, then those missing."""
    known = declared.parameters
    takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in known.values())
    for unknown in [] if takes_any else options.keys() - known.keys():
        close = get_close_matches(unknown, known, 1, 0.75)
        needed = f"{close[0]}=" if close else f"one of {', '.join(known)}" if known else "no argument"
        refuse(f"{name}: {unknown}", said(options[unknown]), needed, TypeError)
    by_place = [parameter for parameter, one in known.items() if one.kind in BY_PLACE]
    if check is not None and args:
        check(args[0])
    if len(args) > len(by_place):
        rest = [f"{other}=" for other in known if other not in by_place]
        needed = f"{len(by_place)} at most, {', '.join(by_place)}" if by_place else "none"
        needed += f"; by name {', '.join(rest)}" if rest else ""
        refuse(name, f"{len(args)} arguments without a name", needed, TypeError)
    for parameter, value in zip(by_place, args, strict=False):
        if parameter in options:
            refuse(f"{name}: {parameter}", "it twice, by place and by name", "it once", TypeError)
        if isinstance(value, tuple | list) and len(value) == 2 and hasattr(value[0], "shape"):
            needed = "two arguments, one after the other"
            refuse(f"{name}: {parameter}", "a pair of arrays", needed, TypeError)
        if hasattr(value, "images") and hasattr(value, "labels"):
            needed = "its two arrays: dataset.images, dataset.labels"
            refuse(f"{name}: {parameter}", said(value), needed, TypeError)
    wanted = [one for one in known.values() if one.default is Parameter.empty and one.kind in GIVEN]
    given = {*by_place[: len(args)], *options}
    missing = [one.name for one in wanted if one.name not in given]
    words = [one.name if one.name in by_place else f"{one.name}=…" for one in wanted]
    refuse(f"{name}: {', '.join(missing)}", "nothing", f"{name}({', '.join(words)})", TypeError)
