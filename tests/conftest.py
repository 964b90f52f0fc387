"""What all tests share: how much is drawn, which tools are at hand, how a failure reads; a watch over forks.

Hypothesis draws the same examples on every run, so a test that passed yesterday passes today.
`pytest --search N` looks further: it draws afresh, N examples for each statement, whatever number the
statement asks for by itself. What it finds it prints with a line that draws the same again.
"""

import os
import sys

if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each, in what they start, too
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["PYTHONIOENCODING"] = "utf-8"  # what tests start writes so, whatever this console can show

from collections import Counter
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture import providers

sys.path.insert(0, str(Path(__file__).parent))
sys.path.extend(str(Path(__file__).parent / room) for room in ("integer", "archive", "quant"))  # who draw
sys.path.extend(str(Path(__file__).parent / room) for room in ("exchange/models", "train"))

from compare import shorten
from needs import needs_tool

from tinyzip.machine import blas
from tinyzip.train import data

READ_ALL = data.mnist

# It also draws the constants that it finds in the sources which happen to be loaded by then: without them a
# test draws the same whatever ran before it, and whatever was written elsewhere.
if hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants

settings.register_profile(
    "tinyzip",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=50,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tinyzip")
# For `mutants.py`, which asks whether a test fails, not of how small an example.
settings.register_profile(
    "unshrunk", settings.get_profile("tinyzip"), phases=(Phase.explicit, Phase.generate)
)


def pytest_addoption(parser):
    parser.addoption("--search", type=int, metavar="N", help="draw N fresh examples for each statement")


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*tools): programs and modules without which a test is left out")
    config.addinivalue_line("markers", "long: more of what a quicker test proves, run where -m names it")
    N = config.getoption("search")
    if N is None:
        return

    class Searching(settings):
        def __init__(self, *parents, **own):
            super().__init__(*parents, **own | {"max_examples": N})

    hypothesis.settings = Searching
    fresh = Searching(settings.get_profile("tinyzip"), derandomize=False, print_blob=True)
    settings.register_profile("search", fresh)
    settings.load_profile("search")


def pytest_runtest_setup(item):
    if item.get_closest_marker("long") and "long" not in item.config.option.markexpr:
        pytest.skip("long: run with -m long")
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            needs_tool(tool)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    if call.excinfo:
        shorten(call.excinfo.value)
    return (yield)


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        parts = (f"{count} ({reason})" for reason, count in sorted(reasons.items()))
        terminalreporter.write_line(f"left out: {', '.join(parts)}")


@cache
def first_digits(folder: str) -> tuple[data.Dataset, data.Dataset]:
    """The first 1,200 training and 400 test images of a folder, read once."""
    parts = zip(READ_ALL(folder), (1200, 400), strict=True)
    return tuple(part[:count] for part, count in parts)


@pytest.fixture
def few_digits(monkeypatch):
    """For code of a page, which says what it says on fewer images too: `mnist` gives the first of them."""
    monkeypatch.setattr(data, "mnist", first_digits)


@pytest.fixture
def forks(monkeypatch):
    """The copies that were made of this process. They get their share, however busy the machine is."""
    if not blas.can_be_held():
        needs_tool("threadpoolctl")
    monkeypatch.setattr("tinyzip.machine.processes.LOSSES", sys.maxsize)
    made, fork = [], os.fork

    def noted():
        made.append(fork())
        return made[-1]

    monkeypatch.setattr("os.fork", noted)
    return made
