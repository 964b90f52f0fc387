"""Whatever call of the system fails, wherever the power goes: a file is the old or the new one, whole."""

import errno
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np
import pytest
from disk import FAULTS, Disk, PowerCut
from hypothesis import given
from hypothesis import strategies as st
from integer_programs import small
from tiny import IMAGES, LABELS, bytes_of, network

from tinyzip import archive
from tinyzip.cli.main import main
from tinyzip.exchange import c, onnx, page
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.training.saved import load, save
from tinyzip.train.fit import fit
from tinyzip.train.optim import constant
from tinyzip.train.run.checkpoint import read

ONE, OTHER = small(), quantize(network(), IMAGES).program
NET = network(noisy=False)
Command = Callable[[Path], None]


def train(folder: Path, epochs: int = 2) -> str:
    """Go on with a run of the folder, or begin it; what comes out of it."""
    path = folder / "run.ckpt"
    resume = path if path.exists() else None
    model, history = fit(
        network(),
        IMAGES,
        LABELS,
        rng=np.random.default_rng(3),
        epochs=epochs,
        batch=16,
        schedule=constant(1e-3),
        threads=1,
        progress=False,
        checkpoint=path,
        checkpoint_seconds=0,
        resume=resume,
    )
    return f"{crc32(bytes_of(model))} {history.loss}"


def told(*words: object) -> Command:
    """A command line; places in the folder begin with a slash."""

    def run(folder: Path) -> None:
        with np.errstate():
            status = main([f"{folder}{word}" if str(word).startswith("/") else str(word) for word in words])
        if status:
            raise OSError("the command says so")

    return run


COMMANDS: dict[str, Command] = {
    "archive": lambda folder: archive.write(OTHER, folder / "a.tz"),
    "save": lambda folder: save(NET, folder / "a.net"),
    "train": lambda folder: train(folder) and None,
    "c": lambda folder: c.write(OTHER, folder / "a", vectors=2) and None,
    "page": lambda folder: page.write(OTHER, folder / "a.html") and None,
    "export": told("export", "/b.tz", "--to", "c", "--out", "/a"),
    "run": told("run", "/b.tz", "--codes", "/in.npy", "--out", "/out.npy"),
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as an earlier day has left it: of each file another one."""
    folder: Path = tmp_path_factory.mktemp("before")
    archive.write(ONE, folder / "a.tz")
    archive.write(OTHER, folder / "b.tz")
    save(network(), folder / "a.net")
    c.write(ONE, folder / "a", vectors=3)
    page.write(ONE, folder / "a.html")
    train(folder, 1)
    np.save(folder / "in.npy", np.zeros((2, *OTHER.shape), OTHER.input.dtype))
    np.save(folder / "out.npy", np.zeros(3, np.int8))
    return folder


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same folder after each command."""
    return {name: done(before, tmp_path_factory.mktemp(name), command) for name, command in COMMANDS.items()}


def done(before: Path, folder: Path, command: Command) -> Path:
    shutil.copytree(before, folder, dirs_exist_ok=True)
    command(folder)
    return folder


def check(folder: Path, *allowed: Path) -> None:
    """Each file is one of those that it may be, whole; the checkpoint one that a run can go on from."""
    for path in allowed[0].iterdir():
        found = folder / path.name
        assert found.exists(), path.name
        if path.suffix == ".ckpt":
            read(found)
        else:
            assert found.read_bytes() in [(one / path.name).read_bytes() for one in allowed], path.name
    rest = {path.name for path in folder.iterdir()} - {path.name for path in allowed[0].iterdir()}
    assert all(re.fullmatch(r"\.\w+\.\w+\.partial", name) for name in rest), rest


def attempt(folder: Path, command: Command, at: int, fault: str | int, seed: int) -> Disk:
    """A command on a disk whose call number `at` fails, and what is left of it."""
    disk = Disk(folder, at, fault)
    with disk.used(), suppress(PowerCut, OSError):
        command(folder)
    if disk.off:
        disk.left(np.random.default_rng(seed))
    return disk


def each_call(folder: Path, before: Path, command: Command, fault: str | int) -> Iterator[Disk]:
    """The command as often as it calls the system, each time with another call that fails."""
    at, disk = 0, Disk(before)
    while len(disk.calls) >= at:
        at += 1
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder)
        disk = attempt(folder, command, at, fault, at)
        yield disk


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_any_call_of_any_command_may_fail(name, fault, before, after, tmp_path):
    expected, folder = after[name], tmp_path / "folder"
    count = 0
    for disk in each_call(folder, before, COMMANDS[name], fault):
        check(folder, before, expected)
        if not disk.off and disk.calls[-1:] != ["remove"]:
            assert not list(folder.glob(".*.partial")), disk.calls
        count += 1
        if fault == "power" and not disk.off:  # all is done, and then the power goes
            disk.left(np.random.default_rng(0))
            check(folder, expected)
        if fault == "power":  # and when it is back the command does what it would have done
            COMMANDS[name](folder)
            check(folder, expected)
            assert not list(folder.glob(".*.partial"))
    assert count > 5


@pytest.mark.long
def test_a_run_of_which_any_call_fails_ends_in_the_same_bits(before, after, tmp_path):
    expected = train(after["train"])
    for fault in FAULTS:
        for _ in each_call(tmp_path / "folder", before, COMMANDS["train"], fault):
            assert train(tmp_path / "folder") == expected


@given(st.integers(0, 2**32))
def test_histories_of_commands_and_faults_leave_files_that_are_whole(before, after, seed):
    """Commands in any order, many of which fail; the next ones make something whole of what is left."""
    rng = np.random.default_rng(seed)
    names = list(COMMANDS)
    with TemporaryDirectory() as place:
        folder = Path(place, "folder")
        shutil.copytree(before, folder)
        for _ in range(rng.integers(1, 5)):
            name = names[rng.integers(len(names))]
            fault = FAULTS[rng.integers(len(FAULTS))]
            attempt(folder, COMMANDS[name], int(rng.integers(0, 30)), fault, int(rng.integers(2**32)))
            check(folder, before, *after.values())
        if rng.integers(3) == 0:
            assert train(folder) == train(after["train"])
        assert load(folder / "a.net").shape == (1, 6, 6) and archive.read(folder / "a.tz") in (ONE, OTHER)


def test_a_header_beside_the_source_of_another_program_is_refused_by_the_compiler(before, after, tmp_path):
    """Where the power goes between two files of a command, one of them says that the other is not its own."""
    mixed = 0
    for _ in each_call(tmp_path / "folder", before, COMMANDS["c"], "power"):
        header, body = ((tmp_path / "folder" / f"a.{end}").read_text(encoding="ascii") for end in "hc")
        own = re.search(r"CHECKSUM (0x[0-9a-f]+)", header)
        wanted = re.search(r"CHECKSUM != (0x[0-9a-f]+)", body)
        which = [(one / "a.h").read_text(encoding="ascii") == header for one in (before, after["c"])]
        assert own and wanted and any(which)
        same = (before if which[0] else after["c"]) / "a.c"
        assert (own[1] == wanted[1]) == (same.read_text(encoding="ascii") == body)
        mixed += own[1] != wanted[1]
    assert mixed


def test_a_full_disk_is_an_error_that_names_the_file(before, tmp_path):
    folder = tmp_path / "folder"
    for disk in each_call(folder, before, lambda folder: archive.write(OTHER, folder / "a.tz"), "power"):
        assert disk.off or disk.calls
    shutil.rmtree(folder)
    shutil.copytree(before, folder)
    full = Disk(folder, 2, errno.ENOSPC)
    with full.used(), pytest.raises(OSError, match=re.escape(str(folder / "a.tz"))) as caught:
        archive.write(OTHER, folder / "a.tz")
    assert caught.value.errno == errno.ENOSPC and full.calls[:2] == ["open", "write"]


@pytest.mark.needs("onnx")
def test_an_onnx_file_is_the_old_or_the_new_one(tmp_path):
    def write(folder: Path) -> None:
        onnx.write_program(OTHER, folder / "a.onnx")

    old = tmp_path / "old"
    old.mkdir()
    onnx.write_program(ONE, old / "a.onnx")
    new = done(old, tmp_path / "new", write)
    for _ in each_call(tmp_path / "folder", old, write, "power"):
        check(tmp_path / "folder", old, new)
