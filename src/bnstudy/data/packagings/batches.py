"""The official folders: cifar-10-batches-py (six pickles) and cifar-10-batches-bin."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bnstudy.data import restricted_pickle
from bnstudy.data.packagings import common
from bnstudy.data.packagings.common import PIXELS, Arrays, Fit
from bnstudy.errors import UserError, one_line

PYTHON_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
BINARY_FILES = tuple(f"{name}.bin" for name in PYTHON_FILES)


def fit_python(folder: Path) -> Fit:
    """Return how many of the six pickles are in a folder: all, some or none."""
    return _fit(folder, PYTHON_FILES)


def fit_binary(folder: Path) -> Fit:
    """Return how many of the six .bin files are in a folder: all, some or none."""
    return _fit(folder, BINARY_FILES)


def _fit(folder: Path, names: tuple[str, ...]) -> Fit:
    present = [os.path.isfile(folder / name) for name in names]
    return Fit.FULLY if all(present) else Fit.PARTLY if any(present) else Fit.NO


def read_python(folder: Path) -> Arrays:
    """Read the six pickles of a folder."""
    return assemble(_contents(folder, PYTHON_FILES), folder)


def read_binary(folder: Path) -> Arrays:
    """Read the six .bin files of a folder."""
    return assemble(_contents(folder, BINARY_FILES), folder)


def _contents(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        yield name, common.read_file(folder / name)


def assemble(files: Iterable[tuple[str, bytes]], path: Path) -> Arrays:
    """Decode the six files, in any order, and put each where it belongs.

    Args:
        files: the name and the content of each.
        path: the folder or archive, for messages.

    Returns:
        The images in the files' official order.

    """
    size = common.IMAGES_PER_FILE
    images = np.empty((6 * size, 32, 32, 3), np.uint8)
    labels = np.empty(6 * size, np.int64)
    for name, content in files:
        decode = decode_binary if name.endswith(".bin") else decode_pickle
        pixels, file_labels = decode(content, path / name)
        start = size * PYTHON_FILES.index(name.removesuffix(".bin"))
        rows = slice(start, start + size)
        images[rows] = pixels.reshape(size, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[rows] = file_labels
    train, test = slice(5 * size), slice(5 * size, None)
    return images[train], labels[train], images[test], labels[test]


def decode_binary(content: bytes, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Decode a .bin file, in which a record is a label byte and the pixels.

    Returns:
        Pixels uint8 [n, 3072] (channel, row, column) and labels uint8 [n].

    Raises:
        UserError: the length or a label is wrong.

    """
    count = common.IMAGES_PER_FILE
    expected = count * (1 + PIXELS)
    if len(content) != expected:
        raise UserError(f"{file} has {len(content):,} bytes, must have {expected:,}")
    records = np.frombuffer(content, np.uint8).reshape(count, 1 + PIXELS)
    labels = records[:, 0]
    if labels.max() > 9:
        raise UserError(f"{file}: a label is {labels.max()}, must be 0 to 9")
    return records[:, 1:], labels


def decode_pickle(content: bytes, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Decode a pickled dictionary with `data` and `labels`.

    Returns:
        Pixels uint8 [n, 3072] (channel, row, column) and labels int64 [n].

    Raises:
        UserError: the pickle is damaged, asks for code, or holds something else.

    """
    count = common.IMAGES_PER_FILE
    try:
        batch = restricted_pickle.loads(content)
    except UserError as error:
        raise UserError(f"{file} refused: {error}") from error
    except KeyError as error:
        raise UserError(f"{file} is not a readable pickle: opcode {error} is refused") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise UserError(f"{file} is not a readable pickle: {one_line(error)}") from error
    if not isinstance(batch, dict):
        raise UserError(f"{file} must hold a dictionary with data and labels")
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(data, restricted_pickle.Array):
        raise UserError(f"{file} must hold an array `data`, uint8 [{count}, {PIXELS}]")
    # Exactly int and no subclass or sequence: what NumPy would make of others is not bounded.
    if not isinstance(labels, list) or len(labels) != count:
        raise UserError(f"{file}: `labels` must be a list of {count:,} integers")
    if not all(type(label) is int and 0 <= label <= 9 for label in labels):
        raise UserError(f"{file}: a label is not an integer from 0 to 9")
    try:
        return data.uint8((count, PIXELS)), np.array(labels, np.int64)
    except UserError as error:
        raise UserError(f"{file}: `data` {error}") from error
