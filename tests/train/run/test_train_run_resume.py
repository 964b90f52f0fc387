"""A run that is stopped and resumed ends with the bits of one that was not."""

import numpy as np
import pytest
from resumable import EPOCHS, Interrupt, train
from tiny import IMAGES, LABELS, bytes_of, network

from tinyzip.distill.guides import Sum
from tinyzip.distill.objective import Distillation
from tinyzip.distill.transfer import Live
from tinyzip.train.fit import hard_labels
from tinyzip.train.optim import SGD, AdamW
from tinyzip.train.run.checkpoint import read

pytestmark = pytest.mark.filterwarnings("ignore:fit. rng")  # another seed shows that the file's goes on


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimizer", [SGD(), SGD(0.0), AdamW()])
def test_a_resumed_run_keeps_its_history_and_gives_the_same_bits(tmp_path, optimizer, threads):
    path = tmp_path / "file"
    straight = train(optimizer=optimizer, validation=(IMAGES, LABELS))

    def stop(epoch):
        if epoch.epoch == 2:
            raise StopIteration

    with pytest.raises(StopIteration):
        train(optimizer=optimizer, validation=(IMAGES, LABELS), checkpoint=path, callbacks=[stop])
    seen = []
    model, history = train(
        seed=8,
        optimizer=optimizer,
        validation=(IMAGES, LABELS),
        checkpoint=path,
        resume=path,
        threads=threads,
        callbacks=[seen.append],
    )
    assert bytes_of(model) == bytes_of(straight[0])
    for column in ("epoch", "loss", "validation_loss", "validation_errors", "lr"):
        assert getattr(history, column) == getattr(straight[1], column)
    assert [epoch.epoch for epoch in seen] == [3]
    other = network()
    other = other.with_params({name: array + 1 for name, array in other.params.items()})
    again, history = train(optimizer=optimizer, resume=path, model=other)  # whatever its arrays hold
    assert bytes_of(again) == bytes_of(model) and len(history) == 3


def test_numbers_from_numpy_and_from_python_are_the_same_recipe(tmp_path):
    path = tmp_path / "file"
    train(checkpoint=path, optimizer=AdamW(weight_decay=np.float64(0.1)))
    train(resume=path, optimizer=AdamW(weight_decay=0.1))


def test_a_loss_that_is_a_numpy_number_can_be_saved(tmp_path):
    path = tmp_path / "file"
    _, history = train(checkpoint=path, objective=lambda z, batch: (np.float32(0.5), np.zeros_like(z)))
    assert history.loss == read(path)[0]["history"]["loss"] == [0.5] * EPOCHS


@pytest.mark.parametrize("schedule", [3e-3, lambda progress: 3e-3])
@pytest.mark.parametrize("stopped", [1, 2, 3])
def test_a_run_is_prolonged_to_the_bits_of_one_that_was_told_from_the_beginning(tmp_path, schedule, stopped):
    path = tmp_path / "file"
    options = {"schedule": schedule, "validation": (IMAGES, LABELS)}
    straight, told = train(epochs=5, **options)
    train(epochs=3, checkpoint=path, callbacks=[lambda epoch: epoch.epoch == stopped], **options)
    model, history = train(epochs=5, seed=8, checkpoint=path, resume=path, **options)
    assert bytes_of(model) == bytes_of(straight)
    assert history.loss == told.loss and history.validation_errors == told.validation_errors
    again, _ = train(epochs=6, resume=path, **options)
    assert bytes_of(again) == bytes_of(train(epochs=6, **options)[0])


def test_a_run_is_prolonged_from_the_middle_of_an_epoch_and_shortened_likewise(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        train(schedule=3e-3, augment=Interrupt(5), checkpoint=path)
    assert read(path)[0]["step"] > 0
    for epochs in (4, 2):
        model, _ = train(epochs=epochs, schedule=3e-3, augment=Interrupt(-1), resume=path)
        assert bytes_of(model) == bytes_of(train(epochs=epochs, schedule=3e-3)[0])


def test_a_run_that_has_gone_further_is_not_shortened(tmp_path):
    path = tmp_path / "file"
    train(schedule=3e-3, checkpoint=path)
    with pytest.raises(ValueError, match="epochs: found 3, needed 2, but 9 steps of 6 are made"):
        train(epochs=2, schedule=3e-3, resume=path)


def test_where_steps_would_have_been_others_the_first_of_them_is_named(tmp_path):
    path = tmp_path / "file"
    train(checkpoint=path)
    before = path.read_bytes()
    message = r"found 3, needed 5, but step 1 would .* 0\.000\d+ and not 0\.000\d+; keep to 3, or .*fit\(load"
    with pytest.raises(ValueError, match=message):
        train(epochs=5, checkpoint=path, resume=path)
    assert path.read_bytes() == before

    with pytest.raises(KeyboardInterrupt):
        train(augment=Interrupt(2), checkpoint=tmp_path / "first")
    assert read(tmp_path / "first")[0]["epoch"] == 0
    with pytest.raises(ValueError, match=message):
        train(epochs=5, augment=Interrupt(-1), resume=tmp_path / "first")

    class Late:
        """An objective of ones own that looks at the progress."""

        by_progress = True

        def __call__(self, z, batch):
            return hard_labels(z * np.float32(1 + batch.progress), batch)

    late = Late()
    train(checkpoint=tmp_path / "late", schedule=3e-3, objective=late)
    with pytest.raises(ValueError, match="epochs: found 3, needed 4, but the objective looks at how much"):
        train(epochs=4, resume=tmp_path / "late", schedule=3e-3, objective=late)
    train(resume=tmp_path / "late", schedule=3e-3, objective=late)


def test_objectives_of_distillation_say_whether_they_look_at_the_progress():
    numbers, functions = (Distillation(Live(network()), soft, 2.0, "kl") for soft in (0.5, lambda p, z, t: p))
    assert not numbers.by_progress and functions.by_progress
    assert not Sum((numbers, hard_labels)).by_progress and Sum((numbers, functions)).by_progress


def test_every_step_that_was_made_is_looked_at_and_no_other(tmp_path):
    """Up to 30 % of a run one rate, then another: of 9 steps after the third, of 15 after the fifth."""

    def stairs(progress):
        return 1e-3 if progress < 0.3 else 2e-3

    path = tmp_path / "file"
    train(schedule=stairs, checkpoint=path)
    with pytest.raises(ValueError, match=r"step 4 would have had the learning rate 0\.001 and not 0\.002"):
        train(epochs=5, schedule=stairs, resume=path)
    train(schedule=stairs, checkpoint=tmp_path / "first", callbacks=[lambda epoch: epoch.epoch == 1])
    model, _ = train(epochs=5, schedule=stairs, resume=tmp_path / "first")
    assert bytes_of(model) == bytes_of(train(epochs=5, schedule=stairs)[0])
