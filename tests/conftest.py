"""What all tests share: one Hypothesis profile (no deadlines, the same examples on every run); a watch."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile(
    "tinyzip",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tinyzip")


@pytest.fixture
def forks(monkeypatch):
    """The copies that were made of this process."""
    pytest.importorskip("threadpoolctl")
    made, fork = [], os.fork

    def noted():
        made.append(fork())
        return made[-1]

    monkeypatch.setattr("os.fork", noted)
    return made
