"""laws.py measures every law of both fast engines, and their `choose` list them. No speed is asserted."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from theorems import definitions, equations

from tinyzip.integer.fast import choose as of_programs
from tinyzip.nn.fast import choose as of_networks

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
LAW = r"[A-Z]+\d+"
LAWS = re.compile(rf"^ *(\S.*?)  +({LAW}(?:(?:, |–){LAW})*)  ", re.MULTILINE)  # what, and its equations


def labels(listed: str) -> set[str]:
    """X8, X9 or X17–X19 one by one."""
    (letters, first), *_, (_, last) = re.findall(r"([A-Z]+)(\d+)", f"{listed} {listed}")
    return {f"{letters}{number}" for number in range(int(first), int(last) + 1)}


@pytest.fixture(scope="module")
def tables() -> list[str]:
    """What laws.py prints: the laws of networks, all together, those of programs, all together."""
    command = [sys.executable, str(ROOT / "examples" / "engines" / "laws.py"), "--quick"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split("\n\n")


@pytest.mark.parametrize(("choose", "first"), [(of_networks, 0), (of_programs, 2)], ids=["nn", "integer"])
def test_every_law_is_measured_and_stands_in_the_list_beside_the_choice(
    choose: ModuleType, first: int, tables: list[str]
) -> None:
    assert choose.__doc__ is not None and choose.__file__ is not None
    listed = LAWS.findall(choose.__doc__)
    assert LAWS.findall(tables[first]) == listed

    defined = set()
    for file in Path(choose.__file__).parent.glob("*.py"):
        lecture = file.read_text(encoding="utf-8").split('"""')[1]
        defined |= {label for label, _ in equations(lecture)}
    here = {label for _, names in listed for label in labels(names)}
    assert defined <= here and here - defined <= definitions().keys()

    measured = [line.split("  ")[0] for line in tables[first + 1].splitlines()[1:]]
    assert " ".join(measured) in re.sub(" +", " ", choose.__doc__)
