"""The command `run`: images to classes, codes to codes, and what it refuses to take for either."""

import pickle
import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip import archive, integer
from tinyzip.cli.main import main
from tinyzip.cli.pictures import add_images, folder_of, is_picture, labels_of, pixels_of, read_images
from tinyzip.cli.programs import File, Layout
from tinyzip.exchange import tflite
from tinyzip.exchange.tflite.file import read_graph
from tinyzip.integer import Program, ops
from tinyzip.quant.door.classify import classify

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


def asked(*words, count=None, part="test"):
    """What the options of images come to."""
    parser = ArgumentParser()
    add_images(parser, count, part)
    return parser.parse_args([str(word) for word in words])


def test_images_are_asked_for_by_four_options():
    given = {"data": None, "images": None, "labels": None, "unscaled": False}
    assert vars(asked()) == given
    assert vars(asked(count=1000)) == given | {"images": [1000]}
    words = ("--data", "a", "--images", "b", "c", "--labels", "d", "--unscaled")
    assert vars(asked(*words)) == {"data": "a", "images": ["b", "c"], "labels": "d", "unscaled": True}
    for count, some in ((None, "(all)"), (9, "(9)")):
        parser = ArgumentParser()
        add_images(parser, count, "training")
        assert f"training images {some}" in " ".join(parser.format_help().split())


@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f4", "<f8"])
def test_an_array_of_images_is_read_with_its_channels_first(dtype, tmp_path):
    """Channels may be last, unless the shape leaves that open, and may be left out where there is one."""
    rng = np.random.default_rng(0)
    for shape, given in (
        ((3, 4, 5), (6, 3, 4, 5)),
        ((3, 4, 5), (6, 4, 5, 3)),
        ((2, 2, 2), (6, 2, 2, 2)),
        ((1, 4, 5), (6, 4, 5)),
        ((1, 4, 5), (1, 4, 5, 1)),
        ((7,), (6, 7)),
    ):
        array = rng.integers(0, 256, given).astype(dtype)
        np.save(tmp_path / "x.npy", array)
        found = pixels_of(str(tmp_path / "x.npy"), shape)
        unscaled = read_images(asked("--images", tmp_path / "x.npy", "--unscaled"), shape).pixels
        assert unscaled.dtype == (np.float32 if dtype == "u1" else found.dtype)
        np.testing.assert_array_equal(unscaled, found)
        moved = np.moveaxis(array, -1, 1) if given[1:] == (*shape[1:], shape[0]) != shape else array
        assert found.dtype == np.dtype(dtype).newbyteorder("=") and found.flags.writeable
        np.testing.assert_array_equal(found.reshape(len(array), *shape), moved.reshape(len(array), *shape))
    for shape, given in (
        ((3, 4, 5), (6, 4, 5)),
        ((3, 4, 5), (6, 5, 4, 3)),
        ((3, 4, 5), (0, 3, 4, 5)),
        ((3, 4, 5), (6, 60)),
        ((3, 4, 5), (6, 3, 4, 5, 1)),
        ((7,), (6, 1, 7)),
        ((7,), (6, 6)),
        ((7,), (7,)),
        ((1,), (7,)),
        ((3, 4, 5), ()),
    ):
        np.save(tmp_path / "x.npy", np.zeros(given, dtype))
        with pytest.raises(ValueError, match=r"x\.npy: found shape .*, needed \('N', "):
            pixels_of(str(tmp_path / "x.npy"), shape)


def test_labels_are_one_row_of_whole_numbers(tmp_path):
    for dtype in ("u1", "i2", ">i8"):
        np.save(tmp_path / "y.npy", np.arange(5, dtype=dtype))
        found = labels_of(str(tmp_path / "y.npy"))
        assert found.dtype == np.int64 and found.tolist() == [0, 1, 2, 3, 4]
    for wrong in (np.arange(5.0), np.arange(6).reshape(2, 3), np.array(3)):
        np.save(tmp_path / "y.npy", wrong)
        with pytest.raises(ValueError, match=r"needed whole numbers of shape \(N,\)"):
            labels_of(str(tmp_path / "y.npy"))
    assert labels_of(None) is None


def test_a_number_takes_the_first_of_the_part_that_is_asked_for(tmp_path):
    files = write_folder(tmp_path / "data", shape=(4, 5))
    for part, name, size in (("training", "train", 12), ("test", "t10k", 7)):
        for count, taken in ((None, size), ("1", 1), (str(size), size)):
            words = [] if count is None else ["--images", count]
            found = read_images(asked("--data", tmp_path / "data", *words), (1, 4, 5), part)
            np.testing.assert_array_equal(found.pixels.reshape(-1, 4, 5), files[f"{name}-images"][:taken])
            np.testing.assert_array_equal(found.labels, files[f"{name}-labels"][:taken])
            assert found.names is None
        beyond = asked("--data", tmp_path / "data", "--images", size + 1)
        with pytest.raises(ValueError, match=f"found {size + 1}, needed {size} at most, the folder's {part}"):
            read_images(beyond, (1, 4, 5), part)
        by_default = asked("--data", tmp_path / "data", count=1000)
        assert len(read_images(by_default, (1, 4, 5), part).pixels) == size
    unscaled = read_images(asked("--data", tmp_path / "data", "--unscaled"), (1, 4, 5))
    assert unscaled.pixels.dtype == np.float32 and len(unscaled.labels) == 7
    np.testing.assert_array_equal(unscaled.pixels.reshape(-1, 4, 5), files["t10k-images"])


@pytest.mark.needs("PIL")
def test_a_picture_has_as_many_channels_as_the_program_reads(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    colours, one = rng.integers(0, 256, (3, 4, 5, 3), np.uint8), str(tmp_path / "0.png")
    paths = [str(tmp_path / f"{k}.png") for k in range(3)]
    for path, pixels in zip(paths, colours, strict=True):
        Image.fromarray(pixels).save(path)
    found = read_images(asked("--images", *paths), (3, 4, 5))
    assert found.labels is None and list(found.names) == paths and is_picture(one)
    np.testing.assert_array_equal(found.pixels, colours.transpose(0, 3, 1, 2))
    grey = read_images(asked("--images", one), (1, 4, 5)).pixels
    np.testing.assert_array_equal(grey[0, 0], np.array(Image.open(one).convert("L")))
    Image.fromarray(np.dstack([colours[0], np.full((4, 5), 254, np.uint8)])).save(one)
    with pytest.raises(ValueError, match="pixels that are transparent"):
        read_images(asked("--images", one), (3, 4, 5))
    for shape in ((2, 4, 5), (4, 4, 5), (20,), (3,)):
        with pytest.raises(ValueError, match=r"found a picture, needed an array: the program reads examples"):
            read_images(asked("--images", paths[1]), shape)
    with pytest.raises(ValueError, match=r"2\.png: found 5×4 pixels, needed 4×5"):
        read_images(asked("--images", *paths[1:][::-1]), (3, 5, 4))
    np.save(tmp_path / "x.npy", found.pixels)
    for some in (["x.npy", "1.png"], ["1.png", "x.npy"]):
        with pytest.raises(ValueError, match=r"x\.npy: found a NumPy array .*, needed a picture"):
            read_images(asked("--images", *(tmp_path / name for name in some)), (3, 4, 5))
    with pytest.raises(ValueError, match=r"--labels: found y\.npy, needed no such option with pict"):
        read_images(asked("--images", *paths[1:], "--labels", "y.npy"), (3, 4, 5))


def test_what_begins_as_an_array_or_is_called_one_is_no_picture(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3))
    (tmp_path / "x").write_bytes((tmp_path / "x.npy").read_bytes())
    (tmp_path / "text.npy").write_bytes(b"GIF8")
    (tmp_path / "text").write_bytes(b"GIF8")
    assert [is_picture(str(tmp_path / name)) for name in ("x.npy", "x", "text.npy", "text")] == [
        False
    ] * 3 + [True]

    with pytest.raises(ValueError, match="--images: found '', needed a path"):
        is_picture("")


def test_arrays_lie_at_both_ends_as_the_file_has_them(net, tmp_path):
    archive.write(without_argmax(net), tmp_path / "codes.tz")
    layout = File.read(str(tmp_path / "codes.tz")).layout
    assert layout == Layout((1, 28, 28), (10,), False) and File.read(str(net)).layout.exit == ()
    for turned, entry in ((False, (2, 3, 4)), (True, (3, 4, 2)), (True, (3, 4)), (True, (5,))):
        layout = Layout(entry, entry, turned)
        x = np.random.default_rng(0).integers(0, 256, (6, *entry), np.uint8)
        codes = layout.batch_last(x)
        assert codes.flags.c_contiguous and codes.flags.writeable
        expected = np.moveaxis(np.moveaxis(x, -1, 1) if turned and len(entry) > 1 else x, 0, -1)
        np.testing.assert_array_equal(codes.reshape(expected.shape), expected)
        np.testing.assert_array_equal(layout.examples_first(codes), x)


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
    assert captured.err.startswith("7 images, ") and captured.err.endswith(" images a second\n")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), classes)


def test_images_a_second_are_those_of_the_time_between(net, digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tinyzip.cli.run.perf_counter", iter([100.0, 100.5]).__next__)
    np.save(tmp_path / "x.npy", digits)
    assert main(["run", str(net), "--images", str(tmp_path / "x.npy")]) == 0
    assert capsys.readouterr().err == "7 images, 14 images a second\n"


def test_where_labels_are_known_errors_are_counted_by_class(net, digits, tmp_path, capsys):
    classes = classify(archive.read(net), digits)
    np.save(tmp_path / "x.npy", digits)
    np.save(tmp_path / "labels.npy", np.where(np.arange(7) < 2, 9 - classes, classes))
    words = ["run", str(net), "--images", str(tmp_path / "x.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main(words) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert last.startswith("7 images, 2 errors (28.57%), ")
    rows = [[int(cell) for cell in line.split()] for line in table[1:]]
    labels = np.load(tmp_path / "labels.npy")
    assert table[0].split() == ["class", "images", "answers", "errors"]
    assert rows == [
        [k, *(int(n.sum()) for n in (labels == k, classes == k, (labels == k) & (classes != k)))]
        for k in sorted({*classes.tolist(), *labels.tolist()})
    ]
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
    narrow = Program(program.operators, program.shape, integer.Codes(3, 15, 3))
    archive.write(narrow, tmp_path / "narrow.tz")
    words = "run", tmp_path / "narrow.tz", "--codes", tmp_path / "x.npy", "--out", tmp_path / "y.npy"
    for least, most in ((3, 16), (2, 15)):
        codes = np.full((2, 1, 28, 28), most, np.uint8)
        codes[1, 0, 0, 0] = least
        np.save(tmp_path / "x.npy", codes)
        err = error_of(capsys, *words)
        assert f"x.npy: found codes from {least} to {most}, needed codes from 3 to 15" in err
    np.save(tmp_path / "x.npy", np.clip(codes, 3, 15))
    assert main([str(word) for word in words]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nowhere"], "--data nowhere: found no such folder, needed a folder with the four IDX"),
        (["--data", "x.npy"], "--data x.npy: found a file, needed a folder with the four IDX"),
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
        *(
            (["--codes", "x.npy", "--out", "y.npy", *more], "needed codes or images, not both")
            for more in (["--images", "x.npy"], ["--data", "."], ["--labels", "few.npy"], ["--unscaled"])
        ),
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


def test_the_digits_of_the_sources_are_found_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder_of(None).samefile(Path(__file__).parents[2] / "examples" / "data" / "mnist")


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


def test_without_pillow_a_picture_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    path = tmp_path / "0.png"
    path.write_bytes(b"\x89PNG")
    with pytest.raises(ImportError, match=r"0.png: found no package Pillow, needed it: pip install"):
        read_images(asked("--images", str(path)), (1, 4, 5))
