"""The command line: its list of commands, how it says no, where it writes; and what the bare import costs."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

import tinyzip
from tinyzip.cli.main import COMMANDS, inputs_of, main, parser
from tinyzip.cli.main import command as file_of
from tinyzip.nn.layers import Flatten, Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.training.saved import save

ROOT = Path(__file__).parents[2]


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter that finds the package from wherever the tests run."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )


def test_a_command_imports_no_other_and_help_knows_them_all() -> None:
    for words, needed in (("['learn', '--help']", {"learn"}), ("['--help']", set(COMMANDS))):
        code = f"""if True:
            import sys
            from tinyzip.cli.main import main
            try:
                main({words})
            except SystemExit:
                known = [name for name in {COMMANDS} if f"tinyzip.cli.{{name}}" in sys.modules]
                print(*known, file=sys.stderr)
        """
        assert set(python("-c", code).stderr.split()) == needed


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_a_command_are_lines_that_it_understands(command: str) -> None:
    assert file_of(command).EXAMPLES
    for line in file_of(command).EXAMPLES.splitlines():
        *_, words = line.split(" | ")
        program, *arguments = shlex.split(words)
        assert program == "tinyzip" and parser().parse_args(arguments).command == command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_the_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    out = capsys.readouterr().out
    assert all(f"\n  {line}\n" in out for line in file_of(command).EXAMPLES.splitlines())


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


def stop(command: str, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command end in an error."""

    def run(options: Namespace) -> None:
        raise error

    monkeypatch.setattr(file_of(command), "run", run)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a: found b,\n needed c"), "a: found b, needed c"),
        (TypeError("a"), "a"),
        (ImportError("a"), "a"),
        (FloatingPointError("a"), "a"),
        (MemoryError("a"), "not enough memory (a)"),
        (KeyboardInterrupt(), "interrupted"),
        (OSError(13, "Permission denied", "a.tz"), "a.tz: Permission denied"),
        (OSError("a"), "a"),
    ],
)
def test_whatever_stops_a_command_is_one_line(
    error: BaseException,
    line: str,
    net: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the standard output, where it is not the cause, goes on."""
    stop("show", error, monkeypatch)
    monkeypatch.setattr("tinyzip.cli.main.forget_output", lambda: pytest.fail("the output is not the cause"))
    assert main(["show", str(net)]) == 2
    assert capsys.readouterr().err == f"tinyzip: {line}\n"


@pytest.mark.parametrize(
    ("error", "code"), [(BrokenPipeError(), 0), (OSError(28, "No space left on device"), 2)]
)
def test_an_output_that_ends_is_let_go(
    error: OSError, code: int, net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = []
    stop("show", error, monkeypatch)
    monkeypatch.setattr("tinyzip.cli.main.forget_output", lambda: forgotten.append(1))
    assert (main(["show", str(net)]), forgotten) == (code, [1])


def test_what_a_command_reads_is_every_word_but_what_it_writes() -> None:
    words = Namespace(file="-", images=["a.npy", 3], out="b", plot=Path("c"), csv="d", bits=4, data=Path("e"))
    assert list(inputs_of(words)) == [0, "a.npy", Path("e")]


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"{tinyzip.__version__}\n"


def test_the_module_runs_as_a_program(net: Path) -> None:
    good = python("-m", "tinyzip", "show", str(net))
    assert good.returncode == 0 and "conv" in good.stdout
    bad = python("-m", "tinyzip", "show", str(net.parent))
    assert bad.returncode == 2 and "Traceback" not in bad.stderr and bad.stderr.count("\n") == 1
    assert python("-m", "tinyzip").returncode == 2


def test_a_terminal_of_ascii_gets_a_neighbour_of_each_sign_that_it_does_not_have(net: Path) -> None:
    done = python("-m", "tinyzip", "show", str(net), PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stderr == ""
    assert "Conv2d 5x5/2" in done.stdout and done.stdout.isascii()
    if sys.getfilesystemencoding() != "utf-8":
        pytest.skip("no file can have such a name here")
    bad = python("-m", "tinyzip", "show", str(net.parent / "no×file.tz"), PYTHONIOENCODING="ascii")
    assert bad.returncode == 2 and "nox" in bad.stderr and bad.stderr.isascii()


def test_a_reader_of_the_pipe_may_stop_when_it_has_seen_enough(net: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tinyzip", "show", str(net)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line_and_exit_code_2(net: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tinyzip", "show", str(net)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "No space left" in done.stderr


def test_a_network_of_floats_is_told_from_a_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Sequential.create({"flatten": Flatten(), "fc": Linear(4, 2)}, (1, 2, 2), np.random.default_rng(0))
    save(model, tmp_path / "digits.net")
    assert main(["show", str(tmp_path / "digits.net")]) == 2
    assert "found a saved network or its grids, needed an integer program (.tz)" in capsys.readouterr().err


def test_the_console_script_is_this_command_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["tinyzip"].partition(":")
    assert getattr(sys.modules[module], name) is main


def test_importing_the_package_imports_nothing_else() -> None:
    script = "import sys; before = set(sys.modules); import tinyzip; print(set(sys.modules) - before)"
    assert python("-c", script).stdout.strip() == "{'tinyzip'}"


@pytest.mark.parametrize("room", ["nn", "integer", "quant", "distill", "archive"])
def test_no_room_imports_scipy_or_matplotlib_before_it_needs_them(room: str) -> None:
    script = f"import sys, tinyzip.{room}; print([m for m in sys.modules if m in ('scipy', 'matplotlib')])"
    done = python("-c", script)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_version_is_said_once_and_its_changes_are_listed_first() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["version"]["path"] == "tinyzip/__init__.py"
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    assert "\nversion" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", changes, re.MULTILINE)[0] == tinyzip.__version__


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: COMMAND; see tinyzip --help"),
        (["sow"], "invalid choice: 'sow'"),
        (["show"], "the following arguments are required: FILE; see tinyzip show --help"),
        (["show", "a.tz", "--byte-count"], "unrecognized arguments: --byte-count; see tinyzip --help"),
        (
            ["quantize", "a.net", "--out", "a.tz", "--bits", "four"],
            "invalid int value: 'four'; see tinyzip qu",
        ),
    ],
)
def test_a_command_that_cannot_be_read_is_one_line_that_says_where_help_is(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    err = capsys.readouterr().err
    assert said in err and err.startswith("tinyzip: ") and err.count("\n") == 1
