"""The studies of distillation as one would start them, on a small data set: rows, resuming, claims."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip.nn.model import Batch

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    """A script of the examples, as a module."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


def run(module: ModuleType, tmp_path: Path, *words: str, classes: int = 10, **shape: Any) -> list[dict]:
    """The rows that the short setting writes to its --json; a second command makes nothing again."""
    data, out, rows = tmp_path / "data", tmp_path / "out", tmp_path / "new" / "rows.json"
    write_folder(data, **{"shape": (16, 18)} | shape, classes=classes)
    command = ["--quick", "--data", str(data), "--out", str(out), "--json", str(rows), *words]
    module.main(command)
    first = rows.read_text(encoding="utf-8")
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.json")}
    assert kept
    module.main(command)
    assert rows.read_text(encoding="utf-8") == first
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.json")} == kept
    return json.loads(first)


def test_from_noise_gives_a_row_for_each_start_and_what_the_student_sees(script, tmp_path: Path) -> None:
    rows = run(script("from_noise"), tmp_path)
    assert [(row["start"], row["inputs"]) for row in rows] == [
        (start, inputs) for inputs in ("noise", "digits") for start in ("same", "other")
    ]
    for row in rows:
        assert row.keys() == {"start", "inputs", "extra", "seed", "accuracy"}
        assert row["extra"] == 3 and row["seed"] == 0 and 0 <= row["accuracy"] <= 1


@pytest.mark.parametrize("seed", range(3))
def test_a_student_that_imitates_meaningless_outputs_moves_with_its_teacher(script, seed: int) -> None:
    noise = script("from_noise")
    rng = np.random.default_rng(seed)
    start = noise.network(rng, (1, 5, 5), 4 + noise.EXTRA)
    start = start.with_params({name: array.astype(np.float64) for name, array in start.params.items()})
    x, labels = rng.random((1, 5, 5, 8)), rng.integers(0, 4, 8)
    z, caches = start.forward(x, train=True)
    loss, dz = noise.Labels()(z, Batch(x, labels, np.arange(8)))
    assert not dz[-noise.EXTRA :].any()
    step = {name: -1e-4 * gradient for name, gradient in start.backward(dz, caches).items()}
    teacher = start.with_params({name: array + step[name] for name, array in start.params.items()})
    seen = rng.uniform(-1, 1, x.shape)
    z, caches = start.forward(seen, train=True)
    _, dz = noise.Meaningless(noise.Live(teacher))(z, Batch(seen, labels, np.arange(8)))
    assert not dz[: -noise.EXTRA].any() and dz[-noise.EXTRA :].any()
    moved = start.backward(dz, caches)
    assert sum(float((-moved[name] * step[name]).sum()) for name in step) > 0
    towards = start.with_params({name: array - 1e-3 * moved[name] for name, array in start.params.items()})
    z, _ = towards.forward(x)
    assert noise.Labels()(z, Batch(x, labels, np.arange(8)))[0] < loss


def test_hinton_gives_a_row_for_each_experiment_of_the_paper(script, tmp_path: Path) -> None:
    hinton = script("hinton")
    rows = run(hinton, tmp_path)
    assert [row["experiment"] for row in rows] == list(hinton.PAPER)
    for row in rows:
        assert row.keys() == {"experiment", "seed", "errors", "missing_right"}
        assert (row["missing_right"] is None) == (row["experiment"] in ("teacher", "hard", "distilled"))


def test_hinton_tells_errors_by_width_and_temperature(script, tmp_path: Path, monkeypatch) -> None:
    hinton = script("hinton")
    monkeypatch.setitem(hinton.SETTINGS, "mnist", hinton.SETTINGS["mnist"]._replace(widths=(5, 7)))
    rows = hinton.one_table(tmp_path, write_data(tmp_path), 0, True)
    assert [(row["width"], row["temperature"]) for row in rows] == [
        (width, T) for width in (5, 7) for T in hinton.TEMPERATURES
    ]
    assert hinton.by_temperature(rows).splitlines()[1].split() == [
        "5",
        *(str(r["errors"]) + ".0" for r in rows[:5]),
    ]


def test_the_limit_holds_every_row_and_leaves_shorter_ones_alone(script) -> None:
    hinton = script("hinton")
    rng = np.random.default_rng(0)
    w = rng.standard_normal((5, 9)) * np.array([[0.1], [1], [3], [4], [0]])
    params, grads = {"fc1.w": w.copy(), "fc1.b": w[0] * 100}, {"fc1.w": 0 * w, "fc1.b": 0 * w[0]}
    rule = hinton.Limited(hinton.SGD(), longest=10.0)
    rule.step(params, grads, rule.init(params), 0.1)
    squared = (w**2).sum(axis=1)
    np.testing.assert_allclose((params["fc1.w"] ** 2).sum(axis=1), np.minimum(squared, 10), rtol=1e-12)
    np.testing.assert_array_equal(params["fc1.w"][squared < 10], w[squared < 10])
    assert (squared > 10).any() and (squared < 10).any()
    np.testing.assert_array_equal(params["fc1.b"], w[0] * 100)


def write_data(tmp_path: Path) -> Path:
    """A small data set of ten classes."""
    write_folder(tmp_path / "data", shape=(16, 18), classes=10)
    return tmp_path / "data"


def test_few_images_compares_twins_on_the_same_images(script, tmp_path: Path, monkeypatch) -> None:
    rows = run(script("few_images"), tmp_path)
    assert [(row["images"], row["method"]) for row in rows] == [(11, "scratch"), (11, "distilled")]
    assert all(row.keys() == {"images", "method", "seed", "errors", "teacher_errors"} for row in rows)


def test_distill_bits_gives_a_row_for_each_network_way_and_number_of_bits(script, tmp_path: Path) -> None:
    module = script("distill_bits")
    rows = run(module, tmp_path)
    assert [(row["network"], row["weight_bits"], row["method"]) for row in rows] == [
        (network, bits, method)
        for network in ("seed net", "student")
        for bits in (8, 4, 3, 2, 1)
        for method in ("after training", "trained for it", "trained and distilled")
    ]
    for row in rows:
        assert row.keys() == {"network", "method", "weight_bits", "seed", "float_errors", "errors"}


def test_keep_gives_a_row_for_each_part_and_each_way_to_choose_channels(script, tmp_path: Path) -> None:
    module = script("keep")
    rows = run(module, tmp_path)
    ways = [(kept, way) for kept in list(module.KEPT)[1:] for way in ("norm", "Taylor", "drawn")]
    assert [(row["kept"], row["channels"]) for row in rows] == [("nothing", ""), *ways]
    keys = {"kept", "channels", "seed", "before", "errors", "teacher_errors"}
    assert all(row.keys() == keys for row in rows)
    table = module.as_table(rows).splitlines()
    assert table[0] == f"teacher: {rows[0]['teacher_errors']} errors"
    assert len(table) == 2 + len(module.KEPT) and table[-1].startswith("everything")


def test_no_data_compares_dreams_with_noise_and_digits(script, tmp_path: Path) -> None:
    module = script("no_data")
    rows = run(module, tmp_path)
    assert {(row["inputs"], row["start"]) for row in rows} == module.KINDS
    assert all(row.keys() == {"inputs", "start", "seed", "errors"} for row in rows)
    dreams = np.load(tmp_path / "out" / "seed0" / "dreams.npy")
    assert dreams.shape == (12, 1, 16, 18) and dreams.min() >= 0 and dreams.max() <= 1


def test_a_dream_is_an_image_to_which_the_teacher_answers_what_it_was_told_to(script) -> None:
    module = script("no_data")
    rng = np.random.default_rng(0)
    teacher = module.student_net(rng, (2, 16, 18), 5)
    q = module.wishes(teacher, 40, rng)
    np.testing.assert_allclose(q.sum(axis=0), 1, rtol=1e-5)
    dreams = module.dream(teacher, q, rng, steps=100)
    noise = module.dream(teacher, q, rng, steps=0)
    told = np.log(np.maximum(q, 1e-6)) * module.DREAM_TEMPERATURE
    answers = [teacher.forward(np.moveaxis(images, 0, -1).copy())[0] for images in (noise, dreams)]
    least, before, after = (
        module.soft_cross_entropy(z, told, module.DREAM_TEMPERATURE)[0] for z in (told, *answers)
    )
    assert after - least < 0.75 * (before - least)
    assert dreams.min() >= 0 and dreams.max() <= 1
