"""CIFAR-10: find it, or else download it, and read it.

A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images; 60,000 colour images
of ten classes, from https://www.cs.toronto.edu/~kriz/cifar.html. The forms that are read are in
`packagings`. Files from strangers are safe to read: no pickle can run code, no archive writes to
the disk, and sizes are bounded. All errors are UserError: one line that names the file.

The official files and the hub's have the images in different orders from a folder per class, and
the order of an epoch is a permutation of positions, so results depend on the packaging (as they do
on a seed). A checkpoint holds a checksum of the images in their order, so a run that is continued
with another packaging is refused.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bnstudy.config.schema import DataConfig
from bnstudy.data.download import cache_dir, fetch
from bnstudy.data.packagings import OFFICIAL, PACKAGINGS, Packaging, archive, batches, common
from bnstudy.data.packagings.common import Arrays, Fit
from bnstudy.errors import UserError
from bnstudy.paths import user_path

CLASS_NAMES = common.CLASS_NAMES
DEPTH = 2  # how many folders below the given one are searched
FORMS = ", ".join(packaging.name for packaging in PACKAGINGS)


def load_configured(config: DataConfig) -> Arrays:
    """Load CIFAR-10 from `data.dir`, or from where it is found."""
    return load(config.dir)


def load(directory: str | os.PathLike | None = None) -> Arrays:
    """Find CIFAR-10, or else download it, and read it: see `find`, `fetch` and `read`."""
    return read(find(directory) or fetch())


# --- find ------------------------------------------------------------------------------------


def find(directory: str | os.PathLike | None = None) -> Path | None:
    """Return the path of CIFAR-10, or None if it is not on this machine.

    Args:
        directory: CIFAR-10 in one of its forms, or a folder that holds it, at most two folders
            down. Unless given, $BNSTUDY_DATA is used; without either, our cache and Keras's.

    Raises:
        UserError: the given place does not contain CIFAR-10; a typing error must not start a
            download.

    """
    given = (
        (directory, "data.dir (--data)"),
        (os.environ.get("BNSTUDY_DATA") or None, "$BNSTUDY_DATA"),
    )
    for path, source in given:
        if path is not None:
            place = user_path(path, source, "where CIFAR-10 is")
            found = _search(place, Fit.FULLY) or _search(place, Fit.PARTLY)
            if found is None:
                raise UserError(f"{source}: {_why_not(place)}")
            return found
    keras = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "datasets")
    # Only what is complete: an interrupted Keras leaves a folder with some of its files.
    caches = (_search(cache, Fit.FULLY, OFFICIAL) for cache in (cache_dir(), keras))
    return next(filter(None, caches), None)


def _search(
    place: Path, wanted: Fit, packagings: tuple[Packaging, ...] = PACKAGINGS
) -> Path | None:
    """Return the first path, from `place` downwards, that fits a packaging well enough."""
    level = [place]
    for depth in range(DEPTH + 2):
        if depth:
            level = [inner for path in level for inner in _inside(path)]
        if depth > DEPTH:
            level = [path for path in level if os.path.isfile(path)]
        for packaging in packagings:
            for path in level:
                if packaging.fit(path) >= wanted:
                    return path
    return None


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the folders in a folder, and the files that may be CIFAR-10 by their names."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except (OSError, ValueError):  # a file, or a folder that we may not read
        return
    for name in names:
        if not common.is_clutter(name) and (
            name in archive.NAMES or name.endswith(".npz") or os.path.isdir(folder / name)
        ):
            yield folder / name


def _why_not(path: Path) -> str:
    """Return why a path is not CIFAR-10, and what to do about it."""
    looked_for = f"looked for {FORMS}"
    if not os.path.exists(path):
        return f"{path} does not exist; {looked_for}"
    if os.path.isdir(path):
        zips = sorted(file.name for file in path.glob("*.zip") if not common.is_clutter(file.name))
        advice = f"unpack {zips[0]} there; " if zips else ""
        return f"{path} does not contain CIFAR-10; {advice}{looked_for}"
    is_pickle = common.starts_with(path, *(bytes([0x80, protocol]) for protocol in range(1, 6)))
    if is_pickle or path.name in (*batches.PYTHON_FILES, *batches.BINARY_FILES):
        return f"{path} is one file of several; give the folder that holds all six: {path.parent}"
    if common.starts_with(path, b"PAR1"):
        right = "the folder that holds train-*.parquet and test-*.parquet"
        return f"{path} is one file of several; give {right}: {path.parent}"
    if path.suffix == ".npz":
        return f"{path} is not an .npz with x_train, y_train, x_test and y_test"
    if common.starts_with(path, b"PK\x03\x04"):
        return f"{path} is a ZIP archive; unpack it and give the folder"
    return f"{path} is not CIFAR-10; {looked_for}"


# --- read ------------------------------------------------------------------------------------


def read(path: str | os.PathLike) -> Arrays:
    """Read CIFAR-10 in any of its forms.

    Args:
        path: from `find`.

    Returns:
        Train images, train labels, test images, test labels. Images are uint8 [50000, 32, 32, 3]
        and [10000, 32, 32, 3] (NHWC, RGB), labels int64 in 0..9.

    Raises:
        UserError: a file is missing or damaged, a shape, a type or a label is wrong, or the classes
            do not have 5,000 training and 1,000 test images each.

    """
    path = Path(path)
    fits = [packaging.fit(path) for packaging in PACKAGINGS]
    if max(fits) == Fit.NO:
        raise UserError(_why_not(path))
    arrays = PACKAGINGS[fits.index(max(fits))].read(path)
    for labels, part in ((arrays[1], "training"), (arrays[3], "test")):
        _check_balance(labels, f"{path}: the {part} set")
    return arrays


def _check_balance(labels: np.ndarray, where: str) -> None:
    """Refuse labels outside 0..9, and classes of different sizes."""
    if labels.min() < 0 or labels.max() > 9:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise UserError(f"{where} has a label {wrong}, must be 0 to 9")
    counts, expected = np.bincount(labels, minlength=10), len(labels) // 10
    for label in range(10):
        if counts[label] != expected:
            raise UserError(
                f"{where} has {counts[label]} images of class {label}, must have {expected} of each"
            )
