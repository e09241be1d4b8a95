"""The data sets, as uint8 images [n, 32, 32, 3] (NHWC) and int64 labels [n] in 0..9."""

from typing import Any, NamedTuple

import numpy as np

from bnstudy.data import cifar10, digits
from bnstudy.errors import UserError


class Dataset(NamedTuple):
    """Training and test part of a data set; images are uint8 NHWC, labels int64."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_dataset(data: Any) -> Dataset:
    """Load what the `data` group of a configuration names: `name`, `dir` and the two limits.

    Raises UserError if the set is unknown, cannot be found or read, or is smaller than a limit.
    """
    if data.name == "cifar10":
        parts = cifar10.load(data.dir)
    elif data.name == "digits":
        parts = digits.load()
    else:
        raise UserError(f"data.name is {data.name!r}, must be cifar10 or digits")
    train = class_balanced_part(*parts[:2], data.train_limit, key="data.train_limit")
    test = class_balanced_part(*parts[2:], data.test_limit, key="data.test_limit")
    return Dataset(*train, *test)


def class_balanced_part(
    images: np.ndarray, labels: np.ndarray, limit: int | None, key: str = "data.train_limit"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `limit` images, drawn from the classes in turn, in their original order.

    One image of class 0, one of class 1, ..., then the second of each, and so on. The counts of
    two classes differ by at most one, until a class has no image left. None means all.
    Raises UserError, naming `key`, if `limit` is below 1 or above the number of images.
    """
    if limit is None:
        return images, labels
    if not 1 <= limit <= len(labels):
        raise UserError(f"{key} is {limit}, must be 1 to {len(labels)}, the size of the set")
    turn = np.empty(len(labels), np.int64)  # how many images of the same class stand before
    for label in np.unique(labels):
        members = labels == label
        turn[members] = np.arange(np.count_nonzero(members))
    chosen = np.sort(np.lexsort((labels, turn))[:limit])
    return images[chosen], labels[chosen]
