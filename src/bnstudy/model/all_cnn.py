"""The All-Convolutional Net of the post as one table, read by all three cases."""

import math
from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.config.registry import BATCH_NORMS
from bnstudy.config.schema import Config
from bnstudy.data.dataset import CLASSES, IMAGE_SHAPE
from bnstudy.manual import network
from bnstudy.model.batch_norm import AXES
from bnstudy.model.batch_renorm import BatchRenorm
from bnstudy.model.fusion import fuse
from bnstudy.model.layers import (
    AS_POSTED,
    ELU,
    RIGHT,
    AveragePool,
    Context,
    Conv2D,
    Derivatives,
    GlobalAveragePool,
    Layer,
)
from bnstudy.model.noise import Noise
from bnstudy.model.synchronized import SynchronizedBatchNorm
from bnstudy.random_streams import WEIGHTS, random_stream


class Row(NamedTuple):
    """One convolution and its ELU; then, where `pool`, 2 x 2 average pooling.

    Batch norm comes before the pools, or between convolutions and their ELU (`bn.placement`).
    """

    kernel: int  # side of the square kernel
    channels: int  # of the output, at width 1
    pool: bool = False


# The author's net. At width 1: 1,617,312 weights, 536 million multiply-adds per image.
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


class Model:
    """The network: its layers, its parameters, and the state of its batch norms.

    Args:
        config: the whole configuration (`seed`, `model`, `bn` and `training.gradients` are read).
        dtype: of parameters, statistics and logits.
        compute_dtype: of images and activations; `dtype` unless given.
        image_shape: height, width and channels.

    Attributes:
        dtype: as given.
        layers: in the order of the forward pass.
        parameters: name -> variable that the optimizer changes.
        statistics: name -> variable that batch norm updates.
        derivatives: the backward passes of the cost and of the layers without parameters.

    """

    def __init__(
        self,
        config: Config,
        dtype: tf.DType = tf.float32,
        compute_dtype: tf.DType | None = None,
        image_shape: tuple[int, int, int] = IMAGE_SHAPE,
    ):
        self.dtype, self.compute_dtype, self._seed = dtype, compute_dtype or dtype, config.seed
        self.layers = build_layers(config, dtype, image_shape)
        self._fused_layers = fuse(self.layers)  # the same computation, compiled in larger pieces
        self.derivatives = derivatives_of(config)
        self.parameters = _named(self.layers, "parameters")
        self.statistics = _named(self.layers, "statistics")

    def forward(
        self,
        images: tf.Tensor,
        training: bool | tf.Tensor,
        step: int | tf.Tensor = 0,
        steps: int = 0,
    ) -> tuple[tf.Tensor, list]:
        """Compute the logits.

        Args:
            images: [N, 32, 32, 3].
            training: whether batch norm uses (and remembers) the statistics of this batch.
            step: steps since the start of the run.
            steps: of the whole run; 0: unknown.

        Returns:
            Logits [N, 10], and one cache per convolution and per block of fused layers.

        """
        context = Context(training, self._seed, step, steps)
        return network.forward(self._fused_layers, tf.cast(images, self.compute_dtype), context)

    def backward(self, dlogits: tf.Tensor, caches: list) -> list[tf.Tensor]:
        """Return the gradients of `parameters`, in their order.

        Args:
            dlogits: the derivative of the cost with respect to the logits [N, 10].
            caches: from `forward`.

        """
        _, dparameters = network.backward(self._fused_layers, dlogits, caches)
        return dparameters

    def assign(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set every parameter and statistic, for example those of a trained network.

        Args:
            arrays: name -> array; other names are ignored.

        Raises:
            ValueError: a name is missing, or an array has another shape.

        """
        variables = {**self.parameters, **self.statistics}
        for name, variable in variables.items():
            if name not in arrays:
                raise ValueError(f"{name} is missing; there are {', '.join(sorted(arrays))}")
            if tuple(arrays[name].shape) != tuple(variable.shape):
                raise ValueError(
                    f"{name} has shape {list(arrays[name].shape)}, must have {list(variable.shape)}"
                )
        for name, variable in variables.items():
            variable.assign(arrays[name])


def build_layers(
    config: Config, dtype: tf.DType, image_shape: tuple[int, int, int] = IMAGE_SHAPE
) -> list[Layer]:
    """Turn the table into layers.

    Args:
        config: the whole configuration.
        dtype: of the parameters.
        image_shape: height, width and channels.

    Returns:
        The layers, named conv1, bn1, elu1, ... after their row.

    """
    height, width, channels = image_shape
    derivatives, batch_norm = derivatives_of(config), batch_norm_of(config)
    bn = config.bn.model_copy(update={"synchronized": config.synchronizes()})
    result: list[Layer] = []

    def add_batch_norm(number: int) -> None:
        shape = (height, width, channels)
        if batch_norm:
            result.append(batch_norm(f"bn{number}", shape, AXES[config.bn.axes], bn, dtype))
        if config.bn.noise:
            result.append(Noise(f"noise{number}", number, shape, dtype))

    for number, row in enumerate(ALL_CNN, start=1):
        outputs = scaled_channels(row, config.model.width)
        weights = initial_weights(config, number, (row.kernel, row.kernel, channels, outputs))
        channels = outputs
        result.append(Conv2D(f"conv{number}", weights, dtype))
        hidden = row is not ALL_CNN[-1]
        if config.bn.placement == "after_conv" or (
            config.bn.placement == "after_hidden_conv" and hidden
        ):
            add_batch_norm(number)
        result.append(ELU(f"elu{number}", derivatives.elu))
        if row.pool:
            if config.bn.placement == "before_pool":
                add_batch_norm(number)
            result.append(AveragePool(f"pool{number}", derivatives.average_pool))
            height, width = height // 2, width // 2
    result.append(GlobalAveragePool("logits", dtype, derivatives.global_average_pool))
    return result


def batch_norm_of(config: Config) -> Callable[..., Layer] | None:
    """Return the class of the batch norm layers, if there are any."""
    if config.bn.renorm and config.model.batch_norm == "custom":
        return BatchRenorm
    if config.synchronizes() and config.model.batch_norm == "custom":
        return SynchronizedBatchNorm
    place = BATCH_NORMS[config.model.batch_norm]
    return resolve_name(place) if place else None


def derivatives_of(config: Config) -> Derivatives:
    """Return the right backward passes, or the author's."""
    return AS_POSTED if config.training.gradients == "as_posted" else RIGHT


def scaled_channels(row: Row, width: float) -> int:
    """Return a row's number of channels at a width; the last row keeps one for each class."""
    return row.channels if row is ALL_CNN[-1] else round(row.channels * width)


def initial_weights(config: Config, number: int, shape: tuple[int, ...]) -> np.ndarray:
    """Draw the initial weights of convolution `number`: normal, mean 0, a function of the seed.

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
    generator = np.random.Generator(random_stream(config.seed, WEIGHTS, number))
    return stddev * generator.standard_normal(shape)


def _named(layers: list[Layer], kind: str) -> dict[str, tf.Variable]:
    return {
        f"{layer.name}/{name}": variable
        for layer in layers
        for name, variable in getattr(layer, kind).items()
    }
