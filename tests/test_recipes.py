"""Each recipe runs as it stands, and prints lines that begin as those below it."""

import re
import shlex
from pathlib import Path

import pytest

from tinyzip.cli.main import main

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "examples" / "RECIPES.md").read_text(encoding="utf-8")
LONG = {"And weights that go", "Bits under a byte budget", "A page to draw on", "With layers as two"}  # slow
RECIPES = [
    pytest.param(
        code,
        below,
        id=f"{number} {title}",
        marks=[pytest.mark.needs(needs)] * bool(needs) + [pytest.mark.long] * (title in LONG),
    )
    for number, (title, needs, code, below) in enumerate(
        (title.strip(), needs, code, below)
        for title, section in re.findall(r"^##+ (.*?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
        for needs, code, below in re.findall(
            r"(?:<!-- needs (\w+) -->\n)?```python\n(.*?)```\n\n```text\n(.*?)```", section, re.DOTALL
        )
    )
]
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like that of the sources, for what recipes write."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in ("examples", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def beginnings(text: str) -> list[str]:
    """The first word of each line, all numbers alike."""
    words = [re.sub(r"[-\d.,]+", "0", line).split() for line in text.splitlines()]
    return [line[0] if line else "" for line in words]


def test_every_block_of_code_is_a_recipe_with_what_it_printed() -> None:
    assert len(RECIPES) == PAGE.count("```python") == PAGE.count("```text") > 10


@pytest.mark.usefixtures("few_digits")
@pytest.mark.parametrize(("code", "below"), RECIPES)
def test_a_recipe_runs_as_it_stands(
    code: str,
    below: str,
    kitchen: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(kitchen)
    exec(compile(code, "recipe", "exec"), {"__name__": "recipe"})
    assert beginnings(capsys.readouterr().out) == beginnings(below)


@pytest.mark.usefixtures("few_digits")
def test_the_commands_run_as_they_stand(
    kitchen: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kitchen)
    for name in ("digits.net", "digits.tz"):  # which other recipes write
        if not (kitchen / name).exists():
            exec(next(recipe.values[0] for recipe in RECIPES if f'"{name}"' in recipe.values[0]), {})
    for line in COMMANDS.splitlines():
        program, *words = shlex.split(line)
        assert program == "tinyzip" and main(words) == 0, line
        assert capsys.readouterr().out


def test_windows_and_the_public_workflow_run_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    main_job, tests = re.findall(r"^    (python3 -m venv .*)$", readme, re.MULTILINE)
    (windows,) = re.findall(r"```bat\n(.*?)```", PAGE, re.DOTALL)
    lines = windows.replace(".venv\\Scripts", ".venv/bin").replace("\\", "/").splitlines()
    begin, install, test, job, show = lines
    extras = [command.replace("'", "").split(" && ")[1] for command in (main_job, tests)]
    assert install == extras[0].replace("[examples]", "[examples,test]") and "[test]" in extras[1]
    assert begin.replace("py ", "python3 ") == tests.split(" && ")[0]
    assert (test, job) == (tests.split(" && ")[2], main_job.split(" && ")[2])
    assert main(["show", str(ROOT / show.removeprefix(".venv/bin/tinyzip show "))]) == 0
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    (run,) = re.findall(r"- run: (.*)$", workflow, re.MULTILINE)
    run = re.sub(r'"(\.venv/)\$BIN(/\w+)"', r"\1bin\2", run)
    assert run.replace("python -m venv", "python3 -m venv") == tests
    assert "Nobody has seen this file run" in workflow
    assert all(f"{system}-latest" in workflow for system in ("ubuntu", "windows", "macos"))


def test_what_a_new_layer_has_to_touch_exists() -> None:
    rows = PAGE.partition("| step |")[2].splitlines()[2:]
    assert len(rows) > 6
    for row in rows:
        *_, touched, proved, _ = row.split("|")
        room = ROOT / "tinyzip"
        for name in re.findall(r"`([\w/]+\.py|[\w/]+/)`", touched):
            assert (room / name).exists() or any(room.glob(f"*/{name}")), name
        for name in re.findall(r"`([\w/]+\.py|[\w/]+/)`", proved):
            assert (ROOT / name).exists() or any((ROOT / "tests").glob(f"**/{name}")), name
