"""The images, and perhaps labels, that a model is judged on."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bnstudy.doctor import limits
from bnstudy.errors import UserError, one_line

IMAGES, LABELS = ("images", "x"), ("labels", "y")


class Data(NamedTuple):
    """What the user gives."""

    images: np.ndarray  # [N, ...]
    labels: np.ndarray | None  # the classes, int64 [N]


def read(path: Path) -> Data:
    """Read the arrays of an .npz file; pickled objects are refused.

    Raises:
        UserError: there is no such file, it is not an .npz, or it lacks the images.

    """
    if not path.is_file():
        raise UserError(f"{path}: no such file" if not path.exists() else f"{path} is not a file")
    right = "an .npz file with the arrays images and, if there are any, labels (or x and y)"
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path}: must be {right}")
    try:
        with np.load(path, allow_pickle=False) as file:
            name = next((name for name in IMAGES if name in file.files), None)
            if name is None:
                names = ", ".join(map(one_line, file.files)) or "no arrays"
                raise UserError(f"{path} has {names}; must be {right}")
            label = next((name for name in LABELS if name in file.files), None)
            arrays = file[name], None if label is None else file[label]
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy's reader have no common base class
        raise UserError(f"{path} cannot be read: {one_line(error)}") from None
    return check(*arrays, name=str(path))


def check(images: Any, labels: Any, name: str = "images") -> Data:
    """Return the arrays, once they are known to be images and classes.

    Raises:
        UserError: they are not, or too few.

    """
    images = np.asarray(images)
    if images.dtype.kind not in "uif":
        raise UserError(f"{name}: images are {images.dtype}, must be integers or floats")
    if images.ndim < 2:
        raise UserError(f"{name}: images have the shape {list(images.shape)}, must be [N, ...]")
    if len(images) < limits.FEWEST_IMAGES:
        raise UserError(
            f"{name}: {len(images)} images are too few to say anything; at least "
            f"{limits.FEWEST_IMAGES}, better a thousand"
        )
    if not np.isfinite(images).all():
        raise UserError(f"{name}: images are not all finite (NaN or infinity)")
    return Data(images, None if labels is None else _classes(np.asarray(labels), images, name))


def _classes(labels: np.ndarray, images: np.ndarray, name: str) -> np.ndarray:
    """Return classes [N], from those, from [N, 1], or from one-hot rows [N, K]."""
    shape = list(labels.shape)
    if labels.dtype.kind not in "uifb" or labels.ndim not in (1, 2) or len(labels) != len(images):
        raise UserError(
            f"{name}: labels are {one_line(labels.dtype)} {shape}, must be the classes "
            f"[{len(images)}] or one-hot [{len(images)}, K]"
        )
    if labels.ndim == 2:
        labels = labels.argmax(axis=1) if shape[1] > 1 else labels[:, 0]
    if not np.array_equal(labels, np.round(labels)):
        raise UserError(f"{name}: labels must be classes, that is integers; leave others out")
    return labels.astype(np.int64)


def check_shape(shape: tuple[int | None, ...], data: Data, name: str = "images") -> None:
    """Refuse images that a model does not take.

    Raises:
        UserError: they have another shape.

    """
    given, taken = data.images.shape[1:], shape[1:]
    fits = len(given) == len(taken) and all(
        want in (None, have) for want, have in zip(taken, given, strict=True)
    )
    if not fits:
        want = ", ".join("any" if size is None else str(size) for size in taken)
        raise UserError(
            f"{name}: images have the shape {list(data.images.shape)}, the model takes [N, {want}]"
        )
