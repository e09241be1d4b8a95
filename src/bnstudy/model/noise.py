"""Noise after batch norm, or in its place, as a layer: a function of (seed, step, layer)."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from bnstudy.manual import noise
from bnstudy.model.batch_norm import if_training
from bnstudy.model.layers import Context, Layer
from bnstudy.random_streams import NOISE, stateless_seed


class Draws(NamedTuple):
    """Standard random numbers, float32 in any precision, so that all see the same noise."""

    u_mean: tf.Tensor  # uniform in [0, 1), [C]
    u_scale: tf.Tensor  # uniform, [C]
    u: tf.Tensor  # uniform, [N, H, W, C]
    z: tf.Tensor  # normal, [N, H, W, C]


class Noise(Layer):
    """Multiply and shift every element at random, in training only.

    It is not compiled together with its neighbours: XLA need not round logarithms as TensorFlow's
    kernels do, and the noise would then depend on whether a step is compiled.

    Args:
        name: of the layer.
        number: of the row of the network, from 1; selects the random numbers.
        shape: of one image [H, W, C] at this point of the network.
        dtype: of all that is computed here.

    """

    def __init__(self, name: str, number: int, shape: Sequence[int], dtype: tf.DType):
        super().__init__(name)
        self._number, self._shape, self._dtype = number, list(shape), dtype

    def draw(self, images: int | tf.Tensor, context: Context) -> Draws:
        """Draw the numbers of one step.

        Args:
            images: N.
            context: with seed and step.

        """

        def numbers(kind, which, shape):
            seed = stateless_seed(context.seed, NOISE, 4 * self._number + which)
            return kind(shape, seed=[seed, tf.cast(context.step, tf.int64)], alg="philox")

        channels, elements = self._shape[-1:], [images, *self._shape]
        uniform, normal = tf.random.stateless_uniform, tf.random.stateless_normal
        return Draws(
            numbers(uniform, 0, channels),
            numbers(uniform, 1, channels),
            numbers(uniform, 2, elements),
            numbers(normal, 3, elements),
        )

    def forward(self, x, context):
        """Add the noise of this step, or nothing in inference."""

        def train():
            drawn = self.draw(tf.shape(x)[0], context)
            s, m = noise.scale_and_shift(*(tf.cast(d, self._dtype) for d in drawn))
            return noise.forward(x, s, m)

        return if_training(
            context.training,
            train,
            lambda: (tf.identity(x), tf.ones(tf.shape(x), self._dtype)),
        )

    def backward(self, dy, cache):
        """Return dx; there are no parameters."""
        return noise.backward(dy, cache), []
