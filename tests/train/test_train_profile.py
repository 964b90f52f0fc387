"""`profile=True` says where the time went, and changes nothing else."""

import re

import numpy as np
import pytest
from tiny import IMAGES, LABELS, bytes_of, jitter, network

from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.fake import FakeQuantized
from tinyzip.train.augment import Augment
from tinyzip.train.fit import fit
from tinyzip.train.profile import Clock


def train(**options):
    options = {"epochs": 1, "batch": 16, "progress": False, "augment": jitter} | options
    return fit(network(), IMAGES, LABELS, rng=np.random.default_rng(3), **options)[0]


@pytest.mark.parametrize("augment", [jitter, Augment(1)], ids=["threads", "processes"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_profile_names_every_layer_and_part_of_a_step_and_changes_no_bit(
    capsys, monkeypatch, threads, augment
):
    monkeypatch.setattr("tinyzip.train.state.shard_size", lambda parameters, batch: 8)
    profiled = train(profile=True, threads=threads, augment=augment)
    table = capsys.readouterr().out
    rows = [line[:16].strip() for line in table.splitlines()[1:]]
    assert set(network().stages) | {"images", "objective", "sum of shards", "optimizer"} < set(rows)
    assert rows[-2:] == ["waiting", "all steps"]
    shares = [float(share) for share in re.findall(r"([\d.]+)%", table)]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares))  # each is printed to 0.1
    assert bytes_of(profiled) == bytes_of(train(threads=threads, augment=augment))
    assert capsys.readouterr().out == ""


def test_a_model_whose_layers_tell_no_time_has_one_row(capsys):
    net = network(noisy=False)
    fake = FakeQuantized.create(net, calibrate(net, IMAGES))
    fit(fake, IMAGES, LABELS, rng=np.random.default_rng(3), epochs=1, progress=False, profile=True)
    rows = capsys.readouterr().out.splitlines()
    (row,) = [line.split() for line in rows if line.startswith("model")]
    assert float(row[3].removesuffix("%")) > 5  # its work is not taken for waiting
    assert not {line.split()[0] for line in rows[1:]} & set(net.stages)


def test_a_clock_adds_up_rows_and_passes():
    clock = Clock()
    for row, direction, seconds in (("a", "forward", 0.25), ("a", "backward", 0.5), ("b", "forward", 0.125)):
        clock.add(row, direction, seconds)
        clock.add(row, direction, seconds)
    clock.add("step", "forward", 1.0)
    assert clock.table(2).splitlines() == [
        "                   forward  backward   share",
        "a                    0.50s     1.00s   75.0%",
        "b                    0.25s     0.00s   12.5%",
        "waiting              0.25s     0.00s   12.5%",
        "all steps            1.00s on 2 threads",
    ]


def test_a_clock_keeps_time_when_the_block_raises():
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.time("a"):
        raise ZeroDivisionError
    assert [list(rows) for rows in clock.seconds.values()] == [[("a", "forward")]]
