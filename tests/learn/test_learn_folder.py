"""A student's folder on the command line: what is written, what is said, and that nothing of his is lost."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyzip.cli.main import main
from tinyzip.learn import folder, judge
from tinyzip.learn.course import course, named


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["learn", "start", str(tmp_path / "course")]) == 0
    capsys.readouterr()
    return tmp_path / "course"


def solve(place: Path, *names: str) -> None:
    for name in names:
        (place / named(name).file).write_text(named(name).solution, encoding="utf-8")


def test_all_exercises_are_written_as_stubs_and_none_a_second_time(place: Path, capsys) -> None:
    assert sorted(path.name for path in place.iterdir()) == [exercise.file for exercise in course()]
    solve(place, "windows")
    assert main(["learn", "start", str(place)]) == 0
    assert capsys.readouterr().out.startswith("0 exercises")
    assert (place / "01_windows.py").read_text(encoding="utf-8") == named("windows").solution


def test_the_first_that_is_not_solved_is_checked(place: Path, capsys) -> None:
    solve(place, "windows")
    text = named("im2col").solution.replace("patches[:, i, j] =", "patches[:, kh - 1 - i, kw - 1 - j] =")
    (place / "02_im2col.py").write_text(text, encoding="utf-8")
    assert main(["learn", "--folder", str(place)]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("02_im2col.py: im2col, asked for windows of 2×2 on one image of 3×4: at [0, 4] ")
    assert line.endswith(" - the window is turned: row i of the window is row oh·s + i of the image")


def test_what_the_student_wrote_is_what_later_exercises_use(place: Path) -> None:
    solve(place, "windows")
    text = named("windows").solution.replace("    room =", "    print('mine')\n    room =")
    (place / "01_windows.py").write_text(text, encoding="utf-8")
    solve(place, "im2col")
    assert folder.check(place, named("im2col")) == ""
    wrong = text.replace("room // s + 1", "room // s")
    (place / "01_windows.py").write_text(wrong, encoding="utf-8")
    assert folder.check(place, named("im2col")) == ""  # by the library's, since this one is not solved
    assert folder.check(place, named("windows")).startswith("01_windows.py: window_count, asked for ")


def test_an_exercise_gets_nothing_of_a_later_one(place: Path) -> None:
    (place / "01_windows.py").write_text("from tinyzip.learn.earlier import im2col\n", encoding="utf-8")
    line = folder.check(place, named("windows"))
    assert line == "01_windows.py:1: ImportError: im2col is what exercise 2 asks for, and comes later"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def window_count(H, k, s=1, before=0, after=0):\n    return undefined\n",
         "01_windows.py:2: NameError: name 'undefined' is not defined (asked for a window of 5 on 28"),
        ("def window_count(:\n", "01_windows.py:1: SyntaxError: invalid syntax"),
        ("window_count = 3\n", "01_windows.py: there is no function window_count"),
        ("def window_count(*_):\n    raise SystemExit\n", "01_windows.py:2: SystemExit:"),
        ("import os\nos._exit(0)\n", "01_windows.py: it ended Python before the check was over"),
        ("def window_count(*_):\n    return 'many'\n", "a str came, numbers were needed"),
        ("def window_count(*_):\n    return 24.0\n", "floats came (float64), whole numbers were needed"),
        ("def window_count(*_):\n    return [24]\n", "the shape (1,) came, () was needed"),
        ("def window_count(*_):\n    return 123456789\n", " 123456789 came, 24 was needed"),
    ],
)  # fmt: skip
def test_errors_are_shown_as_they_are_with_file_and_line_first(place: Path, text: str, line: str) -> None:
    (place / "01_windows.py").write_text(text, encoding="utf-8")
    found = folder.check(place, named("windows"))
    assert line in found and found.startswith("01_windows.py") and "\n" not in found


def test_arrays_that_were_handed_in_must_stay_as_they_were(place: Path) -> None:
    text = "import numpy as np\n\ndef relu(x):\n    x[x < 0] = 0\n    return x\n\nrelu_backward = None\n"
    text = text.replace("relu_backward = None", "def relu_backward(dy, y):\n    return dy * (y > 0)")
    (place / "05_relu.py").write_text(text, encoding="utf-8")
    line = folder.check(place, named("relu"))
    assert line == "05_relu.py: relu changes its argument 1, an array, in place; it must stay as it was"


def test_what_a_dict_holds_must_stay_as_it_was_too(place: Path) -> None:
    text = named("loop").solution.replace("p = step(p, backward(", "p.update(step(p, backward(")
    text = text.replace("dz, cache))\n            losses", "dz, cache)))\n            losses")
    (place / named("loop").file).write_text(text, encoding="utf-8")
    assert folder.check(place, named("loop")).startswith(
        "18_loop.py: train changes its argument 1, or an array in it, in place"
    )


def test_two_answers_may_come_as_the_rows_of_one_array(place: Path) -> None:
    both = "curvature + slope, curvature - slope"
    text = named("up_or_down").solution.replace(f"return {both}", f"return np.stack([{both}])")
    assert "np.stack" in text
    (place / named("up_or_down").file).write_text(text, encoding="utf-8")
    assert folder.check(place, named("up_or_down")) == ""


def test_a_default_that_was_changed_is_noticed(place: Path) -> None:
    text = named("conv").solution.replace("s: int = 1, p: int = 0", "s: int = 1, p: int = 1")
    (place / named("conv").file).write_text(text, encoding="utf-8")
    assert folder.check(place, named("conv")).startswith("06_conv.py: conv, asked for ")


@pytest.mark.long
def test_a_loop_without_end_elsewhere_does_not_hide_what_is_wrong(place: Path) -> None:
    text = "def relu(x):\n    return x\n\ndef relu_backward(dy, y):\n    while True:\n        pass\n"
    (place / "05_relu.py").write_text(text, encoding="utf-8")
    assert folder.check(place, named("relu"), seconds=2).startswith("05_relu.py: relu, asked for ")


def test_a_known_mistake_that_raises_is_called_by_its_name(place: Path) -> None:
    wrong = "import numpy as np\n\ndef relu(x):\n    return max(x, 0)\n\nrelu_backward = relu\n"
    (place / "05_relu.py").write_text(wrong, encoding="utf-8")
    assert folder.check(place, named("relu")).startswith("05_relu.py:4: ValueError: The truth value of")


def test_what_overflows_is_shown_as_an_answer_and_not_as_warnings(tmp_path: Path, capfd) -> None:
    text = named("softmax").solution.replace("z - z.max(axis=0)", "z")
    (tmp_path / named("softmax").file).write_text(text, encoding="utf-8")
    line = folder.check(tmp_path, named("softmax"))
    assert "asked for logits around 1000: at [0, 0] nan came" in line and "is not taken off" in line
    assert capfd.readouterr().err == ""


def test_an_endless_loop_is_stopped(place: Path) -> None:
    (place / "01_windows.py").write_text("while True:\n    pass\n", encoding="utf-8")
    line = folder.check(place, named("windows"), seconds=1.5)
    assert line == "01_windows.py: still running after 2 seconds; is there a loop that does not end?"


@pytest.mark.long
def test_what_is_solved_is_judged_in_one_process_and_each_exercise_has_its_own_time(
    place: Path, monkeypatch
) -> None:
    started, popen = [], folder.subprocess.Popen
    monkeypatch.setattr(folder.subprocess, "Popen", lambda *a, **k: started.append(a) or popen(*a, **k))
    solve(place, "windows", "im2col", "col2im", "linear")
    assert folder.first_unsolved(place) == (named("relu"), "05_relu.py: not begun yet")
    assert len(started) == 1
    (place / "02_im2col.py").write_text("while True:\n    pass\n", encoding="utf-8")
    said = {exercise.name: line for exercise, line in folder.checked(place, course()[:4], seconds=1.5)}
    assert said["im2col"].startswith("02_im2col.py: still running after 2 seconds")
    assert [said[name] for name in ("windows", "col2im", "linear")] == ["", "", ""]


def test_a_watched_folder_is_checked_at_every_save(place: Path, monkeypatch, capsys) -> None:
    solve(place, "windows")
    saves = iter(["im2col", "col2im"])

    def sleep(_: float) -> None:
        if (name := next(saves, None)) is None:
            raise KeyboardInterrupt
        solve(place, name)

    monkeypatch.setattr("tinyzip.learn.commands.time", SimpleNamespace(sleep=sleep))
    main(["learn", "--watch", "--folder", str(place)])
    lines = [line for line in capsys.readouterr().out.splitlines() if ": not begun yet" in line]
    assert lines == [f"{named(name).file}: not begun yet" for name in ("im2col", "col2im", "linear")]


def test_reset_keeps_the_old_file_beside_the_new(place: Path, capsys) -> None:
    solve(place, "windows")
    for number in (1, 2):
        assert main(["learn", "reset", "windows", "--folder", str(place)]) == 0
        assert f"01_windows.old{number}" in capsys.readouterr().out
        assert (place / "01_windows.py").read_text(encoding="utf-8") == named("windows").stub
    assert (place / "01_windows.old1").read_text(encoding="utf-8") == named("windows").solution


def test_a_solution_is_given_after_solving_or_to_who_gives_up(place: Path, capsys) -> None:
    assert main(["learn", "solution", "windows", "--folder", str(place)]) == 2
    assert "--give-up" in capsys.readouterr().err
    assert main(["learn", "solution", "windows", "--folder", str(place), "--give-up"]) == 0
    assert "room // s + 1" in capsys.readouterr().out
    solve(place, "windows")
    assert main(["learn", "solution", "windows", "--folder", str(place)]) == 0
    assert "tinyzip/base/windows.py" in capsys.readouterr().out


def test_the_list_says_what_is_solved_and_hints_lead_there(place: Path, capsys) -> None:
    solve(place, "windows", "relu")
    assert main(["learn", "list", "--folder", str(place)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("    * ")]
    assert [line.startswith("done") for line in lines] == [e.name in ("windows", "relu") for e in course()]
    assert main(["learn", "hint", "--folder", str(place)]) == 0
    line = f"02_im2col.py, hint 1 of 3: {named('im2col').check.hints[0]}"
    assert capsys.readouterr().out.splitlines()[0] == line


def test_a_folder_without_exercises_and_names_of_none_are_refused(tmp_path: Path, capsys) -> None:
    assert main(["learn", "--folder", str(tmp_path)]) == 2
    assert "needed a folder of them: tinyzip learn start FOLDER" in capsys.readouterr().err
    assert main(["learn", "reset", "conv3d", "--folder", str(tmp_path)]) == 2
    assert "found conv3d, needed one of windows, " in capsys.readouterr().err


def test_whether_an_earlier_exercise_is_solved_is_found_without_a_name_for_its_mistake(
    place: Path, monkeypatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(judge, "name_of", lambda own, exercise, failed: asked.append(exercise.name))
    wrong = named("windows").solution.replace("room // s + 1", "room // s")
    (place / "01_windows.py").write_text(wrong, encoding="utf-8")
    assert not judge.is_solved(place / "01_windows.py", named("windows")) and not asked
