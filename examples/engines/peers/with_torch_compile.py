"""torch.compile: what `with_torch` does, in channels-last, through functions that torch writes in C++ for it.

They are compiled when first called, for one shape and number of threads: some seconds each, and less when
torch finds them in its cache. Forward with the loss, and backward, are; AdamW is the fused one, as there.
"""

import os
import shutil
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # in this process

import torch
from torch.nn import functional

from peers import Batch, Entry, Run
from peers.with_torch import limited, network
from tinyzip import integer
from tinyzip.nn.sequential import Sequential

VERSION = f"torch.compile {torch.__version__}"
LAYOUT = torch.channels_last

if not shutil.which(os.environ.get("CXX", "g++")):
    raise ImportError("needs a C++ compiler")


def images(batch: Batch, threads: int) -> Any:
    """In torch's layout; what was compiled before, for other threads too, is forgotten."""
    torch.set_num_threads(threads)
    torch.compiler.reset()
    return torch.from_numpy(batch.x).contiguous(memory_format=LAYOUT)


def forward(model: Sequential) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        x = images(batch, threads)
        net = torch.compile(network(model).eval().to(memory_format=LAYOUT), dynamic=False)

        def work() -> Any:
            with torch.inference_mode():
                return net(x)

        return Run(work, partial(limited, threads))

    return start


def train(model: Sequential) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        x, labels = images(batch, threads), torch.from_numpy(batch.labels)
        net = network(model).train().to(memory_format=LAYOUT)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
        loss_of = torch.compile(lambda x, labels: functional.cross_entropy(net(x), labels), dynamic=False)

        def work() -> Any:
            optimizer.zero_grad()
            loss = loss_of(x, labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(work, partial(limited, threads))

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    return [
        Entry("torch_compile", "train", "default", train(model)),
        Entry("torch_compile", "float", "default", forward(model)),
    ]
