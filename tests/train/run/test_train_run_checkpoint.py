"""A checkpoint comes back as it was written, or it is refused."""

import json
import os
from functools import partial
from hashlib import sha256
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyzip.base import arrays as files
from tinyzip.base.kinds import CHECKPOINT, MODEL, PROGRAM, kind_of
from tinyzip.distill.transfer import Live
from tinyzip.nn.layers import Linear, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.train.run.checkpoint import describe, plain, read, unplain, write

META = {"epoch": 3, "state": 2**127 + 1, "loss": 0.1, "name": "σ"}
ARRAYS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "t": np.array(7), "empty": np.empty((0, 2))}

arrays = st.dictionaries(
    st.text(max_size=5),
    hnp.arrays(st.sampled_from(files.DTYPES), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)),
    max_size=4,
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
metas = st.dictionaries(st.text(max_size=5), leaves | st.lists(leaves, max_size=3), max_size=4)


@given(metas, arrays)
def test_what_is_read_is_what_was_written(tmp_path_factory, meta, arrays):
    path = tmp_path_factory.mktemp("checkpoint") / "file"
    write(path, meta, arrays)
    meta_read, arrays_read = read(path)
    assert meta_read == meta
    assert arrays_read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert arrays_read[name].tobytes() == array.tobytes()
        assert (arrays_read[name].dtype, arrays_read[name].shape) == (array.dtype, array.shape)
        assert arrays_read[name].flags.writeable
    assert os.listdir(path.parent) == ["file"]


def test_strided_arrays_are_written_in_their_logical_order(tmp_path):
    array = np.arange(24.0).reshape(4, 6)[::2, ::-1].T
    write(tmp_path / "file", {}, {"a": array})
    assert np.array_equal(read(tmp_path / "file")[1]["a"], array)


def test_any_changed_bit_any_cut_and_any_addition_is_refused(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    write(good, META, ARRAYS)
    data = good.read_bytes()
    rng = np.random.default_rng(0)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << int(rng.integers(8))
        bad.write_bytes(changed)
        with pytest.raises(ValueError, match=r"checkpoint .*bad: found .*, needed "):
            read(bad)
        bad.write_bytes(data[:at])
        with pytest.raises(ValueError, match=r"checkpoint .*bad: found .*, needed "):
            read(bad)
    bad.write_bytes(data + b"\0")
    with pytest.raises(ValueError, match=rf"found {len(data) + 1} bytes, needed {len(data)} bytes"):
        read(bad)


def test_a_whole_file_of_another_version_is_refused_by_its_version(tmp_path):
    path = tmp_path / "file"
    write(path, META, ARRAYS)
    data = bytearray(path.read_bytes()[: -files.CHECKSUM])
    data[8] = 2
    path.write_bytes(data + sha256(data).digest())
    with pytest.raises(ValueError, match="found version 2, needed version 1"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"TZTRAIN", b"a letter to a friend", b"\x80\x04pickle"])
def test_a_foreign_file_is_refused_and_never_overwritten(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint .*file: found .*, needed "):
        read(path)
    if content:  # an empty file has nothing to lose
        with pytest.raises(ValueError, match=r"file: found .*, needed a checkpoint of .*, or no file yet"):
            write(path, META, ARRAYS)
    assert path.read_bytes() == content


def test_a_file_of_another_kind_is_refused_by_its_kind_and_those_that_are_wanted(tmp_path):
    path = tmp_path / "net"
    files.write(path, MODEL, META, ARRAYS)
    with pytest.raises(ValueError) as caught:
        files.read(path, CHECKPOINT, PROGRAM)
    kinds = kind_of(MODEL), f"{kind_of(CHECKPOINT)} or {kind_of(PROGRAM)}"
    assert str(caught.value) == "{}: found {}, needed {}".format(path, *kinds)
    magic, meta, arrays = files.read(path, CHECKPOINT, MODEL)
    assert magic == MODEL and meta == META and arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        assert array.dtype == ARRAYS[name].dtype and array.flags.writeable
        np.testing.assert_array_equal(array, ARRAYS[name])
    path.write_bytes(MODEL + b"x" * 48)
    with pytest.raises(ValueError, match=r"^it: found version 2021161080, needed version 1$"):
        files.read(path, MODEL, label="it")
    path.write_bytes(MODEL + b"x" * 47)
    with pytest.raises(ValueError, match=r"^it: found 55 bytes, needed at least 56$"):
        files.read(path, MODEL, label="it")


@pytest.mark.parametrize("array", [np.array([None]), np.array(["a"]), np.zeros(2, np.complex64)])
def test_an_array_of_another_dtype_is_refused(tmp_path, array):
    with pytest.raises(TypeError, match=r"checkpoint .*: a: found dtype .*, needed float32 or "):
        write(tmp_path / "file", {}, {"a": array})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_and_nothing_written(tmp_path, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(tmp_path / "file", {"loss": number}, {})
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_or_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="folder/file: found no folder"):
        write(tmp_path / "folder" / "file", META, ARRAYS)


def test_what_is_no_path_is_refused_before_anything_is_opened():
    for wrong, error in ((7, TypeError), (None, TypeError), ("", ValueError)):
        with pytest.raises(error, match=rf"^path: found {wrong!r}, needed a path"):
            files.read(wrong, CHECKPOINT)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_every_generator_goes_on_from_a_saved_state(tmp_path, kind):
    rng, other = np.random.Generator(kind(1)), np.random.Generator(kind(2))
    rng.normal(size=3)
    write(tmp_path / "file", {"state": plain(rng.bit_generator.state)}, {})
    other.bit_generator.state = unplain(read(tmp_path / "file")[0]["state"])
    assert np.array_equal(rng.normal(size=9), other.normal(size=9))


def test_arrays_are_described_by_a_checksum_unless_their_values_change():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    turned = np.asfortranarray(array)
    words = f"float32 (2, 3), CRC-32 {crc32(array.tobytes()):08x}"
    assert describe(array) == describe(turned) == words and describe(array, values=False) == "ndarray"
    assert describe((array, None), values=False) == "(ndarray, None)"
    assert describe({"a": np.float64(0.5), "b": np.int64(3)}) == "{a: 0.5, b: 3}"
    assert (
        describe(partial(describe, array, values=True)) == f"partial(describe, ({words}), {{values: True}})"
    )
    assert describe(Linear) == "Linear" and describe(len) == "len" and describe("x") == "'x'"


def test_a_network_is_described_by_its_layers_and_the_shapes_of_its_arrays():
    """In the words of files that are there: a change of them would refuse all of these."""
    net = Sequential.create({"out": Linear(4, 3), "relu": ReLU()}, (4,), np.random.default_rng(0))
    words = (
        "Sequential(layers={out: Linear(C=4, F=3, bias=True), relu: ReLU()}, "
        "params={out.w: ndarray, out.b: ndarray}, shape=(4), input_range=None)"
    )
    assert describe(net, values=False) == words
    assert describe(Live(net), values=False) == f"Live(teacher={words}, layers=(), _local=_local)"


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ([["a", "float32", [1]], ["a", "float32", [1]]], "'a' for another array's name"),
        ([[3, "float32", [1]]], "3 for another array's name"),
        ([["a", "float32", [-1]]], r"a: shape \[-1\]"),
        ([["a", "int32", [1]]], "a: dtype int32"),
        ([["a", "float32", [1]]], "4 bytes too many"),
        ([["a", "float32", [3]]], "buffer"),
    ],
)
def test_a_header_that_no_writer_has_made_is_refused(table, line):
    header = json.dumps({"meta": {}, "arrays": table}).encode()
    with pytest.raises(ValueError, match=line):
        files._parse(memoryview(header + bytes(8)), len(header))
    header = json.dumps({"meta": 3, "arrays": [["a", "float32", [2]], ["b", "int64", [0, 5]]]}).encode()
    meta, arrays = files._parse(memoryview(header + bytes(8)), len(header))
    assert meta == 3 and arrays["a"].shape == (2,) and arrays["b"].shape == (0, 5)
