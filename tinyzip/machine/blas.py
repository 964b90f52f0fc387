"""Holding BLAS to one thread, so that it does not fight our own for the cores.

BLAS splits a product among threads of its own, which wait for each other awake. Where our threads multiply,
too, or another program is busy, they wait for a core that somebody else has, and a product of microseconds
takes milliseconds. BLAS has no setting for this in NumPy. threadpoolctl knows every BLAS there is, and is
asked where it is installed. Without it, the OpenBLAS that comes inside NumPy's own wheels is told directly,
through the two functions that it has for this. Of any other BLAS nothing is known then, and it is left as
it is.
"""

import ctypes
import functools
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

FOLDERS = ("../numpy.libs", ".dylibs")  # beside and in NumPy, where its wheels keep their libraries
NAMES = [f"{before}openblas_{{}}_num_threads{after}" for before in ("scipy_", "") for after in ("64_", "")]

Threads = tuple[Callable[[], int], Callable[[int], None]]  # how many, and set it


@functools.cache
def controller() -> Any:
    """threadpoolctl's handle on all BLAS of this process, None without threadpoolctl.

    Kept, since looking for the libraries takes the better part of a millisecond: more than a small batch.
    """
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ImportError:
        return None
    return threadpoolctl.ThreadpoolController()


@functools.cache
def own_openblas() -> Threads | None:
    """The two functions of the OpenBLAS in NumPy's wheel; None where NumPy has another BLAS."""
    home = Path(np.__file__).parent
    for path in (path for folder in FOLDERS for path in sorted((home / folder).glob("*openblas*"))):
        library = ctypes.CDLL(str(path))  # loaded with NumPy; this is only one more handle
        for name in NAMES:
            if hasattr(library, name.format("set")):
                return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None


def can_be_held() -> bool:
    """Is there a way to hold BLAS to one thread?"""
    return controller() is not None or own_openblas() is not None


def hold(threads: int = 1) -> Callable[[], None] | None:
    """Hold BLAS to so many threads from now on; returns what ends that, None where BLAS cannot be held."""
    if controller() is not None:
        limit = controller().limit(limits=threads, user_api="blas")
        end: Callable[[], None] = limit.restore_original_limits
        return end
    found = own_openblas()
    if found is None:
        warnings.warn(
            "BLAS's own threads cannot be stopped from fighting tinyzip's, which is slow: "
            "`pip install threadpoolctl` brings what is missing",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    get_threads, set_threads = found
    before = get_threads()
    set_threads(threads)
    return functools.partial(set_threads, before)
