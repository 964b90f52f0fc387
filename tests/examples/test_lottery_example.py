"""The study of lottery tickets: which weights train, and from which values."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip.nn.models import student_net
from tinyzip.train.fit import fit

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def lottery(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("lottery")


@pytest.mark.long
@pytest.mark.parametrize("on", ["mnist", "digits1d"])
def test_each_way_and_round_gives_a_row(
    lottery: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], on: str
) -> None:
    data, path = tmp_path / "data", tmp_path / "rows.json"
    write_folder(data, shape=(16, 18), classes=10)
    words = ["--quick", "--on", on, "--data", str(data), "--out", str(tmp_path / "out"), "--json", str(path)]
    lottery.main(words)
    rows = json.loads(path.read_text(encoding="utf-8"))
    ways = (lottery.FIRST, lottery.EARLY, lottery.ON, lottery.DRAWN, lottery.SHUFFLED)
    assert [(row["way"], row["share"]) for row in rows] == [(w, s) for w in ways for s in lottery.SHARES]
    printed = capsys.readouterr().out
    lottery.main(words)
    assert printed.endswith(capsys.readouterr().out)


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_ticket_trains_the_largest_weights_from_other_values_and_no_others(
    lottery: ModuleType, shuffled: bool
) -> None:
    trained, start = student_net(np.random.default_rng(1)), student_net(np.random.default_rng(2))
    thin = lottery.ticket(trained, 0.8, start, np.random.default_rng(3) if shuffled else None)
    names = [name for name in trained.params if name.endswith(".w")]
    sizes = np.concatenate([np.abs(trained.params[name]).ravel() for name in names])
    least = np.sort(sizes)[round(0.8 * sizes.size)]
    rng, digits = np.random.default_rng(4), np.arange(60) % 10
    images = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8)
    after, _ = fit(thin, images, digits, rng=rng, epochs=2, batch=20, progress=False)
    for name in names:
        stays, before = np.abs(trained.params[name]) >= least, thin.applied().params[name] != 0
        assert before.sum() == stays.sum() and np.array_equal(before, stays) != shuffled
        np.testing.assert_array_equal(thin.applied().params[name][before], start.params[name][before])
        np.testing.assert_array_equal(after.applied().params[name] != 0, before)
        assert (after.applied().params[name] != thin.applied().params[name])[before].any()
