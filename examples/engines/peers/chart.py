"""One picture of all speeds: how many times as fast as the fastest other engine.

ratio = tinyzip's fastest variant / the fastest variant of all other engines

each at the same network, work, batch and number of threads; programs of fewer bits than eight are left out.
Right of the line at 1× tinyzip is ahead. A hollow point is not to be trusted: the turns of one of the two lay
so far apart that something else was at work.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from parts import plots

from tinyzip.base.refuse import refuse

WORDS = {"train": "training", "float": "float inference", "integer": "int8 inference"}
STYLES = {1: (plots.BLUE, "o", "1 thread"), 2: (plots.ORANGE, "s", "2 threads")}
KEYS = {"network", "work", "variant", "batch", "threads", "engine", "images_per_s", "lowest", "highest"}
STEADY = 0.15  # half the range of the turns, as a part of their median

Record = Mapping[str, Any]
Place = tuple[str, str, int]
"""Network, work, batch."""


class Standing(NamedTuple):
    """The ratio, the engine that is the fastest other, and whether both were measured steadily."""

    ratio: float
    engine: str
    steady: bool


def read(path: Path) -> list[Record]:
    """The records that `speed.py --json` wrote; refuses what is not a list of them."""
    records = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(records, list) or not all(isinstance(r, dict) and r.keys() >= KEYS for r in records):
        refuse(f"--from: {path}", "something else", f"records with {', '.join(sorted(KEYS))}")
    return records


def speed(record: Record) -> float:
    return float(record["images_per_s"])


def steady(record: Record) -> bool:
    return bool(record["highest"] - record["lowest"] <= 2 * STEADY * record["images_per_s"])


def standings(records: Iterable[Record]) -> dict[Place, dict[int, Standing]]:
    """For each place and number of threads where tinyzip and another engine were measured, how it stands.

    records  as `speed.py --json` writes them
    """
    groups: dict[tuple[Place, int], list[Record]] = {}
    for record in records:
        if "/" in record["variant"]:
            continue
        place = record["network"], record["work"], record["batch"]
        groups.setdefault((place, record["threads"]), []).append(record)
    found: dict[Place, dict[int, Standing]] = {}
    for (place, threads), group in groups.items():
        own = max((record for record in group if record["engine"] == "tinyzip"), key=speed, default=None)
        other = max((record for record in group if record["engine"] != "tinyzip"), key=speed, default=None)
        if own and other:
            standing = Standing(speed(own) / speed(other), other["engine"], steady(own) and steady(other))
            found.setdefault(place, {})[threads] = standing
    return found


def draw(records: Iterable[Record], path: Path) -> None:
    """A row for each place, a point for each number of threads, on a scale of factors."""
    rows = standings(records)
    if not rows:
        refuse("--out", "no two engines at the same work", "some: a ratio is drawn")
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 0.26 * len(rows) + 0.9)
    ax = axes[0, 0]
    ax.axvline(1, color=plots.BLACK, linewidth=1.5)
    for y, row in enumerate(rows.values()):
        for threads, (ratio, _, trusted) in row.items():
            color, marker, _ = STYLES[threads]
            ax.plot(ratio, y, marker, color=color, markersize=8, fillstyle="full" if trusted else "none")
    for threads in sorted({threads for row in rows.values() for threads in row}):
        color, marker, label = STYLES[threads]
        ax.plot([], [], marker, color=color, label=label)
    if not all(standing.steady for row in rows.values() for standing in row.values()):
        hollow = f"hollow: turns more than ±{STEADY:.0%} apart"
        ax.plot([], [], "o", color=plots.BLACK, fillstyle="none", label=hollow)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}×")
    ax.set_yticks(
        range(len(rows)), [f"{network}: {WORDS[work]}, batch {batch}" for network, work, batch in rows]
    )
    ax.set(
        ylim=(len(rows) - 0.5, -0.5), xlabel="times as fast as the fastest other engine, named at the right"
    )
    ax.grid(alpha=0.3)
    engines = [
        " / ".join(dict.fromkeys(standing.engine for standing in row.values())) for row in rows.values()
    ]
    ax.secondary_yaxis("right").set_yticks(range(len(rows)), engines)
    plots.save(figure, path)
