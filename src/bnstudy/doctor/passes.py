"""Send images through a model and measure what its batch norms see; the model stays as it was."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bnstudy.doctor.moments import Moments, Seen, add
from bnstudy.doctor.watch import forward, replaced

Statistics = tuple[np.ndarray, np.ndarray]  # mean and variance


class Pass(NamedTuple):
    """What one pass over the images shows."""

    seen: list[Seen]  # by each batch norm
    outputs: list[np.ndarray]  # of the model: one array per output, [N, ...]

    @property
    def statistics(self) -> list[Statistics]:
        """The mean and the variance of all images together, at each batch norm."""
        return [(seen.values.mean, seen.values.variance) for seen in self.seen]


def set_statistics(layer: Any, mean: Any, variance: Any) -> None:
    """Give a batch norm other moving statistics."""
    layer.moving_mean.assign(tf.cast(mean, layer.moving_mean.dtype))
    layer.moving_variance.assign(tf.cast(variance, layer.moving_variance.dtype))


def moving_statistics(layer: Any) -> Statistics:
    """Return a batch norm's moving mean and variance."""
    mean, variance = (
        keras.ops.convert_to_numpy(value).astype(np.float64)
        for value in (layer.moving_mean, layer.moving_variance)
    )
    return mean, variance


class Forward:
    """The forward pass of a model, compiled once, in which each batch norm is measured.

    Args:
        model: it is left as it was.
        layers: its batch norms, in the order of the forward pass.
        image: one image, for shape and type.
        noise: whether dropout, and what else is for training only, is active.

    """

    def __init__(
        self, model: keras.Model, layers: list[Any], image: np.ndarray, noise: bool = False
    ) -> None:
        self.model, self.layers, self.noise = model, layers, noise
        self._positions = {id(layer): position for position, layer in enumerate(layers)}
        self._of_the_batch = tf.Variable([False] * len(layers))
        self._measured: list[list[Any]] = []
        spec = tf.TensorSpec([None, *image.shape], image.dtype)
        self._compiled = tf.function(self._run, input_signature=[spec])

    def __call__(
        self,
        images: np.ndarray,
        batch_size: int,
        statistics: list[Statistics] | None = None,
        of_the_batch: list[bool] | None = None,
    ) -> Pass:
        """Return what a pass over the images shows.

        Args:
            images: [N, ...].
            batch_size: how many at a time.
            statistics: what the batch norms use, by default their moving statistics.
            of_the_batch: which of them use the statistics of each batch instead.

        """
        seen: list[Any] = [None] * len(self.layers)
        outputs = []
        self._of_the_batch.assign(of_the_batch or [False] * len(self.layers))
        with self._measuring():
            for layer, given in zip(self.layers, statistics or (), strict=statistics is not None):
                set_statistics(layer, *given)
            for start in range(0, len(images), batch_size):
                y, measured = self._compiled(images[start : start + batch_size])
                outputs.append([array.numpy() for array in y])
                for position, calls in enumerate(measured):
                    for call in calls:
                        seen[position] = add(seen[position], _seen(call))
        return Pass(seen, [np.concatenate(parts) for parts in zip(*outputs, strict=True)])

    def _run(self, images: tf.Tensor) -> Any:
        """Trace the model; this runs once."""
        self._measured = [[] for _ in self.layers]
        return forward(self.model, images, self.noise), self._measured

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        with replaced(self.model, self.layers, self._measured_call):
            yield

    def _measured_call(self, layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        position = self._positions[id(layer)]

        def measured(inputs: Any, **kwargs: Any) -> Any:
            moments = channel_moments(inputs, layer.axis)
            self._measured[position].append(moments)
            _, mean, variance, _ = moments
            own = layer.moving_mean.value, layer.moving_variance.value
            use = self._of_the_batch[position]
            set_statistics(
                layer,
                tf.where(use, tf.cast(mean, own[0].dtype), own[0]),
                tf.where(use, tf.cast(variance, own[1].dtype), own[1]),
            )
            return call(inputs, **kwargs | {"training": False})

        return measured


def channel_moments(inputs: Any, axis: int) -> tuple[Any, Any, Any, Any]:
    """Measure the channels of a batch.

    Args:
        inputs: [N, ..., C, ...].
        axis: of the channels.

    Returns:
        [values of a channel, images], the mean [C], the variance of all values, and that of the
        images' means, in float64.

    """
    x = tf.cast(inputs, tf.float64 if inputs.dtype == tf.float64 else tf.float32)
    axes = [a for a in range(1, x.shape.rank) if a != axis % x.shape.rank]
    shape = tf.shape(x, tf.int64)
    count = tf.stack([tf.size(x, tf.int64) // shape[axis], shape[0]])
    means, within = tf.nn.moments(x, axes) if axes else (x, tf.zeros_like(x))
    mean, between = tf.nn.moments(tf.cast(means, tf.float64), [0])
    return count, mean, tf.reduce_mean(tf.cast(within, tf.float64), 0) + between, between


def _seen(measured: Any) -> Seen:
    (values, images), mean, variance, between = (tensor.numpy() for tensor in measured)
    return Seen(Moments(values, mean, variance), Moments(images, mean, between))
