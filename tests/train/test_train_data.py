"""Files that are what they say are read exactly; files that are not are refused in one line."""

import gzip
import hashlib
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from idx_folders import CODES, idx_bytes, write_folder

from tinyzip.train.data import IDX_DTYPES, Dataset, mnist, read_idx

MNIST = Path(__file__).parents[2] / "examples" / "data" / "mnist"


def refusal(path, read=read_idx, error=ValueError) -> str:
    with pytest.raises(error) as caught:
        read(path)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line
    assert re.search("found .+, needed .+", line)
    return line


def test_the_committed_mnist_files_are_the_canonical_ones_as_their_readme_says():
    sums = dict(
        re.findall(
            r"^ +(\S+-ubyte) +([0-9a-f]{64})$", (MNIST / "README.md").read_text(encoding="utf-8"), re.M
        )
    )
    assert len(sums) == 4
    for name, expected in sums.items():
        content = gzip.decompress((MNIST / f"{name}.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == expected
        assert hashlib.sha256(idx_bytes(read_idx(MNIST / f"{name}.gz"))).hexdigest() == expected


@given(
    array=st.sampled_from(sorted(CODES, key=str)).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))
    ),
    zipped=st.booleans(),
)
def test_every_dtype_and_rank_comes_back_bit_for_bit_in_native_order(array, zipped, tmp_path_factory):
    """(I1)"""
    path = tmp_path_factory.getbasetemp() / "any.gz"  # the name says gzip whether it is or not
    path.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    read = read_idx(str(path))
    assert read.dtype == array.dtype and read.dtype.isnative and read.shape == array.shape
    assert read.tobytes() == array.tobytes()
    assert read.flags.writeable


def test_the_codes_of_dtypes_are_those_of_the_format():
    """(I1): the numbers of the MNIST database's page."""
    kinds = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
    assert {code: np.dtype(kind).newbyteorder(">") for code, kind in kinds.items()} == {
        code: np.dtype(kind) for code, kind in IDX_DTYPES.items()
    }


def test_a_missing_file_is_a_file_not_found_error(tmp_path):
    refusal(tmp_path / "absent", error=FileNotFoundError)


def test_a_directory_is_refused(tmp_path):
    assert "a directory" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\x89PNG\r\n\x1a\n0000",
        b"\0\0\x07\x01\0\0\0\1a",
        b"PK\3\4",
        b"\x1f\x8b",
        b"\x1f\x8bgarbage",
    ],
)
def test_foreign_content_is_refused(content, tmp_path):
    for name, bytes_ in (("plain", content), ("zipped", gzip.compress(content))):
        (tmp_path / name).write_bytes(bytes_)
        assert "IDX" in refusal(tmp_path / name)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_cut_anywhere_is_refused(zipped, tmp_path):
    content = idx_bytes(np.arange(12, dtype=np.int16).reshape(3, 4))
    content = gzip.compress(content) if zipped else content
    for length in range(len(content)):
        (tmp_path / "cut").write_bytes(content[:length])
        refusal(tmp_path / "cut")


def test_an_unpacked_file_cut_anywhere_is_refused_with_both_lengths(tmp_path):
    content = idx_bytes(np.arange(12, dtype=np.int16).reshape(3, 4))
    for length in range(12, len(content)):
        for name, cut in (("plain", content[:length]), ("zipped", gzip.compress(content[:length]))):
            (tmp_path / name).write_bytes(cut)
            line = refusal(tmp_path / name)
            assert f"found {length} bytes, needed 36 bytes, for int16 of shape (3, 4)" in line


def test_a_file_longer_than_declared_is_refused(tmp_path):
    content = idx_bytes(np.zeros((3, 4), np.uint8)) + b"\0"
    for name, longer, found in (("plain", content, "25 bytes"), ("zipped", gzip.compress(content), "more")):
        (tmp_path / name).write_bytes(longer)
        assert f"found {found}, needed 24 bytes, for uint8 of shape (3, 4)" in refusal(tmp_path / name)


def test_a_flipped_bit_in_a_gzipped_file_is_refused_or_harmless(tmp_path):
    array = np.arange(200, dtype=np.uint8) // 3
    content = gzip.compress(idx_bytes(array))
    harmless = 0  # the few bits that fill up the last byte of the compressed stream
    for position in range(8 * 10, 8 * len(content)):  # after gzip's header: its time stamp means nothing
        broken = bytearray(content)
        broken[position // 8] ^= 1 << position % 8
        (tmp_path / "broken").write_bytes(broken)
        try:
            np.testing.assert_array_equal(read_idx(tmp_path / "broken"), array)
            harmless += 1
        except ValueError as error:
            assert str(tmp_path / "broken") in str(error)
    assert harmless < 8


@pytest.mark.parametrize(
    "shape", [(2**32 - 1,), (2**32 - 1,) * 4, (60000, 2**20, 2**20), (0, *(2**32 - 1,) * 3)]
)
def test_huge_declared_sizes_are_refused_without_allocating_them(shape, tmp_path):
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 0x0E, len(shape), *shape)
    for name, bytes_ in (("plain", content), ("zipped", gzip.compress(content))):
        (tmp_path / name).write_bytes(bytes_)
        tracemalloc.start()
        refusal(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**22


def test_a_gzip_bomb_is_unpacked_no_further_than_declared(tmp_path):
    bomb = gzip.compress(idx_bytes(np.zeros(10, np.uint8)) + bytes(2**26))
    (tmp_path / "bomb").write_bytes(bomb)
    tracemalloc.start()
    assert "more" in refusal(tmp_path / "bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


def test_more_axes_than_numpy_has_are_refused(tmp_path):
    (tmp_path / "deep").write_bytes(struct.pack(">BBBB255IB", 0, 0, 8, 255, *(1,) * 255, 7))
    assert "shape" in refusal(tmp_path / "deep")


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"", "an empty file"), (b"\x01", "the first bytes 01"), (b"PNG!", "the first bytes 50 4e")],
)
def test_what_a_file_begins_with_is_said(content, found, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=f"x: found {found}"):
        read_idx(tmp_path / "x")


def test_a_path_of_another_type_is_refused():
    for read in (read_idx, mnist):
        with pytest.raises(TypeError, match="needed a path"):
            read(7)


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_any_data_in_that_layout_is_read(mark, zipped, channels, tmp_path):
    files = write_folder(tmp_path, mark=mark, zipped=zipped, channels=channels)
    for dataset, part in zip(mnist(tmp_path), ("train", "t10k"), strict=True):
        np.testing.assert_array_equal(dataset.images, files[f"{part}-images"])
        np.testing.assert_array_equal(dataset.labels, files[f"{part}-labels"])
        assert dataset.labels.dtype == np.int64 and dataset.classes == 3


def test_folders_named_like_the_files_do_not_hide_them(tmp_path):
    write_folder(tmp_path, mark=".")
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    assert len(mnist(tmp_path)[0]) == 12


def test_a_missing_folder_or_file_is_named(tmp_path):
    refusal(tmp_path / "absent", mnist, FileNotFoundError)
    (tmp_path / "file").write_bytes(b"")
    refusal(tmp_path / "file", mnist)
    write_folder(tmp_path / "full")
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        path = tmp_path / "full" / f"{name}-ubyte"
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
            mnist(tmp_path / "full")
        path.write_bytes(content)


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    files = write_folder(tmp_path)

    def refused_with(name: str, array: np.ndarray) -> str:
        path = tmp_path / f"{name}-ubyte"
        content = path.read_bytes()
        path.write_bytes(idx_bytes(array))
        with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
            mnist(tmp_path)
        path.write_bytes(content)
        return str(caught.value)

    labels = files["train-labels"]
    assert "uint8 of shape (11,), needed" in refused_with("train-labels-idx1", labels[1:])
    assert "uint8 of shape (12,), needed images" in refused_with("train-images-idx3", labels)
    assert "needed a label for each image" in refused_with("train-labels-idx1", files["train-images"])
    assert "int32" in refused_with("train-labels-idx1", labels.astype(np.int32))
    assert "float32" in refused_with("t10k-images-idx3", files["t10k-images"].astype(np.float32))
    assert "(0, 5, 3)" in refused_with("train-images-idx3", files["train-images"][:0])
    assert "needed (5, 3)" in refused_with("t10k-images-idx3", files["t10k-images"][:, 1:])
    mnist(tmp_path)


@given(st.integers(1, 12), st.data())
def test_some_of_a_dataset_are_its_images_and_labels_at_these_places(N, data):
    whole = Dataset(np.arange(N * 4, dtype=np.uint8).reshape(N, 2, 2), np.arange(N) % 3)
    places = data.draw(st.lists(st.integers(0, N - 1), min_size=1))
    stop = data.draw(st.integers(1, N))
    for index in (np.array(places), slice(stop), np.arange(N) < stop):
        part = whole[index]
        assert type(part) is Dataset and np.array_equal(part.images, whole.images[index])
        assert np.array_equal(part.labels, whole.labels[index])
    for index in (0, [0], "images", (0, 1)):
        with pytest.raises(TypeError, match=r"^Dataset: \[\]: found .*, needed a slice or an array "):
            whole[index]
    with pytest.raises(TypeError, match=r"^Dataset: \[\]: found 0"):
        list(whole)
