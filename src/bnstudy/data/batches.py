"""Batches: of an epoch, shuffled and augmented, and of the test set in its order.

Randomness is a function, not a state. The order of an epoch is a function of (seed, epoch), an
augmentation of (seed, step), so that any batch of any run can be made again.
"""

import math
import weakref
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import tensorflow as tf

from bnstudy.config.schema import Config
from bnstudy.data.augment import augment
from bnstudy.data.dataset import Dataset
from bnstudy.errors import UserError
from bnstudy.random_streams import SHUFFLE, random_stream


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order in which epoch `epoch` (from 0) shows `count` images, int64 [count].

    Sorts raw 64-bit numbers, which NumPy promises never to change; its `permutation` may.
    """
    return np.argsort(random_stream(seed, SHUFFLE, epoch).random_raw(count), kind="stable")


def test_batches(
    images: np.ndarray, labels: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all test images in their order; the last batch may be smaller.

    Args:
        images: [n, 32, 32, 3].
        labels: [n].
        batch_size: images in a batch.

    """
    for start in range(0, len(labels), batch_size):
        part = slice(start, start + batch_size)
        yield images[part], labels[part]


class TrainingBatches:
    """The training set in batches: shuffled, augmented, standardized.

    With augmentation, half of a batch are images and half one augmented copy of each, in the same
    order. No image is left out: the last batch of an epoch may be smaller.

    Args:
        config: `seed`, `data` and `training.batch_size` are used.
        dataset: uint8 images.
        standardize: `standardizers(...).train`.

    Attributes:
        steps: number of batches in an epoch.

    Raises:
        UserError: the last batch would be one image, where statistics are taken over images alone,
            or ghost batches do not divide it.

    """

    def __init__(self, config: Config, dataset: Dataset, standardize: Callable):
        self._seed, self._augment = config.seed, config.data.augment
        self._originals = config.training.batch_size // config.data.copies
        self._images, self._labels = dataset.train_images, dataset.train_labels
        self._standardize = standardize
        copies = config.training.batch_size // self._originals
        _check_last_batch(config, copies * (len(dataset.train_labels) % self._originals))
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
            first_step: number of the first batch to yield.

        """
        steps = tf.data.Dataset.range(first_step, self.steps)
        return steps.map(lambda step: self._batch(epoch, step)).prefetch(2)

    def _make_batch(self, epoch: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Gather, augment and standardize: float32 [N, 32, 32, 3] and int64 [N]."""
        this = weakref.ref(self)  # TensorFlow never lets go of a function, nor of what it holds

        def take(epoch, step):
            batches = this()
            assert batches is not None  # the caller, who iterates, holds it
            return batches._take(epoch, step)

        x, y = tf.numpy_function(take, [epoch, step], (tf.uint8, tf.int64))
        x = tf.cast(tf.ensure_shape(x, [None, *self._images.shape[1:]]), tf.float32)
        y = tf.ensure_shape(y, [None])
        if self._augment:
            x = tf.concat([x, augment(x, self._seed, epoch * self.steps + step)], axis=0)
            y = tf.concat([y, y], axis=0)
        return self._standardize(x), y

    def _take(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Gather one batch, in NumPy, because TensorFlow would keep a copy of all images."""
        chosen = self._order(epoch)[step * self._originals : (step + 1) * self._originals]
        return self._images[chosen], self._labels[chosen]


def _check_last_batch(config: Config, last: int) -> None:
    """Refuse a last batch that statistics cannot be taken of.

    Args:
        config: of the run.
        last: images of the last batch, copies included; 0 where all batches are full.

    """
    size, ghosts = config.training.batch_size, config.ghost_batches()
    devices, least = config.training.devices, config.least_images_of_a_device()
    needed_by = config.statistics_over_images()
    other = "choose another training.batch_size or data.train_limit"
    if last == 1 and needed_by:
        keys = " and ".join(f"{key} {value}" for key, value in needed_by.items())
        raise UserError(
            f"training.batch_size {size} leaves a last batch of one image, "
            f"which has no variance, and {keys} needs one; {other}"
        )
    own = config.model.batch_norm != "none" and not config.bn.synchronized
    if own and isinstance(devices, int) and devices > 1 and 0 < last < devices * least:
        raise UserError(
            f"training.batch_size {size} leaves a last batch of {last} images, and with "
            f"bn.synchronized false each of training.devices {devices} needs {least}; {other}"
        )
    if ghosts and last % ghosts:
        raise UserError(
            f"training.batch_size {size} leaves a last batch of {last} images, which "
            f"bn.virtual_batch_size {ghosts} does not divide; {other}"
        )
