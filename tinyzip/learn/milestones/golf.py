"""Depth: golf: the fewest bytes that read handwriting.

    tinyzip learn golf FILE.tz                  on the validation images that come along
    tinyzip learn golf FILE.tz --data FOLDER    on all 2,000 of MNIST
    tinyzip learn golf FILE.tz --data FOLDER --final

A file is judged by its bytes and by its errors. It competes with the files that come along and with those
beside it, of which the one of as many bytes or fewer that makes the fewest errors is the best so far; and it
is better only where luck would do as much for it less than once in a hundred times (`luck.luck`). The best is
chosen on the images that it is then compared on, so it looks somewhat better than it is. So would a file that
was trained on them: train on the others, which `split` of `digits` leaves.

Who tries many files and keeps the best has chosen by these images, and its errors on them are no longer
those on others. So there are images that nothing was chosen by, the test images: --final reads them, once.
What came of it is written to a file beside; a second time, that is what one gets.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tinyzip import archive
from tinyzip.archive.format import read_bytes
from tinyzip.base.refuse import refuse
from tinyzip.learn.milestones.digits import committed, validation
from tinyzip.learn.milestones.luck import interval, luck
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.door.classify import classify
from tinyzip.train.data import Dataset, mnist

P = 0.01
SHAPE = 1, 28, 28


class Entry(NamedTuple):
    """A file, and which images it reads, (N,) bool."""

    name: str
    data: bytes
    right: Array

    @property
    def errors(self) -> int:
        return int((~self.right).sum())


def golf(path: Path, data: Path | None, final: bool) -> Iterator[str]:
    """What is to be said of a file, line by line."""
    content = read_bytes(path)
    if final:
        yield from finally_tested(path, content, data)
        return
    digits = validation(data)
    own = Entry(path.name, content, reads(content, str(path), digits))
    yield f"{path.name}: {len(content):,} bytes, {rate(own.errors, len(digits))} of validation"
    if data is None:
        yield f"these {len(digits):,} come along; --data FOLDER reads 2,000, and tells more apart"
    best = best_of(path, content, digits)
    if best is None:
        yield f"no other file has {len(content):,} bytes or fewer: it is the smallest"
        return
    yield f"the best so far of as many bytes or fewer: {best.name}, {len(best.data):,}, {best.errors} errors"
    gained, lost = int((own.right & ~best.right).sum()), int((best.right & ~own.right).sum())
    p = luck(gained, lost)
    verdict = "better by more than luck" if gained > lost and p < P else "no better by more than luck"
    yield f"{gained} are read by {path.name} alone, {lost} by {best.name} alone: {verdict}, p = {p:.2g}"


def reads(content: bytes, name: str, digits: Dataset) -> Array:
    """Which images the program in a file reads."""
    hits: Array = classify(archive.unpack(content, name), digits.images) == digits.labels
    return hits


def rate(errors: int, N: int) -> str:
    """So many errors, and what they say of all images."""
    low, high = interval(errors, N)
    return f"{errors} errors ({errors / N:.2%}, 95 % interval {low:.2%} to {high:.2%}) on {N:,} images"


def best_of(path: Path, content: bytes, digits: Dataset) -> Entry | None:
    """Of the files that come along and those beside this one, none larger, that with the fewest errors."""
    others = committed() | {other.name: read_bytes(other) for other in beside(path)}
    entries = []
    for name, data in others.items():
        if data != content and len(data) <= len(content):
            try:
                fits = archive.unpack(data, name).shape == SHAPE
            except ValueError:
                continue  # a file of something else
            if fits:
                entries.append(Entry(name, data, reads(data, name, digits)))
    return min(entries, key=lambda entry: (entry.errors, len(entry.data)), default=None)


def beside(path: Path) -> list[Path]:
    """The other .tz files of its folder."""
    return [other for other in sorted(path.parent.glob("*.tz")) if other.name != path.name]


def finally_tested(path: Path, content: bytes, data: Path | None) -> Iterator[str]:
    """The errors on the test images, from them the first time, then from the file beside."""
    kept, mark = path.with_name(f"{path.name}.final"), hashlib.sha256(content).hexdigest()
    if kept.exists():
        of, _, told = kept.read_text(encoding="utf-8").strip().partition("  ")
        yield told
        yield f"the test images were read already, {kept.name} says so; they are not read a second time"
        if of != mark:
            yield f"and {path.name} had other bytes then"
        return
    if data is None:
        refuse("learn golf: --final", "no --data", "the folder with the four files of MNIST")
    test = mnist(data)[1]
    told = f"{path.name}: {len(content):,} bytes, "
    told += f"{rate(int((~reads(content, str(path), test)).sum()), len(test))} of the test"
    kept.write_text(f"{mark}  {told}\n", encoding="utf-8")
    yield told
    yield f"{kept.name} keeps it: test images are read once"
