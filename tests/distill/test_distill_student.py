"""A student hears its teacher about its own image, whatever the shuffle, and the teacher never changes."""

import threading
import warnings

import numpy as np
import pytest

from tinyzip.distill.guides import Guide, Sum, follow
from tinyzip.distill.objective import Distillation
from tinyzip.distill.student import train
from tinyzip.distill.temperature import kl_divergence
from tinyzip.distill.transfer import Live, Recorded, record
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, ReLU
from tinyzip.nn.model import Batch
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.evaluate import logits
from tinyzip.train.fit import fit

K, SHAPE, N = 4, (1, 5, 4), 200
SHORT = {"epochs": 2, "batch": 70, "progress": False}


def network(width, seed, classes=K, dtype=np.float32):
    layers = {
        "conv": Conv2d(1, width, 3),
        "norm": BatchNorm(width),
        "relu": ReLU(),
        "flatten": Flatten(),
        "fc": Linear(width * 6, classes),
    }
    return Sequential.create(layers, SHAPE, np.random.default_rng(seed), dtype)


def data():
    rng = np.random.default_rng(4)
    return rng.integers(0, 256, (N, *SHAPE[1:]), dtype=np.uint8), rng.integers(0, K, N)


def flip(images, rng):
    return np.where(rng.random((len(images), 1, 1)) < 0.5, images, images[:, :, ::-1])


def distilled(**options):
    """A small student of a fixed teacher after two epochs, with all its seeds fixed."""
    rng = np.random.default_rng(2)
    return train(network(3, 1), network(6, 0), *data(), rng=rng, **SHORT, **options)[0]


def bits(model):
    return {name: array.tobytes() for name, array in model.params.items()}


def test_a_simulation_is_taught_by_the_float_network_that_it_has_and_others_have_none():
    images, labels = data()
    fake = FakeQuantized.create(fold_batch_norm(network(3, 1)), calibrate(network(3, 1), images))
    one, other = (
        train(fake, teacher, images, labels, rng=np.random.default_rng(2), **SHORT)[0]
        for teacher in (None, fake.model())
    )
    assert bits(one) == bits(other)
    with pytest.raises(ValueError, match=r"^train: teacher: found None, needed a model, for a student that"):
        train(network(3, 1), None, images, labels, rng=np.random.default_rng(2), **SHORT)


@pytest.mark.parametrize("augment", [None, flip])
@pytest.mark.parametrize("recorded", [None, True, False])
def test_the_teacher_is_the_same_bytes_before_and_after(augment, recorded):
    images, labels = data()
    teacher, student = network(6, 0), network(3, 1)
    before, untrained = bits(teacher), bits(student)
    options = {"augment": augment, "recorded": recorded, **SHORT}
    trained, history = train(student, teacher, images, labels, rng=np.random.default_rng(2), **options)
    assert bits(teacher) == before and bits(student) == untrained
    assert bits(trained) != untrained and len(history.loss) == 2


def test_a_student_that_starts_from_its_teachers_own_arrays_does_not_change_them():
    images, labels = data()
    teacher = network(6, 0)
    before = bits(teacher)
    train(teacher, teacher, images, labels, rng=np.random.default_rng(2), soft=0.5, **SHORT)
    assert bits(teacher) == before


@pytest.mark.parametrize("augment", [None, flip])
@pytest.mark.parametrize("recorded", [True, False])
def test_without_a_soft_part_it_is_training_from_scratch_to_the_bit(augment, recorded):
    scratch, _ = fit(network(3, 1), *data(), rng=np.random.default_rng(2), augment=augment, **SHORT)
    assert bits(distilled(soft=0, augment=augment, recorded=recorded)) == bits(scratch)
    assert bits(distilled(soft=0.1, augment=augment, recorded=recorded)) != bits(scratch)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("losses", [["distances"], ["hint", "angles"]])
def test_one_teacher_answers_for_itself_and_for_all_its_guides(recorded, losses):
    guides = [Guide(loss, "relu", "conv") for loss in losses]
    student, teacher, (images, labels) = network(3, 1), network(6, 0), data()
    live = Live(teacher, ("conv",))
    soft = Distillation(record(teacher, images) if recorded else live, 0.5, 2.0, "standardized")
    objective = Sum((soft, *(follow(guide, live, 3, 6) for guide in guides)))
    rng = np.random.default_rng(2)
    wanted, _ = fit(student, images, labels, rng=rng, objective=objective, **SHORT)
    assert bits(distilled(guides=guides, recorded=recorded)) == bits(wanted)


class Telltale:
    """A "teacher" of one linear layer whose logits spell out the number that its image carries.

    Image i has the one pixel i/255, and its logits are i in each class; the parameters are not trained.
    """

    def __init__(self):
        self.params = {"w": np.ones((K, 1), np.float32)}
        self.shape = (1, 1, 1)

    def forward(self, x, *, train=False, rng=None, workspace=None):
        return self.params["w"] @ (x.reshape(1, -1) * 255), None


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("threads", [1, 2])
def test_no_shuffle_pairs_an_image_with_the_logits_of_another(recorded, threads, monkeypatch):
    number = np.random.default_rng(7).permutation(256).astype(np.uint8)
    images, labels = number.reshape(-1, 1, 1), (number % K).astype(int)
    seen = []

    def listen(z, teacher_z, *settings):
        seen.append((z.copy(), teacher_z.copy()))
        return kl_divergence(z, teacher_z, *settings)

    monkeypatch.setattr("tinyzip.distill.losses.kl_divergence", listen)
    # The student says the number too, and a learning rate of next to nothing keeps it at that.
    student = Sequential(
        {"flatten": Flatten(), "fc": Linear(1, K, bias=False)},
        {"fc.w": np.full((K, 1), 255, np.float32)},
        (1, 1, 1),
    )
    options = {"recorded": recorded, "threads": threads, "schedule": lambda t: 1e-12, "progress": False}
    rng = np.random.default_rng(8)
    train(student, Telltale(), images, labels, rng=rng, epochs=3, batch=100, loss="kl", **options)
    for z, teacher_z in seen:  # whole numbers: 0.1 tells any two apart, and float32 is off by 1e-4 at most
        np.testing.assert_allclose(z, teacher_z, atol=0.1)
    order = [teacher_z[0].round().astype(int) for _, teacher_z in seen]
    if threads == 1:
        epochs = np.split(np.concatenate(order), 3)
        assert all(sorted(epoch) == list(range(256)) for epoch in epochs)
        assert (epochs[0] != epochs[1]).any() and (epochs[0] != number).any()


def test_recorded_logits_are_the_live_ones_of_images_as_they_are():
    images, labels = data()
    teacher = network(6, 0)
    recorded, live = record(teacher, images, threads=1), Live(teacher)
    x = np.moveaxis(images[:, None] / np.float32(255), 0, -1)
    for index in np.array_split(np.random.default_rng(1).permutation(N), 3):
        batch = Batch(np.ascontiguousarray(x[..., index]), labels[index], index)
        np.testing.assert_allclose(recorded(batch), live(batch), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(recorded(batch), logits(teacher, images)[:, index], rtol=1e-5, atol=1e-6)


def test_a_live_teacher_sees_the_augmented_images_and_a_recorded_one_does_not():
    results = [bits(distilled(augment=flip, recorded=recorded)) for recorded in (None, False, True)]
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize("recorded", [True, False])
def test_any_number_of_threads_gives_the_same_bits(recorded):
    results = [bits(distilled(augment=flip, recorded=recorded, threads=threads)) for threads in (1, 2, 3)]
    assert results[0] == results[1] == results[2]


def test_two_threads_at_once_get_each_its_own_logits():
    images, _ = data()
    teacher = network(6, 0)
    live, expected = Live(teacher), logits(teacher, images)
    x = np.moveaxis(images[:, None] / np.float32(255), 0, -1)
    start, wrong = threading.Barrier(2), []

    def ask(parity):
        index = np.arange(parity, N, 2)
        batch = Batch(np.ascontiguousarray(x[..., index]), index, index)
        for _ in range(50):
            start.wait()
            z = live(batch)
            start.wait()  # both have answers now, and neither may have written over the other's
            if not np.allclose(z, expected[:, index], rtol=1e-4, atol=1e-5):
                wrong.append(parity)

    pair = [threading.Thread(target=ask, args=(parity,)) for parity in (0, 1)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    assert not wrong


def test_a_student_comes_closer_to_its_teacher_than_labels_bring_it():
    images, labels = data()
    teacher = network(6, 0)

    def distance(soft):
        options = {"soft": soft, "loss": "kl", "epochs": 30, "batch": 32, "progress": False}
        rng = np.random.default_rng(2)
        student, _ = train(network(3, 1), teacher, images, labels, rng=rng, **options)
        return kl_divergence(logits(student, images), logits(teacher, images), 4.0)[0]

    assert distance(1.0) < 0.3 * distance(0.0)


def test_teachers_and_options_that_do_not_fit_are_refused():
    images, labels = data()
    student, rng = network(3, 1), np.random.default_rng(0)
    with pytest.raises(ValueError, match="train: student: found 4 outputs"):
        train(student, network(6, 0, classes=7), images, labels, rng=rng, **SHORT)
    with pytest.raises(ValueError, match="train: student: images"):
        layers = {"flat": Flatten(), "fc": Linear(4, K)}
        small = Sequential.create(layers, (1, 2, 2), np.random.default_rng(0))
        train(small, network(6, 0), images, labels, rng=rng, **SHORT)
    with pytest.raises(ValueError, match="train: teacher: images"):
        train(student, Telltale(), images, labels, rng=rng, **SHORT)
    with pytest.raises(ValueError, match="train: teacher: labels"):
        train(student, network(6, 0), images, labels[1:], rng=rng, **SHORT)
    with pytest.raises(ValueError, match="Distillation: soft"):
        train(student, network(6, 0), images, labels, rng=rng, soft=2, **SHORT)
    with pytest.raises(ValueError, match="Distillation: temperature"):
        train(student, network(6, 0), images, labels, rng=rng, temperature=0, **SHORT)
    with pytest.raises(ValueError, match="Distillation: loss: found 'dark', needed one of 'kl'"):
        train(student, network(6, 0), images, labels, rng=rng, loss="dark", **SHORT)
    with pytest.raises(TypeError, match="objective"):
        train(student, network(6, 0), images, labels, rng=rng, objective=None, **SHORT)
    broken = network(6, 0)
    broken.params["fc.b"][0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        train(student, broken, images, labels, rng=rng, **SHORT)
    with pytest.raises(ValueError, match="record: images"):
        record(broken, images[:0])
    for wrong in (np.zeros(3), np.zeros((3, 0)), np.zeros((0, 3)), [[1.0]]):
        with pytest.raises(ValueError, match="Recorded: logits"):
            Recorded(wrong)
    assert Recorded(np.zeros((1, 1))).logits.size == 1


@pytest.mark.parametrize(
    ("guide", "error", "line"),
    [
        ("hint", TypeError, r"train: guides: found 'hint', needed a list of Guide"),
        (
            Guide("hint", "pool", "relu"),
            ValueError,
            "train: guides: student: found 'pool', needed a layer among conv",
        ),
        (
            Guide("hint", "relu", "pool"),
            ValueError,
            "train: guides: teacher: found 'pool', needed a layer among conv",
        ),
    ],
)
def test_guides_that_do_not_fit_are_refused(guide, error, line):
    with pytest.raises(error, match=f"^{line}"):
        distilled(guides=[guide])


def test_what_is_not_said_is_half_and_half_at_two_degrees_by_the_order_of_the_logits():
    assert bits(distilled()) == bits(distilled(soft=0.5, temperature=2.0, loss="standardized", printed=False))
    assert Guide("hint", "relu", "relu").weight == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"recorded": True}, ["logits: images"]),
        ({"recorded": False}, ["train: teacher: images"]),
        ({"soft": 0}, []),
        ({"soft": lambda *_: 0.5, "recorded": False}, ["train: teacher: images"]),
    ],
)
def test_a_teacher_that_has_seen_brighter_images_is_warned_of_once(options, told):
    images, labels = data()
    teacher = network(6, 0).with_input_range((0.0, 1.0))
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        train(network(3, 1), teacher, images // 16, labels, rng=np.random.default_rng(2), **SHORT, **options)
    lines = [str(one.message) for one in met if "seen in training, 0 to 1" in str(one.message)]
    assert [line.partition(": found")[0] for line in lines] == told


def test_without_a_soft_part_a_broken_teacher_does_no_harm():
    teacher = network(6, 0)
    teacher.params["fc.b"][0] = np.nan
    broken, _ = train(network(3, 1), teacher, *data(), rng=np.random.default_rng(2), soft=0, **SHORT)
    assert bits(broken) == bits(distilled(soft=0))


@pytest.mark.parametrize("index", [-1, 3])
def test_an_image_without_recorded_logits_is_refused(index):
    recorded = Recorded(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"Recorded: index: found .*, needed 0 … 2"):
        recorded(Batch(np.zeros((1, 1, 1, 2)), np.zeros(2, int), np.array([0, index])))


def test_an_objective_is_told_apart_by_its_repr_without_its_arrays():
    assert repr(Distillation(Recorded(np.zeros((2, 3))), 0.5, 4.0, "kl")) == (
        "Distillation(transfer=Recorded(), soft=0.5, temperature=4.0, loss='kl')"
    )
