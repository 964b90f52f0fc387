"""A program in fewer bits: within its bytes, on its own grids, and nearly as before."""

from dataclasses import replace
from typing import Any

import pytest
from quant_networks import pictures, small_network
from residual_networks import small

from tinyzip import archive
from tinyzip.integer import Argmax, Conv2d, Linear, Program, Recall, Softmax, Transpose, simplify
from tinyzip.nn.activations import Clip
from tinyzip.nn.residual import Residual
from tinyzip.quant.choose import shrink as module
from tinyzip.quant.choose.auto import post_train, quantize
from tinyzip.quant.choose.shrink import clamped_twin, shrink
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.twin import named, parted


def size(program: Program) -> int:
    return len(archive.pack(program))


@pytest.fixture(scope="module")
def program() -> Program:
    """Of 8 bits, a softmax and an argmax after its logits, and a dead channel in its convolution."""
    quantized = quantize(small_network(), pictures(40), method="minmax").program
    first, *others = quantized.operators
    assert isinstance(first, Conv2d)
    bias = first.bias.copy()
    bias[2] = -(10**8)
    tail = (Softmax(2**30, 20), Argmax())
    return Program((replace(first, bias=bias), *others, *tail), quantized.shape, quantized.input)


def test_the_twin_of_a_program_clamps_where_the_program_does(program: Program) -> None:
    body, tail = parted(named(program))
    assert [operator.kind for operator in tail] == ["Softmax", "Argmax"]
    model, grids = clamped_twin(body)
    assert list(grids) == ["input", "conv", "out"]
    clip = model.layers["conv.relu"]
    assert isinstance(clip, Clip) and clip.low == 0 and clip.high == float(grids["conv"].high)


@pytest.mark.parametrize("bits", [3, 4])
def test_a_shrunk_program_has_fewer_bits_in_no_more_bytes_than_it_may(program: Program, bits: int) -> None:
    images = pictures(60, seed=9)
    shrunk = shrink(program, images, size, bits)
    held_back = images[45:]
    assert shrunk.images == 15 and set(shrunk.bits) == {"conv", "out"}
    assert shrunk.changed == (classify(shrunk.program, held_back) != classify(program, held_back)).sum()
    assert shrunk.changed <= 5
    assert size(shrunk.program) < size(simplify(program))
    assert (shrunk.program.shape, shrunk.program.input) == (program.shape, program.input)
    kinds = [operator.kind for operator in shrunk.program.operators]
    assert kinds == [operator.kind for operator in program.operators]
    weighted = [operator for operator in shrunk.program.operators if isinstance(operator, Conv2d | Linear)]
    assert all(operator.weight_bits <= shrunk.bits[operator.name] for operator in weighted)
    assert len(weighted[0].w) == 3  # the dead one is gone before anything is rounded
    assert repr(shrunk).endswith(f", another class on {shrunk.changed} of 15 images)")
    assert str(shrunk).endswith(f"original's on {15 - shrunk.changed} of 15 images held back")


def test_all_images_held_back_that_get_another_class_are_counted() -> None:
    program, images = quantize(small_network(), pictures(40), method="minmax").program, pictures(200, seed=9)
    shrunk, held_back = shrink(program, images, size, 2), images[150:]
    assert shrunk.changed == (classify(shrunk.program, held_back) != classify(program, held_back)).sum() > 1


def test_nothing_to_round_changes_no_class(program: Program) -> None:
    assert shrink(program, pictures(60, seed=9), size, 8).changed == 0


def test_what_no_layer_stands_for_is_refused_by_name(program: Program) -> None:
    looped = Program((*program.operators[:1], Recall(-1), *program.operators), program.shape, program.input)
    assert shrink(looped, pictures(8), size, 8).images == 2  # a program that simplifies to a chain
    with pytest.raises(ValueError, match=r"shrink: images: found one image"):
        shrink(program, pictures(1), size)
    with pytest.raises(ValueError, match=r"shrink: bits"):
        shrink(program, pictures(8), size, 9)
    with pytest.raises(TypeError, match=r"shrink: program"):
        shrink(small_network(), pictures(8), size)


def test_residual_blocks_shrink_too() -> None:
    """On the grids of the program, its sums' among them, and with its clamps, also inside of blocks."""
    program = quantize(small(), pictures(40), method="minmax").program
    model, grids = clamped_twin(named(program))
    assert set(grids) >= {"block1", "block1.body.conv1", "block2.shortcut.conv", "block2"}
    block = model.layers["block1"]
    assert isinstance(block, Residual) and block.body["conv1.relu"] == Clip(
        0.0, float(grids["block1.body.conv1"].high)
    )
    shrunk = shrink(program, pictures(60, seed=9), size, 4)
    assert set(shrunk.bits) == {o.name for o in program.operators if isinstance(o, Conv2d | Linear)}
    assert size(shrunk.program) < size(program) and shrunk.changed <= 5


def test_operators_that_only_move_codes_in_front_stay() -> None:
    """The twin does not see them: its images are moved as they move codes."""
    straight = quantize(small_network(), pictures(40), method="minmax").program
    C, H, W = straight.shape
    turn = Transpose((2, 0, 1), name="turn")
    turned = Program((turn, *straight.operators), (H, W, C), straight.input)
    images = pictures(60, seed=9)
    shrunk, wanted = shrink(turned, images[..., None], size), shrink(straight, images, size)
    assert shrunk.program == Program((turn, *wanted.program.operators), (H, W, C), straight.input)
    assert (shrunk.changed, shrunk.bits) == (wanted.changed, wanted.bits)


def test_a_hundred_and_twenty_eight_images_say_how_many_bits_each_layer_needs_and_four_are_the_budget(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def allocate(model: Any, images: Any, budget: int, choices: Any, weigh: Any) -> dict[str, int]:
        told.append((len(images), budget, choices))
        return dict.fromkeys(("conv", "out"), 5)

    monkeypatch.setattr(module, "allocate", allocate)
    monkeypatch.setattr(
        module,
        "post_train",
        lambda model, seen, bits, grids, method: (
            told.append(bits) or (post_train(model, seen[:9], bits, grids, "mse"))
        ),
    )
    for count, seen, held_back in ((180, 128, 45), (20, 15, 5), (2, 1, 1)):
        told.clear()
        shrunk = shrink(program, pictures(count, seed=9), size)
        assert told[0] == {"conv": 4, "out": 4}
        assert told[1][0] == seen and told[1][2] == (2, 3, 4, 5, 6, 7, 8) and told[2] == {"conv": 5, "out": 5}
        assert shrunk.images == held_back and shrunk.bits == {"conv": 5, "out": 5}


def test_a_line_says_on_how_many_images_the_class_is_the_original_s(program: Program) -> None:
    told = str(module.Shrunk(program, {"conv": 3}, 2, 15))
    assert told.endswith("the class is the original's on 13 of 15 images held back")
