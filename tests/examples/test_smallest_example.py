"""The smallest files: the whole way on few images, and what is committed of the long one."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from idx_folders import idx_bytes

from tinyzip import archive
from tinyzip.train.data import mnist

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def smallest(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("smallest")


def few_images(folder: Path) -> Path:
    """The first images of MNIST, in a folder of their own."""
    folder.mkdir()
    train, test = mnist(EXAMPLES / "data" / "mnist")
    for part, images, labels in (
        ("train", train.images[:600], train.labels[:600]),
        ("t10k", test.images[:90], test.labels[:90]),
    ):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels.astype(np.uint8)))
    return folder


def test_a_quick_run_gives_rows_that_its_files_keep(smallest: ModuleType, tmp_path: Path) -> None:
    data, out, rows = few_images(tmp_path / "data"), tmp_path / "out", tmp_path / "rows.json"
    words = [
        "--quick",
        "--data",
        str(data),
        "--out",
        str(out),
        "--json",
        str(rows),
        "--budget",
        "512",
        "1024",
    ]
    smallest.main([*words, "--workers", "1"])
    found = json.loads(rows.read_text(encoding="utf-8"))
    made = {path: path.stat().st_mtime_ns for path in (out / "seed0").iterdir()}
    assert [row["budget"] for row in found] == [512, 1024]
    test = mnist(data)[1]
    for row in found:
        keys = {"budget", "seed", "bytes", "parameters", "errors", "validation_errors", "float_errors"}
        assert row.keys() == keys
        path = out / "seed0" / f"mnist-{row['budget']}.tz"
        assert row["bytes"] == path.stat().st_size
        assert row["errors"] == smallest.errors_of(archive.read(path), test)
    assert (out / "smallest.png").exists()
    smallest.main(words)  # all is there, and nothing is trained again
    assert {path: path.stat().st_mtime_ns for path in (out / "seed0").iterdir()} == made
    assert json.loads(rows.read_text(encoding="utf-8")) == found


def test_a_file_that_does_not_fit_is_trained_on_with_fewer_bits_at_a_higher_price(
    smallest: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[float, float, int]] = []
    create, pack = smallest.Price.create, archive.pack

    def noted(model, price, free):
        found.append((price, free, 0))
        return create(model, price, free)

    def packed(program, names):
        made = pack(program, names=names)
        found[-1] = *found[-1][:2], len(made)
        return made

    monkeypatch.setattr(smallest.Price, "create", noted)
    monkeypatch.setattr(smallest.archive, "pack", packed)
    monkeypatch.setattr(smallest, "TRIES", 3)
    told = smallest.SETTINGS["mnist"]
    recipe = told.recipes[512]._replace(looks=(1, 1))
    told = told._replace(epochs=(1, 1), recipes=told.recipes | {100: recipe})  # nothing fits into 100 bytes
    monkeypatch.setitem(smallest.SETTINGS, "mnist", told)
    (tmp_path / "out").mkdir()
    bench = smallest.Bench(tmp_path / "out", few_images(tmp_path / "data"), 0, False)
    bench.teach()
    assert bench.smallest(100).stat().st_size > 100
    tries = [found[i : i + 2] for i in range(2)]
    assert len(found) == 3 and found[0][:2] == (recipe.price, recipe.free)
    for (price, free, size), (dearer, after, _) in tries:
        assert after == max(0, free - 8 * (size - 100) - smallest.MARGIN)
        assert dearer == 2 * price


@pytest.mark.parametrize("budget", [512, 1024, 2048, 2953, 8192])
def test_the_committed_files_have_the_bytes_and_the_errors_that_the_page_prints(
    smallest: ModuleType, budget: int
) -> None:
    page = (EXAMPLES / "studies" / "SMALLEST.md").read_text(encoding="utf-8")
    line = next(line for line in page.splitlines() if line.split()[:1] == [f"{budget:,}"])
    size, errors = (int(word.replace(",", "")) for word in line.split()[-2:])
    path = EXAMPLES / "models" / f"mnist-{budget}.tz"
    assert path.stat().st_size == size <= budget
    test = mnist(EXAMPLES / "data" / "mnist")[1]
    assert smallest.errors_of(archive.read(path), test) == errors


def test_the_file_to_keep_is_the_one_with_the_fewest_validation_errors(smallest: ModuleType) -> None:
    rows = [
        {"budget": 512, "seed": s, "bytes": 500 + s, "errors": e, "validation_errors": v}
        | {"parameters": 9, "float_errors": 70 + s}
        for s, e, v in ((0, 90, 21), (1, 99, 18), (2, 80, 20))
    ]
    line = smallest.as_table(rows).splitlines()[1]
    assert " ".join(line.split()) == "512 501 9 71.0 ± 1.0 89.7 ± 9.5 90, 99, 80 seed 1 501 99"
