"""Records what PyTorch's exporters write: `python record_onnx.py` makes the files of tests/data/onnx.

Needs PyTorch and onnxscript. A ResNet, a MobileNetV2 and a network of odd layers, each in small and with
drawn statistics, by both exporters, with the batch fixed and left open; and PyTorch's answers to them.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data" / "onnx"
NAMES = ("resnet", "mobilenet", "odd")


def networks():
    """{name: (module, shape of one example)}."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Basic(nn.Module):
        def __init__(self, C, F, stride):
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(C, F, 3, stride, 1, bias=False), nn.BatchNorm2d(F)
            self.conv2, self.norm2 = nn.Conv2d(F, F, 3, 1, 1, bias=False), nn.BatchNorm2d(F)
            shortcut = nn.Sequential(nn.Conv2d(C, F, 1, stride, bias=False), nn.BatchNorm2d(F))
            self.shortcut = nn.Identity() if (C, stride) == (F, 1) else shortcut

        def forward(self, x):
            y = functional.relu(self.norm1(self.conv1(x)))
            return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8)
            self.pool, self.drop = nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.Dropout(0.2)
            self.blocks = nn.Sequential(Basic(8, 8, 1), Basic(8, 12, 2))
            self.out = nn.Linear(12, 10)

        def forward(self, x):
            x = self.blocks(self.pool(functional.relu(self.norm(self.conv(x)))))
            x = torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1)
            return functional.log_softmax(self.out(self.drop(x)), 1)

    class Inverted(nn.Module):
        def __init__(self, C, F, stride, widened):
            super().__init__()
            H = C * widened
            self.adds = (C, stride) == (F, 1)
            self.layers = nn.Sequential(
                *(nn.Conv2d(C, H, 1, bias=False), nn.BatchNorm2d(H), nn.ReLU6()),
                *(nn.Conv2d(H, H, 3, stride, 1, groups=H, bias=False), nn.BatchNorm2d(H), nn.ReLU6()),
                *(nn.Conv2d(H, F, 1, bias=False), nn.BatchNorm2d(F)),
            )

        def forward(self, x):
            return x + self.layers(x) if self.adds else self.layers(x)

    class MobileNet(nn.Module):
        def __init__(self):
            super().__init__()
            first = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
            blocks = Inverted(8, 8, 1, 2), Inverted(8, 12, 2, 2), Inverted(12, 12, 1, 2)
            self.features = nn.Sequential(*first, *blocks)
            self.classes = nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 10))

        def forward(self, x):
            return self.classes(self.features(x).mean([2, 3]))

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(2, 4, 3, padding=(0, 1)), nn.Conv2d(4, 6, (3, 2), groups=2)
            self.norm = nn.BatchNorm2d(2)
            self.fc1, self.fc2 = nn.Linear(168, 16), nn.Linear(16, 10, bias=False)

        def forward(self, x):
            x = functional.avg_pool2d(self.conv1(self.norm(x)), 2, padding=1)
            x = functional.silu(self.conv2(functional.pad(functional.leaky_relu(x, 0.2), (1, 0, 0, 0))))
            return self.fc2(functional.hardswish(self.fc1(x.view(x.size(0), -1))))

    torch.manual_seed(0)
    made = {
        "resnet": (ResNet(), (3, 32, 32)),
        "mobilenet": (MobileNet(), (3, 32, 32)),
        "odd": (Odd(), (2, 12, 12)),
    }
    for module, _ in made.values():
        for name, values in module.eval().named_buffers():
            if name.endswith("var"):
                values.uniform_(0.5, 1.5)
            elif name.endswith("mean"):
                values.normal_(0, 0.3)
    return made


def main():
    import numpy as np
    import torch

    from tinyzip.exchange import onnx

    FOLDER.mkdir(exist_ok=True)
    arrays, layers = {}, {}
    for name, (module, shape) in networks().items():
        x = torch.randn(2, *shape)
        arrays |= {f"{name}.x": x.numpy(), f"{name}.y": module(x).detach().numpy()}
        for newer in (False, True):
            for opened in (False, True):
                path = (
                    FOLDER / f"{name}-{'dynamo' if newer else 'script'}-{'open' if opened else 'fixed'}.onnx"
                )
                options = {"dynamo": newer, "verbose": False}
                if opened and newer:
                    options["dynamic_shapes"] = {"x": {0: torch.export.Dim("n")}}
                elif opened:
                    options |= {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
                torch.onnx.export(module, (x,), path, **options)
        layers[name] = [type(placed.layer).__name__ for placed in onnx.read(path).every_layer.values()]
    np.savez_compressed(FOLDER / "answers.npz", **arrays)
    (FOLDER / "layers.json").write_text(json.dumps(layers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
