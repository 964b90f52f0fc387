"""laws.py measures every law of `tinyzip.nn.fast`, and `choose` lists them. No speed is asserted."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tinyzip.nn.fast import choose

ROOT = Path(__file__).parents[2]
LAWS = re.compile(r"^ *(\S.*?)  +(MP\d+|X\d+(?:(?:, |–)X\d+)?)  ", re.MULTILINE)  # what, and its equations


def numbers(equations: str) -> list[int]:
    """X8, X9 or X17–X19 one by one."""
    ends = [int(number) for number in re.findall(r"\d+", equations)]
    return list(range(ends[0], ends[-1] + 1))


def test_every_law_is_measured_and_stands_in_the_list_beside_the_choice() -> None:
    command = [sys.executable, str(ROOT / "examples" / "engines" / "laws.py"), "--quick"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert choose.__doc__ is not None
    listed = LAWS.findall(choose.__doc__)
    assert LAWS.findall(result.stdout.split("\n\n")[0]) == listed

    defined: list[int] = []
    for file in Path(choose.__file__).parent.glob("*.py"):
        lecture = file.read_text(encoding="utf-8").split('"""')[1]
        defined += [int(number) for number in re.findall(r"\(X(\d+)\)$", lecture, re.MULTILINE)]
    here = [equations for _, equations in listed if equations.startswith("X")]  # MP1 is the machine's
    assert sorted(defined) == [number for equations in here for number in numbers(equations)]

    networks = [line.split()[0] for line in result.stdout.split("\n\n")[1].splitlines()[1:]]
    assert " ".join(networks) in re.sub(" +", " ", choose.__doc__)
