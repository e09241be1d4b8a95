"""The forms in which CIFAR-10 is distributed, a module for each; PACKAGINGS lists them.

Imports NumPy, `restricted_pickle`, `paths` and `errors`; Pillow and pyarrow only when one is read.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bnstudy.data.packagings import archive, batches, npz, parquet, png_folder
from bnstudy.data.packagings.common import Arrays, Fit


class Packaging(NamedTuple):
    """One form. To add one, write a module with `fit` and `read`, and a row below."""

    name: str  # in messages
    fit: Callable[[Path], Fit]
    read: Callable[[Path], Arrays]


OFFICIAL = (
    Packaging("cifar-10-batches-py", batches.fit_python, batches.read_python),
    Packaging("cifar-10-batches-bin", batches.fit_binary, batches.read_binary),
    Packaging(" or ".join(archive.NAMES), archive.fit, archive.read),
)
PACKAGINGS = (  # where several fit equally well, the first is read
    *OFFICIAL,
    Packaging("an .npz with x_train, y_train, x_test and y_test", npz.fit, npz.read),
    Packaging("train/CLASS/*.png and test/CLASS/*.png", png_folder.fit, png_folder.read),
    Packaging("train-*.parquet and test-*.parquet", parquet.fit, parquet.read),
)
