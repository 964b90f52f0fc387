"""The command `run`: images to classes, codes to codes, and what it refuses to take for either."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip import archive, integer
from tinyzip.cli.main import main
from tinyzip.exchange import tflite
from tinyzip.exchange.tflite.file import read_graph
from tinyzip.integer import Program, ops
from tinyzip.quant.classify import classify

TFLITE = Path(__file__).parents[1] / "data" / "tflite"


@pytest.fixture
def digits():
    return np.random.default_rng(4).integers(0, 256, (7, 28, 28), np.uint8)


def without_argmax(net: Path) -> Program:
    program = archive.read(net)
    return Program(program.operators[:-1], program.shape, program.input)


def error_of(capsys, *words) -> str:
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("lay", ["NHW", "NCHW", "NHWC", "floats", ">f8"])
def test_the_classes_of_an_array_are_printed_one_a_line(net, digits, lay, tmp_path, capsys):
    arrays = {
        "NHW": digits,
        "NCHW": digits[:, None],
        "NHWC": digits[..., None],
        "floats": digits.astype(np.float32) / 255,
        ">f8": np.asfortranarray(digits / 255.0).astype(">f8"),
    }
    np.save(tmp_path / "x.npy", arrays[lay])
    assert main(["run", str(net), "--images", str(tmp_path / "x.npy"), "--out", str(tmp_path / "y.npy")]) == 0
    captured = capsys.readouterr()
    classes = classify(archive.read(net), digits)
    assert captured.out.split() == [str(k) for k in classes]
    assert captured.err.startswith("7 images, ") and "images a second" in captured.err
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), classes)


def test_where_labels_are_known_errors_are_counted_by_class(net, digits, tmp_path, capsys):
    classes = classify(archive.read(net), digits)
    np.save(tmp_path / "x.npy", digits)
    np.save(tmp_path / "labels.npy", np.where(np.arange(7) < 2, 9 - classes, classes))
    words = ["run", str(net), "--images", str(tmp_path / "x.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main(words) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert last.startswith("7 images, 2 errors (28.57%), ")
    rows = [[int(cell) for cell in line.split()] for line in table[1:]]
    assert [sum(column) for column in list(zip(*rows, strict=True))[1:]] == [7, 7, 2]


def test_a_folder_has_labels_of_its_own_and_a_number_takes_the_first(net, tmp_path, capsys):
    files = write_folder(tmp_path / "data", shape=(28, 28))
    for number, count in (([], 7), (["--images", "3"], 3)):
        assert main(["run", str(net), "--data", str(tmp_path / "data"), *number]) == 0
        wrong = classify(archive.read(net), files["t10k-images"][:count]) != files["t10k-labels"][:count]
        assert f"{count} images, {wrong.sum()} errors" in capsys.readouterr().out


@pytest.mark.needs("PIL")
def test_pictures_are_classified_by_name(net, digits, tmp_path, capsys):
    from PIL import Image

    for i, mode in enumerate(("L", "RGB", "RGBA", "P")):
        Image.fromarray(digits[i]).convert(mode).save(tmp_path / f"{i}.png")
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    assert main(["run", str(net), "--images", *paths]) == 0
    found = [line.split() for line in capsys.readouterr().out.splitlines()]
    pixels = [np.array(Image.open(path).convert("L")) for path in paths]
    np.testing.assert_array_equal(pixels[:3], digits[:3])
    assert found == [
        [path, str(k)] for path, k in zip(paths, classify(archive.read(net), np.array(pixels)), strict=True)
    ]


@pytest.mark.needs("PIL")
def test_what_is_no_picture_for_the_program_is_refused_by_name(net, digits, tmp_path, capsys):
    from PIL import Image

    Image.fromarray(digits[0]).save(tmp_path / "good.png")
    Image.fromarray(digits[0][:9]).save(tmp_path / "flat.png")
    Image.fromarray(digits[0].astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.zeros((28, 28, 4), np.uint8)).save(tmp_path / "clear.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_bytes(b"not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "bomb.png").write_bytes(whole[:16] + b"\xff\x00\x00\x00\xff\x00\x00\x00" + whole[24:])
    for name, words in (
        ("flat", "found 28×9 pixels, needed 28×28"),
        ("deep", "found pixels of mode I;16, needed 8 bits a channel"),
        ("clear", "found pixels that are transparent"),
        ("cut", "found a PNG picture (.png) that cannot be read"),
        ("text", "found a text that begins with 'not a picture', needed a picture"),
        ("empty", "found an empty file, needed a picture"),
        ("bomb", "needed"),
    ):
        path = tmp_path / f"{name}.png"
        err = error_of(capsys, "run", net, "--images", tmp_path / "good.png", path)
        assert err.startswith(f"tinyzip: {path}: ") and words in err


def test_codes_go_in_and_come_out_examples_first(net, tmp_path):
    program = without_argmax(net)
    archive.write(program, tmp_path / "codes.tz")
    x = np.random.default_rng(8).integers(0, 256, (5, 1, 28, 28), np.uint8)
    np.save(tmp_path / "x.npy", np.asfortranarray(x))
    needed = integer.run(program, np.moveaxis(x, 0, -1).copy())
    for file, y in (("codes.tz", needed.T), ("net.tz", needed.argmax(0))):
        words = ["--codes", str(tmp_path / "x.npy"), "--out", str(tmp_path / "y.npy")]
        assert main(["run", str(tmp_path / file), *words]) == 0
        found = np.load(tmp_path / "y.npy")
        assert found.dtype == y.dtype
        np.testing.assert_array_equal(found, y)


def test_the_printed_engine_runs_if_asked_for_and_answers_the_same(
    net, digits, tmp_path, capsys, monkeypatch
):
    walk, walked = ops.walk, []
    monkeypatch.setattr(ops, "walk", lambda *given: walked.append(len(given)) or walk(*given))
    np.save(tmp_path / "x.npy", digits)
    np.save(tmp_path / "codes.npy", digits[:, None])
    for given in ("--images", "x.npy"), ("--codes", "codes.npy"):
        answers = []
        for product in (), ("--product", "blas"), ("--product", "printed"):
            assert not walked
            words = [given[0], str(tmp_path / given[1]), "--out", str(tmp_path / "y.npy"), *product]
            assert main(["run", str(net), *words]) == 0
            assert bool(walked) == ("printed" in product)
            answers.append(np.load(tmp_path / "y.npy"))
        walked.clear()
        np.testing.assert_array_equal(answers[1:], [answers[0]] * 2)


@pytest.mark.needs("tflite")
@pytest.mark.parametrize("name", ["ad01_int8", "kws_ref_model", "hello_world_int8", "micro_speech_quantized"])
def test_codes_of_a_tflite_file_lie_as_in_the_file(name, tmp_path):
    path = TFLITE / f"{name}.tflite"
    graph = read_graph(path)
    entry, end = (graph.tensors[t].shape[1:] for (t,) in (graph.inputs, graph.outputs))
    program = tflite.read(path)
    rng = np.random.default_rng(8)
    x = rng.integers(program.input.lo, program.input.hi + 1, (3, *entry)).astype(program.input.dtype)
    np.save(tmp_path / "x.npy", x)
    assert main(["run", str(path), "--codes", str(tmp_path / "x.npy"), "--out", str(tmp_path / "y.npy")]) == 0
    found = np.load(tmp_path / "y.npy")
    assert found.shape == (3, *end)
    np.testing.assert_array_equal(tflite.batch_last(found), integer.run(program, tflite.batch_last(x)))


class Trap:
    """What would run if it were loaded."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_a_hostile_array_is_refused_with_what_it_is(net, digits, tmp_path, capsys):
    codes = digits[:, None]
    files = {
        "objects": (np.array([Trap()], object), "Object|Python objects"),
        "dtype": (codes.astype(np.int64), "found dtype int64, needed uint8"),
        "signed": (codes.astype(np.int8), "found dtype int8, needed uint8"),
        "text": (np.array(["a"]), "found dtype <U1, needed whole or real numbers"),
        "record": (np.zeros(3, [("x", "i4")]), "needed whole or real numbers"),
        "shape": (digits, r"found shape \(7, 28, 28\), needed \('N', 1, 28, 28\)"),
        "last": (codes.transpose(1, 2, 3, 0), r"found shape \(1, 28, 28, 7\)"),
        "none": (codes[:0], "needed"),
        "number": (np.uint8(3), r"found shape \(\)"),
    }
    for name, (array, _) in files.items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=True)
    good = tmp_path / "shape.npy"
    whole = good.read_bytes()
    raw = {
        "pickle": (pickle.dumps(Trap()), "found a pickle, needed a NumPy array"),
        "empty": (b"", "found an empty file"),
        "cut": (whole[:-9], "cannot be read"),
        "header": (whole[:40], "cannot be read"),
        "huge": (whole.replace(b"(7, 28, 28)", b"(10**9,28)!"), "cannot be read"),
        "long": (whole.replace(b"(7, 28, 28), }", b"(9999999999,)}"), "cannot be read"),
        "code": (whole.replace(b"(7, 28, 28)", b"exit(3)    "), "cannot be read"),
        "zip": (b"PK\x03\x04", "found a zip archive"),
    }
    for name, (content, _) in raw.items():
        (tmp_path / f"{name}.npy").write_bytes(content)
    for name, words in [(name, words) for name, (_, words) in (files | raw).items()]:
        path, out = tmp_path / f"{name}.npy", tmp_path / "out.npy"
        err = error_of(capsys, "run", net, "--codes", path, "--out", out)
        assert err.startswith(f"tinyzip: {path}: "), err
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(err)
        assert not out.exists()


def test_codes_beyond_the_grid_are_refused(net, tmp_path, capsys):
    program = archive.read(net)
    narrow = Program(program.operators, program.shape, integer.Codes(0, 15, 0))
    archive.write(narrow, tmp_path / "narrow.tz")
    np.save(tmp_path / "x.npy", np.full((2, 1, 28, 28), 16, np.uint8))
    err = error_of(
        capsys, "run", tmp_path / "narrow.tz", "--codes", tmp_path / "x.npy", "--out", tmp_path / "y.npy"
    )
    assert "x.npy: found codes from 16 to 16, needed codes from 0 to 15" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nowhere"], "--data nowhere: found no such folder, needed a folder with the four IDX"),
        (["--images", "0"], "--images: found 0, needed 1 or more"),
        (["--images", "-3"], "--images: found -3, needed 1 or more"),
        (["--images", "nowhere.npy"], "nowhere.npy: No such file"),
        (["--images", "x.npy", "--data", "."], "needed a number of images with --data, or no --data"),
        (["--images", "x.npy", "--labels", "few.npy"], "--labels: found 3 labels, needed 7"),
        (["--images", "x.npy", "--labels", "x.npy"], "x.npy: found uint8 of shape"),
        (["--images", "7", "--labels", "few.npy"], "--labels: found few.npy, needed no such option"),
        (["--images", "odd.npy"], r"odd.npy: found shape (7, 27, 28), needed ('N', 1, 28, 28)"),
        (["--images", "ints.npy"], "ints.npy: found dtype int64, needed bytes"),
        (
            ["--images", "x.npy", "--unscaled"],
            "classify: images: found float32 from 0 to 255, needed numbers like",
        ),
        (["--images", "x.npy", "--out", "nowhere/y.npy"], "nowhere/y.npy: found no folder"),
        (["--codes", "x.npy"], "--out: found nothing, needed the file to write the codes to"),
        (["--codes", "x.npy", "--out", "y.npy", "--images", "x.npy"], "needed codes or images, not both"),
    ],
)
def test_a_bad_option_is_one_line_that_says_what_to_do(
    words, said, net, digits, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", digits)
    np.save("odd.npy", digits[:, 1:])
    np.save("ints.npy", digits.astype(int))
    np.save("few.npy", np.arange(3))
    assert said in error_of(capsys, "run", net, *words)


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_too(net, digits, tmp_path, capsys):
    np.save(tmp_path / "x.npy", digits // 128)
    assert main(["run", str(net), "--images", str(tmp_path / "x.npy")]) == 0
    warning, _ = capsys.readouterr().err.splitlines()
    assert warning.startswith("tinyzip: warning: classify: images: found uint8 from 0 to 1, which mean 0 to")


def test_without_images_and_far_from_the_sources_it_says_what_to_give(net, tmp_path, capsys, monkeypatch):
    from tinyzip.cli import pictures

    monkeypatch.setattr(pictures, "MNIST", Path("no-such-folder"))
    err = error_of(capsys, "run", net)
    assert "--data: found nothing, and no no-such-folder here, needed --data FOLDER" in err
