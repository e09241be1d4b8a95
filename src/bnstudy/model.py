"""The All-Convolutional Net of the post as one table, read by all three cases."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy import layers
from bnstudy.data.batches import WEIGHTS, philox
from bnstudy.manual import network

IMAGE_SHAPE = (32, 32, 3)
CLASSES = 10


class Row(NamedTuple):
    """One convolution and its ELU; then, where `pool`, 2 x 2 average pooling.

    Batch norm stands before the pools, or between every convolution and its ELU (`bn.placement`).
    """

    kernel: int  # side of the square kernel
    channels: int  # of the output, at width 1
    pool: bool = False


# The author's net. At width 1: 1,617,312 weights, 536 million multiply-adds an image.
ALL_CNN = (
    Row(kernel=3, channels=96),
    Row(kernel=3, channels=96),
    Row(kernel=3, channels=192, pool=True),  # 32 x 32 -> 16 x 16
    Row(kernel=3, channels=192),
    Row(kernel=3, channels=192),
    Row(kernel=3, channels=192, pool=True),  # 16 x 16 -> 8 x 8
    Row(kernel=3, channels=192),
    Row(kernel=1, channels=192),
    Row(kernel=1, channels=CLASSES),
)

_BATCH_NORMS = {"keras": layers.KerasBatchNorm, "custom": layers.BatchNorm}
_AXES = {"channel": (0, 1, 2), "activation": (0,)}


class Model:
    """The network: its layers, its parameters, and what it remembers.

    Args:
        config: the whole configuration (`seed`, `model` and `bn` are read).
        dtype: of parameters, statistics and logits.
        compute_dtype: of images and activations; `dtype` unless given.

    Attributes:
        layers: in the order of the forward pass.
        parameters: name -> variable that the optimizer changes.
        statistics: name -> variable that batch norm remembers.

    """

    def __init__(self, config, dtype: tf.DType = tf.float32, compute_dtype: tf.DType | None = None):
        self.compute_dtype = compute_dtype or dtype
        self.layers = build_layers(config, dtype)
        self._blocks = layers.fuse(self.layers)
        self.parameters = _named(self.layers, "parameters")
        self.statistics = _named(self.layers, "statistics")

    def forward(self, images: tf.Tensor, training: bool | tf.Tensor) -> tuple[tf.Tensor, list]:
        """Map images [N, 32, 32, 3] to logits [N, 10], with one cache per layer."""
        return network.forward(self._blocks, tf.cast(images, self.compute_dtype), training)

    def backward(self, dlogits: tf.Tensor, caches: list) -> list[tf.Tensor]:
        """Map the derivative of the logits to those of `parameters`, in their order."""
        _, dparameters = network.backward(self._blocks, dlogits, caches)
        return dparameters


def build_layers(config, dtype: tf.DType) -> list[layers.Layer]:
    """Turn the table into layers.

    Args:
        config: the whole configuration.
        dtype: of the parameters.

    Returns:
        The layers, named conv1, bn1, elu1, ... after their row.

    """
    height, width, channels = IMAGE_SHAPE
    result: list[layers.Layer] = []

    def add_batch_norm(number):
        if config.model.batch_norm != "none":
            kind, axes = _BATCH_NORMS[config.model.batch_norm], _AXES[config.bn.axes]
            shape = (height, width, channels)
            result.append(kind(f"bn{number}", shape, axes, config.bn, dtype))

    for number, row in enumerate(ALL_CNN, start=1):
        last = number == len(ALL_CNN)
        outputs = row.channels if last else scaled(row.channels, config.model.width)
        weights = initial_weights(config, number, (row.kernel, row.kernel, channels, outputs))
        channels = outputs
        result.append(layers.Conv2D(f"conv{number}", weights, dtype))
        if config.bn.placement == "after_conv":
            add_batch_norm(number)
        result.append(layers.ELU(f"elu{number}"))
        if row.pool:
            if config.bn.placement == "before_pool":
                add_batch_norm(number)
            result.append(layers.AveragePool(f"pool{number}"))
            height, width = height // 2, width // 2
    result.append(layers.GlobalAveragePool("logits", dtype))
    return result


def scaled(channels: int, width: float) -> int:
    """Scale a number of channels; configuration sees to it that at least one remains."""
    return round(channels * width)


def initial_weights(config, number: int, shape: tuple[int, ...]) -> np.ndarray:
    """Draw the starting weights of convolution `number`: normal, mean 0, a function of the seed.

    The standard deviation is `weight_stddev` at width 1. A layer whose fan-in shrinks with the
    width gets weight_stddev / sqrt(width), which keeps the scale of the signal. The first layer
    sees three channels at any width.

    Args:
        config: `seed`, `model.width` and `model.weight_stddev` are read.
        number: of the row, from 1.
        shape: [A, B, C, O].

    Returns:
        float64 array of that shape.

    """
    stddev = config.model.weight_stddev
    if number > 1:
        stddev /= math.sqrt(config.model.width)
    numbers = np.random.Generator(philox(config.seed, WEIGHTS, number))
    return stddev * numbers.standard_normal(shape)


def _named(all_layers: list[layers.Layer], kind: str) -> dict[str, tf.Variable]:
    return {
        f"{layer.name}/{name}": variable
        for layer in all_layers
        for name, variable in getattr(layer, kind).items()
    }
