"""Random networks of Keras, quantized by TensorFlow's converter: `python record_keras.py` writes
tests/data/tflite/keras.zip, after which `record_tflite.py` records what LiteRT answers.

Needs TensorFlow. Weights are random, and so are the examples by which the converter chooses its grids: what
is asked is the arithmetic of whatever it writes, and the reading of it.
"""

import argparse
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

KEPT = Path(__file__).parents[2] / "data" / "tflite" / "keras.zip"
EXAMPLES = 30
MOST = 16_000  # bytes of a model that is kept
LEFT_OUT = (22,)  # a hard swish whose output has a scale of 8e-9, which is refused


def activation(rng: np.random.Generator) -> Any:
    kinds = ["relu", "relu6", "sigmoid", "tanh", "hard_swish", "leaky_relu", None, None]
    kind = kinds[rng.integers(len(kinds))]
    return layers.LeakyReLU(float(rng.uniform(0.01, 0.4))) if kind == "leaky_relu" else kind


def window(rng: np.random.Generator, x: Any) -> dict[str, Any]:
    """A kernel no larger than the image, a stride, and the padding."""
    sizes = [int(rng.integers(1, 1 + min(4, length))) for length in x.shape[1:3]]
    same = rng.random() < 0.5
    return {"size": tuple(sizes), "strides": int(rng.integers(1, 3)), "padding": "same" if same else "valid"}


def block(rng: np.random.Generator, x: Any) -> Any:
    """An image after one layer, or a few."""
    C, how = x.shape[-1], window(rng, x)
    size = how.pop("size")
    match rng.integers(10):
        case 0 | 1 | 2:
            dilated = how["padding"] == "valid" and min(x.shape[1:3]) > 2 * max(size) and rng.random() < 0.5
            if dilated:
                how |= {"strides": 1, "dilation_rate": 2}
            bias = bool(rng.random() < 0.7)
            x = layers.Conv2D(
                int(rng.integers(1, 9)), size, use_bias=bias, activation=activation(rng), **how
            )(x)
            return layers.BatchNormalization()(x) if rng.random() < 0.3 else x
        case 3 | 4:
            many = int(rng.integers(1, 3))
            return layers.DepthwiseConv2D(size, depth_multiplier=many, activation=activation(rng), **how)(x)
        case 5:
            return layers.MaxPooling2D(size, **how)(x)
        case 6:
            return layers.AveragePooling2D(size, **how)(x)
        case 7:
            other = layers.Conv2D(C, 3, padding="same", activation=activation(rng))(x)
            return layers.Add()([x, other] if rng.random() < 0.5 else [other, x])
        case 8:
            other = layers.Conv2D(int(rng.integers(1, 5)), 1, activation=activation(rng))(x)
            return layers.Concatenate()([x, other])
        case _:
            gate = layers.Conv2D(C, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
            return layers.Multiply()([x, gate]) if rng.random() < 0.3 else layers.ZeroPadding2D(1)(x)


def network(rng: np.random.Generator) -> Any:
    given = layers.Input((int(rng.integers(4, 13)), int(rng.integers(4, 13)), int(rng.integers(1, 4))))
    x = given
    for _ in range(rng.integers(1, 7)):
        x = block(rng, x)
    x = layers.GlobalAveragePooling2D()(x) if rng.random() < 0.4 else layers.Flatten()(x)
    if rng.random() < 0.5:
        x = layers.Dense(int(rng.integers(2, 20)), activation=activation(rng))(x)
    x = layers.Dense(int(rng.integers(2, 11)), activation="softmax" if rng.random() < 0.4 else None)(x)
    return tf.keras.Model(given, x)


def spread(model: Any, rng: np.random.Generator) -> None:
    """Other weights than those that a network begins with: of all sizes, norms with a past."""
    for variable in model.weights:
        value = rng.normal(size=variable.shape) * 2.0 ** rng.integers(-3, 1)
        variable.assign(np.abs(value) + 0.1 if "variance" in variable.path else value)


def quantized(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    tf.keras.utils.set_random_seed(seed)
    model = network(rng)
    spread(model, rng)
    low, high = np.sort(rng.normal(size=2) * 3)
    examples = rng.uniform(low, high, (EXAMPLES, 1, *model.input_shape[1:])).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([example] for example in examples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=39)
    parser.add_argument("--out", type=Path, default=KEPT)
    args = parser.parse_args()
    seed = kept = 0
    with zipfile.ZipFile(args.out, "w") as archive:
        while kept < args.count:
            seed += seed in LEFT_OUT
            try:
                data = quantized(seed)
            except ValueError as error:  # a window larger than what is left of the image
                print(f"{seed}: {str(error).splitlines()[0]}")
                data = b""
            if 0 < len(data) <= MOST:
                archive.writestr(zipfile.ZipInfo(f"keras{seed}.tflite"), data, zipfile.ZIP_DEFLATED, 9)
                kept += 1
            seed += 1


if __name__ == "__main__":
    main()
