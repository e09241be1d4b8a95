"""The files of the Hugging Face hub: train-*.parquet and test-*.parquet, read by pyarrow."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.data.packagings import common, png
from bnstudy.data.packagings.common import Arrays, Fit
from bnstudy.errors import UserError, one_line

IMAGE_COLUMNS = ("img", "image")
ROWS_AT_ONCE = 100


def fit(folder: Path) -> Fit:
    """Return how many of the two parts have files in a folder: both, one or none."""
    if not os.path.isdir(folder):
        return Fit.NO
    present = [bool(_files(folder, part)) for part in ("train", "test")]
    return Fit.FULLY if all(present) else Fit.PARTLY if any(present) else Fit.NO


def _files(folder: Path, part: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"{part}-*.parquet") if os.path.isfile(path))


def read(folder: Path) -> Arrays:
    """Read all images, file by file and row by row.

    Raises:
        UserError: pyarrow is missing, a part is missing, or a file is not what it must be.

    """
    train, test = (_part(folder, part, n) for part, n in common.part_sizes().items())
    return *train, *test


def _part(folder: Path, part: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    files = [_open(path) for path in _files(folder, part)]
    rows = sum(file.metadata.num_rows for _, file in files)
    if rows != count:
        raise UserError(f"{folder}: {part}-*.parquet hold {rows:,} images, must hold {count:,}")
    images, labels = np.empty((count, 32, 32, 3), np.uint8), np.empty(count, np.int64)
    index = 0
    for path, file in files:
        for content, label in _rows(path, file):
            where = f"{path}: image {index}"
            if type(label) is not int or not 0 <= label <= 9:
                raise UserError(f"{where} has the label {one_line(label)}, must be 0 to 9")
            if not isinstance(content, bytes) or len(content) > png.MAX_BYTES:
                raise UserError(f"{where} must be the bytes of a PNG, at most {png.MAX_BYTES:,}")
            images[index], labels[index] = png.decode(content, where), label
            index += 1
    return images, labels


def _open(path: Path) -> tuple[Path, Any]:
    """Open a file, and check its columns and its sizes before anything is unpacked."""
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]
    except ImportError:
        raise UserError(
            'reading .parquet needs pyarrow: pip install "bnstudy[parquet]", or pip install pyarrow'
        ) from None
    try:
        file = parquet.ParquetFile(path)
        columns = file.schema_arrow.names
        groups = range(file.metadata.num_row_groups)
        unpacked = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    except Exception as error:  # pyarrow's errors have no common base class
        raise UserError(f"{path} is not an intact parquet file: {one_line(error)}") from error
    common.check_size(max(unpacked, path.stat().st_size), path, common.MAX_ARCHIVE_BYTES)
    if "label" not in columns or not set(IMAGE_COLUMNS) & set(columns):
        shown = one_line(", ".join(columns))
        raise UserError(f"{path} has the columns {shown}; must have img or image, and label")
    return path, file


def _rows(path: Path, file: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the image's bytes and the label of each row, a few rows in memory at a time."""
    column = next(name for name in IMAGE_COLUMNS if name in file.schema_arrow.names)
    try:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=[column, "label"]):
            images = batch.column(column).to_pylist()
            for image, label in zip(images, batch.column("label").to_pylist(), strict=True):
                yield image.get("bytes") if isinstance(image, dict) else image, label
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path} is not an intact parquet file: {one_line(error)}") from error
