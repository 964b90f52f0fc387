"""PyTorch: the same network in its default and its channels-last memory format, and in its int8 operators."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from peers import Batch, Entry, Run, even, matrix_scales, moved, step
from tinyzip import integer
from tinyzip.base.windows import padding_of, pair
from tinyzip.nn import layers as nn
from tinyzip.nn.sequential import Sequential

VERSION = f"torch {torch.__version__}"


def network(model: Sequential) -> torch.nn.Sequential:
    """The same layers with the same parameters."""
    modules: list[torch.nn.Module] = []
    for name, layer in model.layers.items():
        match layer:
            case nn.Conv2d():
                made = torch.nn.Conv2d(
                    layer.C,
                    layer.F,
                    pair(layer.kernel, "kernel"),
                    pair(layer.stride, "stride"),
                    even(padding_of(layer.padding)),
                    groups=layer.groups,
                    bias=layer.bias,
                )
            case nn.Linear():
                made = torch.nn.Linear(layer.C, layer.F, layer.bias)
            case nn.BatchNorm():
                made = torch.nn.BatchNorm2d(layer.C, layer.eps, layer.momentum)
            case nn.ReLU():
                made = torch.nn.ReLU()
            case nn.Flatten():
                made = torch.nn.Flatten()
            case nn.MaxPool2d():
                made = torch.nn.MaxPool2d(layer.kernel, layer.stride, even(padding_of(layer.padding)))
            case nn.AvgPool2d():
                padding = even(padding_of(layer.padding))
                made = torch.nn.AvgPool2d(layer.kernel, layer.stride, padding, count_include_pad=False)
            case nn.GlobalAvgPool():
                made = torch.nn.AdaptiveAvgPool2d(1)
            case _:
                raise ValueError(f"{name}: found {layer}, needed a layer that torch has too")
        names = {"w": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
        with torch.no_grad():
            for key, here in names.items():
                if f"{name}.{key}" in model.params:
                    getattr(made, here).copy_(torch.from_numpy(model.params[f"{name}.{key}"].copy()))
        modules.append(made)
    return torch.nn.Sequential(*modules)


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """torch's number of threads is one for the whole process."""
    torch.set_num_threads(threads)
    yield


def forward(model: Sequential, layout: torch.memory_format) -> Callable[[Batch, int], Run]:
    def start(batch: Batch, threads: int) -> Run:
        net = network(model).eval().to(memory_format=layout)
        x = torch.from_numpy(batch.x).contiguous(memory_format=layout)

        def work() -> Any:
            with torch.inference_mode():
                return net(x)

        return Run(work, partial(limited, threads))

    return start


def train(model: Sequential, layout: torch.memory_format) -> Callable[[Batch, int], Run]:
    """Forward, cross-entropy, backward and the fused AdamW, torch's fastest."""

    def start(batch: Batch, threads: int) -> Run:
        net = network(model).train().to(memory_format=layout)
        x = torch.from_numpy(batch.x).contiguous(memory_format=layout)
        labels = torch.from_numpy(batch.labels)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.0, fused=True)

        def work() -> Any:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Run(work, partial(limited, threads))

    return start


def quantized(program: integer.Program) -> Callable[[Batch, int], Run]:
    """The program in torch's quantized operators: uint8 activations, weights per channel, engine x86."""
    warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)  # they are still the fastest
    torch.backends.quantized.engine = "x86"
    operators = torch.ops.quantized
    steps: list[Callable[[Any], Any]] = []
    for operator, scales in zip(program.operators, matrix_scales(program), strict=True):
        match operator:
            case integer.Conv2d() | integer.Linear():
                assert scales is not None
                s_w = torch.from_numpy(scales.w)
                zeros = torch.zeros(len(s_w), dtype=torch.int64)
                w = torch._make_per_channel_quantized_tensor(
                    torch.from_numpy(operator.w.copy()), s_w.double(), zeros, 0
                )
                bias = torch.from_numpy(operator.bias * (scales.x * scales.w.astype(float))).float()
                to = (scales.y, operator.y.zero + moved(operator.y, 0))
                if isinstance(operator, integer.Linear):
                    packed = operators.linear_prepack(w, bias)
                    steps.append(lambda x, packed=packed, to=to: operators.linear(x, packed, *to))
                    continue
                packed = operators.conv2d_prepack(
                    w, bias, operator.stride, even(operator.padding), (1, 1), operator.groups
                )
                steps.append(lambda x, packed=packed, to=to: operators.conv2d(x, packed, *to))
            case integer.MaxPool2d():
                geometry = (operator.kernel, operator.steps, even(operator.padding))
                steps.append(lambda x, g=geometry: functional.max_pool2d(x, *g))
            case integer.Flatten():
                steps.append(lambda x: torch.flatten(x, 1))
            case _:
                raise ValueError(f"found {operator}, needed an operator that is compared here")

    def start(batch: Batch, threads: int) -> Run:
        grid = program.input
        x0 = torch._make_per_tensor_quantized_tensor(torch.from_numpy(batch.images), step(grid), grid.zero)
        x0 = x0.contiguous(memory_format=torch.channels_last)

        def work() -> Any:
            with torch.inference_mode():
                x = x0
                for apply in steps:
                    x = apply(x)
                return x.int_repr().short() - moved(program.output, 0)

        return Run(work, partial(limited, threads))

    return start


def entries(model: Sequential, program: integer.Program | None) -> list[Entry]:
    found = []
    for variant, layout in (
        ("default", torch.contiguous_format),
        ("channels-last", torch.channels_last),
    ):
        found.append(Entry("torch", "train", variant, train(model, layout)))
        found.append(Entry("torch", "float", variant, forward(model, layout)))
    if program is not None:
        found.append(Entry("torch", "integer", "default", quantized(program)))
    return found
