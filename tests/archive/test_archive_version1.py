"""Files of version 1 are still read, leaf for leaf, and refused where they are not what a writer wrote."""

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import OLDER, sealed
from known_programs import older_program

from tinyzip.archive import account, pack, read, unpack
from tinyzip.archive.format import MARK
from tinyzip.archive.version1 import HEAD, get_integers, get_multipliers, get_split

DATA = OLDER.read_bytes()
MESSAGE = DATA[HEAD:]


def test_an_older_file_is_read_leaf_for_leaf() -> None:
    """The first file that this package wrote to stay; its 4,552 symbols stand on two lanes."""
    assert DATA[4] == 1 and int.from_bytes(MESSAGE[:4], "little") > 4096
    assert read(OLDER) == older_program()


def test_written_again_it_is_shorter() -> None:
    again = pack(read(OLDER))
    assert unpack(again) == older_program()
    assert len(again) < 0.8 * len(DATA)


def test_the_parts_of_an_older_file_add_up_to_it_too() -> None:
    found = account(OLDER)
    assert sum(found.parts.values()) == len(DATA)
    assert found.total("container") >= HEAD + 4 + 2 * 8 - 4
    assert found.total("weights") < found.total("structure") + found.total("names") + 60


class Told:
    """A decoder that says what it is told to, in order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def uniform(self, count: int, bits: Any) -> np.ndarray:
        return np.array(self.answers.pop(0)).reshape(count)

    symbols = uniform

    def number(self, bits: int) -> int:
        return int(self.answers.pop(0))

    def refuse(self, found: str, needed: str) -> None:
        raise ValueError(found)


@pytest.mark.parametrize("h", [0, 1, 2, 3])
def test_numbers_come_out_of_their_buckets(h: int) -> None:
    """(E13): e bits follow a bucket, and what they and its sign make is a number that has this bucket."""
    values = np.arange(-300, 301)
    e = [max(abs(v).bit_length() - 1 - h, 0) for v in values.tolist()]
    bucket = [(v > 0) - (v < 0) for v in values.tolist()] * ((np.array(e) << h) + (np.abs(values) >> e))
    least = int(bucket.min())
    count = int(np.ptp(bucket)) + 1
    plain = [abs(v) & ((1 << bits) - 1) for v, bits in zip(values.tolist(), e, strict=True) if bits]
    numbers = [length_and_rest(least), length_and_rest(count)]
    table = [0] * math.ceil(math.log2(count))  # every left half is empty: all of it stands at the last
    answers = [[h, 0], *numbers[0], *numbers[1], *table, bucket - least, plain]
    decoder: Any = Told(*answers)
    assert np.array_equal(get_integers(decoder, values.size), values)


def length_and_rest(value: int) -> list[Any]:
    length = abs(value).bit_length()
    return [length] if not length else [length, [value < 0, abs(value) - (1 << (length - 1))]]


def test_tables_that_no_writer_wrote_are_refused() -> None:
    decoder: Any = Told(17)
    with pytest.raises(ValueError, match="17 of 16 in a table's left half"):
        get_split(decoder, 2, 16)
    decoder = Told([0, 0], 7, [1, 2**6 - 34], 1, [0, 0])
    with pytest.raises(ValueError, match="a table 0 of 1 buckets from -"):
        get_integers(decoder, 5)
    decoder = Told([1, 31])
    with pytest.raises(ValueError, match="multipliers that end in 31 zeros"):
        get_multipliers(decoder, 5)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (DATA[:12], "12 bytes, needed 13 or more"),
        (DATA[:-1], r"472 bytes, needed 473, as the file says"),
        (DATA + b"\0", r"474 bytes, needed 473, as the file says"),
        (DATA[:20] + b"\0" + DATA[21:], "checksum"),
        (sealed(1, MESSAGE[:-3]), "multiple of 4"),
        (sealed(1, bytes(12)), "a lane outside"),
        (sealed(1, (1 << 25).to_bytes(4, "little") + bytes(8)), "symbols declared"),
        (sealed(1, (1 << 18).to_bytes(4, "little") + bytes(8)), "lanes"),
        (sealed(1, MESSAGE + bytes(4)), "ends with the program"),
        (sealed(1, MESSAGE[:-8]), "ends early|symbols|found"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "odd.tz").write_bytes(data)
    with pytest.raises(ValueError, match=what) as error:
        read(tmp_path / "odd.tz")
    assert str(error.value).startswith(f"{tmp_path / 'odd.tz'}: found ")


def test_any_other_version_is_refused_by_its_number() -> None:
    for version in (0, *range(3, 256)):
        start = MARK + bytes([version]) + DATA[5:9]
        data = start + zlib.crc32(start + MESSAGE).to_bytes(4, "little") + MESSAGE
        with pytest.raises(ValueError, match=f"found version {version}, needed version 2, or 1"):
            unpack(data)
