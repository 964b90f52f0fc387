"""Arrays from .npy files: what NumPy wrote comes back, and what is damaged is refused in words."""

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyzip.cli.npy import read_npy, write_npy

WORDS = [
    b"(",
    b")",
    b"{",
    b"'",
    b"\n",
    b"\\",
    b"'''",
    b"[",
    b",",
    b"9" * 30,
    b"-",
    b"\0",
    b"None",
    b"<f8",
    b"O",
]


@given(st.data())
@example(None)
def test_a_damaged_header_is_refused_in_words_or_says_what_it_said(data) -> None:
    file = BytesIO()
    np.save(file, np.arange(6, dtype=np.int32).reshape(2, 3))
    whole = file.getvalue()
    if data is None:  # a header that ends within a bracket, for the tokenizer of old headers
        damaged = whole.replace(b"}", b"(").replace(b"3)", b"3L")
    else:
        at = data.draw(st.integers(10, whole.index(b"}")))
        word = data.draw(st.sampled_from(WORDS) | st.binary(min_size=1, max_size=3))
        damaged = whole[:at] + word + whole[at + len(word) :]
    with TemporaryDirectory() as folder:
        path = Path(folder, "array.npy")
        path.write_bytes(damaged)
        with suppress(ValueError):
            read_npy(str(path))


def test_numbers_are_read_and_nothing_else(tmp_path: Path) -> None:
    for dtype in ("u1", "<i8", ">i2", "<f2", ">f8"):
        np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3).astype(dtype))
        found = read_npy(str(tmp_path / "a.npy"))
        assert found.dtype == np.dtype(dtype) and found.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert type(found) is np.ndarray and not found.flags.writeable
    for other in (np.array([True]), np.array([1j]), np.array(["a"]), np.array(["2026"], "M8[Y]")):
        np.save(tmp_path / "a.npy", other)
        with pytest.raises(ValueError, match=r"a\.npy: found dtype .*, needed whole or real numbers"):
            read_npy(str(tmp_path / "a.npy"))
    np.save(tmp_path / "a.npy", np.array([Path]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"a\.npy: found what cannot be read .*Python objects"):
        read_npy(str(tmp_path / "a.npy"))
    (tmp_path / "a.npy").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"a\.npy: found a zip archive .*, needed a NumPy array \(\.npy\)"):
        read_npy(str(tmp_path / "a.npy"))
    with pytest.raises(ValueError, match="allow_pickle"):
        write_npy(str(tmp_path / "b.npy"), np.array([Path]))
    assert not (tmp_path / "b.npy").exists()


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    for array in (np.arange(6.0).reshape(2, 3), np.arange(5, dtype=np.uint8), np.arange(6).reshape(2, 3).T):
        write_npy(str(tmp_path / "a.npy"), array)
        found = read_npy(str(tmp_path / "a.npy"))
        assert found.dtype == array.dtype and np.array_equal(found, array)
