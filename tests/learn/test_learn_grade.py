"""A class is graded: who solved what, in processes that are held to limits, and nothing else happens."""

import csv
import os
import sys
from pathlib import Path

import pytest

from tinyzip.cli.main import main
from tinyzip.learn import confined, folder
from tinyzip.learn.course import course, named

FEW = ("windows", "im2col", "col2im", "linear")


@pytest.fixture(autouse=True)
def _four_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first four of the course, which say what all would say."""
    first = course()[: len(FEW)]
    for place in ("tinyzip.learn.folder.course", "tinyzip.learn.grade.course"):
        monkeypatch.setattr(place, lambda: first)


def hand_in(place: Path, **texts: str) -> Path:
    """A student's folder: stubs, and the exercises of these names with these texts; "" is the solution."""
    folder.start(place)
    for name, text in texts.items():
        (place / named(name).file).write_text(text or named(name).solution, encoding="utf-8")
    return place


def test_each_folder_gets_its_count_and_a_line_for_what_is_wrong(tmp_path: Path, capsys) -> None:
    good = hand_in(tmp_path / "ada", **dict.fromkeys(FEW, ""))
    wrong = named("linear").solution.replace("w @ x", "w @ x * 2")
    some = hand_in(tmp_path / "bob", windows="", im2col="def im2col(:\n", linear=wrong)
    table = tmp_path / "class.csv"
    assert main(["learn", "grade", str(good), str(some), "--csv", str(table)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{good}: 4 of 4 solved" and lines[1] == f"{some}: 1 of 4 solved"
    assert lines[2] == "  02_im2col.py:1: SyntaxError: invalid syntax" and len(lines) == 4
    assert lines[3].startswith("  04_linear.py: linear, asked for ")
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["folder"], row["exercise"], row["solved"]) for row in rows] == [
        (str(place), name, str(int(place == good or name == "windows")))
        for place in (good, some)
        for name in FEW
    ]
    assert [row["what is wrong"] for row in rows[:5]] == [""] * 5
    assert rows[6]["what is wrong"] == "03_col2im.py: not begun yet"
    assert rows[7]["what is wrong"] == lines[3].strip()


def test_what_a_student_writes_runs_in_another_process_and_changes_no_file(tmp_path: Path, capsys) -> None:
    marked = "from pathlib import Path\nfor path in Path(__file__).parent.iterdir():\n    path.unlink()\n"
    place = hand_in(tmp_path / "eve", windows=marked + named("windows").solution)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert main(["learn", "grade", str(place)]) == 0
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert not any(str(place) in (getattr(module, "__file__", None) or "") for module in sys.modules.values())


@pytest.mark.long  # it waits for time limits
def test_one_who_takes_all_memory_and_one_who_never_ends_stop_nobody_else(
    tmp_path: Path, monkeypatch
) -> None:
    from tinyzip.learn import grade

    greedy = "import numpy as np\nx = np.empty(3 * 10**9, np.uint8)\n"
    endless = "while True:\n    pass\n"
    first = hand_in(tmp_path / "a", windows=greedy, im2col="", col2im=endless)
    second = hand_in(tmp_path / "b", windows="", im2col="")
    found = {
        place: [not line for _, line in told] for place, told in grade.grade([first, second], seconds=2.0)
    }
    assert found == {first: [False, True, False, False], second: [True, True, False, False]}
    told = dict(zip(FEW, [line for _, line in next(iter(grade.grade([first], seconds=2.0)))[1]], strict=True))
    assert "MemoryError" in told["windows"] and "still running" in told["col2im"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can take the network from a process")
def test_a_confined_process_has_no_memory_beyond_its_own_and_no_network(tmp_path: Path) -> None:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        memory, network = confined.confine(4_000_000_000)
        interfaces = Path("/proc/self/net/dev").read_text(encoding="utf-8").count(":")
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        os.write(write, f"{memory} {network} {interfaces} {limit}".encode())
        os._exit(0)
    os.close(write)
    memory, network, interfaces, limit = os.read(read, 100).decode().split()
    os.close(read)
    os.waitpid(child, 0)
    assert memory == "True" and limit == "4000000000"
    assert network == "False" or interfaces == "1"  # lo alone; some systems let nobody leave


def test_folders_without_exercises_none_and_one_twice_are_refused(tmp_path: Path, capsys) -> None:
    place = hand_in(tmp_path / "ada")
    for words, line in (
        ([], "no folder"),
        ([str(tmp_path)], f"no exercises in {tmp_path}"),
        ([str(place), str(place)], "more than once"),
    ):
        assert main(["learn", "grade", *words]) == 2
        assert line in capsys.readouterr().err


def test_hints_are_given_one_at_a_time(tmp_path: Path, capsys) -> None:
    place = hand_in(tmp_path / "ada")
    for number in (1, 2, 3):
        assert main(["learn", "hint", "linear", "--folder", str(place), "--number", str(number)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"04_linear.py, hint {number} of 3: {named('linear').check.hints[number - 1]}"
        more = [f"`tinyzip learn hint linear --number {number + 1}` says more"]
        assert lines[1:] == (more if number < 3 else [])
