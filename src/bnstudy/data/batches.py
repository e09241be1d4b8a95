"""Batches: shuffle, augment, standardize.

Randomness is a function, not a state. The order of an epoch is a function of (seed, epoch), an
augmentation of (seed, step), so that any batch of any run can be named and made again.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.data import Dataset
from bnstudy.errors import UserError

SHUFFLE, WEIGHTS = 0, 1  # the purposes that `philox` serves

PROBABILITY = 0.1  # of each of the three: translation, rotation, scaling
TRANSLATION = 0.2  # at most, as a fraction of the side, in each direction
ROTATION = math.radians(25)  # at most, either way
SCALE = (0.8, 1.2)  # drawn for each direction


def philox(seed: int, stream: int, index: int) -> np.random.Philox:
    """Make the random numbers of one purpose: counter-based (Philox), without a past.

    Args:
        seed: of the run.
        stream: the purpose, so that two purposes never share numbers.
        index: the epoch, or the number of a layer.

    """
    return np.random.Philox(key=[seed, stream], counter=[0, 0, 0, index])


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Shuffle: the order in which epoch `epoch` (from 0) shows `count` images, int64 [count].

    Sorts raw 64-bit numbers, which NumPy promises never to change; its `permutation` may.
    """
    return np.argsort(philox(seed, SHUFFLE, epoch).random_raw(count), kind="stable")


def augment(images: tf.Tensor, seed: int, step: int | tf.Tensor) -> tf.Tensor:
    """Flip every image left to right; translate, rotate and scale some, each one by chance.

    An output pixel at p (from the centre) is read, bilinearly, from the flipped input at

        diag(1/s_x, 1/s_y) R(-angle) (p - shift)

    and is black outside. Each of the three happens with probability 0.1: shift within 20 % of the
    side, angle within 25 degrees, s_x and s_y within 0.8 to 1.2.

    Args:
        images: [N, H, W, C], float32.
        seed: of the run.
        step: number of the step since the start of the run; names the random numbers.

    Returns:
        The augmented copies, of the same shape.

    """
    flipped = tf.reverse(images, axis=[2])
    u = tf.random.stateless_uniform([tf.shape(images)[0], 8], seed=[seed, step])
    happens = u[:, :3] < PROBABILITY
    nothing = tf.zeros_like(u[:, 0])
    side = tf.cast(tf.shape(images)[2:0:-1], tf.float32)  # (W, H)
    shift = tf.where(happens[:, :1], (2 * u[:, 3:5] - 1) * TRANSLATION * side, 0.0)
    angle = tf.where(happens[:, 1], (2 * u[:, 5] - 1) * ROTATION, nothing)
    scale = tf.where(happens[:, 2:], SCALE[0] + (SCALE[1] - SCALE[0]) * u[:, 6:8], 1.0)
    return transform(flipped, shift, angle, scale)


def transform(images: tf.Tensor, shift: tf.Tensor, angle: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Scale, rotate and shift images about their centres, bilinearly, black outside.

    Args:
        images: [N, H, W, C].
        shift: pixels to the right and down [N, 2].
        angle: radians, clockwise on the screen [N].
        scale: along the input's x and y [N, 2]; above 1 enlarges.

    Returns:
        Images of the same shape.

    """
    center = tf.cast(tf.shape(images)[2:0:-1] - 1, tf.float32) / 2
    cos, sin = tf.cos(angle), tf.sin(angle)
    # input = A (output - center - shift) + center  with  A = diag(1 / scale) R(-angle)
    a, b = cos / scale[:, 0], sin / scale[:, 0]
    d, e = -sin / scale[:, 1], cos / scale[:, 1]
    x, y = center[0] + shift[:, 0], center[1] + shift[:, 1]
    c, f = center[0] - a * x - b * y, center[1] - d * x - e * y
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, c, d, e, f, zero, zero], axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


class Standardizers(NamedTuple):
    """Two functions of float images in 0 .. 255; the results have mean about 0 and variance 1."""

    train: Callable[[tf.Tensor], tf.Tensor]
    test: Callable[[tf.Tensor], tf.Tensor]


def standardizers(dataset: Dataset, method: str) -> Standardizers:
    """Make the input standardization, (x - mean) / stddev.

    Args:
        dataset: its statistics are taken.
        method: "train_channels": one mean and one standard deviation per channel, over the whole
            training set, for training and test images alike. "batch_pixels", as the author's code
            did: per pixel and channel, over the current batch in training, over the whole test set
            in testing. A standard deviation below one grey level counts as one.

    """
    if method == "train_channels":
        fixed = _fixed(*mean_and_stddev(dataset.train_images, axes=(0, 1, 2)))
        return Standardizers(fixed, fixed)

    def by_batch(images: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(images, axes=[0])
        return (images - mean) / tf.maximum(tf.sqrt(variance), 1.0)

    return Standardizers(by_batch, _fixed(*mean_and_stddev(dataset.test_images, axes=(0,))))


def mean_and_stddev(images: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute the exact mean and standard deviation of uint8 images, a slice at a time.

    The sums of x and x^2 are integers without rounding, so the difference of E[x^2] and E[x]^2
    loses nothing here, as it would with floating-point sums.

    Args:
        images: uint8 [N, H, W, C].
        axes: (0, 1, 2) for one value per channel, (0,) for one per pixel and channel.

    Returns:
        Mean and standard deviation, float64, in grey levels.

    """
    total = square = 0  # per pixel first: sums of 1000 images fit 32 bits
    for start in range(0, len(images), 1000):
        part = images[start : start + 1000].astype(np.uint16)
        total = total + part.sum(0, dtype=np.uint32).astype(np.int64)
        square = square + (part * part).sum(0, dtype=np.uint32).astype(np.int64)
    others = tuple(axis - 1 for axis in axes if axis)
    total, square = total.sum(others), square.sum(others)
    count = images.size // np.size(total)
    total, square = total.astype(object), square.astype(object)  # Python's integers never overflow
    mean = (total / count).astype(np.float64)
    return mean, np.sqrt((count * square - total**2).astype(np.float64)) / count


def _fixed(mean: np.ndarray, stddev: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    mean32, stddev32 = np.float32(mean), np.float32(np.maximum(stddev, 1.0))
    return lambda images: (images - mean32) / stddev32


class TrainingBatches:
    """The training set, ready to be shown: shuffled, augmented, standardized.

    With augmentation, half of a batch are images and half one augmented copy of each, in the same
    order. No image is left out: the last batch of an epoch may be smaller.

    Args:
        config: the whole configuration (`seed`, `data` and `training.batch_size` are read).
        dataset: uint8 images.
        standardize: `standardizers(...).train`.

    Attributes:
        steps: number of batches in an epoch.

    Raises:
        UserError: the last batch would be one image, where statistics are taken over images alone.

    """

    def __init__(self, config, dataset: Dataset, standardize: Callable):
        self._seed, self._augment = config.seed, config.data.augment
        self._originals = config.training.batch_size // (2 if self._augment else 1)
        self._images, self._labels = dataset.train_images, dataset.train_labels
        self._standardize = standardize
        _refuse_a_batch_of_one(config, len(dataset.train_labels) % config.training.batch_size)
        self.steps = math.ceil(len(dataset.train_labels) / self._originals)
        # The order of one epoch, made once.
        self._order = lru_cache(maxsize=1)(
            lambda epoch: epoch_order(config.seed, epoch, len(dataset.train_labels))
        )
        # Traced once: TensorFlow would keep a function of each epoch, and the order in it.
        number = tf.TensorSpec([], tf.int64)
        self._batch = tf.function(
            self._make_batch, input_signature=[number, number], autograph=False
        )

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """Yield the batches of an epoch: float32 images [N, 32, 32, 3] and int64 labels [N].

        Args:
            epoch: from 0.
            first_step: number of the first batch wanted; those before it are left out.

        """
        steps = tf.data.Dataset.range(first_step, self.steps)
        return steps.map(lambda step: self._batch(epoch, step)).prefetch(2)

    def _make_batch(self, epoch: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Gather, augment and standardize: float32 [N, 32, 32, 3] and int64 [N]."""
        this = weakref.ref(self)  # TensorFlow never lets go of a function, nor of what it holds

        def take(epoch, step):
            return this()._take(epoch, step)

        x, y = tf.numpy_function(take, [epoch, step], (tf.uint8, tf.int64))
        x = tf.cast(tf.ensure_shape(x, [None, *self._images.shape[1:]]), tf.float32)
        y = tf.ensure_shape(y, [None])
        if self._augment:
            x = tf.concat([x, augment(x, self._seed, epoch * self.steps + step)], axis=0)
            y = tf.concat([y, y], axis=0)
        return self._standardize(x), y

    def _take(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Gather one batch, in NumPy: TensorFlow would keep a copy of all images."""
        chosen = self._order(epoch)[step * self._originals : (step + 1) * self._originals]
        return self._images[chosen], self._labels[chosen]


def _refuse_a_batch_of_one(config, last: int) -> None:
    """One image has no variance over images: x_hat would be 0 and the moving variance shrink."""
    over_images = config.model.batch_norm != "none" and config.bn.axes == "activation"
    if (
        last == 1
        and not config.data.augment
        and (over_images or config.data.standardize == "batch_pixels")
    ):
        raise UserError(
            f"training.batch_size {config.training.batch_size} leaves a last batch of one image, "
            "which has no variance of its own (bn.axes activation, data.standardize batch_pixels); "
            "choose another training.batch_size or data.train_limit"
        )
