"""The table of bits: what its time-left line counts, before anything is trained."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from tinyzip.train.data import Dataset

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def bits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("bits")


def test_the_time_that_is_left_counts_every_training_once_and_none_that_is_done(bits, tmp_path: Path) -> None:
    images = np.zeros((60, 28, 28), np.uint8)
    bench = bits.Bench(0, Dataset(images, np.arange(60) % 10), tmp_path, False)
    told = bits.SETTINGS["mnist"]
    trainings = 2 * told.floats + told.separable
    trainings += sum(step.epochs for step in told.steps.values())
    before = list(bench.cells())
    assert before[0].work > told.floats
    assert len({cell.path(tmp_path) for cell in before}) == len(before)
    for name in ("float", "teacher", "separable", *(f"qat-w{w}-a{a}" for w, a in told.steps)):
        (tmp_path / f"{name}.model").touch()
    assert sum(c.work for c in before) - sum(c.work for c in bench.cells()) == trainings


def test_a_folder_of_another_recipe_is_not_gone_on_from(bits, tmp_path: Path, monkeypatch) -> None:
    data = Dataset(np.zeros((60, 28, 28), np.uint8), np.arange(60) % 10)
    folder = tmp_path / "seed0"
    for _ in range(2):
        bits.Bench(0, data, folder, False)
    (folder / "float.model").touch()
    bits.Bench(0, data, folder, False)
    with pytest.raises(
        ValueError, match=r"--out: .*seed0: found files made with '60 images, .*needed .*one epoch each"
    ):
        bits.Bench(0, data, folder, True)
    with pytest.raises(ValueError, match="60 images"):
        bits.Bench(0, Dataset(data.images + np.uint8(1), data.labels), folder, False)
    told = bits.SETTINGS["mnist"]
    steps = told.steps | {(2, 8): told.steps[2, 8]._replace(soft=0.6)}
    with monkeypatch.context() as patch, pytest.raises(ValueError, match=r"soft=0.5.*soft=0.6"):
        patch.setitem(bits.SETTINGS, "mnist", told._replace(steps=steps))
        bits.Bench(0, data, folder, False)
    (folder / "recipe.txt").unlink()
    with pytest.raises(ValueError, match=r"no recipe\.txt"):
        bits.Bench(0, data, folder, False)
    assert (folder / "float.model").exists()
