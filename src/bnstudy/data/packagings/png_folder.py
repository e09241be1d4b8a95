"""A folder per class: train/airplane/*.png ... test/truck/*.png."""

import os
from pathlib import Path

import numpy as np

from bnstudy.data.packagings import common, png
from bnstudy.data.packagings.common import CLASS_NAMES, Arrays, Fit
from bnstudy.errors import UserError, one_line


def fit(folder: Path) -> Fit:
    """Return how many of the twenty class folders are there: all, some or none."""
    present = [
        os.path.isdir(folder / part / name) for part in ("train", "test") for name in CLASS_NAMES
    ]
    return Fit.FULLY if all(present) else Fit.PARTLY if any(present) else Fit.NO


def read(folder: Path) -> Arrays:
    """Read all images, class by class, and within a class in the order of the files' names.

    Raises:
        UserError: a class folder is missing or has too few or too many images, or one is damaged.

    """
    train, test = (_part(folder / part, n // 10) for part, n in common.part_sizes().items())
    return *train, *test


def _part(folder: Path, per_class: int) -> tuple[np.ndarray, np.ndarray]:
    images = np.empty((10 * per_class, 32, 32, 3), np.uint8)
    for label, name in enumerate(CLASS_NAMES):
        for index, file in enumerate(_files(folder / name, per_class)):
            content = common.read_file(file, png.MAX_BYTES)
            images[label * per_class + index] = png.decode(content, str(file))
    return images, np.repeat(np.arange(10), per_class)


def _files(folder: Path, expected: int) -> list[Path]:
    try:
        names = sorted(
            name
            for name in os.listdir(folder)
            if name.lower().endswith(".png") and not common.is_clutter(name)
        )
    except OSError as error:
        raise UserError(f"cannot read {folder}: {one_line(error.strerror or error)}") from error
    if len(names) != expected:
        raise UserError(f"{folder} holds {len(names):,} PNG files, must hold {expected:,}")
    return [folder / name for name in names]
