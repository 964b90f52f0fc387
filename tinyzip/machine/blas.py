"""Depth: holding BLAS to one thread, so that it does not fight our own for the cores.

BLAS splits a product among threads of its own, which wait for each other awake. Where our threads multiply,
too, or another program is busy, they wait for a core that somebody else has, and a product of microseconds
takes milliseconds. NumPy has no setting for this. OpenBLAS, which comes inside NumPy's wheels, has functions
for it, which are called directly: that takes a microsecond. Any other BLAS is left to threadpoolctl, which
knows them all; where that is not installed, it stays as it is.
"""

import ctypes
import functools
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

NAMES = [f"{before}openblas_{{}}{after}" for before in ("scipy_", "") for after in ("64_", "_64", "")]

_lock = Lock()
_before: list[int] = []  # how many threads OpenBLAS had, each time that it was held


class OpenBLAS(NamedTuple):
    """How many threads it has; set it; and for which processor its kernels are made."""

    get_threads: Callable[[], int]
    set_threads: Callable[[int], None]
    kernels: str


@functools.cache
def openblas() -> OpenBLAS | None:
    """The OpenBLAS that NumPy multiplies with; None where it has another BLAS."""
    linked = str(import_module("numpy.linalg._umath_linalg").__file__)  # and in what it links
    beside = sorted((Path(np.__file__).parent / "../numpy.libs").glob("*openblas*"))  # for Windows
    for path in (linked, *map(str, beside)):
        library = ctypes.CDLL(path)  # loaded with NumPy; this is only one more handle
        for name in NAMES:
            if hasattr(library, name.format("set_num_threads")):
                get, put, core = (
                    getattr(library, name.format(function))
                    for function in ("get_num_threads", "set_num_threads", "get_corename")
                )
                core.restype = ctypes.c_char_p
                return OpenBLAS(get, put, core().decode())
    return None


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


def can_be_held() -> bool:
    """Is there a way to hold BLAS to one thread?"""
    return openblas() is not None or controller() is not None


def hold(threads: int = 1) -> Callable[[], None] | None:
    """Hold BLAS to so many threads from now on; returns what ends that, None where BLAS cannot be held."""
    found = openblas()
    if found is not None:
        with _lock:
            _before.append(found.get_threads())
            found.set_threads(threads)
        return release
    if controller() is not None:
        limit = controller().limit(limits=threads, user_api="blas")
        end: Callable[[], None] = limit.restore_original_limits
        return end
    what = "BLAS's own threads cannot be stopped from fighting tinyzip's, which is slow"
    advice = "`pip install threadpoolctl` brings what is missing"
    warnings.warn(f"{what}: {advice}", RuntimeWarning, stacklevel=3)
    return None


def release() -> None:
    """Give OpenBLAS its threads back; of several who hold it, the last gives back those that were before."""
    found = openblas()
    assert found is not None
    with _lock:
        found.set_threads(_before.pop())
