"""The front page is short and true: its code runs, its links lead somewhere, its commands exist."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import tinyzip

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "examples").rglob("*.md"))]
FRONT = PAGES[0].read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINK = re.compile(r"!?\[[^\]]+\]\(([^)]+)\)")
ROOMS = sorted(init.parent.name for init in (ROOT / "tinyzip").glob("*/__init__.py"))


@cache
def printed_by(*command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, encoding="utf-8", env=environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.usefixtures("few_digits")
def test_the_library_in_ten_lines_runs_and_prints_lines_that_begin_as_those_below_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", FRONT, re.DOTALL)
    assert "quantize(" in blocks[0][0]
    assert len([line for line in blocks[0][0].splitlines() if line]) == 10
    names: dict[str, object] = {}
    for code, below in blocks:
        exec(code, names)
        found, needed = (
            [re.sub(r"[\d.,]+", "0", line).split()[0] for line in text.splitlines()]
            for text in (capsys.readouterr().out, below)
        )
        assert found == needed
    assert FRONT.count("```python") == len(blocks)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        assert target.startswith(("https:", "#")) or (page.parent / target).exists(), target


def test_every_command_exists_with_its_options() -> None:
    scripts = re.findall(r"(examples/[\w/]+\.py)([^`\n]*)", FRONT)
    assert len(scripts) > 4
    for script, words in scripts:
        for option in re.findall(r"--\w[\w-]*", words):
            assert option in printed_by(script, "--help"), f"{script} {option}"
        assert (ROOT / script).exists()
    for command in re.findall(r"`tinyzip (\w+)", FRONT):
        assert command in printed_by("-m", "tinyzip", "--help")
    extras = {extra for names in re.findall(r"'\.\[(.+?)\]'", FRONT) for extra in names.split(",")}
    assert extras <= PROJECT["project"]["optional-dependencies"].keys()


def test_the_index_of_the_examples_gives_each_script_its_question() -> None:
    examples = ROOT / "examples"
    index = (examples / "README.md").read_text(encoding="utf-8")
    scripts = [path for folder in (".", "studies", "engines") for path in (examples / folder).glob("*.py")]
    assert len(scripts) > 20
    for script in scripts:
        question, *_ = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").splitlines()
        assert f"| `{script.relative_to(examples).as_posix()}` | {question} |" in index


def test_each_script_finds_its_parts_from_wherever_it_is_started() -> None:
    for script in sorted((ROOT / "examples").glob("*/*.py")):
        statements = ast.parse(script.read_text(encoding="utf-8")).body
        words = [ast.unparse(statement) for statement in statements]
        beside = [i for i, word in enumerate(words) if re.match(r"(from|import) (parts|mnist_quant)\b", word)]
        if script.parent.name != "parts" and beside:
            assert "sys.path.append(str(Path(__file__).parents[1]))" in words[: min(beside)], script


def test_what_is_said_of_the_reading_order_leaves_no_room_out() -> None:
    section = FRONT.partition("## Reading the source")[2].partition("## ")[0]
    for room in ROOMS:
        assert f"{room}/" in section, room


def test_the_package_names_its_rooms_and_files_as_they_are() -> None:
    text = tinyzip.__doc__ or ""
    for name in re.findall(r"\w+(?:/\w+)*(?:\.py|/)", text):
        assert (ROOT / "tinyzip" / name).exists(), name
    for room in ROOMS:
        assert f"{room}/" in text, room


def test_a_package_index_is_given_no_picture_and_no_link_that_it_cannot_show() -> None:
    """It serves no files of the package, so all that is left are absolute addresses."""
    hook = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    assert hook["fragments"] == [{"path": "README.md"}]
    shown = FRONT
    for step in hook["substitutions"]:
        shown = re.sub(step["pattern"], step["replacement"], shown)
    targets = LINK.findall(FRONT)
    assert targets
    assert all(target.startswith(("https:", "#")) for target in LINK.findall(shown))
    assert all(target in shown for target in targets)
    code = r"```.*?```"
    assert re.findall(code, shown, re.DOTALL) == re.findall(code, FRONT, re.DOTALL)


def test_the_program_by_hand_prints_exactly_what_it_says() -> None:
    script = ROOT / "examples" / "by_hand.py"
    below = re.search(r"prints\n\n(.*?)\n\n", script.read_text(encoding="utf-8"), re.DOTALL)
    assert below
    needed = [line.removeprefix("    ").rstrip() for line in below[1].splitlines()]
    assert [line.rstrip() for line in printed_by(str(script)).splitlines()] == needed
