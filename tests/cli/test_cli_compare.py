"""The command `compare`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyzip import archive
from tinyzip.cli.main import main
from tinyzip.integer import Program
from tinyzip.quant.door.classify import classify


def test_each_image_on_which_two_programs_disagree_is_a_line(net, tmp_path, capsys):
    program = archive.read(net)
    *before, head, last = program.operators
    other = Program((*before, replace(head, w=-head.w), last), program.shape, program.input)
    archive.write(other, tmp_path / "other.tz")
    digits = np.random.default_rng(4).integers(0, 256, (30, 4, 4), np.uint8).repeat(7, 1).repeat(7, 2)
    np.save(tmp_path / "x.npy", digits)
    np.save(tmp_path / "labels.npy", classify(program, digits))
    words = [str(tmp_path / "x.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main(["compare", str(net), str(tmp_path / "other.tz"), "--images", *words]) == 0
    head_line, *lines, end = capsys.readouterr().out.splitlines()
    assert head_line.split() == ["image", "first", "second", "label"]
    one, two = classify(program, digits), classify(other, digits)
    odd = np.flatnonzero(one != two)
    assert len(odd) > 3
    assert [[int(cell) for cell in line.split()] for line in lines] == [
        [i, one[i], two[i], one[i]] for i in odd.tolist()
    ]
    said = f"{len(odd)} of 30 images get another class; 0 errors in the first, {len(odd)} in the second"
    assert end == said
    assert main(["compare", str(net), str(net), "--images", words[0]]) == 0
    assert capsys.readouterr().out == "0 of 30 images get another class\n"
    assert main(["compare", str(net), str(tmp_path / "other.tz"), "--images", words[0]]) == 0
    head_line, first, *_ = capsys.readouterr().out.splitlines()
    assert head_line.split() == ["image", "first", "second"]
    assert first.split() == [str(k) for k in (odd[0], one[odd[0]], two[odd[0]])]
    np.save(tmp_path / "one.npy", digits[odd[:1]])
    assert main(["compare", str(net), str(tmp_path / "other.tz"), "--images", str(tmp_path / "one.npy")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.needs("PIL")
def test_pictures_are_named_and_labels_counted_for_each_program(net, tmp_path, capsys):
    from PIL import Image

    program = archive.read(net)
    *before, head, last = program.operators
    other = Program((*before, replace(head, w=-head.w), last), program.shape, program.input)
    archive.write(other, tmp_path / "other.tz")
    digits = np.random.default_rng(4).integers(0, 256, (30, 4, 4), np.uint8).repeat(7, 1).repeat(7, 2)
    one, two = classify(program, digits), classify(other, digits)
    paths = [str(tmp_path / f"{i}.png") for i in np.flatnonzero(one != two)[:3].tolist()]
    for path in paths:
        Image.fromarray(digits[int(Path(path).stem)]).save(path)
    assert main(["compare", str(net), str(tmp_path / "other.tz"), "--images", *paths]) == 0
    _, *lines, end = capsys.readouterr().out.splitlines()
    expected = [[path, str(one[i]), str(two[i])] for path in paths for i in [int(Path(path).stem)]]
    assert [line.split() for line in lines] == expected
    assert end == "3 of 3 images get another class"
    labels = np.where(np.arange(30) < 4, two, (one + 1) % 10)
    np.save(tmp_path / "x.npy", digits)
    np.save(tmp_path / "labels.npy", labels)
    words = ["--images", str(tmp_path / "x.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main(["compare", str(net), str(tmp_path / "other.tz"), *words]) == 0
    *_, end = capsys.readouterr().out.splitlines()
    wrong = [int((classes != labels).sum()) for classes in (one, two)]
    assert wrong[0] != wrong[1]
    assert end.endswith(f" another class; {wrong[0]} errors in the first, {wrong[1]} in the second")


def test_programs_that_look_at_other_images_are_not_compared(net, tmp_path, capsys):
    program = archive.read(net)
    first = Program(program.operators[:2], (1, 20, 20), program.input)
    archive.write(first, tmp_path / "other.tz")
    assert main(["compare", str(net), str(tmp_path / "other.tz"), "--images", "2"]) == 2
    assert "other.tz: found examples of shape (1, 20, 20), needed (1, 28, 28)" in capsys.readouterr().err
