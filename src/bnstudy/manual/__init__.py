"""The mathematics by hand: pure functions of tensors, TensorFlow alone.

A layer is a pair of functions, one after the other:

    forward(x, ...) -> (y, cache)        backward(dy, cache) -> (dx, dparameters...)

`dy` is the derivative of the cost with respect to `y`, and `cache` is what the backward pass needs.
Nothing here differentiates automatically, and nothing here knows a configuration. The numbers in
the comments are those of the equations in docs/backprop.md, and from (53) on in docs/devices.md.
Imports TensorFlow and nothing else.
"""

from bnstudy.manual import (
    adam,
    amsgrad,
    as_posted,
    batch_norm,
    conv2d,
    elu,
    network,
    noise,
    pooling,
    renorm,
    sgd,
    softmax_cross_entropy,
)

__all__ = [
    "adam",
    "amsgrad",
    "as_posted",
    "batch_norm",
    "conv2d",
    "elu",
    "network",
    "noise",
    "pooling",
    "renorm",
    "sgd",
    "softmax_cross_entropy",
]
