"""A data set: uint8 images [n, 32, 32, 3] (NHWC) and int64 labels [n] in 0..9."""

from pkgutil import resolve_name
from typing import NamedTuple

import numpy as np

from bnstudy.config.registry import DATASETS
from bnstudy.config.schema import DataConfig
from bnstudy.errors import UserError

IMAGE_SHAPE = (32, 32, 3)
CLASSES = 10


class Dataset(NamedTuple):
    """The training set and the test set; images are uint8 NHWC, labels int64."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_dataset(config: DataConfig) -> Dataset:
    """Load the data set of a configuration, or the balanced subset that its limits ask for.

    Args:
        config: the group `data`.

    Raises:
        UserError: the data set cannot be found or read, or is smaller than a limit.

    """
    images, labels, test_images, test_labels = resolve_name(DATASETS[config.name])(config)
    train = balanced_subset(images, labels, config.train_limit, key="data.train_limit")
    test = balanced_subset(test_images, test_labels, config.test_limit, key="data.test_limit")
    return Dataset(*train, *test)


def class_names(name: str) -> tuple[str, ...]:
    """Return the names of the classes of a data set, in the order of their labels.

    Args:
        name: `data.name` of a configuration.

    """
    module, _, _ = DATASETS[name].partition(":")
    names: tuple[str, ...] = resolve_name(f"{module}:CLASS_NAMES")
    return names


def balanced_subset(
    images: np.ndarray, labels: np.ndarray, limit: int | None, key: str = "data.train_limit"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `limit` images, drawn from the classes in turn, in their original order.

    One image of class 0, one of class 1, ..., then the second of each, and so on. The counts of
    two classes differ by at most one, until a class has no image left.

    Args:
        images: [n, ...].
        labels: [n].
        limit: None means all.
        key: of the configuration, for the message.

    Raises:
        UserError: `limit` is below 1 or above the number of images.

    """
    if limit is None:
        return images, labels
    if not 1 <= limit <= len(labels):
        raise UserError(f"{key} is {limit}, must be 1 to {len(labels)}, the size of the set")
    turn = np.empty(len(labels), np.int64)  # number of earlier images of the same class
    for label in np.unique(labels):
        members = labels == label
        turn[members] = np.arange(np.count_nonzero(members))
    chosen = np.sort(np.lexsort((labels, turn))[:limit])
    return images[chosen], labels[chosen]
