"""Arguments that do not fit are refused in one line: which one, what it is, and what is right.

Each row is a call with one wrong argument, and what the message must contain.
"""
# ruff: noqa: E501

import numpy as np
import pytest
import tensorflow as tf
from helpers import random

from bnstudy.manual import (
    adam,
    amsgrad,
    as_posted,
    batch_norm,
    conv2d,
    elu,
    network,
    pooling,
    sgd,
    softmax_cross_entropy,
)

N, H, W, C = 4, 3, 5, 6
X = random(N, H, W, C, seed=1)
GAMMA = random(C, seed=2, shift=2)
PIXELS = random(H, W, seed=3, shift=2)  # for axes (0, 3)
KERNELS = random(2, 4, C, 7, seed=4)
LOGITS = random(N, C, seed=5)
LABELS = np.array([2, 0, 5, 2])
NAN, INFINITY = float("nan"), float("inf")


def cast(x, dtype):
    return tf.cast(x, dtype)


def normalize(x=X, gamma=GAMMA, beta=None, axes=(0, 1, 2), epsilon=0.1):
    return batch_norm.forward(x, gamma, gamma if beta is None else beta, axes, epsilon)


def infer(mean=GAMMA, variance=GAMMA**2, gamma=GAMMA, axes=(0, 1, 2), epsilon=0.1):
    return batch_norm.inference_forward(X, gamma, gamma, mean, variance, axes, epsilon)


def unnormalize(dy, **changes):
    return batch_norm.backward(dy, normalize(**changes)[1])


BATCH_NORM = [
    (lambda: normalize(gamma=GAMMA[:5]), "gamma has shape [5], must have [6]"),
    (lambda: normalize(gamma=random(1, C, 1)), "gamma has shape [1, 6, 1], must have [6]"),
    (lambda: normalize(gamma=tf.transpose(PIXELS), axes=(0, 3)), "gamma has shape [5, 3], must"),
    (lambda: normalize(gamma=random(1, *X.shape)), "gamma has shape [1, 4, 3, 5, 6], must have"),
    (lambda: normalize(gamma=X), "gamma has shape [4, 3, 5, 6], must have [6]"),
    (lambda: normalize(beta=GAMMA[0]), "beta has shape [], must have [6]: the shape of gamma"),
    (lambda: normalize(beta=GAMMA[None]), "beta has shape [1, 6], must have [6]"),
    (lambda: normalize(beta=cast(GAMMA, tf.float32)), "beta is float32, must be float64"),
    (lambda: normalize(gamma=np.arange(6)), "gamma is int64, must be float32 or float64"),
    (lambda: normalize(gamma=GAMMA > 0), "gamma is bool, must be float32 or float64"),
    (lambda: normalize(gamma=cast(GAMMA, tf.bfloat16)), "gamma is bfloat16, must be float32 or"),
    (lambda: normalize(gamma=None), "gamma must be a tensor of numbers, not None"),
    (lambda: normalize(cast(X, tf.float32)), "x is float32 and gamma float64"),
    (lambda: normalize(cast(X, tf.int32)), "x is int32, must be"),
    (lambda: normalize(X > 0), "x is bool, must be"),
    (lambda: normalize([[1.0, 2.0], [3.0]]), "x must be a tensor of numbers, not [[1.0, 2.0], [3.0]]"),
    (lambda: normalize("images"), "x is string, must be"),
    (lambda: normalize(axes=(0, 2, 5)), "axes contains 5, but x, of shape [4, 3, 5, 6], has the axes"),
    (lambda: normalize(axes=(0, -5)), "axes contains -5"),
    (lambda: normalize(axes=0), "axes must be a tuple such as (0, 1, 2), not 0"),
    (lambda: normalize(axes=()), "axes must be a tuple such as (0, 1, 2), not ()"),
    (lambda: normalize(axes="012"), "axes must be a tuple such as (0, 1, 2), not '012'"),
    (lambda: normalize(axes=None), "axes must be a tuple such as (0, 1, 2), not None"),
    (lambda: normalize(axes=(0, 0, 1, 2)), "axes contains an axis twice: (0, 0, 1, 2)"),
    (lambda: normalize(axes=(0, -4)), "axes contains an axis twice: (0, -4)"),
    (lambda: normalize(axes=(0.0, 1, 2)), "axes contains 0.0"),
    (lambda: normalize(axes=(False, True, 2)), "axes contains False"),
    (lambda: normalize(GAMMA[:0], GAMMA[0], axes=(0,)), "x is empty: it has shape [0]"),
    (lambda: normalize(X[:0]), "x is empty: it has shape [0, 3, 5, 6]"),
    (lambda: normalize(X[:, :0]), "x is empty: it has shape [4, 0, 5, 6]"),
    (lambda: normalize(epsilon=-1e-3), "epsilon must be a number >= 0, not -0.001"),
    (lambda: normalize(epsilon=NAN), "epsilon must be a number >= 0, not nan"),
    (lambda: normalize(epsilon=INFINITY), "epsilon must be a number >= 0, not inf"),
    (lambda: normalize(epsilon=tf.constant(NAN)), "epsilon must be a number >= 0, not"),
    (lambda: normalize(epsilon=[0.1]), "epsilon must be a number >= 0, not [0.1]"),
    (lambda: normalize(epsilon=np.ones((2, 2))), "epsilon must be a number >= 0, not array([[1."),
    (lambda: normalize(epsilon=10**400), "epsilon must be a number >= 0, not 1000"),
    (lambda: normalize(epsilon=True), "epsilon must be a number >= 0, not True"),
    (lambda: normalize(epsilon="0.1"), "epsilon must be a number >= 0, not '0.1'"),
    (lambda: unnormalize(X[:1]), "dy has shape [1, 3, 5, 6], must have [4, 3, 5, 6]: the shape of x"),
    (lambda: unnormalize(X[..., :1]), "dy has shape [4, 3, 5, 1], must have [4, 3, 5, 6]"),
    (lambda: unnormalize(X[0]), "dy has shape [3, 5, 6], must have [4, 3, 5, 6]"),
    (lambda: unnormalize(tf.transpose(X)), "dy has shape [6, 5, 3, 4], must have"),
    (lambda: unnormalize(1.0), "dy has shape [], must have [4, 3, 5, 6]"),
    (lambda: unnormalize(cast(X, tf.float32)), "dy is float32, must be float64"),
    (lambda: unnormalize(X, x=cast(X, tf.bfloat16)), "dy is float64, must be bfloat16"),
    (lambda: batch_norm.inference_backward(X[:1], infer()[1]), "dy has shape [1, 3, 5, 6], must"),
    (lambda: infer(GAMMA[0]), "moving_mean has shape [], must have [6]"),
    (lambda: infer(GAMMA[:1]), "moving_mean has shape [1], must have [6]"),
    (lambda: infer(tf.transpose(PIXELS), PIXELS, PIXELS, (0, 3)), "moving_mean has shape [5, 3], must"),
    (lambda: infer(PIXELS, tf.transpose(PIXELS), PIXELS, (0, 3)), "moving_variance has shape [5, 3]"),
    (lambda: infer(PIXELS, X[0, ..., 0], tf.transpose(PIXELS), (0, 3)), "gamma has shape [5, 3], must"),
    (lambda: infer(variance=cast(GAMMA, tf.float32)), "moving_variance is float32, must be float64"),
    (lambda: infer(variance=-GAMMA), "moving_variance must be >= 0, not -"),
    (lambda: infer(epsilon=NAN), "epsilon must be a number >= 0, not nan"),
    (lambda: infer(axes=(4,)), "axes contains 4"),
    (lambda: batch_norm.update_moving(GAMMA, GAMMA[0], 0.9), "batch has shape [], must have [6]"),
    (lambda: batch_norm.update_moving(GAMMA, PIXELS, 0.9), "batch has shape [3, 5], must have [6]"),
    (lambda: batch_norm.update_moving(GAMMA[0], GAMMA, 0.9), "batch has shape [6], must have []"),
    (
        lambda: batch_norm.update_moving(GAMMA, cast(GAMMA, tf.float32), 0.9),
        "batch is float32, must be float64",
    ),
    (lambda: batch_norm.update_moving(LABELS, LABELS, 0.9), "moving is int64, must be float32 or"),
    (lambda: batch_norm.update_moving(GAMMA, GAMMA, 1.0), "momentum must be a number in [0, 1), not 1.0"),
    (lambda: batch_norm.update_moving(GAMMA, GAMMA, -0.1), "momentum must be a number in [0, 1)"),
    (lambda: batch_norm.update_moving(GAMMA, GAMMA, NAN), "momentum must be a number in [0, 1), not nan"),
    (lambda: batch_norm.update_moving(GAMMA, GAMMA, GAMMA), "momentum must be a number in [0, 1)"),
    (lambda: batch_norm.debias(GAMMA, NAN, 0.9, 3), "initial must be a finite number, not nan"),
    (lambda: batch_norm.debias(GAMMA, GAMMA, 0.9, 3), "initial must be a finite number, not"),
    (lambda: batch_norm.debias(GAMMA, 0.0, 1.0, 3), "momentum must be a number in [0, 1), not 1.0"),
    (lambda: batch_norm.debias(GAMMA, 0.0, 0.9, -1), "updates must be >= 0, not -1"),
    (lambda: batch_norm.debias(GAMMA, 0.0, 0.9, 3.0), "updates is float32, must be int64 or int32"),
    (lambda: batch_norm.debias(GAMMA, 0.0, 0.9, LABELS), "updates has shape [4], must have []"),
    (lambda: batch_norm.debias([1, 2], 0.0, 0.9, 3), "moving is int32, must be float32 or float64"),
]  # fmt: skip

VALID = ((0, 0), (0, 0))
CONVOLUTION = [
    (lambda: conv2d.forward(X, random(2, 2, 3, 7)), "w has shape [2, 2, 3, 7], must have [?, ?, 6, ?]"),
    (lambda: conv2d.forward(X, random(2, 2, 2 * C, 7)), "w has shape [2, 2, 12, 7], must have"),
    (lambda: conv2d.forward(X, random(2, C, 7)), "w has shape [2, 6, 7], must have [?, ?, 6, ?]"),
    (lambda: conv2d.forward(X, KERNELS[:0]), "w is empty: it has shape [0, 4, 6, 7]"),
    (lambda: conv2d.forward(X, KERNELS[..., :0]), "w is empty"),
    (lambda: conv2d.forward(X[0], KERNELS), "x has shape [3, 5, 6], must be [N, H, W, C]"),
    (lambda: conv2d.forward(X[:, :0], KERNELS), "x has shape [4, 0, 5, 6]: its images are empty"),
    (lambda: conv2d.forward(X[..., :0], KERNELS[:, :, :0]), "w is empty"),
    (lambda: conv2d.forward(cast(X, tf.float32), KERNELS), "w is float64, must be float32"),
    (lambda: conv2d.forward(cast(X, tf.bfloat16), KERNELS), "w is float64, must be bfloat16"),
    (lambda: conv2d.forward(cast(X, tf.int32), cast(KERNELS, tf.int32)), "x is int32, must be"),
    (lambda: conv2d.forward(X, KERNELS, padding="same"), "padding must be one of SAME, VALID, not 'same'"),
    (lambda: conv2d.forward(X, KERNELS, padding=None), "padding must be \"SAME\", \"VALID\" or (("),
    (lambda: conv2d.forward(X, KERNELS, padding=1), "padding must be"),
    (lambda: conv2d.forward(X, KERNELS, padding=(1, 1)), "padding must be"),
    (lambda: conv2d.forward(X, KERNELS, padding=((1, 1), (1,))), "padding must be"),
    (lambda: conv2d.forward(X, KERNELS, padding=((1, -1), (1, 1))), "padding must be an integer >= 0, not -1"),
    (lambda: conv2d.forward(X, KERNELS, padding=((1, 0.5), (1, 1))), "padding must be an integer >= 0, not 0.5"),
    (lambda: conv2d.forward(X, KERNELS, 0), "stride must be an integer >= 1, not 0"),
    (lambda: conv2d.forward(X, KERNELS, 1.0), "stride must be an integer >= 1, not 1.0"),
    (lambda: conv2d.forward(X, KERNELS, True), "stride must be an integer >= 1, not True"),
    (lambda: conv2d.forward(X, KERNELS, (1, -1)), "stride must be an integer >= 1, not -1"),
    (lambda: conv2d.forward(X, KERNELS, (1, 2, 3)), "stride must be one step or (down, right), not (1, 2, 3)"),
    (lambda: conv2d.forward(X, KERNELS, "12"), "stride must be an integer >= 1, not '12'"),
    (lambda: conv2d.forward(X, KERNELS, np.array([[1, 2], [1, 2]])), "stride must be an integer >= 1, not array"),
    (lambda: conv2d.forward(X, random(4, 1, C, 2), 1, "VALID"), "w is 4 high, must be at most 3"),
    (lambda: conv2d.forward(X, random(1, 6, C, 2), 1, "VALID"), "w is 6 wide, must be at most 5"),
    (lambda: conv2d.forward(X, random(4, 1, C, 2), 3, "VALID"), "w is 4 high, must be at most 3"),
    (lambda: conv2d.forward(random(8, 2, 2, 3), random(3, 3, 3, 2), 1, "VALID"), "w is 3 high, must be at most 2"),
    (lambda: conv2d.forward(random(2, 1, 1, 3), random(2, 2, 3, 4), 2, "VALID"), "w is 2 high, must be at most 1"),
    (lambda: conv2d.forward(X, random(6, 1, C, 2), 1, ((1, 1), (0, 0))), "w is 6 high, must be at most 5, as the padded x"),
    (lambda: conv2d.backward(X, conv2d.forward(X, KERNELS)[1]), "dy has shape [4, 3, 5, 6], must have [4, 3, 5, 7]: the shape of y"),
    (lambda: conv2d.backward(random(1, H, W, 7), conv2d.forward(X, KERNELS)[1]), "dy has shape [1, 3, 5, 7], must have [4, 3, 5, 7]"),
    (lambda: conv2d.backward(random(N, 2, 3, 7), conv2d.forward(X, KERNELS, (2, 3))[1]), "dy has shape [4, 2, 3, 7], must have [4, 2, 2, 7]"),
    (lambda: conv2d.backward(random(N, H, W, 7), conv2d.forward(X, KERNELS, 1, "VALID")[1]), "dy has shape [4, 3, 5, 7], must have [4, 2, 2, 7]"),
    (lambda: conv2d.backward(cast(random(N, H, W, 7), tf.float32), conv2d.forward(X, KERNELS)[1]), "dy is float32, must be float64"),
    (lambda: conv2d.plain_forward(X, random(2, 2, 3, 7)), "w has shape [2, 2, 3, 7], must have"),
    (lambda: conv2d.plain_forward(X[0], KERNELS), "x has shape [3, 5, 6], must be [N, H, W, C]"),
    (lambda: conv2d.plain_backward(X, conv2d.plain_forward(X, KERNELS)[1]), "dy has shape [4, 3, 5, 6], must have [4, 3, 5, 7]"),
    (lambda: conv2d.plain_backward(random(1, H, W, 7), conv2d.plain_forward(X, KERNELS)[1]), "dy has shape [1, 3, 5, 7], must have"),
    (lambda: conv2d.plain_backward(tf.ones([N, H, W, 7]), conv2d.plain_forward(X, KERNELS)[1]), "dy is float32, must be float64"),
]  # fmt: skip

IMAGES = random(N, 4, 6, C)
POOLED = pooling.average_forward(IMAGES)[1]
AVERAGED = pooling.global_average_forward(IMAGES)[1]
ELEMENTWISE_AND_POOLING = [
    (lambda: elu.forward(LABELS), "x is int64, must be"),
    (lambda: elu.forward(X > 0), "x is bool, must be"),
    (lambda: elu.forward([1, 2]), "x is int32, must be"),
    (lambda: elu.forward([10**400]), "x must be a tensor of numbers, not [1000"),
    (lambda: elu.forward([1j]), "x is complex128, must be"),
    (lambda: elu.forward(tf.ragged.constant([[1.0], [2.0, 3.0]])), "x must be a tensor of numbers, not"),
    (lambda: elu.forward(np.array([None, 1.0])), "x must be a tensor of numbers, not"),
    (lambda: elu.forward(None), "x must be a tensor of numbers, not None"),
    *(
        row
        for backward in (elu.backward, as_posted.elu_backward)
        for row in (
            (lambda f=backward: f(X[:1], X), "dy has shape [1, 3, 5, 6], must have [4, 3, 5, 6]"),
            (lambda f=backward: f(X[..., :1], X), "dy has shape [4, 3, 5, 1], must have"),
            (lambda f=backward: f(X, X[:1]), "dy has shape [4, 3, 5, 6], must have [1, 3, 5, 6]"),
            (lambda f=backward: f(1.0, X), "dy has shape [], must have [4, 3, 5, 6]"),
            (lambda f=backward: f(cast(X, tf.float32), X), "dy is float32, must be float64"),
        )
    ),
    (lambda: pooling.average_forward(X), "x has shape [4, 3, 5, 6]: blocks of 2 x 2 do not fill it"),
    (lambda: pooling.average_forward(IMAGES, 3), "blocks of 3 x 3 do not fill it"),
    (lambda: pooling.average_forward(IMAGES, 12), "blocks of 12 x 12 do not fill it"),
    (lambda: pooling.average_forward(IMAGES[:, :0]), "blocks of 2 x 2 do not fill it"),
    (lambda: pooling.average_forward(IMAGES[0]), "x has shape [4, 6, 6], must be [N, H, W, C]"),
    (lambda: pooling.average_forward(IMAGES, 0), "size must be an integer >= 1, not 0"),
    (lambda: pooling.average_forward(IMAGES, -2), "size must be an integer >= 1, not -2"),
    (lambda: pooling.average_forward(IMAGES, 2.0), "size must be an integer >= 1, not 2.0"),
    (lambda: pooling.average_forward(IMAGES, np.array(2.0)), "size must be an integer >= 1, not array(2.)"),
    (lambda: pooling.average_forward(IMAGES, (2, 2)), "size must be an integer >= 1, not (2, 2)"),
    (lambda: pooling.average_forward(cast(IMAGES, tf.int32)), "x is int32, must be"),
    (lambda: pooling.global_average_forward(IMAGES[0]), "x has shape [4, 6, 6], must be [N, H, W, C]"),
    (lambda: pooling.global_average_forward(IMAGES[:, :, :0]), "x has shape [4, 4, 0, 6]: its images are empty"),
    (lambda: pooling.global_average_forward(cast(IMAGES, tf.int32)), "x is int32, must be"),
    *(
        row
        for backward in (pooling.average_backward, as_posted.average_backward)
        for row in (
            (lambda f=backward: f(random(1, 2, 3, C), POOLED), "dy has shape [1, 2, 3, 6], must have [4, 2, 3, 6]"),
            (lambda f=backward: f(random(N, 3, 2, C), POOLED), "dy has shape [4, 3, 2, 6], must have [4, 2, 3, 6]"),
            (lambda f=backward: f(random(N, 2, 3, 1), POOLED), "dy has shape [4, 2, 3, 1], must have"),
            (lambda f=backward: f(IMAGES, POOLED), "dy has shape [4, 4, 6, 6], must have"),
            (lambda f=backward: f(IMAGES[0], POOLED), "dy has shape [4, 6, 6], must be [N, H, W, C]"),
        )
    ),
    *(
        row
        for backward in (pooling.global_average_backward, as_posted.global_average_backward)
        for row in (
            (lambda f=backward: f(random(1, C), AVERAGED), "dy has shape [1, 6], must have [4, 6]: the shape of y"),
            (lambda f=backward: f(random(N, 1), AVERAGED), "dy has shape [4, 1], must have [4, 6]"),
            (lambda f=backward: f(random(C), AVERAGED), "dy has shape [6], must have [4, 6]"),
            (lambda f=backward: f(random(N, 1, 1, C), AVERAGED), "dy has shape [4, 1, 1, 6], must have"),
            (lambda f=backward: f(np.ones([N, C], int), AVERAGED), "dy is int64, must be"),
        )
    ),
]  # fmt: skip


def cross_entropy(logits=LOGITS, labels=LABELS):
    return softmax_cross_entropy.forward(logits, labels)


COST = [
    *(
        row
        for f in (softmax_cross_entropy.forward, softmax_cross_entropy.cost_per_image)
        for row in (
            (lambda f=f: f(LOGITS, LABELS[:1]), "labels has shape [1], must have [4]: one integer per row"),
            (lambda f=f: f(LOGITS, LABELS[:, None]), "labels has shape [4, 1], must have [4]"),
            (lambda f=f: f(LOGITS, LABELS[0]), "labels has shape [], must have [4]"),
            (lambda f=f: f(LOGITS, [0, 1, 2, 6]), "labels are 0 to 6, must be 0 to 5"),
            (lambda f=f: f(LOGITS, [0, 1, 2, -1]), "labels are -1 to 2, must be 0 to 5"),
            (lambda f=f: f(LOGITS, LABELS.astype(float)), "labels is float64, must be int64 or"),
            (lambda f=f: f(LOGITS, LABELS > 1), "labels is bool, must be int64 or"),
            (lambda f=f: f(LOGITS, tf.one_hot(LABELS, C)), "labels is float32, must be int64 or"),
            (lambda f=f: f(LOGITS, tf.one_hot(LABELS, C, dtype=tf.int32)), "labels has shape [4, 6], must have [4]"),
            (lambda f=f: f(LOGITS, None), "labels must be a tensor of numbers, not None"),
            (lambda f=f: f(LOGITS[0], LABELS), "logits has shape [6], must have [?, ?]: [N, K]"),
            (lambda f=f: f(LOGITS[:, None], LABELS), "logits has shape [4, 1, 6], must have [?, ?]"),
            (lambda f=f: f(cast(LOGITS, tf.int32), LABELS), "logits is int32, must be float32 or float64"),
            (lambda f=f: f(cast(LOGITS, tf.bfloat16), LABELS), "logits is bfloat16, must be float32 or float64"),
            (lambda f=f: f(LOGITS[:, :0], LABELS), "logits has shape [4, 0], must have a class"),
        )
    ),
    (lambda: cross_entropy(LOGITS[:0], LABELS[:0]), "logits is empty: it has shape [0, 6]"),
    (lambda: softmax_cross_entropy.log_probabilities(LOGITS[0]), "logits has shape [6], must have [?, ?]"),
    *(
        row
        for f in (softmax_cross_entropy.backward, as_posted.softmax_cross_entropy_backward)
        for row in (
            (lambda f=f: f(LOGITS, cross_entropy()[1]), "dcost has shape [4, 6], must have []: one number"),
            (lambda f=f: f(LOGITS[:, :1], cross_entropy()[1]), "dcost has shape [4, 1], must have []"),
            (lambda f=f: f(tf.constant(1.0), cross_entropy()[1]), "dcost is float32, must be float64"),
            (lambda f=f: f(True, cross_entropy()[1]), "dcost is bool, must be float64"),
            (lambda f=f: f(None, cross_entropy()[1]), "dcost must be a tensor of numbers, not None"),
        )
    ),
]  # fmt: skip


def step(rule, w=GAMMA, dw=GAMMA, state=None, rate=0.1, **settings):
    return rule.update(w, dw, rule.init(GAMMA) if state is None else state, rate, **settings)


RULES = {"sgd": sgd, "adam": adam, "amsgrad": amsgrad}
EVERY_RULE = [
    (lambda f: step(f, dw=GAMMA[:, None]), "dw has shape [6, 1], must have [6]: the shape of w"),
    (lambda f: step(f, dw=GAMMA[:1]), "dw has shape [1], must have [6]"),
    (lambda f: step(f, dw=0.1), "dw has shape [], must have [6]"),
    (lambda f: step(f, dw=None), "dw must be a tensor of numbers, not None"),
    (lambda f: step(f, dw=cast(GAMMA, tf.float32)), "dw is float32, must be float64"),
    (lambda f: step(f, dw=np.arange(6)), "dw is int64, must be float64"),
    (lambda f: step(f, w=GAMMA[:1], dw=GAMMA[:1]), "has shape [6], must have [1]: the shape of w"),
    (lambda f: step(f, w=GAMMA[None], dw=GAMMA[None]), "has shape [6], must have [1, 6]"),
    (lambda f: step(f, w=cast(GAMMA, tf.float16)), "w is float16, must be float32 or float64"),
    (lambda f: step(f, w=cast(GAMMA, tf.bfloat16)), "w is bfloat16, must be float32 or float64"),
    (lambda f: step(f, w=np.arange(6)), "w is int64, must be float32 or float64"),
    (lambda f: step(f, w=cast(GAMMA, tf.float32), dw=cast(GAMMA, tf.float32)), "is float64, must be float32"),
    (lambda f: f.init(cast(GAMMA, tf.float16)), "w is float16, must be float32 or float64"),
    (lambda f: f.init([1, 2]), "w is int32, must be float32 or float64"),
    (lambda f: step(f, state=()), "state must have"),
    (lambda f: step(f, state=tuple(f.init(GAMMA))), "as from init, not tuple"),
    (lambda f: step(f, state=next(r for r in RULES.values() if r is not f).init(GAMMA)), "as from init, not"),
    (lambda f: step(f, rate=-0.1), "learning_rate must be a number >= 0, not -0.1"),
    (lambda f: step(f, rate=NAN), "learning_rate must be a number >= 0, not nan"),
    (lambda f: step(f, rate=INFINITY), "learning_rate must be a number >= 0, not inf"),
    (lambda f: step(f, rate=tf.constant(NAN)), "learning_rate must be a number >= 0, not"),
    (lambda f: step(f, rate=GAMMA), "learning_rate must be a number >= 0, not"),
    (lambda f: step(f, rate=[0.1]), "learning_rate must be a number >= 0, not [0.1]"),
    (lambda f: step(f, rate=None), "learning_rate must be a number >= 0, not None"),
]  # fmt: skip
MOMENTS = [
    (lambda f: step(f, state=f.init(GAMMA)._replace(m=GAMMA[:1])), "state.m has shape [1], must have [6]: the shape of w"),
    (lambda f: step(f, state=f.init(GAMMA)._replace(v=cast(GAMMA, tf.float32))), "state.v is float32, must be float64"),
    (lambda f: step(f, state=f.init(GAMMA)._replace(step=-1)), "state.step must be >= 0, not -1"),
    (lambda f: step(f, state=f.init(GAMMA)._replace(step=1.5)), "state.step is float32, must be int64 or int32"),
    (lambda f: step(f, state=f.init(GAMMA)._replace(step=LABELS)), "state.step has shape [4], must have []"),
    (lambda f: step(f, beta_1=1.0), "beta_1 must be a number in [0, 1), not 1.0"),
    (lambda f: step(f, beta_1=NAN), "beta_1 must be a number in [0, 1), not nan"),
    (lambda f: step(f, beta_1=GAMMA), "beta_1 must be a number in [0, 1), not"),
    (lambda f: step(f, beta_2=1), "beta_2 must be a number in [0, 1), not 1"),
    (lambda f: step(f, beta_2=-0.5), "beta_2 must be a number in [0, 1), not -0.5"),
    (lambda f: step(f, beta_2=NAN), "beta_2 must be a number in [0, 1), not nan"),
    (lambda f: step(f, epsilon=-1e-8), "epsilon must be a number >= 0, not -1e-08"),
    (lambda f: step(f, epsilon=NAN), "epsilon must be a number >= 0, not nan"),
    (lambda f: step(f, variant="pytorch"), "variant must be one of paper, keras"),
    (lambda f: step(f, variant=None), "variant must be one of paper, keras"),
]  # fmt: skip
OPTIMIZERS = [
    *((lambda f=f, call=call: call(f), text) for f in RULES.values() for call, text in EVERY_RULE),
    *((lambda f=f, call=call: call(f), text) for f in (adam, amsgrad) for call, text in MOMENTS),
    (
        lambda: step(amsgrad, state=amsgrad.init(GAMMA)._replace(v_max=GAMMA[0])),
        "state.v_max has shape [], must have [6]",
    ),
    (
        lambda: step(sgd, state=sgd.State(GAMMA[:1])),
        "state.velocity has shape [1], must have [6]",
    ),
    (lambda: step(adam, state=amsgrad.init(GAMMA)), "state must have step, m, v, as from init, not step, m, v, v_max"),
    (lambda: step(sgd, momentum=1.0), "momentum must be a number in [0, 1), not 1.0"),
    (lambda: step(sgd, momentum=NAN), "momentum must be a number in [0, 1), not nan"),
    (lambda: network.backward([], X, [None]), "there are 1 caches for 0 layers"),
    (lambda: list(network.walk_back([elu, elu], X, [X])), "there are 1 caches for 2 layers"),
]  # fmt: skip


def identify(row):
    return row if isinstance(row, str) else "call"


def assert_refused(call, text):
    refusal = None
    try:
        call()
    except Exception as error:  # whatever it is, so that a wrong kind is a failed assertion too
        refusal = error
    assert type(refusal) is ValueError
    assert text in str(refusal)
    assert "\n" not in str(refusal)
    assert len(str(refusal)) < 250


@pytest.mark.parametrize(("call", "text"), BATCH_NORM, ids=identify)
def test_batch_norm_refuses_what_does_not_fit(call, text):
    assert_refused(call, text)


@pytest.mark.parametrize(("call", "text"), CONVOLUTION, ids=identify)
def test_convolution_refuses_what_does_not_fit(call, text):
    assert_refused(call, text)


@pytest.mark.parametrize(("call", "text"), ELEMENTWISE_AND_POOLING, ids=identify)
def test_elu_and_pooling_refuse_what_does_not_fit(call, text):
    assert_refused(call, text)


@pytest.mark.parametrize(("call", "text"), COST, ids=identify)
def test_the_cost_refuses_what_does_not_fit(call, text):
    assert_refused(call, text)


@pytest.mark.parametrize(("call", "text"), OPTIMIZERS, ids=identify)
def test_optimizers_and_networks_refuse_what_does_not_fit(call, text):
    assert_refused(call, text)


def graph(function, *specs):
    return tf.function(function, input_signature=specs, autograph=False).get_concrete_function()


SHAPELESS = tf.TensorSpec(None, tf.float64)
ANY_IMAGES = tf.TensorSpec([None] * 4, tf.float64)
IN_GRAPHS = [
    (lambda: graph(elu.forward, SHAPELESS), "x has an unknown number of axes"),
    (lambda: graph(lambda x: normalize(x)[0], SHAPELESS), "x has an unknown number of axes"),
    (
        lambda: graph(lambda dy: unnormalize(dy), tf.TensorSpec([None, H, W, 1], tf.float64)),
        "dy has shape [?, 3, 5, 1], must have [4, 3, 5, 6]",
    ),
    (
        lambda: graph(lambda x: normalize(x)[0], tf.TensorSpec([None, H, W, C + 1], tf.float64)),
        "gamma has shape [6], must have [7]",
    ),
    (
        lambda: graph(lambda x: conv2d.forward(x, KERNELS)[0], tf.TensorSpec([None] * 3 + [3])),
        "w is float64, must be float32",
    ),
    (
        lambda: graph(lambda w: conv2d.plain_forward(X, w)[0], ANY_IMAGES),
        "w has shape [?, ?, ?, ?], must be known",
    ),
    (
        lambda: graph(lambda e: normalize(epsilon=e)[0], tf.TensorSpec([], tf.float64)),
        "epsilon must be a number >= 0, not",
    ),
    (
        lambda: graph(lambda rate: step(adam, rate=rate)[0], tf.TensorSpec([3], tf.float64)),
        "learning_rate has shape [3], must have []: one number",
    ),
]


@pytest.mark.parametrize(("call", "text"), IN_GRAPHS, ids=identify)
def test_what_cannot_fit_is_refused_while_a_graph_is_traced(call, text):
    assert_refused(call, text)


@pytest.mark.parametrize("padding", ["VALID", ((1, 0), (0, 0))])
def test_a_kernel_larger_than_images_of_unknown_size_is_refused_when_the_graph_runs(padding):
    @tf.function(input_signature=[ANY_IMAGES])
    def both(x):
        y, cache = conv2d.forward(x, random(3, 3, 3, 4), 2, padding)
        return conv2d.backward(y, cache)

    assert both(random(5, 4, 7, 3))[0].shape == (5, 4, 7, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="w is larger than the padded x"):
        both(random(8, 2, 2, 3))


ANY_NUMBERS = tf.TensorSpec([None, None], tf.float64)
WOULD_BROADCAST = {
    "elu": (lambda x, dy: elu.backward(dy, elu.forward(x)[1]), ANY_IMAGES, X, X[:1]),
    "as posted": (
        lambda x, dy: as_posted.elu_backward(dy, elu.forward(x)[1]),
        ANY_IMAGES,
        X,
        X[:1],
    ),
    "batch norm": (lambda x, dy: unnormalize(dy, x=x), ANY_IMAGES, X, X[:1]),
    "global pool": (
        lambda x, dy: pooling.global_average_backward(
            dy, pooling.global_average_forward(tf.reshape(x, [-1, 2, 2, C]))[1]
        ),
        ANY_NUMBERS,
        random(4 * N, C),
        random(N, 1),
    ),
    **{
        name: (
            lambda w, dw, f=f: f.update(w, dw, f.init(w), 0.1)[0],
            ANY_NUMBERS,
            LOGITS,
            LOGITS[:1],
        )
        for name, f in RULES.items()
    },
}


@pytest.mark.parametrize("name", WOULD_BROADCAST)
def test_gradients_that_would_broadcast_are_refused_when_the_graph_runs(name):
    function, spec, x, dy = WOULD_BROADCAST[name]
    compiled = graph(function, spec, spec)
    with pytest.raises(tf.errors.InvalidArgumentError):
        compiled(x, dy)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_arguments_may_be_lists_arrays_and_variables(rule):
    numbers = [[0.5, -1.0, 2.0], [4.0, 0.25, -8.0]]  # exact in any precision
    expected = None
    for kind in (
        lambda v: v,
        lambda v: np.array(v, np.float32),
        lambda v: tf.Variable(v),
        lambda v: tf.constant(v),
    ):
        w, dw = kind(numbers), kind(numbers[::-1])
        state = rule.init(w)
        for rate in (0.5, np.float64(0.5), np.float32(0.5), tf.constant(0.5), tf.Variable(0.5), 1):
            w, state = rule.update(w, dw, state, rate)
        expected = w if expected is None else expected
        assert w.dtype == tf.float32
        np.testing.assert_array_equal(w, expected)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rate_may_be_unknown_until_the_graph_runs(rule, dtype):
    @tf.function(input_signature=[tf.TensorSpec([], dtype), tf.TensorSpec([None], tf.float64)])
    def update(rate, w):
        return rule.update(w, w, rule.init(w), rate)[0]

    expected = rule.update(GAMMA, GAMMA, rule.init(GAMMA), 0.25)[0]
    np.testing.assert_allclose(update(tf.constant(0.25, dtype), GAMMA), expected, rtol=1e-14)


def test_layers_take_lists_arrays_and_variables():
    image = [[[[1.0, -2.0], [0.5, 4.0]], [[3.0, 0.25], [-1.0, 2.0]]]]
    kernels, gamma = [[[[0.5], [2.0]]]], [2.0, 0.5]
    results = []
    for kind in (lambda v: v, np.float32, tf.Variable):
        x = kind(image)
        y, conv_cache = conv2d.forward(x, kind(kernels))
        plain, plain_cache = conv2d.plain_forward(x, kind(kernels))
        bent, elu_cache = elu.forward(x)
        pooled, pool_cache = pooling.average_forward(x)
        logits, full = pooling.global_average_forward(x)
        norm, norm_cache = batch_norm.forward(x, kind(gamma), kind(gamma), [0, 1, 2], np.float32(1))
        cost, cost_cache = softmax_cross_entropy.forward(kind([[1.0, 2.0]]), [1])
        results.append(
            tf.nest.flatten(
                (
                    *(y, plain, bent, pooled, logits, norm, cost),
                    conv2d.backward(kind(y.numpy().tolist()), conv_cache),
                    conv2d.plain_backward(kind(y.numpy().tolist()), plain_cache),
                    elu.backward(kind(image), elu_cache),
                    pooling.average_backward(kind(pooled.numpy().tolist()), pool_cache),
                    pooling.global_average_backward(kind(logits.numpy().tolist()), full),
                    batch_norm.backward(kind(image), norm_cache),
                    softmax_cross_entropy.backward(kind(2.0), cost_cache),
                    batch_norm.update_moving(kind(gamma), kind(gamma), 0.5),
                    batch_norm.debias(kind(gamma), 1, np.float64(0.5), np.int64(3)),
                )
            )
        )
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert one.dtype == tf.float32
            np.testing.assert_array_equal(one, two)


# --- unknown sizes: compared when the graph runs --------------------------------------------------


def in_graph(function, *arguments):
    """Call a function in a graph that knows the number of axes and no size."""
    specs = [tf.TensorSpec([None] * len(a.shape), a.dtype) for a in arguments]
    return tf.function(function, input_signature=specs, autograph=False)(*arguments)


def backward_of(module, *others):
    """Return a function of x and dy, for `in_graph`."""
    return lambda x, dy: module.backward(dy, module.forward(x, *others)[1])


WRONG_WHEN_IT_RUNS = {
    "elu, a transposed dy": lambda: in_graph(
        backward_of(elu), random(2, 3, seed=1), random(3, 2, seed=2)
    ),
    "batch norm, a transposed dy": lambda: in_graph(
        backward_of(batch_norm, ONES, ONES, (0,), 1e-3), random(5, 3, seed=1), random(3, 5, seed=2)
    ),
    "sgd, a transposed gradient": lambda: in_graph(
        lambda w, dw: sgd.update(w, dw, sgd.init(w), 0.1)[0],
        random(2, 3, seed=1),
        random(3, 2, seed=2),
    ),
    "batch norm, five gammas for one channel": lambda: in_graph(
        lambda x, gamma: batch_norm.forward(x, gamma, gamma, (0, 1, 2), 1e-3)[0],
        random(2, 3, 3, 1, seed=1),
        random(5, seed=2),
    ),
    "batch norm, five moving means for one channel": lambda: in_graph(
        lambda x, m: batch_norm.inference_forward(x, m, m, m, m * m, (0, 1, 2), 1e-3)[0],
        random(2, 3, 3, 1, seed=1),
        random(5, seed=2),
    ),
    "convolution, twice as many channels": lambda: in_graph(
        lambda x, w: conv2d.forward(x, w)[0], random(2, 5, 5, 4, seed=1), random(3, 3, 2, 4, seed=2)
    ),
}
ONES = tf.ones(3, tf.float64)


@pytest.mark.parametrize("call", WRONG_WHEN_IT_RUNS.values(), ids=WRONG_WHEN_IT_RUNS.keys())
def test_sizes_that_do_not_fit_are_refused_when_the_graph_runs(call):
    with pytest.raises(tf.errors.InvalidArgumentError):
        call()


def test_a_parameter_of_length_one_finds_its_axes_when_sizes_are_unknown():
    x, gamma = random(2, 5, 1, 4, seed=1), random(5, 1, seed=2)

    def forward(x, gamma):
        return batch_norm.forward(x, gamma, gamma, (0, 3), 1e-3)[0]

    np.testing.assert_allclose(in_graph(forward, x, gamma), forward(x, gamma), rtol=1e-12)


@pytest.mark.parametrize("cache", [None, (), (1, 2), "cache"], ids=repr)
@pytest.mark.parametrize(
    "backward",
    [
        batch_norm.backward,
        batch_norm.inference_backward,
        conv2d.backward,
        conv2d.plain_backward,
        elu.backward,
        pooling.average_backward,
        pooling.global_average_backward,
        softmax_cross_entropy.backward,
    ],
    ids=lambda function: f"{function.__module__.rpartition('.')[2]}.{function.__name__}",
)
def test_a_cache_of_something_else_is_refused(backward, cache):
    with pytest.raises(ValueError, match=r"cache|dy is float64"):
        backward(random(2, 3, 3, 2, seed=1), cache)
