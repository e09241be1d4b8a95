"""One .npz file with x_train, y_train, x_test and y_test, the names that Keras uses."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from bnstudy.data.packagings import common
from bnstudy.data.packagings.common import Arrays, Fit
from bnstudy.errors import UserError, one_line

KEYS = ("x_train", "y_train", "x_test", "y_test")


def fit(path: Path) -> Fit:
    """Return whether a file is an .npz with x_train, and whether that has CIFAR-10's shape.

    Other data sets come with the same names: mnist.npz is beside CIFAR-10 in Keras's folder.
    """
    if not common.starts_with(path, b"PK\x03\x04"):
        return Fit.NO
    try:
        with zipfile.ZipFile(path) as archive:
            if "x_train.npy" not in archive.namelist():
                return Fit.NO
            with archive.open(_member(archive, "x_train")) as stream:
                shape, _, _ = _header(stream, "x_train")
    except Exception:  # damaged: `read` says how
        return Fit.PARTLY
    return Fit.FULLY if shape in _image_shapes(common.part_sizes()["train"]) else Fit.PARTLY


def read(path: Path) -> Arrays:
    """Read the four arrays.

    Images are uint8 [n, 32, 32, 3] or [n, 3, 32, 32], labels integers [n] or [n, 1].

    Raises:
        UserError: an array is missing, or has another type or shape.

    """
    try:
        common.check_size(path.stat().st_size, path, common.MAX_ARCHIVE_BYTES)
        with zipfile.ZipFile(path) as archive:
            train, test = (
                (_images(archive, f"x_{part}", n), _labels(archive, f"y_{part}", n))
                for part, n in common.part_sizes().items()
            )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # zipfile, zlib and NumPy's reader have no common base class
        raise UserError(f"{path} is not an intact .npz: {one_line(error)}") from error
    return *train, *test


def _images(archive: zipfile.ZipFile, key: str, count: int) -> np.ndarray:
    images = _array(archive, key, _image_shapes(count), np.uint8, "uint8")
    if images.shape[1] == 3:
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images)


def _image_shapes(count: int) -> tuple[tuple[int, ...], ...]:
    return (count, 32, 32, 3), (count, 3, 32, 32)


def _labels(archive: zipfile.ZipFile, key: str, count: int) -> np.ndarray:
    labels = _array(archive, key, ((count,), (count, 1)), np.integer, "an integer type")
    return labels.reshape(count).astype(np.int64)


def _array(
    archive: zipfile.ZipFile, key: str, shapes: tuple[tuple[int, ...], ...], kind: Any, name: str
) -> np.ndarray:
    """Read one array; its header is checked before any of its content is unpacked.

    Not by numpy.load, which would allocate whatever the header says.
    """
    with archive.open(_member(archive, key)) as stream:
        shape, fortran_order, dtype = _header(stream, key)
        if not np.issubdtype(dtype, kind) or shape not in shapes:
            expected = " or ".join(str(list(shape)) for shape in shapes)
            raise UserError(
                f"{key} is {one_line(dtype)} {list(shape)}, must be {name} of shape {expected}"
            )
        size = math.prod(shape) * dtype.itemsize
        content = bytearray(stream.read(size))  # an array of bytes would be read-only
        if len(content) != size or stream.read(1):  # to the end, where ZIP has its checksum
            raise UserError(f"{key} does not have the length that its header says")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")


def _member(archive: zipfile.ZipFile, key: str) -> zipfile.ZipInfo:
    try:
        member = archive.getinfo(f"{key}.npy")
    except KeyError:
        raise UserError(f"lacks the array {key}, must have {', '.join(KEYS)}") from None
    # Of the other methods, a few bytes can unpack to gigabytes; NumPy writes only these two.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"{key} is compressed in a way that NumPy does not write")
    return member


def _header(stream: IO[bytes], key: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, order and type. Only of version 1: other headers may be 4 GB long."""
    if np.lib.format.read_magic(stream) != (1, 0):
        raise UserError(f"{key} is not an array as numpy.savez writes it")
    return np.lib.format.read_array_header_1_0(stream)
