"""What a file states costs no more than its length allows: each number in it is set to its extremes."""

import random
import tracemalloc
import warnings
from pathlib import Path

import pytest
from readers import READERS


def check(name: str, folder: Path, some: int) -> tuple[int, int]:
    """How many changed files were read, and how many refused, of so many changes of each file."""
    reader, path, rng = READERS[name], folder / f"changed.{name}", random.Random(name)
    read = refused = 0
    for data in reader.files():
        changes = list(reader.stated(data))
        for changed in [data, *rng.sample(changes, min(some, len(changes)))]:
            path.write_bytes(changed)
            tracemalloc.start()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # NumPy's, of numbers that overflow
                    reader.read(path)
                read += 1
            except ValueError as error:
                refused += 1
                assert "\n" not in str(error) and ": found " in str(error), changed.hex()
            finally:
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            assert peak <= reader.least + reader.times * len(changed), changed.hex()
    return read, refused


@pytest.mark.parametrize("some", [8, pytest.param(60, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", READERS)
def test_a_read_takes_no_more_memory_than_the_files_length_allows(
    name: str, some: int, tmp_path: Path
) -> None:
    if name == "tflite":
        pytest.importorskip("tflite")
    read, refused = check(name, tmp_path, some)
    assert read and refused
