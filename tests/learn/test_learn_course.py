"""Each grader is proved: stubs fail politely, solutions pass, known mistakes are caught by their names."""

import ast
import re
import runpy
from importlib import import_module
from inspect import signature
from itertools import pairwise
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from right_answers import right_answers

from tinyzip.learn.case import Mistake, read_mistakes
from tinyzip.learn.course import course
from tinyzip.learn.judge import Wrong, asked, judge, loaded
from tinyzip.learn.milestones.run import milestones

EXERCISES = pytest.mark.parametrize("exercise", course(), ids=lambda exercise: exercise.name)
MISTAKES = [(exercise, mistake) for exercise in course() for mistake in exercise.mistakes]
OTHERS = [(exercise, text) for exercise in course() for text in right_answers(exercise)]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a check says of a text: None where it passes."""

    def say(exercise, text: str) -> str | None:
        path = tmp_path / exercise.file
        path.write_text(text, encoding="utf-8")
        loaded.cache_clear()
        monkeypatch.setenv("TINYZIP_LEARN_FOLDER", str(tmp_path))
        monkeypatch.setenv("TINYZIP_LEARN_NUMBER", str(exercise.number))
        try:
            judge(path, exercise)
        except Wrong as wrong:
            return str(wrong)
        return None

    return say


@EXERCISES
def test_the_stub_fails_and_says_so_in_one_line(exercise, said) -> None:
    line = said(exercise, exercise.stub)
    assert line is not None and "\n" not in line
    assert line.startswith(f"{exercise.file}: {exercise.functions[0]}, asked for ")
    assert line.endswith("it gives None; is there a return?")


@EXERCISES
def test_the_solution_passes(exercise, said) -> None:
    assert said(exercise, exercise.solution) is None


@pytest.mark.parametrize(
    ("exercise", "mistake"), MISTAKES, ids=lambda value: getattr(value, "sentence", None) or value.name
)
def test_each_known_mistake_is_caught_and_called_by_its_name(exercise, mistake, said) -> None:
    assert mistake.made(exercise.solution) != exercise.solution
    line = said(exercise, mistake.made(exercise.solution))
    assert line is not None and line.endswith(f" - {mistake.sentence}") and "\n" not in line


def test_mistakes_are_read_with_their_blanks_and_empty_lines_and_a_line_out_of_place_is_named() -> None:
    assert read_mistakes("-   a\n-\n-  b\n+\none\n\n- -\n+ +\n+\ntwo - 2\n", "x.txt") == (
        Mistake("  a\n\n b", "", "one"),
        Mistake("-", "+\n", "two - 2"),
    )
    for text, number, found, needed in (
        ("", 1, "a blank line", "- and the right text"),
        ("- a\n- b", 3, "a blank line", "- and the right text or + and the wrong text"),
        ("- a\none\n", 2, "one", "- and the right text or + and the wrong text"),
        ("- a \n+ b\none\n", 1, "- a", "- and the right text"),
        ("- a\n+b\none\n", 2, "+b", "- and the right text or + and the wrong text"),
        ("- a\n+ b\n- c\n+ d\ntwo\n", 3, "- c", "+ and the wrong text or a sentence"),
        ("- a\n+ b\n -c\n", 3, "-c", "+ and the wrong text or a sentence"),
        ("- a\n+ b\none\ntwo\n", 4, "two", "a blank line"),
        ("- a\n+ b\none\n\n\n- c\n+ d\ntwo\n", 5, "a blank line", "- and the right text"),
    ):
        line = f"x.txt, line {number}: found {found}, needed {needed}, with no blank at the end"
        with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
            read_mistakes(text, "x.txt")


@EXERCISES
def test_there_are_five_mistakes_at_least_and_no_two_have_one_sentence(exercise) -> None:
    sentences = [mistake.sentence for mistake in exercise.mistakes]
    assert len(set(sentences)) == len(sentences) >= 5


@pytest.mark.parametrize(("exercise", "text"), OTHERS, ids=lambda value: getattr(value, "name", "text"))
def test_a_right_answer_that_is_written_in_another_way_passes(exercise, text, said) -> None:
    assert said(exercise, text) is None


@EXERCISES
def test_there_are_two_other_right_answers_and_three_hints_without_the_solution(exercise) -> None:
    assert len(right_answers(exercise)) >= 2 and len(exercise.check.hints) == 3
    for node in ast.parse(exercise.solution).body:
        if isinstance(node, ast.FunctionDef):
            for line in node.body[1:]:
                assert not any(ast.unparse(line) in hint for hint in exercise.check.hints)


@EXERCISES
def test_a_check_takes_less_than_two_seconds(exercise, said) -> None:
    start = process_time()
    said(exercise, exercise.solution)
    assert process_time() - start < 2


@EXERCISES
def test_a_solution_that_is_run_shows_something_small(exercise, tmp_path: Path, monkeypatch, capsys) -> None:
    path = tmp_path / exercise.file
    path.write_text(exercise.solution, encoding="utf-8")
    monkeypatch.setattr("sys.argv", [str(path)])
    start = process_time()
    with np.printoptions():  # what it sets is put back
        runpy.run_path(str(path), run_name="__main__")
    assert process_time() - start < 1
    lines = capsys.readouterr().out.splitlines()
    assert 2 <= len(lines) <= 24 and max(map(len, lines)) <= 130
    assert "".join(lines).isascii()  # a file or a terminal of any encoding takes it


@EXERCISES
def test_an_exercise_asks_only_for_what_was_solved_before(exercise) -> None:
    known = {name for earlier in course()[: exercise.number - 1] for name in earlier.functions}
    for node in ast.walk(ast.parse(exercise.solution)):
        if isinstance(node, ast.ImportFrom):
            own = node.module == "tinyzip.learn.earlier"
            assert own or node.module.split(".")[0] != "tinyzip"
            assert not own or {alias.name for alias in node.names} <= known


def test_each_exercise_is_numbered_and_says_where_the_library_has_it() -> None:
    assert all(after.number == before.number + 1 for before, after in pairwise(course()))
    for exercise in course():
        file, _, names = exercise.check.library.partition(", ")
        text = (Path(__file__).parents[2] / "tinyzip" / file).read_text(encoding="utf-8")
        assert all(name in text for name in names.split(" and ")), exercise.name


def test_the_lesson_plan_has_each_exercise_and_milestone_once_and_reads_files_that_exist() -> None:
    root = Path(__file__).parents[2]
    text = (root / "examples" / "LESSONS.md").read_text(encoding="utf-8")
    weeks = [line for line in text.splitlines() if re.match(r"\| \d+\. ", line)]
    assert len(weeks) == 12
    found = [(int(number), name) for number, name in re.findall(r"\b(\d+) `(\w+)`", text)]
    assert sorted(found) == [(exercise.number, exercise.name) for exercise in course()]
    for stone in milestones():
        assert text.count(f"learn milestone {stone.name}`") == 1
    for path in re.findall(r"`((?:\w+/)+\w+\.py)`", text):
        assert (root / "tinyzip" / path).exists() or (root / path).exists(), path


@EXERCISES
def test_every_default_is_asked_for_and_every_argument_given(exercise) -> None:
    for name in exercise.functions:
        parameters = signature(exercise_module(exercise).__dict__[name]).parameters.values()
        counts = {len(asked(exercise, case)) for case in exercise.check.cases if case.function == name}
        needed = sum(parameter.default is parameter.empty for parameter in parameters)
        assert min(counts) == needed and max(counts) == len(parameters), name


def exercise_module(exercise):
    return import_module(f"tinyzip.learn.exercises.{exercise.name}")
