"""Where a step's time went, layer by layer.

A `Clock` adds up seconds by name, for each thread by itself, so that no lock is taken while the clock runs.
Copies of the process (`machine.processes`) send theirs along with their answers. With T of them, T seconds of
work can go by in a second: what the table calls waiting is the part of them in which a thread or process had
nothing to do, or stood in line for the interpreter or for a core.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import getpid
from threading import get_ident
from time import perf_counter
from typing import Any

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.layer import Arrays, Gradients, Layer, Output
from tinyzip.nn.model import AnyModel
from tinyzip.nn.ops.checks import FRESH, Array, Shape

PASSES = ("forward", "backward")
Seconds = dict[tuple[int, int], dict[tuple[str, str], float]]


@dataclass(frozen=True)
class Clock:
    """Seconds by process and thread, row and pass; a row without passes, like "images", counts as forward."""

    seconds: Seconds = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))

    @contextmanager
    def time(self, row: str, direction: str = "forward") -> Iterator[None]:
        """Add the block's time to a row."""
        start = perf_counter()
        try:
            yield
        finally:
            self.add(row, direction, perf_counter() - start)

    def add(self, row: str, direction: str, seconds: float) -> None:
        """Add seconds to a row, on behalf of this thread."""
        self.seconds[getpid(), get_ident()][row, direction] += seconds

    def own(self) -> Seconds:
        """This thread's part."""
        key = getpid(), get_ident()
        return {key: self.seconds[key]}

    def table(self, threads: int) -> str:
        """Rows in the order of their first appearance; shares are of `threads` times the time of "step"."""
        total: dict[str, dict[str, float]] = {}
        for own in self.seconds.values():
            for (name, direction), seconds in own.items():
                total.setdefault(name, dict.fromkeys(PASSES, 0.0))[direction] += seconds
        wall = sum(total.pop("step").values())
        spent = sum(sum(row.values()) for row in total.values())
        total["waiting"] = {"forward": max(threads * wall - spent, 0.0), "backward": 0.0}
        lines = [f"{'':<16}{'forward':>10}{'backward':>10}{'share':>8}"]
        for name, row in total.items():
            share = sum(row.values()) / (threads * wall)
            lines.append(f"{name:<16}{row['forward']:>9.2f}s{row['backward']:>9.2f}s{share:>8.1%}")
        lines.append(f"{'all steps':<16}{wall:>9.2f}s on {threads} thread{'s' * (threads > 1)}")
        return "\n".join(lines)


def timed(model: AnyModel, clock: Clock) -> AnyModel:
    """The same model on the same arrays; if it runs in `stages`, as Sequential does, each tells the clock."""
    copy = model.with_params(dict(model.params))
    if hasattr(copy, "stages"):
        stages = {name: Timed(layer, name, clock) for name, layer in copy.stages.items()}
        vars(copy)["stages"] = stages  # in the place where `cached_property` keeps its value
    return copy


@dataclass(frozen=True)
class Timed(Layer):
    """A layer that tells a clock how long it took."""

    layer: Layer
    name: str
    clock: Clock

    def parameter_shapes(self) -> dict[str, Shape]:
        return self.layer.parameter_shapes()

    def output_shape(self, shape: Shape) -> Shape:
        return self.layer.output_shape(shape)

    def forward(self, p: Arrays, x: Array, *, workspace: Workspace = FRESH, **options: Any) -> Output:
        with self.clock.time(self.name):
            return self.layer.forward(p, x, workspace=workspace, **options)

    def backward(
        self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace = FRESH, need_dx: bool = True
    ) -> Gradients:
        with self.clock.time(self.name, "backward"):
            return self.layer.backward(p, dy, cache, workspace=workspace, need_dx=need_dx)
