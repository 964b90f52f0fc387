"""A file is whole at every moment: what cannot be written leaves the one before."""

import os
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from tinyzip.base.files import CHUNK, check_writable, read_up_to, reading, write_atomically
from tinyzip.base.kinds import ARRAY, CHECKPOINT, ENDINGS, KINDS, MODEL, PROGRAM, START, kind_of

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions, links and devices")


@pytest.fixture
def path(tmp_path):
    """A file with something to lose, alone in its folder."""
    write_atomically(tmp_path / "file", [b"ke", memoryview(b"pt\nbefore")])
    return tmp_path / "file"


def assert_untouched(path):
    assert path.read_bytes() == b"kept\nbefore"
    assert os.listdir(path.parent) == ["file"]


@contextmanager
def disk_of(size):
    """No file can grow beyond `size` bytes inside the block."""
    resource = pytest.importorskip("resource")  # Windows has none
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 8, 30_000])
def test_a_full_disk_leaves_the_file_before_and_is_an_error_of_this_file(path, size):
    with disk_of(size), pytest.raises(OSError, match=rf"too large: '{path}'"):
        write_atomically(path, [b"kept\nafter", b"x" * 40_000])
    assert_untouched(path)


@pytest.mark.parametrize("owner, name", [(os, "fsync"), (Path, "replace")])
def test_a_failure_at_any_stage_of_writing_leaves_the_file_before(path, monkeypatch, owner, name):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, [b"kept\nafter"])
    assert_untouched(path)


def test_an_error_before_there_is_a_new_file_is_that_error(path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, [b"kept\nafter"])
    monkeypatch.undo()
    assert_untouched(path)


@pytest.mark.parametrize("made", [b"kept\nafter", b"kept\n" + b"a" * START], ids=len)
def test_content_that_cannot_be_made_leaves_the_file_before(path, made):
    """Before enough of it is there to tell its kind, and while it is written."""

    def parts():
        yield made
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(path, parts())
    assert_untouched(path)


def test_parts_are_written_as_they_come_once_the_first_have_told_the_kind(path):
    def parts():
        yield b"kept\n"
        assert os.listdir(path.parent) == ["file"]
        yield b"a" * (START - 5)
        assert sorted(os.listdir(path.parent)) == [".file.partial", "file"]
        yield b"b"

    write_atomically(path, parts())
    assert path.read_bytes() == b"kept\n" + b"a" * (START - 5) + b"b"


def test_the_file_is_forced_to_disk_before_it_takes_the_name_and_the_folder_after(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor):
        folder = os.path.isdir(f"/proc/self/fd/{descriptor}")
        calls.append("folder" if folder else os.fstat(descriptor).st_size)
        fsync(descriptor)

    def noted_replace(self, target):
        calls.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_atomically(path, [b"kept\nafter"])
    assert calls == [len(b"kept\nafter"), "rename", "folder"]


def test_what_an_earlier_kill_has_left_half_written_is_no_obstacle_and_does_not_stay(path):
    (path.parent / ".file.partial").write_bytes(b"half of something longer")
    write_atomically(path, [b"kept\nafter"])
    assert path.read_bytes() == b"kept\nafter" and os.listdir(path.parent) == ["file"]


def test_a_link_stays_a_link_and_its_file_is_written_where_it_is(path, tmp_path_factory):
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(path)
    write_atomically(link, [b"kept\nafter"])
    assert link.is_symlink() and path.read_bytes() == b"kept\nafter"
    assert os.listdir(link.parent) == ["link"]


@pytest.mark.parametrize(
    "function",
    [lambda path: check_writable(path, b"kept\n"), lambda path: write_atomically(path, [b"kept\nafter"])],
)
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
    assert path.read_bytes() == b"kept\nbefore"


def test_a_place_that_is_good_is_left_as_it_was(path):
    check_writable(path, b"kept\n")
    assert_untouched(path)


def test_two_writers_of_one_file_at_a_time_do_not_mix(path):
    def write(letter):
        for _ in range(50):
            write_atomically(path, [b"kept\n", *[letter * 5000 for _ in range(20)]])

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, letter) for letter in (b"a", b"b")]
        found = {path.read_bytes() for _ in range(200)}
    for writer in writers:
        writer.result()
    assert found <= {b"kept\nbefore", b"kept\n" + b"a" * 100_000, b"kept\n" + b"b" * 100_000}
    assert os.listdir(path.parent) == ["file"]


OTHERS = [b"kept\nbefore", b"other\n", "é\n".encode(), b"\0\1 binary", b"\xff" * 8, b"\xe9\xe9\xe9 text"]
STARTS = [*KINDS, b"\x1c\0\0\0TFL3", b"\x08\x08\x12\x07tinyzip", *OTHERS]


@pytest.mark.parametrize("new", STARTS)
@pytest.mark.parametrize("old", STARTS)
def test_a_file_is_replaced_by_its_own_kind_only(tmp_path, old, new):
    path = tmp_path / "file"
    path.write_bytes(old + b" old")
    if kind_of(old) == kind_of(new):
        write_atomically(path, [new[:2], new[2:], b" new"])
        assert path.read_bytes() == new + b" new"
        return
    for write in (lambda: write_atomically(path, [new]), lambda: check_writable(path, new)):
        with pytest.raises(ValueError, match=r"/file: found an? .*, needed an? .*, or no file yet$"):
            write()
    assert path.read_bytes() == old + b" old" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("start", [start for start in STARTS if start not in OTHERS])
def test_what_follows_does_not_change_a_kind(start):
    assert kind_of(start + b" and more") == kind_of(start)


def test_64_bytes_tell_a_kind():
    text = b"a" * 63
    assert kind_of(text + b"bc") == kind_of(text + b"bd") != kind_of(text + b"cc")
    assert kind_of(text + b"b\0") == kind_of(text + b"b")
    assert kind_of(text + "ä".encode()).startswith("a text")  # the last sign is cut
    for odd in (b"text \xff.", b"text\x1f", b"text\x00 "):
        assert kind_of(odd) == f"a file that begins with {odd!r}"
    assert kind_of(b"text\t\r\n \x7f") == "a text that begins with 'text\\t'"
    assert kind_of(b"") == "an empty file"
    assert kind_of(b"\x1c\0\0\0TFL3") == ENDINGS[".tflite"] != kind_of(b"\x1c\0\0\0TFL4")
    onnx = kind_of(b"\x08\x08\x12\x07tinyzip")
    assert onnx == ENDINGS[".onnx"] != kind_of(b"\x09\x08\x12\x07tinyzip") and onnx != kind_of(
        b"\x08\x08\x13\x07"
    )


def test_an_empty_file_has_nothing_to_lose(tmp_path):
    (tmp_path / "file").touch()
    write_atomically(tmp_path / "file", [PROGRAM])
    assert (tmp_path / "file").read_bytes() == PROGRAM


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o755])
def test_permissions_stay_and_are_those_of_the_new_content_from_the_start(path, mode, monkeypatch):
    path.chmod(mode)
    seen = []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append(os.fstat(number).st_mode & 0o777))
    write_atomically(path, [b"kept\nafter"])
    assert path.stat().st_mode & 0o777 == seen[0] == mode


def test_a_file_that_is_read_only_is_not_replaced(path):
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="found a file that is read-only"):
        write_atomically(path, [b"kept\nafter"])
    assert_untouched(path)


def test_a_file_that_the_system_protects_is_not_replaced(path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="found a file that is read-only"):
        write_atomically(path, [b"kept\nafter"])
    assert_untouched(path)


@posix
def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    for name in ("fifo", "link"):
        with pytest.raises(ValueError, match=f"{name}: found a device or a pipe"):
            write_atomically(tmp_path / name, [b"kept\nafter"])
    with pytest.raises(ValueError, match="/dev/full: found a device or a pipe, needed a file"):
        check_writable("/dev/full", PROGRAM)
    assert sorted(os.listdir(tmp_path)) == ["fifo", "link"]


@posix
def test_what_is_being_read_is_not_replaced_whatever_its_name(path):
    link, hard = path.parent / "link", path.parent / "hard"
    link.symlink_to(path)
    os.link(path, hard)
    with path.open("rb") as file:
        for source in (path, link, hard, file.fileno()):
            with reading([path.parent / "none", source]), pytest.raises(ValueError, match="that this reads"):
                write_atomically(path, [b"kept\nafter"])
        assert path.read_bytes() == b"kept\nbefore"
        write_atomically(path, [b"kept\nafter"])


def test_a_new_file_does_not_get_the_ending_of_another_kind(tmp_path):
    for ending, kind in ENDINGS.items():
        for start in STARTS:
            for name in (f"new{ending}", f"new{ending.upper()}"):
                if kind_of(start) == kind or (kind == "a text" and kind_of(start).startswith("a text")):
                    check_writable(tmp_path / name, start)
                    continue
                with pytest.raises(ValueError, match=f"{name}: found .*, needed another ending than"):
                    check_writable(tmp_path / name, start)
    with pytest.raises(ValueError, match=r"x\.txt: found a NumPy array .*, needed another ending than \.txt"):
        write_atomically(tmp_path / "x.txt", [ARRAY])
    for start in (MODEL, CHECKPOINT, PROGRAM):
        write_atomically(tmp_path / f"{start[:3].hex()}.any", [start])


def test_an_empty_name_is_no_path():
    with pytest.raises(ValueError, match=r"^path: found '', needed a path"):
        write_atomically("", [b"kept"])


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


@posix
def test_no_file_or_folder_is_left_open_and_its_lock_is_let_go(path):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(3):
        write_atomically(path, [b"kept\nafter"])
        check_writable(path, b"kept\n")
        with pytest.raises(ZeroDivisionError):
            write_atomically(path, (bytes(1 // zero) for zero in (0,)))
    assert len(os.listdir("/proc/self/fd")) == before if before else True
    fcntl = pytest.importorskip("fcntl")
    kept = []

    def parts():  # during which somebody else gets hold of all that is open, as a copy of the process does
        yield b"kept\n" + b"a" * START
        kept.extend(map(os.dup, [int(number) for number in os.listdir("/proc/self/fd") if is_folder(number)]))
        yield b"b"

    def is_folder(number):
        return os.path.realpath(f"/proc/self/fd/{number}") == str(path.parent)

    write_atomically(path, parts())
    number = os.open(path.parent, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert len(kept) == 1
    for one in (number, *kept):
        os.close(one)


def test_there_is_one_writer():
    root = Path(__file__).parents[2]
    own = re.compile(
        r"\.write_(text|bytes)\(|open\([^)]*[\"'][wax]b?\+?[\"']|np\.savez?\((?!content)|savefig\((?!picture)"
    )
    files = [path for path in (root / "tinyzip").rglob("*.py") if "learn" not in path.parts]
    found = {str(path.relative_to(root)) for path in files if own.search(path.read_text(encoding="utf-8"))}
    assert found == {"tinyzip/base/files.py", "tinyzip/cli/npy.py"}  # the second says how others write
    for path in (root / "examples").rglob("*.py"):
        assert not re.search(r"\.json\.write_", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("made", [b"kept", b"kept\n" + b"a" * START], ids=len)
def test_an_error_of_the_content_that_is_none_of_the_disk_stays_as_it_is(path, made):
    def parts():
        yield made
        raise OSError("no such part")

    with pytest.raises(OSError, match=r"^no such part$"):
        write_atomically(path, parts())
    assert_untouched(path)
