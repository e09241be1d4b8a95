"""A network is a list of layers; its backward pass is one loop over them, reversed: equation (25).

A layer is any object with `forward(x, training) -> (y, cache)` and
`backward(dy, cache) -> (dx, [dparameter, ...])`.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def forward(
    layers: Sequence[Any], x: tf.Tensor, training: bool | tf.Tensor
) -> tuple[tf.Tensor, list]:
    """Run the layers in order.

    Args:
        layers: the network.
        x: images [N, H, W, C].
        training: whether batch norm uses (and remembers) the statistics of this batch.

    Returns:
        The output of the last layer, and one cache per layer.

    """
    caches = []
    for layer in layers:
        x, cache = layer.forward(x, training)
        caches.append(cache)
    return x, caches


def backward(
    layers: Sequence[Any], dy: tf.Tensor, caches: list
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Run the layers in reverse: the dx of each is the dy of the one before it.

    Args:
        layers: the network.
        dy: the derivative of the loss with respect to the network's output.
        caches: from `forward`.

    Returns:
        The derivative with respect to the network's input, and those with respect to all
        parameters, in the order of the layers.

    """
    dparameters = []
    for layer, cache in zip(reversed(layers), reversed(caches), strict=True):
        dy, dlayer = layer.backward(dy, cache)  # (25)
        dparameters = dlayer + dparameters
    return dy, dparameters
