"""Layers: the parameters, and the bookkeeping around the mathematics of `manual/`.

A layer has `parameters` (which the optimizer changes), `statistics` (its other state),
`forward(x, context) -> (y, cache)` and `backward(dy, cache) -> (dx, [dparameter, ...])`.
Both kinds of gradient run the same `forward`; automatic differentiation ignores the caches.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from bnstudy.backend.bfloat16 import for_convolution
from bnstudy.backend.devices import are_several
from bnstudy.manual import as_posted, conv2d, elu, pooling, softmax_cross_entropy


class Context(NamedTuple):
    """Information that a layer may need besides its input."""

    training: bool | tf.Tensor  # a scalar bool; a tensor chooses when the graph runs
    seed: int = 0  # of the run
    step: int | tf.Tensor = 0  # since the start of the run; with the seed, selects random numbers
    steps: int = 0  # of the whole run; 0: unknown, and what changes with the step is as at the end


class Derivatives(NamedTuple):
    """The backward passes that `training.gradients: as_posted` replaces."""

    elu: Callable
    average_pool: Callable
    global_average_pool: Callable
    softmax_cross_entropy: Callable


RIGHT = Derivatives(
    elu.backward,
    pooling.average_backward,
    pooling.global_average_backward,
    softmax_cross_entropy.backward,
)
AS_POSTED = Derivatives(
    as_posted.elu_backward,
    as_posted.average_backward,
    as_posted.global_average_backward,
    as_posted.softmax_cross_entropy_backward,
)


class Layer:
    """The base class: a layer without parameters.

    Args:
        name: of the layer.

    """

    def __init__(self, name: str):
        self.name = name
        self.parameters: dict[str, tf.Variable] = {}
        self.statistics: dict[str, tf.Variable] = {}

    def forward(self, x: tf.Tensor, context: Context) -> tuple[tf.Tensor, Any]:
        """Return y and the cache for `backward`."""
        raise TypeError(f"{type(self).__name__} has no forward pass")

    def backward(self, dy: tf.Tensor, cache: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return dx and the gradients of `parameters`, in their order."""
        raise TypeError(f"{type(self).__name__} has no backward pass")


class Conv2D(Layer):
    """Convolution with stride 1 and SAME padding, without bias.

    Under bfloat16, it convolves with a bfloat16 copy of the weights, and dw is rounded to bfloat16,
    as every derivative that leaves a layer is.

    Args:
        name: of the layer.
        weights: initial weights [A, B, C, O].
        dtype: of the weights.

    """

    def __init__(self, name: str, weights: Any, dtype: tf.DType):
        super().__init__(name)
        self.w = tf.Variable(weights, dtype=dtype, name="w")
        self.parameters = {"w": self.w}

    def forward(self, x, context):
        """Convolve x [N, H, W, C]."""
        w = tf.cast(self.w.value(), x.dtype)  # the value: the variable may change before `backward`
        images = for_convolution(x)
        if are_several():  # one may have no image; oneDNN's y would have the channels of x
            images = tf.pad(
                images, [[0, 1 - tf.minimum(tf.shape(x)[0], 1)], [0, 0], [0, 0], [0, 0]]
            )
        y, cache = conv2d.forward(images, for_convolution(w))
        y = y[: tf.shape(x)[0]] if are_several() else y
        return tf.cast(y, x.dtype), cache._replace(x=x, w=w)  # keep no float32 copies

    def backward(self, dy, cache):
        """Return dx and [dw]."""
        cache = cache._replace(x=for_convolution(cache.x), w=for_convolution(cache.w))
        dx, dw = conv2d.backward(for_convolution(dy), cache)
        dw = tf.cast(dw, dy.dtype)
        return tf.cast(dx, dy.dtype), [tf.cast(dw, self.w.dtype)]


class ELU(Layer):
    """Exponential linear unit.

    Args:
        name: of the layer.
        backward: `elu.backward`, or the author's wrong one.

    """

    def __init__(self, name: str, backward: Callable = RIGHT.elu):
        super().__init__(name)
        self._backward = backward

    def forward(self, x, context):
        """Apply the ELU elementwise."""
        return elu.forward(x)

    def backward(self, dy, cache):
        """Return dx; there are no parameters."""
        return self._backward(dy, cache), []


class AveragePool(Layer):
    """Average pooling in blocks of 2 x 2.

    Args:
        name: of the layer.
        backward: `pooling.average_backward`, or the author's wrong one.

    """

    def __init__(self, name: str, backward: Callable = RIGHT.average_pool):
        super().__init__(name)
        self._backward = backward

    def forward(self, x, context):
        """Average each block."""
        return pooling.average_forward(x, 2)

    def backward(self, dy, cache):
        """Return dx; there are no parameters."""
        return self._backward(dy, cache), []


class GlobalAveragePool(Layer):
    """Average of each channel over the image: the logits, always in the dtype of the parameters.

    Args:
        name: of the layer.
        dtype: of the logits.
        backward: `pooling.global_average_backward`, or the author's wrong one.

    """

    def __init__(self, name: str, dtype: tf.DType, backward: Callable = RIGHT.global_average_pool):
        super().__init__(name)
        self.dtype, self._backward = dtype, backward

    def forward(self, x, context):
        """Average in full precision."""
        y, shape = pooling.global_average_forward(tf.cast(x, self.dtype))
        return y, (shape, x.dtype)

    def backward(self, dy, cache):
        """Return dx in the precision of x; there are no parameters."""
        shape, dtype = cache
        return tf.cast(self._backward(dy, shape), dtype), []
