"""Input standardization: (x - mean) / stddev, by the training set or by the current batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.data.dataset import Dataset

# Grey levels; a smaller standard deviation counts as this one. The digits have pixels that never
# vary. On CIFAR-10, in batches of 50 with copies, the smallest of any pixel and channel is 28, so
# there it changes nothing.
LEAST_STDDEV = 1.0


@dataclass(frozen=True, eq=False)
class Standardization:
    """A function of float images in 0 .. 255; over its own images, the results have mean 0."""

    mean: np.ndarray  # float32 grey levels, [3], or [32, 32, 3] for one value per pixel
    stddev: np.ndarray  # like mean, at least LEAST_STDDEV

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Return (images - mean) / stddev."""
        return (images - self.mean) / self.stddev


class Standardizers(NamedTuple):
    """The standardization of training images and of test images."""

    train: Standardization | Callable[[tf.Tensor], tf.Tensor]
    test: Standardization


def standardizers(dataset: Dataset, method: str) -> Standardizers:
    """Make the input standardization.

    Args:
        dataset: the one whose statistics are taken.
        method: "train_channels": one mean and one standard deviation per channel, over the whole
            training set, for training and test images alike. "batch_pixels", as the author's code
            did: per pixel and channel, over the current batch in training, over the whole test set
            in testing.

    """
    if method == "train_channels":
        fixed = _fixed(*mean_and_stddev(dataset.train_images, axes=(0, 1, 2)))
        return Standardizers(fixed, fixed)
    return Standardizers(by_batch, _fixed(*mean_and_stddev(dataset.test_images, axes=(0,))))


def by_batch(images: tf.Tensor) -> tf.Tensor:
    """Standardize each pixel and channel by its mean and standard deviation over the batch."""
    mean, variance = tf.nn.moments(images, axes=[0])
    return (images - mean) / tf.maximum(tf.sqrt(variance), LEAST_STDDEV)


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
    total = square = np.zeros((), np.int64)  # per pixel first: sums of 1000 images fit 32 bits
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


def _fixed(mean: np.ndarray, stddev: np.ndarray) -> Standardization:
    stddev = np.maximum(stddev, LEAST_STDDEV)
    return Standardization(mean.astype(np.float32), stddev.astype(np.float32))
