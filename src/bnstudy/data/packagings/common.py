"""Shared by the packagings of CIFAR-10: its sizes, the bounds on files, how well a path fits."""

from enum import IntEnum
from pathlib import Path

import numpy as np

from bnstudy import paths
from bnstudy.errors import UserError, one_line

IMAGES_PER_FILE = 10_000  # five such files make the training set, one the test set
PIXELS = 3 * 32 * 32  # of one image
CLASS_NAMES = (  # the label is the index; the order is alphabetical
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

# A file is 31 MB, an unpacked archive 186 MB of 9 members. Anything larger is not CIFAR-10.
MAX_FILE_BYTES = 64_000_000
MAX_ARCHIVE_BYTES = 320_000_000
MAX_MEMBERS = 1000

# Train images uint8 [50000, 32, 32, 3], train labels int64 [50000], test images, test labels.
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Fit(IntEnum):
    """The degree to which a path fits a packaging."""

    NO = 0
    PARTLY = 1  # some of its files are there: `read` says what is missing
    FULLY = 2


def part_sizes() -> dict[str, int]:
    """Return the number of images of each part: 50,000 and 10,000."""
    return {"train": 5 * IMAGES_PER_FILE, "test": IMAGES_PER_FILE}


def is_clutter(name: str) -> bool:
    """Return whether a file is not part of the data: a hidden one, or one of other programs."""
    return name.startswith(".") or paths.is_clutter(name)


def read_file(file: Path, limit: int | None = None) -> bytes:
    """Return a file's content.

    Raises:
        UserError: it cannot be read, or is larger than `limit` (MAX_FILE_BYTES unless given).

    """
    limit = MAX_FILE_BYTES if limit is None else limit
    try:
        with open(file, "rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise UserError(f"cannot read {file}: {one_line(error.strerror or error)}") from error
    check_size(len(content), file, limit)
    return content


def check_size(size: int, file: Path, limit: int | None = None) -> None:
    """Refuse a file that is too large to be part of CIFAR-10."""
    limit = MAX_FILE_BYTES if limit is None else limit
    if not 0 <= size <= limit:
        raise UserError(f"{file} is larger than {limit:,} bytes, so it is not part of CIFAR-10")


def starts_with(file: Path, *magic: bytes, at: int = 0) -> bool:
    """Return whether a file has one of these byte strings at an offset; False if unreadable."""
    try:
        with open(file, "rb") as stream:
            stream.seek(at)
            return stream.read(max(map(len, magic))).startswith(magic)
    except (OSError, ValueError):  # reported when it is read
        return False
