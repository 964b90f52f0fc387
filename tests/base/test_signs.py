"""What is printed reaches every console: where it lacks a sign, a neighbour of it."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyzip.base.signs import NEIGHBOURS, let_streams_write

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "examples" / "models" / "mnist-512.tz"
PRINTS = f"""
from tinyzip.archive import read
from tinyzip.nn.models import student_net
from tinyzip.quant.grids.grid import Grid
print(read({str(MODEL)!r}))
print(student_net().summary())
print(Grid([1.0, 2.0], 0, 0, 255))
print("\\u00b2")
"""
CONSOLES = ["ascii", "cp437", "cp1252", "utf-8"]


def printed(encoding: str, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """What a script writes to a console of this encoding; nothing but bytes is known of it."""
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)} | more
    return subprocess.run([sys.executable, *words], capture_output=True, env=environment, check=False)


@pytest.mark.parametrize("encoding", CONSOLES)
def test_tables_reach_a_console_that_lacks_their_signs(encoding: str) -> None:
    done = printed(encoding, "-c", PRINTS)
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode(encoding)
    assert ("28×28" if encoding in ("cp1252", "utf-8") else "28x28") in told
    assert (" … " if encoding in ("cp1252", "utf-8") else " .. ") in told
    assert told.split()[-1] == ("?" if encoding == "ascii" else "²")


@pytest.mark.parametrize("encoding", CONSOLES[:3])
def test_so_do_errors(encoding: str) -> None:
    done = printed(
        encoding,
        "-c",
        "from tinyzip.base.refuse import refuse; refuse('x', '\\u22121', '1 \\u2026 5 \\u00d7 5')",
    )
    last = done.stderr.decode(encoding).splitlines()[-1]
    signs = "-1, needed 1 … 5 × 5" if encoding == "cp1252" else "-1, needed 1 .. 5 x 5"
    assert done.returncode == 1 and last == f"ValueError: x: found {signs}"


def test_so_does_the_command_line_where_all_files_are_read_as_ascii() -> None:
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "LANG": "C"}
    for words in (["show", str(MODEL)], ["show", "none.tz"], ["learn", "list", "--folder", "none"]):
        done = printed("ascii", "-m", "tinyzip", *words, **plain)
        assert done.returncode in (0, 2) and b"Error" not in done.stderr and done.stderr.count(b"\n") < 2
        assert (done.stdout + done.stderr).decode("ascii")


def test_who_chose_how_to_write_is_left_alone() -> None:
    done = printed("ascii:replace", "-c", "import tinyzip.base, sys; print('\\u00d7', sys.stdout.errors)")
    assert done.stdout.split() == [b"?", b"replace"]
    assert all(neighbour.isascii() for neighbour in NEIGHBOURS.values())


def test_a_stream_that_is_none_of_python_s_own_is_no_obstacle() -> None:
    words = "import io, sys; sys.stdout = None; sys.stderr = io.StringIO(); import tinyzip.base"
    assert printed("ascii", "-c", words).returncode == 0


def test_a_stream_that_cannot_be_set_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(errors="strict"))
    let_streams_write()
    assert vars(sys.stdout) == {"errors": "strict"}


def read_by_locale(file: Path) -> list[str]:
    """The calls in a file that read or write text in whatever encoding the machine has."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and not any(one.arg in ("encoding", None) for one in node.keywords):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            told = {one.arg: one.value for one in node.keywords}
            words = [getattr(one, "value", None) for one in (*node.args, told.get("mode"))]
            binary = any(str(word) in ("rb", "wb", "ab", "rb+", "xb") for word in words)
            binary |= getattr(getattr(node.func, "value", None), "id", "") in ("os", "pillow", "Image")
            text = isinstance(told.get("text"), ast.Constant)
            if name in ("read_text", "write_text") or text or (name == "open" and not binary):
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:80]}")
    return found


def test_no_text_is_read_or_written_in_the_encoding_of_the_machine() -> None:
    files = [path for room in ("tinyzip", "examples", "tests") for path in (ROOT / room).rglob("*.py")]
    assert [call for file in files for call in read_by_locale(file)] == []


def test_a_sign_has_its_neighbour_and_any_other_a_question_mark() -> None:
    let_streams_write()
    assert "3 × 4 − 5, ²".encode("ascii", "tinyzip.neighbour") == b"3 x 4 - 5, ?"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "tinyzip.neighbour")
