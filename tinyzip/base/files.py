"""A file that is whole at every moment.

A process can be killed between any two instructions, also while it writes. So a file is never written over.
The new content goes to a temporary file beside the old one and is forced to the disk, and only then does it
take the old one's name. Renaming within a folder is atomic: the name always stands for a complete file, the
old one or the new one. The name itself is an entry of the folder, so the folder is forced to the disk too;
else a loss of power could still take the new file away.

The temporary file of NAME is always ".NAME.partial", so that what a kill has left is written over by
the next attempt and does not pile up. That two writers do not write it at the same time, a lock on the
folder takes care of; the system takes the lock away from a process that ends.

And one rule holds for all that is ever written, since a wrong word could cost a training of hours. A file is
replaced by its own kind only, never where it is read-only, an input of the same command, or no regular file;
its permissions stay. A new file gets no name that ends as those of another kind do.
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from tinyzip.base.kinds import ENDINGS, START, kind_of
from tinyzip.base.refuse import refuse, said

PathLike = str | os.PathLike[str]
CHUNK = 1 << 18  # bytes
STANDARD_INPUT = "-"  # where a command is given a name
_inputs: list[PathLike | int] = []


def check_path(path: object, argument: str = "path") -> None:
    """Refuse what names no file: also the number of an open one, which Python would take."""
    if not isinstance(path, str | os.PathLike):
        refuse(argument, said(path), 'a path, such as "run.ckpt"', TypeError)
    if not os.fspath(path):
        refuse(argument, repr(path), 'a path, such as "run.ckpt"')


@contextmanager
def reading(paths: Iterable[PathLike | int]) -> Iterator[None]:
    """While this lasts, nothing is written over these: files by name, or by the numbers of open ones."""
    before = len(_inputs)
    _inputs.extend(paths)
    try:
        yield
    finally:
        del _inputs[before:]


def read_up_to(file: BinaryIO, most: int) -> bytes:
    """What is left in an open file, `most` + 1 bytes at most: one more than allowed says it is too large.

    Python makes room for as many bytes as it is asked for, before it looks how many there are. So it is
    asked for a chunk at a time, and a small file takes little memory however large one may be.
    """
    parts, left = [], most + 1
    while part := file.read(min(CHUNK, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def write_atomically(path: PathLike, parts: Iterable[bytes | memoryview]) -> None:
    """Put the parts, one after another, in the file `path`; where that is a link, in the file it points to.

    raises  ValueError by the rule above; OSError that names `path`: FileNotFoundError where its folder is
            missing, others where the disk is full or nothing may be written. Whatever is raised, by `parts`
            too, what was at `path` is still there and the temporary file is not
    """
    parts, first, start = iter(parts), [], b""
    while len(start) < START and (part := next(parts, None)) is not None:
        first.append(part)
        start += bytes(part[:START])
    with _place(path, start) as temporary:
        try:
            with temporary.open("wb") as file:
                with suppress(FileNotFoundError):
                    temporary.chmod(os.stat(path).st_mode & 0o777)
                for part in chain(first, parts):
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(os.path.realpath(path))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_writable(path: PathLike, start: bytes) -> None:
    """Learn now whether `write_atomically` may put what begins so at `path`; raises as it does."""
    with _place(path, start) as temporary:
        temporary.open("wb").close()
        temporary.unlink()


def _check_replaceable(path: PathLike, start: bytes) -> None:
    """The rule of what may be written where."""
    name, kind = os.fspath(path), kind_of(start)
    try:
        mode = os.stat(path).st_mode
    except OSError:  # nothing is there, or the writer will say what
        if not kind.startswith(ENDINGS.get(Path(path).suffix.lower(), kind)):
            refuse(name, kind, f"another ending than {Path(path).suffix}, which this is not")
        return
    if stat.S_ISDIR(mode):  # which the system refuses to replace
        return
    if not stat.S_ISREG(mode):
        refuse(name, "a device or a pipe", "a file, or none yet")
    if not mode & 0o222 or not os.access(path, os.W_OK):
        refuse(name, "a file that is read-only", "one that may be replaced, or none yet", PermissionError)
    for source in _inputs:
        with suppress(OSError):
            if os.path.samefile(path, source):
                refuse(name, "a file that this reads", "another")
    with open(path, "rb") as file:
        found = file.read(START)
    if found and kind_of(found) != kind:
        refuse(name, kind_of(found), f"{kind}, or no file yet")


@contextmanager
def _place(path: PathLike, start: bytes) -> Iterator[Path]:
    """The temporary file for `path`, in a folder that is locked meanwhile and then forced to the disk."""
    check_path(path)
    target = Path(os.path.realpath(path))
    _check_replaceable(path, start)
    if not target.parent.is_dir():
        refuse(os.fspath(path), f"no folder {target.parent}", "one to put the file in", FileNotFoundError)
    try:
        with _locked(target.parent):
            yield target.with_name(f".{target.name}.partial")
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, and what it did to the folder on the disk at the end. Windows has neither."""
    if sys.platform == "win32":
        yield
        return
    try:
        import fcntl
    except ImportError:  # a browser
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
        os.fsync(number)
    finally:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_UN)
        os.close(number)
