"""Milestones run on what the student wrote: each planted error is noticed, and its function is named."""

import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pytest
from golden import read_golden
from hypothesis import given
from hypothesis import strategies as st
from right_answers import right_answers

from tinyzip import integer
from tinyzip.cli.main import main
from tinyzip.learn.course import course, named
from tinyzip.learn.milestones import digits, luck
from tinyzip.learn.milestones import run as milestones
from tinyzip.learn.milestones.digits import committed, validation
from tinyzip.learn.milestones.golf import golf
from tinyzip.learn.milestones.integers import recorded
from tinyzip.learn.milestones.own import needed

ROOT = Path(__file__).parents[2]
PLACE = "tinyzip/learn/data/"
MNIST = ROOT / "examples" / "data" / "mnist"

# What the checks do not ask, and a milestone does: a condition on the arguments of the student's function.
PLANTED = {
    "network": {
        "window_count": "a[:2] == (40, 5)",
        "im2col": "a[0].shape[-1] >= 50",
        "col2im": "a[1][-1] >= 50",
        "linear": "a[0].shape[1] >= 50",
        "linear_backward": "a[0].shape[1] >= 50",
        "relu": "a[0].size >= 5000",
        "relu_backward": "a[0].size >= 5000",
        "conv": "a[0].shape[-1] >= 50",
        "conv_dw": "a[0].shape[-1] >= 50",
        "conv_dx": "a[0].shape[-1] >= 50",
        "max_pool": "a[0].shape[-1] >= 50",
        "max_pool_backward": "a[0].shape[-1] >= 50",
        "softmax": "a[0].shape[1] >= 50",
        "log_softmax": "a[0].shape[1] >= 50",
        "cross_entropy": "a[0].shape[1] >= 50",
        "he_deviation": "a[0] == (50, 140)",
        "he": "a[1] == (50, 140)",
        "adamw": "a[0].size >= 500",
        "train": "len(a[2]) >= 1000",
    },
    "teacher": {
        "soften": "a[0].shape[1] >= 50",
        "divergence": "a[0].shape[1] >= 50",
        "distillation": "a[0].shape[1] >= 50",
        "strongest": "a[1] >= 10",
        "cut": "len(a[0]) >= 10",
        "cut_linear": "a[0].shape[1] >= 50",
    },
    "integers": {
        "multiplier": "f'{a[0]:.4f}' == '0.0025'",
        "rescale_once": "a[0].shape[-1] == 8",
        "high": "a[0].shape[-1] == 8",
        "divide": "a[0].shape[-1] == 8",
        "requantize": "a[0].shape[-1] == 8",
        "accumulate": "a[0].shape[1:] == (1, 1, 8)",
        "conv_codes": "a[0].shape[-1] == 8",
        "sum_bounds": "len(a[0]) == 24",
        "sum_ends": "len(a[0]) == 24",
        "accumulator_bits": "a[0] == 331_245",
        "mean_away": "a[0].size == 16 * 4 * 3 * 8",
        "avg_pool_codes": "a[0].shape[-1] == 8",
    },
    "reader": {
        "entropy": "a[0].sum() > 4000",
        "message_bits": "a[0].sum() > 4000",
        "append": "a[0] % 3000 == 778",
        "remove": "a[0] % 3000 == 777",
        "encode": "len(a[0]) > 2000",
        "fill": "len(a[1]) > 1000",
        "chance": "301 < sum(a[0]) < 999",
        "decide": "a[0] % 3000 == 778",
    },
}
UNUSED = {"read_bits"}
SHOWN_BY = {  # functions that are used in their own file only
    "he_deviation": "he",
    "mean_away": "avg_pool_codes",
    "append": "encode",
}
CASES = [(name, function, where) for name, own in PLANTED.items() for function, where in own.items()]

SPOILT = """
_right_{function} = {function}

def {function}(*a):
    y = _right_{function}(*a)
    return _spoilt(y) if {where} else y

def _spoilt(y):
    if isinstance(y, tuple):
        return _spoilt(y[0]), *y[1:]
    if isinstance(y, dict):
        return {{name: _spoilt(array) for name, array in y.items()}}
    if isinstance(y, int):
        return y - 1
    if isinstance(y, list):
        return y[1:]
    if isinstance(y, np.ndarray) and y.dtype.kind in "iu":
        return y[::-1]
    return y * 1.001
"""


def spoilt(function: str, where: str) -> tuple[str, str]:
    """The file of a function, and its solution with an error where a condition holds."""
    exercise = next(e for e in course() if function in e.functions)
    text = f"import numpy as np\n{exercise.solution.partition('if __name__')[0]}"
    return exercise.file, text + SPOILT.format(function=function, where=where)


def solved(place: Path, *but: str) -> Path:
    """A folder in which all is solved."""
    for exercise in course():
        text = exercise.stub if exercise.name in but else exercise.solution
        (place / exercise.file).write_text(text, encoding="utf-8")
    return place


def test_every_function_that_a_milestone_runs_on_has_an_error_planted() -> None:
    earlier: set[str] = set()
    for stone in milestones.milestones():
        functions = {name for exercise in stone.needed for name in exercise.functions}
        assert functions - earlier == set(PLANTED[stone.name]) | UNUSED & functions, stone.name
        earlier |= functions


@pytest.mark.long
@pytest.mark.parametrize(("name", "function", "where"), CASES, ids=lambda value: str(value)[:20])
def test_an_error_that_no_check_asks_for_is_noticed_in_the_milestone_and_its_function_is_named(
    name: str, function: str, where: str, tmp_path: Path
) -> None:
    file, text = spoilt(function, where)
    (solved(tmp_path) / file).write_text(text, encoding="utf-8")
    said: list[str] = []
    result = milestones.run(tmp_path, name, said.append)
    by = SHOWN_BY.get(function, function)
    assert not result.passed and result.line.startswith(f"{file}: {by}"), result
    assert function in said[0].partition(";")[0]  # among the student's: its check was passed


def test_a_file_that_is_begun_has_to_be_right_before_a_milestone_runs(tmp_path: Path) -> None:
    text = named("conv").solution.replace("maps + b", "maps - b")
    (solved(tmp_path) / named("conv").file).write_text(text, encoding="utf-8")
    result = milestones.run(tmp_path, "network", lambda line: None)
    assert not result.passed and result.line.startswith("06_conv.py: conv, asked for ")


@pytest.mark.long
@pytest.mark.parametrize("stone", milestones.milestones(), ids=lambda stone: stone.name)
def test_a_milestone_is_passed_by_the_solutions_and_says_whose_functions_ran(stone, tmp_path: Path) -> None:
    said: list[str] = []
    but = stone.needed[0]
    result = milestones.run(solved(tmp_path, but.name), stone.name, said.append, seconds=60)
    assert result.passed, result
    yours, theirs = said[0].split("; the library's: ")
    assert theirs.split(", ") == list(but.functions)
    assert yours.removeprefix("yours: ").split(", ") == [f for e in stone.needed[1:] for f in e.functions]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "which"),
    [("network", 1), *((name, k) for name in ("integers", "reader") for k in (0, 1))],
)
def test_right_answers_that_are_written_in_another_way_pass_the_milestones(
    name: str, which: int, tmp_path: Path
) -> None:
    for exercise in course():
        (tmp_path / exercise.file).write_text(right_answers(exercise)[which], encoding="utf-8")
    said: list[str] = []
    result = milestones.run(tmp_path, name, said.append)
    assert result.passed and said[0].endswith("the library's: none"), result


@pytest.mark.long
def test_an_endless_loop_is_stopped_and_an_error_has_the_students_file_and_line_first(tmp_path: Path) -> None:
    exercise = named("he")
    text = exercise.solution.replace("return rng.standard_normal", "{}\n    return rng.standard_normal")
    text = text.partition("if __name__")[0]
    number = text[: text.index("{}")].count("\n") + 1
    for line, seconds, told in (
        ("if shape[0] == 50: undefined", 60, f"{exercise.file}:{number}: NameError: name 'undefined'"),
        ("while shape[0] == 50: pass", 2, "network: still running after 2 seconds"),
        ("if shape[0] == 50: import os; os._exit(3)", 60, "network: it ended Python before"),
    ):
        (solved(tmp_path) / exercise.file).write_text(text.replace("{}", line, 1), encoding="utf-8")
        result = milestones.run(tmp_path, "network", lambda line: None, seconds)
        assert not result.passed and result.line.startswith(told), result


def test_the_list_shows_each_milestone_after_its_exercise_and_all_that_it_needs_is_before(
    tmp_path: Path, capsys
) -> None:
    assert main(["learn", "start", str(tmp_path)]) == 0
    assert main(["learn", "list", "--folder", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    for stone in milestones.milestones():
        at = next(k for k, line in enumerate(lines) if f"* milestone {stone.name} " in line)
        assert named(stone.after).file in lines[at - 1] and stone.title in lines[at]
        assert max(exercise.number for exercise in stone.needed) <= named(stone.after).number
    assert lines[-1].startswith("    * golf FILE.tz ")


def test_a_milestone_runs_where_the_exercise_after_it_is_not_begun(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    ran: list[str] = []
    passed = milestones.Result(True, "it is")
    monkeypatch.setattr(milestones, "run", lambda folder, name, say: ran.append(name) or passed)
    folder = ["--folder", str(solved(tmp_path, "differences", "temperature"))]
    assert main(["learn", *folder]) == 0
    assert ran == ["network"]
    assert "19_differences.py: not begun yet" in capsys.readouterr().out
    (tmp_path / named("differences").file).write_text("differences = None\n", encoding="utf-8")
    assert main(["learn", *folder]) == 0
    assert ran == ["network"]
    assert main(["learn", "milestone", *folder]) == 0  # the last that is reached
    solved(tmp_path, "temperature")
    assert main(["learn", *folder]) == 0  # none stands before it
    assert main(["learn", "milestone", "teacher", *folder]) == 0
    assert ran == ["network", "network", "teacher"]
    assert "passed: it is" in capsys.readouterr().out


def test_names_of_no_milestone_and_a_folder_where_none_is_reached_are_refused(tmp_path: Path, capsys) -> None:
    assert main(["learn", "start", str(tmp_path)]) == 0
    assert main(["learn", "milestone", "marathon", "--folder", str(tmp_path)]) == 2
    assert "found marathon, needed one of network, " in capsys.readouterr().err
    assert main(["learn", "milestone", "--folder", str(tmp_path)]) == 2
    assert "none before the first unsolved exercise" in capsys.readouterr().err


def test_what_a_milestone_needs_is_what_its_exercises_are_made_of() -> None:
    assert [exercise.name for exercise in needed(["conv_dx"])] == ["windows", "col2im", "conv_dx"]


@given(st.integers(1, 60), st.data())
def test_the_interval_leaves_out_the_rates_for_which_so_few_or_so_many_errors_are_too_rare(N, data) -> None:
    errors = data.draw(st.integers(0, N))
    low, high = luck.interval(errors, N)

    def tail(e: float, counts: range) -> float:
        return sum(comb(N, k) * e**k * (1 - e) ** (N - k) for k in counts)

    assert 0 <= low <= errors / N <= high <= 1
    assert (low == 0) == (errors == 0) and (high == 1) == (errors == N)
    if errors:
        assert tail(low, range(errors, N + 1)) == pytest.approx(0.025)
    if errors < N:
        assert tail(high, range(errors + 1)) == pytest.approx(0.025)


@given(st.integers(0, 40), st.integers(0, 40))
def test_luck_adds_up_what_is_no_likelier_than_what_came(one: int, other: int) -> None:
    n = one + other
    chance = [Fraction(comb(n, i), 2**n) for i in range(n + 1)]
    expected = sum(c for c in chance if c <= chance[one])
    assert luck.luck(one, other) == luck.luck(other, one) == pytest.approx(float(expected))


def test_the_digits_that_come_along_are_validation_images_and_the_files_are_committed() -> None:
    along, all_of_them = validation(None), validation(MNIST)
    assert len(along) == 1000 and len(all_of_them) == 2000
    assert np.array_equal(along.images, all_of_them.images[:1000])
    assert np.array_equal(along.labels, all_of_them.labels[:1000])
    assert len(committed()) == 4
    for name, content in committed().items():
        assert (ROOT / "examples" / "models" / name).read_bytes() == content


def test_the_recorded_network_is_that_of_the_golden_vectors() -> None:
    along, golden = recorded(), read_golden(ROOT / "tests" / "data" / "mixed.npz")
    assert along.program == golden.program
    assert np.array_equal(along.input, golden.codes[..., :8])
    for own, wanted in zip(along.codes, golden.expected, strict=True):
        assert np.array_equal(own, wanted[..., :8])


def test_the_recorded_network_tells_one_rounding_from_two() -> None:
    along = recorded()
    for before, after in (("double", "single"), ("single", "double")):
        operators = tuple(
            replace(o, rounding=after) if getattr(o, "rounding", None) == before else o
            for o in along.program.operators
        )
        changed = integer.run(replace(along.program, operators=operators), along.input)
        assert (changed != along.codes[-1]).any()


def test_golf_compares_with_the_best_that_is_no_larger(tmp_path: Path) -> None:
    files = committed()
    path = tmp_path / "mine.tz"
    path.write_bytes(files["mnist-1024.tz"])
    lines = list(golf(path, None, final=False))
    assert lines[0].startswith(
        "mine.tz: 1,016 bytes, 5 errors (0.50%, 95 % interval 0.16% to 1.16%) on 1,000"
    )
    assert lines[2] == "the best so far of as many bytes or fewer: mnist-512.tz, 511, 6 errors"
    assert lines[3].endswith("no better by more than luck, p = 1")
    (tmp_path / "before.tz").write_bytes(files["mnist-512.tz"] + b"\0")  # not a file of ours any more
    (tmp_path / "better.tz").write_bytes(files["mnist-8192.tz"])
    path.write_bytes(files["mnist-8192.tz"])
    (tmp_path / "other.tz").write_bytes(files["mnist-2953.tz"])
    assert "mnist-2953.tz, 2,828, 3 errors" in list(golf(path, None, final=False))[2]
    path.write_bytes(files["mnist-512.tz"])
    assert list(golf(path, None, final=False))[-1].endswith("has 511 bytes or fewer: it is the smallest")


def test_files_beside_one_compete_with_it(tmp_path: Path, monkeypatch) -> None:
    from tinyzip.learn.milestones import golf as page

    files = committed()
    monkeypatch.setattr(page, "committed", dict)
    for name, of in (("mine.tz", "mnist-1024.tz"), ("other.tz", "mnist-512.tz")):
        (tmp_path / name).write_bytes(files[of])
    lines = list(golf(tmp_path / "mine.tz", None, final=False))
    assert lines[2] == "the best so far of as many bytes or fewer: other.tz, 511, 6 errors"


def test_golf_says_better_only_below_one_in_a_hundred(tmp_path: Path, monkeypatch) -> None:
    from tinyzip.learn.milestones import golf as page

    path = tmp_path / "mine.tz"
    path.write_bytes(committed()["mnist-1024.tz"])
    for gained, lost, better in ((8, 0, True), (7, 0, False), (11, 1, True), (10, 1, False), (0, 9, False)):
        right = {n: np.ones(1000, bool) for n in (1016, 511)}
        right[511][:gained] = False
        right[1016][gained : gained + lost] = False
        monkeypatch.setattr(page, "reads", lambda content, *_, r=right: r[len(content)])
        assert (": better by more than luck" in list(golf(path, None, final=False))[-1]) == better


def test_test_images_are_read_by_final_only_and_once(tmp_path: Path, monkeypatch, capsys) -> None:
    from tinyzip.learn.milestones import golf as page

    path = tmp_path / "mine.tz"
    path.write_bytes(committed()["mnist-512.tz"])
    read: list[object] = []
    whole = page.mnist
    monkeypatch.setattr(page, "mnist", lambda folder: read.append(folder) or whole(folder))
    command = ["learn", "golf", str(path), "--data", str(MNIST)]
    assert main(command) == 0 and not read
    assert "on 2,000 images of validation" in capsys.readouterr().out
    assert main(["learn", "golf", str(path), "--final"]) == 2 and not read
    assert main([*command, "--final"]) == 0 and len(read) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("mine.tz: 511 bytes, 115 errors (1.15%, ") and first.endswith(
        "images of the test"
    )
    assert main([*command, "--final"]) == 0 and len(read) == 1
    assert capsys.readouterr().out.splitlines()[0] == first
    path.write_bytes(committed()["mnist-1024.tz"])
    assert main([*command, "--final"]) == 0 and len(read) == 1
    assert "mine.tz had other bytes then" in capsys.readouterr().out


def wheel(out: Path) -> Path:
    """The package built as a wheel."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w"]
    subprocess.run(
        [*command, str(out), str(ROOT)], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return next(out.glob("tinyzip-*.whl"))


def python_of(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return next(path for path in (venv / "bin" / "python", venv / "Scripts" / "python.exe") if path.exists())


@pytest.mark.needs("hatchling", "hatch_fancy_pypi_readme")
def test_the_wheel_carries_what_the_milestones_read_in_300_kilobytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel(tmp_path)) as archive:
        data = {Path(e.filename).name: e for e in archive.infolist() if e.filename.startswith(PLACE)}
    assert data.keys() == {path.name for path in digits.DATA.iterdir()}
    assert sum(entry.file_size for entry in data.values()) <= 300_000


@pytest.mark.long
@pytest.mark.needs("hatchling", "hatch_fancy_pypi_readme")
def test_the_course_is_played_from_a_wheel_in_an_empty_environment(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(python_of(tmp_path / "venv"))
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONUTF8": "1"}

    def said(*words: str) -> str:
        done = subprocess.run(
            [python, *words], cwd=tmp_path, env=own, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said("-m", "pip", "install", "-q", str(wheel(tmp_path / "dist")))
    assert str(tmp_path / "venv") in said("-c", "import tinyzip; print(tinyzip.__file__)")
    said("-m", "tinyzip", "learn", "start", "course")
    passed, after = [], {stone.after for stone in milestones.milestones()}
    asked = True  # before the first exercise, and wherever a milestone is to be run
    for exercise in course():
        if asked:
            lines = said("-m", "tinyzip", "learn", "--folder", "course").splitlines()
            assert lines[0] == f"{exercise.file}: not begun yet"
            passed += [line for line in lines if line.startswith("passed: ")]
            text = said(
                "-m", "tinyzip", "learn", "solution", exercise.name, "--folder", "course", "--give-up"
            )
            assert text.startswith(exercise.solution)
        (tmp_path / "course" / exercise.file).write_text(exercise.solution, encoding="utf-8")
        asked = exercise.name in after
    lines = said("-m", "tinyzip", "learn", "list", "--folder", "course").splitlines()
    assert [line[:5] for line in lines if not line.startswith("    * ")] == ["done "] * len(course())
    assert len(passed) == len(milestones.milestones()), passed
    (tmp_path / "mine.tz").write_bytes(committed()["mnist-1024.tz"])
    assert "5 errors (0.50%" in said("-m", "tinyzip", "learn", "golf", "mine.tz")
