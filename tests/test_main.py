"""The command line, and what the bare import costs."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import tinyzip
from tinyzip.__main__ import main
from tinyzip.archive import write
from tinyzip.integer import Argmax, Codes, Conv2d, Flatten, Linear, MaxPool2d, Program

ROOT = Path(__file__).parent.parent
DIGITS = ROOT / "examples" / "data" / "mnist"


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A small program that reads the digits, its blocks named."""
    rng = np.random.default_rng(2)
    program = Program(
        (
            Conv2d(
                rng.integers(-127, 128, (4, 1, 5, 5)),
                None,
                2**30,
                42,
                Codes(0, 255, 0, (1, 6)),
                stride=2,
                name="conv",
            ),
            MaxPool2d(2),
            Flatten(),
            Linear(
                rng.integers(-127, 128, (10, 144)), None, 2**30, 42, Codes(-128, 127, 0, (1, 4)), name="head"
            ),
            Argmax(),
        ),
        (1, 28, 28),
        Codes(0, 255, 0, (1, 8)),
    )
    write(program, tmp_path / "net.tz")
    return tmp_path / "net.tz"


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter that finds the package from wherever the tests run."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_show_prints_every_operator(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(net)]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("Conv2d 5×5/2", "MaxPool2d", "Flatten", "head", "Argmax"))
    assert f"{net.stat().st_size:,} bytes on disk" in out


def test_show_prints_where_every_byte_goes(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(net), "--bytes"]) == 0
    *_, total = capsys.readouterr().out.splitlines()
    assert total.split()[0] == "total" and total.split()[-1] == f"{net.stat().st_size:,}"


def test_explain_prints_a_line_for_every_block(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(net), "--data", str(DIGITS), "--images", "20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("conv") for line in lines)
    assert any(line.startswith("head") for line in lines)


@pytest.mark.parametrize("command", ["show", "explain"])
@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "No such file"), (b"not a program", "the mark of a .tz file"), (b"\x89tz\x1a\x07", "version 2")],
)
def test_a_bad_file_is_one_line_and_exit_code_2(
    command: str,
    content: bytes | None,
    what: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "odd.tz"
    if content is not None:
        path.write_bytes(content)
    assert main([command, str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"tinyzip: {path}: ") and what in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("extra", [["--data", "nowhere"], ["--images", "0"]])
def test_a_bad_option_is_one_line_and_exit_code_2(
    extra: list[str], net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(net), *extra]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_module_runs_as_a_program(net: Path) -> None:
    good = python("-m", "tinyzip", "show", str(net))
    assert good.returncode == 0 and "conv" in good.stdout
    bad = python("-m", "tinyzip", "show", str(net.parent))
    assert bad.returncode == 2 and "Traceback" not in bad.stderr and bad.stderr.count("\n") == 1
    assert python("-m", "tinyzip").returncode == 2


def test_importing_the_package_imports_nothing_else() -> None:
    script = "import sys; before = set(sys.modules); import tinyzip; print(set(sys.modules) - before)"
    assert python("-c", script).stdout.strip() == "{'tinyzip'}"


@pytest.mark.parametrize("room", ["nn", "integer", "quant", "distill", "archive"])
def test_no_room_imports_scipy_or_matplotlib_before_it_needs_them(room: str) -> None:
    script = f"import sys, tinyzip.{room}; print([m for m in sys.modules if m in ('scipy', 'matplotlib')])"
    done = python("-c", script)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert tinyzip.__version__ == project["version"]
