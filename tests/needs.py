"""Outside tools that a test needs: each is found, or the test is left out and the end of the run says so.

Where the environment says `CI=true`, as in `.ci/run`, a tool that is missing is a failure: there no theorem
goes unproved in silence.
"""

import os
import shutil
import subprocess
from importlib.util import find_spec

import pytest


def compiles(*command: str) -> bool:
    """Whether a compiler with these options makes a program."""
    if not shutil.which(command[0]):
        return False
    source = "#include <stdint.h>\n#include <stdio.h>\nint main(void) { return 0; }\n"
    words = [*command, "-x", "c", "-", "-o", os.devnull]
    return subprocess.run(words, input=source.encode(), capture_output=True, check=False).returncode == 0


def needs_tool(name: str) -> str:
    """Where the program or the Python module `name` is; without it the running test is left out.

    "chromium|google-chrome" is whichever of the two is found first; "gcc -m32" is a compiler that can make a
    program with this option.
    """
    for choice in name.split("|"):
        if " " in choice and compiles(*choice.split()):
            return choice
        if path := shutil.which(choice):
            return path
        if choice.isidentifier() and (module := find_spec(choice)):
            return module.origin or choice
    if os.environ.get("CI") == "true":
        pytest.fail(f"needs {name}, which is not installed", pytrace=False)
    pytest.skip(f"needs {name}")
