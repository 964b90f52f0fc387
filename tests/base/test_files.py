"""A file is whole at every moment: what cannot be written leaves the one before."""

import os
import resource
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from tinyzip.base.files import CHUNK, check_writable, read_up_to, write_atomically


@pytest.fixture
def path(tmp_path):
    """A file with something to lose, alone in its folder."""
    write_atomically(tmp_path / "file", [b"be", memoryview(b"fore")])
    return tmp_path / "file"


def assert_untouched(path):
    assert path.read_bytes() == b"before"
    assert os.listdir(path.parent) == ["file"]


@contextmanager
def disk_of(size):
    """No file can grow beyond `size` bytes inside the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 8, 30_000])
def test_a_full_disk_leaves_the_file_before_and_is_an_error_of_this_file(path, size):
    with disk_of(size), pytest.raises(OSError, match=rf"too large: '{path}'"):
        write_atomically(path, [b"after", bytes(40_000)])
    assert_untouched(path)


@pytest.mark.parametrize("owner, name", [(os, "fsync"), (Path, "replace")])
def test_a_failure_at_any_stage_of_writing_leaves_the_file_before(path, monkeypatch, owner, name):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, [b"after"])
    assert_untouched(path)


def test_content_that_cannot_be_made_leaves_the_file_before(path):
    def parts():
        yield b"after"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(path, parts())
    assert_untouched(path)


def test_the_file_is_forced_to_disk_before_it_takes_the_name_and_the_folder_after(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor):
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def noted_replace(self, target):
        calls.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_atomically(path, [b"after"])
    assert calls == ["file", "rename", "folder"]


def test_what_an_earlier_kill_has_left_half_written_is_no_obstacle_and_does_not_stay(path):
    (path.parent / ".file.partial").write_bytes(b"half of something longer")
    write_atomically(path, [b"after"])
    assert path.read_bytes() == b"after" and os.listdir(path.parent) == ["file"]


def test_a_link_stays_a_link_and_its_file_is_written_where_it_is(path, tmp_path_factory):
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(path)
    write_atomically(link, [b"after"])
    assert link.is_symlink() and path.read_bytes() == b"after"
    assert os.listdir(link.parent) == ["link"]


@pytest.mark.parametrize("function", [check_writable, lambda path: write_atomically(path, [b"after"])])
def test_a_place_where_nothing_can_be_written_is_an_error_that_names_the_file_that_was_asked_for(
    path, function, monkeypatch
):
    with pytest.raises(FileNotFoundError, match=rf"^{path.parent}/none/file: found no folder .*, needed "):
        function(path.parent / "none" / "file")
    monkeypatch.chdir(path.parent)
    with pytest.raises(FileNotFoundError, match=r"^none/file: found no folder .*, needed "):
        function("none/file")
    with pytest.raises(FileNotFoundError, match=r"file/file: found no folder "):
        function(path / "file")
    (path.parent / ".file.partial").mkdir()
    with pytest.raises(IsADirectoryError, match=rf"'{path}'$"):
        function(path)
    assert path.read_bytes() == b"before"


def test_a_place_that_is_good_is_left_as_it_was(path):
    check_writable(path)
    assert_untouched(path)


def test_two_writers_of_one_file_at_a_time_do_not_mix(path):
    def write(letter):
        for _ in range(50):
            write_atomically(path, [letter * 5000 for _ in range(20)])

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, letter) for letter in (b"a", b"b")]
        found = {path.read_bytes() for _ in range(200)}
    for writer in writers:
        writer.result()
    assert found <= {b"before", b"a" * 100_000, b"b" * 100_000}
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize("most", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5])
def test_at_most_one_byte_more_than_allowed_is_read(size, most):
    data = bytes(range(256)) * (size // 256 + 1)
    assert read_up_to(BytesIO(data[:size]), most) == data[: min(size, most + 1)]


def test_a_small_file_takes_little_memory_however_large_it_may_be(tmp_path):
    (tmp_path / "small").write_bytes(b"small")
    tracemalloc.start()
    with open(tmp_path / "small", "rb") as file:
        assert read_up_to(file, 1 << 30) == b"small"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * CHUNK
