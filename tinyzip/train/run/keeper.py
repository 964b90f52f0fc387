"""Depth: who saves a training run, and when."""

import signal
import threading
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, NoReturn, Self

from tinyzip.base.files import PathLike, check_writable
from tinyzip.base.kinds import CHECKPOINT
from tinyzip.base.refuse import is_number, refuse, said
from tinyzip.train.run.training import Training


class Keeper:
    """Saves a run after epochs, every few seconds, and on Ctrl-C; does nothing without a path.

    While the `with` block lasts, the first Ctrl-C only leaves a note, and `after_step` acts on it when the
    step is complete. The second one is Python's usual KeyboardInterrupt.

    Saves once at the beginning too, where there is no file yet: better to learn of a missing folder now.

    raises  ValueError when a file is at `path` that this run could not go on from: it is left alone;
            OSError when no file can be written there
    """

    def __init__(self, state: Training[Any], path: PathLike | None, seconds: float) -> None:
        if not is_number(seconds) or not seconds >= 0:
            refuse("checkpoint_seconds", said(seconds), "a number, 0 or more")
        self._state = state
        self._path = path
        self._seconds = seconds
        self._saved = monotonic()
        self._interrupted = False
        self._handler: Any = None
        if path is not None and Path(path).exists():
            state.check(path)
            check_writable(path, CHECKPOINT)
        elif path is not None:
            state.save(path)

    def __enter__(self) -> Self:
        if self._path is not None and threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        if self._interrupted and kind is None:  # after the last save: no step was left to act on it
            self._stop()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def save(self) -> None:
        """Save now, and act on a Ctrl-C that has come."""
        if self._path is not None:
            self._state.save(self._path)
            self._saved = monotonic()
            if self._interrupted:
                self._stop()

    def _stop(self) -> NoReturn:
        raise KeyboardInterrupt(f"the run is saved; go on with resume={str(self._path)!r}")

    def after_step(self) -> None:
        """Save if it is time to, or if Ctrl-C was pressed."""
        if self._interrupted or monotonic() - self._saved >= self._seconds:
            self.save()
