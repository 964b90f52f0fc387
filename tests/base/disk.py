"""A disk that fails: any open, write, flush, sync, rename or removal, or the whole machine at any of them.

What is written goes to a real folder, and beside it is kept what a loss of power would leave of it. A file
holds what was synced, and of what came after it a part that is drawn. The folder has the names that it had
when it was last synced, and of the changes since then some first ones, as a journal keeps them.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np


class PowerCut(BaseException):
    """The machine is off: nothing that comes after it reaches the disk."""


@dataclass(eq=False)
class Content:
    """Of a file: all that was written, and how much of it was synced."""

    written: bytearray = field(default_factory=bytearray)
    synced: int = 0

    def left(self, rng: np.random.Generator) -> bytes:
        return bytes(self.written[: rng.integers(self.synced, len(self.written) + 1)])


@dataclass
class Disk:
    """A folder on it.

    at     the call that fails, counted from 1; 0: none
    fault  "power", or the number of an error of the system, such as errno.ENOSPC
    lost   whether syncs are lost from there on: they say that all is well
    """

    folder: Path
    at: int = 0
    fault: str | int = "power"
    calls: list[str] = field(default_factory=list)
    off: bool = False
    names: dict[str, Content] = field(default_factory=dict)
    safe: dict[str, Content] = field(default_factory=dict)
    changes: list[tuple[str, str, Content | None]] = field(default_factory=list)
    numbers: dict[int, Content | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.folder.iterdir():
            data = path.read_bytes()
            self.names[path.name] = Content(bytearray(data), len(data))
        self.safe = dict(self.names)

    def call(self, what: str) -> None:
        """One more call of the system, which may be the one that fails."""
        if self.off:
            raise PowerCut
        self.calls.append(what)
        if len(self.calls) == self.at:
            if self.fault == "power":
                self.off = True
                raise PowerCut
            assert isinstance(self.fault, int)
            raise OSError(self.fault, os.strerror(self.fault))

    def change(self, name: str, what: str, content: Content | None) -> None:
        self.changes.append((name, what, content))
        apply(self.names, name, what, content)

    def left(self, rng: np.random.Generator) -> None:
        """Put into the folder what the disk holds when the power is back."""
        for name, what, content in self.changes[: rng.integers(0, len(self.changes) + 1)]:
            apply(self.safe, name, what, content)
        for path in self.folder.iterdir():
            path.unlink()
        for name, content in self.safe.items():
            (self.folder / name).write_bytes(content.left(rng))

    @contextmanager
    def used(self) -> Iterator[None]:
        """While this lasts, what Python does to the folder goes through this disk."""
        usual: dict[str, Callable[..., Any]] = {
            **{name: getattr(Path, name) for name in ("open", "replace", "unlink")},
            **{f"os.{name}": getattr(os, name) for name in ("open", "fsync", "close")},
        }

        def here(path: Any) -> bool:
            return Path(path).parent == self.folder

        def opened(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if "w" not in mode or not here(path):
                return usual["open"](path, mode, *args, **options)
            self.call("open")
            file, content = usual["open"](path, mode, *args, **options), Content()
            self.change(path.name, "made", content)
            self.numbers[file.fileno()] = content
            return Written(self, file, content)

        def replaced(path: Path, target: Any) -> Any:
            if here(path):
                self.call("rename")
                self.change(f"{path.name}/{Path(target).name}", "renamed", self.names[path.name])
            return usual["replace"](path, target)

        def removed(path: Path, missing_ok: bool = False) -> None:
            if here(path) and path.exists():
                self.call("remove")
                self.change(path.name, "removed", None)
            usual["unlink"](path, missing_ok=missing_ok)

        def folder_opened(path: Any, *args: Any, **options: Any) -> int:
            number: int = usual["os.open"](path, *args, **options)
            if Path(path) == self.folder:
                self.numbers[number] = None
            return number

        def synced(number: int) -> None:
            if number not in self.numbers:
                return usual["os.fsync"](number)
            self.call("sync")
            if (content := self.numbers[number]) is None:
                for change in self.changes:
                    apply(self.safe, *change)
                self.changes.clear()
            else:
                content.synced = len(content.written)
            return None

        def closed(number: int) -> None:
            self.numbers.pop(number, None)
            usual["os.close"](number)

        with (
            patch.object(Path, "open", opened),
            patch.object(Path, "replace", replaced),
            patch.object(Path, "unlink", removed),
            patch.object(os, "open", folder_opened),
            patch.object(os, "fsync", synced),
            patch.object(os, "close", closed),
        ):
            yield


def apply(names: dict[str, Content], name: str, what: str, content: Content | None) -> None:
    """One change of a folder: a file made, removed, or "old/new" renamed."""
    if what == "renamed":
        old, name = name.split("/")
        names.pop(old, None)
    if content is None:
        names.pop(name, None)
    else:
        names[name] = content


@dataclass
class Written:
    """An open file of a `Disk`. A write that fails for want of room has written half."""

    disk: Disk
    file: Any
    content: Content

    def __enter__(self) -> "Written":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.disk.numbers.pop(self.file.fileno(), None) if not self.file.closed else None
        self.file.close()

    def fileno(self) -> int:
        number: int = self.file.fileno()
        return number

    def write(self, data: bytes | memoryview) -> int:
        part = bytes(data)
        try:
            self.disk.call("write")
        except OSError:
            part = part[: len(part) // 2]
            raise
        finally:
            self.content.written += part
            self.file.write(part)
        return len(part)

    def flush(self) -> None:
        self.disk.call("flush")
        self.file.flush()


FAULTS = ("power", errno.ENOSPC, errno.EIO, errno.EROFS)
