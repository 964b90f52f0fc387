"""examples/mnist_quant.py and seeds.py as one would start them, on a small data set of another shape."""

import importlib
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from apart import Apart
from idx_folders import write_folder

from tinyzip import archive
from tinyzip.exchange import c
from tinyzip.quant.door.classify import classify
from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset, mnist
from tinyzip.train.digits1d import digits1d
from tinyzip.train.loop import steps

ROOT = Path(__file__).parents[2]
ROWS = [
    "teacher",
    "student, scratch",
    "student, distilled",
    "student, scratch, 11 images",
    "student, distilled, 11 images",
    "student, int8, integers only",
    "student, textbook bytes",
]


TRAINED = ROWS[:5]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples" / "mnist_quant.py"), "--quick", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )


@pytest.mark.long
def test_colour_images_of_another_size_go_all_the_way(tmp_path):
    write_folder(tmp_path / "data", shape=(16, 18), channels=(3,))
    table = tmp_path / "not yet there" / "table.json"
    out = tmp_path / "out"
    result = run("--data", str(tmp_path / "data"), "--out", str(out), "--json", str(table), "--seed", "3")
    assert result.returncode == 0, result.stderr
    told = json.loads(table.read_text(encoding="utf-8"))
    assert told["seed"] == 3 and told["seconds"] > 0
    assert [row["model"] for row in told["rows"]] == ROWS
    for row in told["rows"]:
        assert row.keys() == {"model", "parameters", "bytes", "errors", "accuracy", "images_per_s"}
        assert row["accuracy"] == 1 - row["errors"] / 7
    program = archive.read(out / "student-int8.tz")
    assert program.shape == (3, 16, 18)
    for suffix, text in zip((".h", ".c"), c.source(program, name="digits"), strict=True):
        assert (out / f"digits{suffix}").read_text(encoding="utf-8") == text
    tz = b64encode((out / "student-int8.tz").read_bytes()).decode()
    assert tz in (out / "digits.html").read_text(encoding="utf-8")
    assert (out / "table.txt").read_text(encoding="utf-8") in result.stdout


def test_digits_of_one_row_go_all_the_way(tmp_path):
    out, table = tmp_path / "out", tmp_path / "table.json"
    result = run("--on", "digits1d", "--out", str(out), "--json", str(table), "--seed", "1")
    assert result.returncode == 0, result.stderr
    rows = json.loads(table.read_text(encoding="utf-8"))["rows"]
    assert [row["model"] for row in rows] == [row.replace("11 images", "200 images") for row in ROWS]
    assert rows[0]["errors"] < 400 and rows[0]["accuracy"] == 1 - rows[0]["errors"] / 1000
    program, (_, test) = archive.read(out / "student-int8.tz"), digits1d(1)
    assert program.shape == (1, 1, 40)
    assert (classify(program, test.images) != test.labels).sum() == rows[5]["errors"]
    assert "filters.png" in {path.name for path in out.iterdir()}


def test_rows_move_by_up_to_so_many_places_and_lose_nothing(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    moved = importlib.import_module("parts.sets").Moved(2)
    rows = np.arange(40.0) + np.zeros((300, 1, 1, 1))
    found = moved(rows, np.random.default_rng(0))
    assert found.shape == rows.shape
    assert {int(row[0, 0, 0]) for row in found} == {38, 39, 0, 1, 2}
    for row in found[:, 0, 0]:
        np.testing.assert_array_equal(np.roll(row, int(row[0])), np.arange(40))
    np.testing.assert_array_equal(moved(rows[:, 0], np.random.default_rng(0)), found[:, 0])


def test_as_it_is_printed_the_job_ends_with_the_codes_of_the_fast_engine_and_without_checkpoints(tmp_path):
    write_folder(tmp_path / "data", shape=(16, 18))
    out, table = tmp_path / "out", tmp_path / "table.json"
    words = ["--data", str(tmp_path / "data"), "--out", str(out), "--printed"]
    result = run(*words, "--json", str(table))
    assert result.returncode == 0, result.stderr
    assert [row["model"] for row in json.loads(table.read_text(encoding="utf-8"))["rows"]] == ROWS
    codes = 7 * 3  # of images and classes
    assert f"all {codes} codes of the printed engine are those of the fast one" in result.stdout
    assert not list(out.glob("*.checkpoint"))
    result = run(*words, "--resume")
    assert result.returncode == 2 and "--printed keeps no checkpoints" in result.stderr
    result = run(*words, "--seed", "-3")
    assert result.returncode == 2
    assert "argument --seed: found '-3', needed a whole number from 0 up" in result.stderr


def test_printed_and_fast_the_jobs_networks_stay_within_the_bounds_of_fit(tmp_path, monkeypatch):
    """(FI2): in float64, all five networks, of the two that a teacher has taught beside him.

    And the bound says something where the steps are two: for half of all numbers it is less than a
    ten-thousandth of what they have moved. (Of ten steps it says no more than that each has its length.)
    """
    write_folder(tmp_path, shape=(16, 18))
    monkeypatch.syspath_prepend(ROOT / "examples")
    job = importlib.import_module("mnist_quant")
    aparts = []

    def precise(make, *words):
        net = make(*words)
        return net.with_params({key: array.astype(np.float64) for key, array in net.params.items()})

    def watched(model, *data, optimizer, objective, **options):
        how = {}
        if len(aparts) in (2, 4):  # these have a teacher, of whom it is known by now how far the two differ
            teacher = Apart(aparts[0].net, optimizer, objective)
            for key, array in teacher.net.params.items():
                teacher.params[key] = np.abs(array - fast["teacher"].params[key])
            how = {"teacher": teacher, "soft": job.SOFT, "temperature": job.TEMPERATURE}
        aparts.append(Apart(model, optimizer, objective, **how))
        return steps(model, *data, optimizer=aparts[-1], objective=aparts[-1].objective, **options)

    for name in ("seed_net", "student_net"):
        monkeypatch.setattr(job, name, partial(precise, getattr(job, name)))
    monkeypatch.setattr("tinyzip.train.run.training.steps", watched)
    train, _ = mnist(tmp_path)
    words = ["--quick", "--data", str(tmp_path), "--out", str(tmp_path)]
    fast, _ = job.train_all(job.arguments(words), train)
    assert not aparts
    printed, _ = job.train_all(job.arguments([*words, "--printed"]), train)
    assert [*fast] == [*printed] == TRAINED
    for name, apart in zip(TRAINED, aparts, strict=True):
        share = []
        for key, array in printed[name].params.items():
            assert (np.abs(fast[name].params[key] - array) <= apart.params[key]).all(), (name, key)
            share.append((apart.params[key] / np.abs(array - apart.first[key]).max()).ravel())
        assert apart.t == (10 if "images" in name else 2)
        assert np.median(np.concatenate(share)) < (1e-4 if apart.t == 2 else 10)


@pytest.mark.long
def test_images_of_eight_pixels_are_bordered_and_go_all_the_way(tmp_path):
    write_folder(tmp_path / "data", shape=(8, 8))
    result = run("--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    assert "images of 8×8: zeros around make them 16×16" in result.stdout
    assert archive.read(tmp_path / "out" / "student-int8.tz").shape == (1, 16, 16)


def test_a_folder_without_data_gives_one_line(tmp_path):
    result = run("--data", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    assert result.returncode == 1
    assert re.fullmatch("mnist_quant: .*no such folder.*, needed .*\n", result.stderr)


@pytest.fixture
def sets(monkeypatch):
    """The examples' module of data sets."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("parts.sets")


@pytest.mark.parametrize(
    "images, batch", [(1, 128), (46, 128), (128, 128), (1_284, 128), (55_000, 128), (7, 2)]
)
@pytest.mark.parametrize("epochs", [1, 20, 200])
def test_an_epoch_shows_few_images_as_often_as_STEPS_need_and_no_more(epochs, images, batch, sets) -> None:
    times = sets.repeats(epochs, images, batch)

    def steps(times):
        return epochs * len(range(0, times * images, batch))

    assert times >= 1 and steps(times) >= sets.STEPS
    assert times == 1 or steps(times - 1) < sets.STEPS


def test_mnists_own_trainings_are_as_they_stand_in_the_script(sets) -> None:
    """And so the same bits: a checkpoint knows a distortion by what it prints as."""
    job = importlib.import_module("mnist_quant")
    for name, shape, sizes in (("mnist", (1, 28, 28), (55_000, 1_800)), ("digits1d", (1, 1, 40), (3_667,))):
        told = job.SETTINGS[sets.kind_of(shape)]
        assert told is job.SETTINGS[name]
        for epochs, images in zip(told.epochs, sizes, strict=False):
            assert sets.repeats(epochs, images, told.batch) == 1
        for distortion in told.others:
            assert repr(sets.sized(distortion, shape)) == repr(distortion)


def test_of_a_small_set_the_job_takes_STEPS_sized_distortions_and_says_so(
    sets, tmp_path, monkeypatch, capsys
) -> None:
    """And a teacher who knows no more than its student has the part that is meant for few steps."""
    write_folder(tmp_path, shape=(16, 18))
    job = importlib.import_module("mnist_quant")
    found = []

    def noted(model, **options):
        found.append(options)
        return model, None

    monkeypatch.setattr(job, "fit", noted)
    monkeypatch.setattr(job.distillation, "train", noted)
    job.train_all(job.arguments(["--data", str(tmp_path), "--out", str(tmp_path)]), mnist(tmp_path)[0])
    said = [line for line in capsys.readouterr().out.splitlines() if "epochs" in line]
    asked = job.SETTINGS["mnist"].others
    for options, line, k in zip(found, said, (0, 1, 1, 2, 2), strict=True):
        epochs, times = (200, 163) if k == 2 else (20, 1_734)  # 14·128/11 and 149·128/11, and one more
        assert options["epochs"] == epochs and len(options["images"]) == len(options["labels"]) == 11 * times
        assert (options["images"] == np.tile(options["images"][:11], (times, 1, 1))).all()
        assert (options["labels"] == np.tile(options["labels"][:11], times)).all()
        assert options["augment"] == sets.sized(asked[k], (1, 16, 18)) != asked[k]
        steps = 15 if k == 2 else 150
        assert line == f"  {epochs} epochs of {steps} steps: 11 images, {times} times; {options['augment']}"
    assert ["teacher" in options for options in found] == [False, False, True, False, True]
    assert "soft" not in found[2]
    assert {key: found[4][key] for key in job.VOICE} == job.VOICE


@pytest.mark.parametrize("shape, factor", [((3, 16, 40), 16 / 28), ((1, 56, 30), 30 / 28)])
def test_distortions_are_as_strong_as_the_shorter_side_is_long(shape, factor, sets) -> None:
    found = sets.sized(Augment(shift=2, rotation=9, scale=0.1, elastic=(30, 4)), shape)
    assert found == Augment(2 * factor, 9, 0.1, (30 * factor**2, 4 * factor))


def test_rows_are_moved_in_proportion_to_their_length(sets) -> None:
    assert sets.sized(sets.Moved(5), (1, 1, 120)) == sets.Moved(15)


@pytest.mark.parametrize("shape, made", [((8, 8), (16, 16)), ((3, 9, 20), (3, 16, 20)), ((1, 7), (1, 16))])
def test_images_too_small_for_the_network_stand_in_the_middle_of_a_border(shape, made, sets) -> None:
    images = np.random.default_rng(0).integers(1, 256, (4, *shape), dtype=np.uint8)
    found = sets.bordered(Dataset(images, np.arange(4))).images
    assert found.shape == (4, *made)
    top, left = ((after - before) // 2 for before, after in zip(shape[-2:], made[-2:], strict=True))
    np.testing.assert_array_equal(found[..., top:, left:][..., : shape[-2], : shape[-1]], images)
    assert found.sum(dtype=int) == images.sum(dtype=int)


def test_large_enough_images_are_left_as_they_are(sets) -> None:
    dataset = Dataset(np.ones((2, 16, 17), np.uint8), np.arange(2))
    assert sets.bordered(dataset) is dataset


@pytest.mark.parametrize("sizes, count", [((27_500, 27_500), 1800), ((640, 20), 40), ((640, 7), 27)])
def test_few_images_are_a_thirtieth_in_two_digits_but_twenty_of_each_class(sizes, count, monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples")
    labels = np.repeat(np.arange(len(sizes)), sizes)
    images = np.arange(len(labels), dtype=np.float32)[:, None, None]
    few = importlib.import_module("mnist_quant").share(Dataset(images, labels), np.random.default_rng(1))
    assert len(few) == count
    assert (np.bincount(few.labels) >= np.minimum(sizes, 20)).all()
    chosen = few.images[:, 0, 0].astype(int)
    assert (np.diff(chosen) > 0).all() and (few.labels == labels[chosen]).all()


@pytest.mark.long
def test_seeds_compare_twins_and_a_second_command_makes_only_what_is_missing(
    tmp_path, monkeypatch, capsys
) -> None:
    write_folder(tmp_path / "data", shape=(16, 18))
    monkeypatch.syspath_prepend(ROOT / "examples")
    words = ["--quick", "--data", str(tmp_path / "data"), "--seeds", "2", "--out", str(tmp_path / "out")]
    study = importlib.import_module("seeds")
    study.main([*words, "--resume", "--json", str(tmp_path / "rows.json")])
    first = capsys.readouterr().out
    told = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    each = [{row["model"]: row["errors"] for row in run["rows"]} for run in told]
    for images, start in (("", "all images"), (", 11 images", "11 images")):
        a, b = (found["student, scratch" + images] - found["student, distilled" + images] for found in each)
        line = next(line for line in first.splitlines() if re.match(f"{start}  ", line))
        _, difference, _, both = re.split("  +", line)
        assert difference == f"{(a + b) / 2:.1f} ± {abs(a - b) / 2:.1f}" and both == f"{a:+d}, {b:+d}"
    (tmp_path / "out" / "seed-1.json").unlink()
    study.main([*words, "--resume"])
    again = capsys.readouterr().out
    assert "seed-1 is done, 2 of 2" in again and "seed-0" not in again
    assert first.split("\n\n")[1:3] == again.split("\n\n")[1:3]


def test_small_sets_are_folders_of_their_own_and_validation_leaves_the_test_images_alone(
    tmp_path, monkeypatch, sets
) -> None:
    study, said = importlib.import_module("small_sets"), []
    monkeypatch.setattr(study.seeds, "main", said.extend)
    training, test = study.shapes()
    assert training.images.shape == (400, 3, 20, 24) and training.classes == test.classes == 4
    for words, parts in (
        ((), (training, test)),
        (("--validation",), (training.images[:300], training.images[300:])),
    ):
        out = tmp_path / f"out{len(words)}"
        study.main(["shapes", *words, "--out", str(out), "--workers", "1"])
        assert said[-1] == "1" and str(out / "data") in said
        for found, part in zip(mnist(out / "data"), parts, strict=True):
            np.testing.assert_array_equal(found.images, getattr(part, "images", part))
        study.main(["shapes", *words, "--out", str(out)])  # again, over the same files


def test_halved_digits_are_means_of_four_pixels(monkeypatch, sets) -> None:
    study = importlib.import_module("small_sets")
    training, test = study.halved()
    whole = mnist(study.DATA)[1].images[7].astype(float)
    assert len(training) == 1000 and len(test) == 10_000
    for row, column in np.ndindex(14, 14):
        mean = whole[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean()
        assert test.images[7, row, column] == np.rint(mean)
