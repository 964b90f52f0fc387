"""Run as `killed.py CHECKPOINT SEED KILLS`: a run that is killed KILLS times at random moments.

Each attempt is a forked child, so that imports are paid once. It goes on where the last one was killed,
and saves after every step. The parent kills half of the children at a random time; the others kill
themselves just before a random one of their calls of fsync, which is surely in the middle of a write.
After the last kill the training is left to finish. Prints how many children were killed, and the hash of what
was trained.
"""

import hashlib
import os
import random
import signal
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
from tiny import IMAGES, LABELS, bytes_of, network

from tinyzip.train.augment import Augment
from tinyzip.train.fit import fit


@patch("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 4)  # two shards a batch
def train(path, threads, save=True):
    """The hash of the parameters and losses of a run that goes on from `path` if there is one."""
    model, history = fit(
        network(),
        IMAGES,
        LABELS,
        rng=np.random.default_rng(3),
        epochs=60,  # long enough that no attempt before the last can reach the end
        batch=8,
        augment=Augment(1),
        threads=threads,
        progress=False,
        checkpoint=path if save else None,
        checkpoint_seconds=0,
        resume=path if path.exists() else None,
    )
    return hashlib.sha256(bytes_of(model) + repr(history.loss).encode()).hexdigest()


def die_at_fsync(number):
    """Replace os.fsync by one that kills this process when it is called for the numberth time."""
    calls = iter(range(1, number))
    fsync = os.fsync

    def fatal(descriptor):
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = fatal


def main(path, seed, kills):
    moments = random.Random(seed)
    killed = 0
    for attempt in range(kills):
        number, moment = moments.randint(1, 4), moments.uniform(0.0, 0.03)
        child = os.fork()
        if child == 0:
            if attempt % 2:
                die_at_fsync(number)
            train(path, threads=1 + attempt // 2 % 2)
            os._exit(0)
        if attempt % 2 == 0:
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    print(killed, train(path, threads=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
