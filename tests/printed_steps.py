"""Runs of what is printed, small and through all of it, for test_printed: each gives arrays by name."""

from fractions import Fraction

import numpy as np

from tinyzip import archive, integer
from tinyzip.archive.coder import Reader, Steps, Writer, chances
from tinyzip.distill.student import train as distillation
from tinyzip.distill.temperature import soft_cross_entropy
from tinyzip.integer.bounds import (
    accumulator_of,
    bound_of,
    channel_bounds,
    product_bounds,
    product_ends,
    term,
)
from tinyzip.integer.fixedpoint import ROUNDINGS, multiplier, requantize
from tinyzip.nn.activations import GELU, ByPoints, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
)
from tinyzip.nn.losses import cross_entropy, log_softmax
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.qat import qat
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.textbook import min_max_decode, min_max_encode, through_bytes
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.fit import fit
from tinyzip.train.images import to_input
from tinyzip.train.loop import hard_labels
from tinyzip.train.optim import SGD, AdamW, constant, cosine, one_cycle


def every_layer():
    """A chain with every kind of layer, for images (2, H, W)."""
    body = {"conv": Conv2d(4, 4, 3, padding=1, groups=2), "norm": BatchNorm(4), "drop": Dropout(0.3)}
    return {
        "conv": Conv2d(2, 4, 3, padding=1, bias=False),
        "norm": BatchNorm(4),
        "relu": ReLU(),
        "max": MaxPool2d(2, 1, 1),
        "block": Residual(body, {"conv": Conv2d(4, 4, 1)}),
        "average": AvgPool2d(2),
        "same": Residual({"relu": ReLU()}),
        **{"clip": Clip(-2, 2), "leaky": LeakyReLU(0.3), "sigmoid": Sigmoid(), "tanh": Tanh()},
        **{"silu": SiLU(), "swish": HardSwish(), "gelu": GELU(), "points": ByPoints((-4, 0, 4), (-1, 2, 9))},
        "global": GlobalAvgPool(),
        "flatten": Flatten(),
        "drop": Dropout(0.2),
        "out": Linear(4, 3),
    }


def refused(call):
    """What a call is refused with."""
    try:
        call()
    except (TypeError, ValueError) as error:
        return np.array(str(error))
    raise AssertionError("not refused")


def network_step():
    """A training step of a network with every layer, and what is asked of it then."""
    rng = np.random.default_rng(0)
    first = Inspected.create(every_layer(), (2, 6, 5), rng, np.float64).with_input_range((-3, 3))
    net = first.with_params({key: a + rng.uniform(0.1, 0.3, a.shape) for key, a in first.params.items()})
    x, labels = rng.normal(size=(2, 6, 5, 4)), np.array([2, 0, 1, 2])
    z, caches = net.forward(x, train=True, rng=np.random.default_rng(1))
    loss, dz = cross_entropy(z, labels, smoothing=0.1, weights=np.array([0.5, 1, 2, 0]))
    grads, statistics = net.backward(dz, caches), net.statistics(caches)
    stepped = {key: net.params[key] - 0.1 * grads[key] for key in net.trainable()}
    after = net.with_params(stepped | statistics).printed()
    z, caches = after.forward(x)
    probed = after.probed(["block.body.conv"])
    _, seen = probed.forward(x)
    probed.probes(seen)["block.body.conv"].dy = np.ones((4, 7, 6, 4))
    return {
        **{f"first {key}": array for key, array in first.params.items()},
        **{f"after {key}": array for key, array in after.params.items()},
        **{f"inference {key}": array for key, array in after.backward(np.sin(z), caches).items()},
        **{f"probed {key}": array for key, array in probed.backward(np.sin(z), seen).items()},
        **{f"output {name}": array for name, array in after.activations(x).items()},
        "dx": after.image_gradient(np.sin(z), caches),
        "loss": np.array(loss),
        "log p": log_softmax(z),
        "range": np.array(after.input_range),
        "products": np.array(
            [layer.multiplications(given) for layer, given, *_ in after.every_layer.values()]
        ),
        "shapes": np.array([shape[0] for shape in after.output_shapes().values()]),
        "refusals": np.array(
            [refused(lambda: cross_entropy(z, labels[:1])), refused(lambda: Conv2d("2", 1, 1))]
        ),
    }


def quantized_step():
    """Grids and what they cost, the formulas that are no grids, and a training step through grids."""
    rng = np.random.default_rng(0)
    layers = {"conv": Conv2d(2, 3, 3), "relu": ReLU(), "flatten": Flatten(), "out": Linear(36, 3)}
    net = Inspected.create(layers, (2, 6, 5), rng)
    x, w = rng.normal(size=(2, 6, 5, 4)).astype(np.float32), net.params["conv.w"]
    grids = {"input": Grid.affine(-2, 2, 8), "conv": Grid.affine(0, 3, 4), "out": Grid.affine(-3, 3, 8)}
    for name in ("conv.w", "out.w"):
        weights = net.params[name]
        grids[name] = Grid.symmetric(np.abs(weights).reshape(len(weights), -1).max(axis=1), 3)
    fake = FakeQuantized.create(net, grids)
    z, caches = fake.forward(x, train=True)
    codes = {name: grid.for_weights(net.params[name]) for name, grid in grids.items() if name in net.params}
    still = FakeQuantized.create(net, grids, "straight-through")
    return {
        "z": z,
        **{f"d {name}": array for name, array in fake.backward(np.cos(z), caches).items()},
        **{f"still {name}": a for name, a in still.backward(z, still.forward(x)[1]).items()},
        **{f"codes {name}": grid.quantize(net.params[name]) for name, grid in codes.items()},
        **{f"meant {name}": grid.round_trip(net.params[name]) for name, grid in codes.items()},
        **{f"ends {name}": np.array([grid.low.min(), grid.high.max()]) for name, grid in grids.items()},
        "grids": np.array([f"{grid} {grid.bits} {grid.dtype}" for grid in grids.values()]),
        "made for": np.array([grid.made_for for grid in codes.values()]),
        "fits": np.array([grid.fits(w) for grid in codes.values()]),
        "wider": grids["input"].with_scale(2).low,
        "min, max": min_max_decode(min_max_encode(w, 4), 4, w.min(), w.max()),
        "bytes": through_bytes(net).params["conv.w"],
        "refusals": np.array([refused(lambda: Grid(1, 0, 0, 0)), refused(lambda: Grid.affine(0, 1, 9))]),
    }


def images():
    """Eight images of two classes, a brighter half each; bytes."""
    rng, labels = np.random.default_rng(1), np.arange(8) % 2
    pixels = rng.integers(0, 120, (8, 6, 5), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[3 * label : 3 * label + 3] += 100
    return pixels, labels


def trained(model, how=fit, **options):
    """The arrays and losses of a printed training of three steps."""
    options = {"rng": np.random.default_rng(2), "epochs": 1, "batch": 3, "progress": False} | options
    model, history = how(model, images=images()[0], labels=images()[1], printed=True, **options)
    return model, {"loss": np.array(history.loss), "lr": np.array(history.lr), **model.params}


def training():
    """Trainings by each rule and schedule, of images moved and as they are."""
    layers = {"conv": Conv2d(1, 2, 3), "norm": BatchNorm(2), "drop": Dropout(0.2), "flatten": Flatten()}
    net = Sequential.create(layers | {"out": Linear(24, 2)}, (1, 6, 5), np.random.default_rng(0))
    runs = {
        "momentum": {"optimizer": SGD(weight_decay=0.1), "schedule": cosine(0.1, warmup=0.5)},
        "objective": {"objective": hard_labels},
        "nesterov": {"optimizer": SGD(0.9, True), "schedule": constant(0.1)},
        "adam": {"optimizer": AdamW(), "schedule": one_cycle(0.01)},
        "moved": {"augment": lambda pixels, rng: np.roll(pixels, rng.integers(5), axis=2)},
    }
    found = {name: trained(net, **options)[1] for name, options in runs.items()}
    return {f"{name} {key}": a for name, run in found.items() for key, a in run.items()} | {
        "colours": to_input(np.ones((2, 3, 4, 4))),
        "refusals": np.array([refused(lambda: to_input(images()[1]))]),
    }


def from_training_to_file():
    """The whole of it as it is printed: train, distil, train on the grids, lower, run, pack, unpack."""
    block = Residual({"conv": Conv2d(2, 2, 3, padding=1)})
    layers = {"conv": Conv2d(1, 2, 3), "relu": ReLU(), "block": block, "relu2": ReLU()}
    layers |= {
        "max": MaxPool2d(2, 1),
        "average": AvgPool2d(2, 1),
        "global": GlobalAvgPool(),
        "flatten": Flatten(),
    }
    large, small = (
        Sequential.create(layers | {"out": Linear(2, 2)}, (1, 6, 5), np.random.default_rng(seed))
        for seed in (3, 4)
    )
    teacher, first = trained(large)
    student, second = trained(small, distillation, teacher=teacher, soft=0.5, temperature=3.0, loss="kl")
    made = qat(student.printed(), *images(), rng=np.random.default_rng(5), epochs=1, weights=3, printed=True)
    packed = archive.pack(made.program)
    program = archive.unpack(packed)
    codes = grid_of(program.input).quantize(to_input(images()[0]))
    outputs = integer.run(program, codes, "printed", trace=True)
    still = FakeQuantized.create(made.model, made.grids, "straight-through")
    return {
        **{f"teacher {key}": a for key, a in first.items()},
        **{f"student {key}": a for key, a in second.items()},
        **{f"on grids {key}": a for key, a in made.simulation.params.items()},
        "loss on grids": np.array(made.history.loss),
        "still": still.forward(to_input(images()[0]))[0],
        "soft": soft_cross_entropy(np.eye(2), np.ones((2, 2)), 2.0)[1],
        "packed": np.frombuffer(packed, np.uint8),
        "program": np.array(str(program)),
        **{f"output {i}": np.asarray(y) for i, y in enumerate(outputs)},
        "classes": classify(program, images()[0], product="printed"),
    }


def numbers():
    """What a program is made of, and the coder, by themselves: each rounding, each bound, each step."""
    acc, y = np.arange(-40, 40), integer.Codes(-8, 7, 1)
    w = np.arange(-9, 9, dtype=np.int8).reshape(2, 1, 3, 3)
    add, pool = integer.Add(-1, np.array([2, 3]), 4, y, rounding="single"), integer.AvgPool2d(2)
    add, pool = add.checked("add"), pool.checked("pool")
    conv = integer.Conv2d(w, [5, -70], 1 << 30, 34, y, name="conv").checked("conv")
    writer, steps = Writer("here"), Steps(*np.array([[0, 9], [9, 4087], [12, 12]]))
    given = [writer.bit(value, writer.cell("a"), writer.cell("b")) for value in (1, 0, 1, 1)]
    given += [writer.taken, writer.left(steps), steps.cost, writer.plain(77_000, 17)]
    writer.steps(steps)
    reader = Reader(writer.finish(), "there")
    bits = [reader.bit(None, reader.cell("a"), reader.cell("b")) for _ in range(4)]
    reader.spent("bits")
    reader.room(3)
    reader.expect(3)
    read = [reader.plain(None, 17), *(reader.symbol([0] * 9 + [1] * 4087, [0, 9], [9, 4087]) for _ in "ab")]
    reader.finish()
    return {
        **{f"{way}": requantize(acc, 1 << 30, 32, y, way) for way in ROUNDINGS},
        "multiplier": np.array([multiplier(Fraction(7, 300)), multiplier(3)]),
        "codes": np.array([y.bits, y.reach, y.dtype.itemsize]),
        "bounds": np.array([product_bounds(conv, y), *product_ends(conv, y), channel_bounds(conv, y)]),
        "terms": np.array([term(add, k, acc) for k in (0, 1)]),
        "bound": np.array([bound_of(one, [y, y], (1, 5, 5)) for one in (conv, add, pool)]),
        "width": np.array(accumulator_of(9).itemsize),
        "written": np.array([*given, *bits, *read, *reader.ledger.bits.values()]),
        "chances": chances(np.array([[1, 2], [9, 3]]), np.array([[3, 1], [2, 2]])),
        "refusals": np.array(
            [refused(lambda: Reader(b"\xff" * 9, "there").finish()), refused(lambda: y.__class__(3, 2, 0))]
        ),
    }
