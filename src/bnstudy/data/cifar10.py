"""CIFAR-10: find it, download it, verify it, read it.

A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images; 60,000 colour images
of ten classes, from https://www.cs.toronto.edu/~kriz/cifar.html. Four forms are read: the folders
cifar-10-batches-py and cifar-10-batches-bin, and the archives that they are published in. The
files of a stranger are safe to read: no pickle can run code, no archive writes to the disk, and
sizes are bounded. All errors are UserError: one line that names the file.
"""

import gzip
import hashlib
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from bnstudy.config.schema import DataConfig
from bnstudy.data import restricted_pickle
from bnstudy.errors import UserError, one_line

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_BYTES = 170_498_071
PYTHON_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
BINARY_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
FORMS = (
    "cifar-10-batches-py",
    "cifar-10-batches-bin",
    "cifar-10-python.tar.gz",
    "cifar-10-binary.tar.gz",
)
PYTHON_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
BINARY_FILES = tuple(f"{name}.bin" for name in PYTHON_FILES)
IMAGES_PER_FILE = 10_000
PIXELS = 3 * 32 * 32  # of one image, in the files' order: channel, row, column

# A file is 31 MB, an unpacked archive 186 MB of 9 members. What is larger is not CIFAR-10.
MAX_FILE_BYTES = 64_000_000
MAX_ARCHIVE_BYTES = 320_000_000
MAX_MEMBERS = 1000

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def load_configured(config: DataConfig) -> Arrays:
    """Load CIFAR-10 from `data.dir`, or from where it is found."""
    return load(config.dir)


def load(directory: str | os.PathLike | None = None) -> Arrays:
    """Find CIFAR-10, or else download it, and read it: see `find`, `fetch` and `read`."""
    return read(find(directory) or fetch())


# --- find ------------------------------------------------------------------------------------


def find(directory: str | os.PathLike | None = None) -> Path | None:
    """Return the path of a folder or archive with CIFAR-10, or None if there is none.

    Looks in `directory`, or else in $BNSTUDY_DATA; either is one of the four forms or a folder
    that holds one. If neither is given: in our cache and in Keras's.
    Raises UserError if the given place holds none, so that a typing error starts no download.
    """
    given = (
        (directory, "data.dir (--data)"),
        (os.environ.get("BNSTUDY_DATA") or None, "$BNSTUDY_DATA"),
    )
    for path, source in given:
        if path is not None:
            place = Path(os.path.expanduser(path))
            found = _look_in(place, all) or _look_in(place, any)
            if found is None:
                problem = "holds no CIFAR-10" if os.path.exists(place) else "does not exist"
                raise UserError(f"{source}: {place} {problem}; looked for {', '.join(FORMS)}")
            return found
    keras = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "datasets")
    # Keras 3 unpacks into the last of these. An interrupted Keras leaves an incomplete folder.
    caches = cache_dir(), keras, keras / "cifar-10-batches-py-target"
    return next(filter(None, (_look_in(cache, all) for cache in caches)), None)


def cache_dir() -> Path:
    """Return the folder that `fetch` downloads into."""
    import pooch

    return Path(pooch.os_cache("bnstudy"))


def _look_in(place: Path, quantifier: Callable[[Iterable[bool]], bool]) -> Path | None:
    """Return the first form at or in `place`; folders must hold all or any of their files."""

    def is_form(path: Path) -> bool:
        return os.path.isfile(path) or any(
            quantifier([os.path.isfile(path / name) for name in names])
            for names in (PYTHON_FILES, BINARY_FILES)
        )

    return next(filter(is_form, (place, *(place / form for form in FORMS))), None)


# --- download --------------------------------------------------------------------------------


def fetch(url: str = URL) -> Path:
    """Download the official Python archive into our cache, and return its path.

    An archive that is there already and has the right SHA-256 is not loaded again. The file gets
    its name only after its SHA-256 was found right, so nothing partial ever looks whole.
    Raises UserError if the download is impossible or its content is wrong.
    """
    import pooch
    import requests
    from tqdm import tqdm
    from urllib3.exceptions import HTTPError

    cache, name = cache_dir(), "cifar-10-python.tar.gz"
    help_offline = (
        f"`curl -LO {url}` on a machine with network, then `--data {name}` with its path; "
        "`--preset quick` needs no download"
    )
    try:
        # disable=None: a bar only on a terminal. leave=False: pooch resets its clock at the end.
        with tqdm(
            desc=name, total=ARCHIVE_BYTES, unit="B", unit_scale=True, leave=False, disable=None
        ) as bar:
            http = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=(10, 30))
            path = pooch.retrieve(url, f"sha256:{PYTHON_SHA256}", name, cache, downloader=http)
    except (requests.RequestException, HTTPError) as error:
        inner = error.args[0] if error.args else error
        cause = one_line(getattr(inner, "reason", None) or error)
        raise UserError(f"cannot download {url}: {cause}; try again, or {help_offline}") from error
    except OSError as error:
        raise UserError(f"cannot write to the cache {cache}: {one_line(error)}") from error
    except ValueError as error:  # pooch has deleted the file
        raise UserError(
            f"what {url} sent is not the official archive (its SHA-256 is not {PYTHON_SHA256}) "
            f"and was deleted; try again, or {help_offline}"
        ) from error
    return Path(path)


def is_official(path: str | os.PathLike) -> bool:
    """Tell whether `path` is one of the two official archives, by its SHA-256.

    Raises UserError if the file cannot be read. Folders have no checksum: the answer is False.
    """
    if os.path.isdir(path):
        return False
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {path}: {one_line(error.strerror or error)}") from error
    return digest in (PYTHON_SHA256, BINARY_SHA256)


# --- read ------------------------------------------------------------------------------------


def read(path: str | os.PathLike) -> Arrays:
    """Read any of the four forms: train images, train labels, test images, test labels.

    Images are uint8 [50000, 32, 32, 3] and [10000, 32, 32, 3] (NHWC, RGB), labels int64 in 0..9.
    Raises UserError if a file is missing or damaged, if a shape, a type or a label is not what it
    must be, or if not every class has 5,000 training and 1,000 test images.
    """
    path = Path(path)
    size = IMAGES_PER_FILE
    images = np.empty((6 * size, 32, 32, 3), np.uint8)
    labels = np.empty(6 * size, np.int64)
    files = _folder_files(path) if os.path.isdir(path) else _archive_files(path)
    for name, content in files:
        decode = _decode_binary if name.endswith(".bin") else _decode_pickle
        pixels, file_labels = decode(content, path / name)
        start = size * PYTHON_FILES.index(name.removesuffix(".bin"))
        rows = slice(start, start + size)
        images[rows] = pixels.reshape(size, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[rows] = file_labels
    train, test = slice(5 * size), slice(5 * size, None)
    for part, name in ((train, "training"), (test, "test")):
        counts, expected = np.bincount(labels[part], minlength=10), len(labels[part]) // 10
        if wrong := [label for label in range(10) if counts[label] != expected]:
            raise UserError(
                f"{path}: {counts[wrong[0]]} {name} images of class {wrong[0]}, "
                f"must be {expected} of every class"
            )
    return images[train], labels[train], images[test], labels[test]


def _folder_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the six files of a folder."""
    present = [
        [os.path.isfile(folder / n) for n in names] for names in (PYTHON_FILES, BINARY_FILES)
    ]
    binary = sum(present[1]) > sum(present[0])
    for name in BINARY_FILES if binary else PYTHON_FILES:
        file = folder / name
        try:
            with open(file, "rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise UserError(f"cannot read {file}: {one_line(error.strerror or error)}") from error
        _check_size(len(content), file)
        yield name, content


def _archive_files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the six files of an archive, in one pass and in its order.

    Only regular files count, and only in the folder of the first one that has a right name.
    """
    folder, missing = None, set()
    try:
        with open(archive, "rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = _Bounded(gzip.GzipFile(fileobj=file) if compressed else file, archive)
            with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as tar:
                for number, member in enumerate(tar):
                    if number == MAX_MEMBERS:
                        raise UserError(
                            f"{archive}: more than {MAX_MEMBERS} members, CIFAR-10 has 9"
                        )
                    member_path = PurePosixPath(member.name)
                    name, parts = member_path.name, member_path.parts
                    if not member.isreg() or member_path.is_absolute() or ".." in parts:
                        continue
                    if folder is None and name in PYTHON_FILES + BINARY_FILES:
                        folder = member_path.parent
                        missing = set(PYTHON_FILES if name in PYTHON_FILES else BINARY_FILES)
                    if name in missing and member_path.parent == folder:
                        _check_size(member.size, archive / name)
                        missing.remove(name)
                        yield name, tar.extractfile(member).read()
            while stream.read(1 << 20):  # to the end, where gzip has its checksum
                pass
    except UserError:
        raise
    except Exception as error:  # tarfile, gzip and zlib have no common base class
        raise UserError(
            f"{archive} is no whole archive, must be {FORMS[2]} or {FORMS[3]}: {one_line(error)}"
        ) from error
    if folder is None or missing:
        names = (
            "data_batch_1 to _5 and test_batch" if folder is None else ", ".join(sorted(missing))
        )
        raise UserError(f"{archive} is no complete CIFAR-10 archive: it lacks {names}")


class _Bounded:
    """A stream that ends with a UserError before it can fill the memory."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, name: Path):
        self.stream, self.name, self.left = stream, name, MAX_ARCHIVE_BYTES

    def read(self, size: int) -> bytes:
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise UserError(
                f"{self.name} unpacks to more than {MAX_ARCHIVE_BYTES:,} bytes, CIFAR-10 to less"
            )
        return content


def _check_size(size: int, file: Path) -> None:
    if not 0 <= size <= MAX_FILE_BYTES:
        raise UserError(f"{file} is larger than {MAX_FILE_BYTES:,} bytes, CIFAR-10's are 31 MB")


def _decode_binary(content: bytes, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels uint8 [n, 3072] and labels [n]; a record is a label byte and the pixels."""
    expected = IMAGES_PER_FILE * (1 + PIXELS)
    if len(content) != expected:
        raise UserError(f"{file} has {len(content):,} bytes, must have {expected:,}")
    records = np.frombuffer(content, np.uint8).reshape(IMAGES_PER_FILE, 1 + PIXELS)
    labels = records[:, 0]
    if labels.max() > 9:
        raise UserError(f"{file}: a label is {labels.max()}, must be 0 to 9")
    return records[:, 1:], labels


def _decode_pickle(content: bytes, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels uint8 [n, 3072] and labels [n] of a pickled dictionary."""
    try:
        batch = restricted_pickle.loads(content)
    except UserError as error:
        raise UserError(f"{file} refused: {error}") from error
    except KeyError as error:
        raise UserError(f"{file} is no readable pickle: opcode {error} is not admitted") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise UserError(f"{file} is no readable pickle: {one_line(error)}") from error
    if not isinstance(batch, dict):
        raise UserError(f"{file} holds no dictionary, must hold one with data and labels")
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(data, restricted_pickle.Array):
        raise UserError(
            f"{file} has no array `data`, must have uint8 [{IMAGES_PER_FILE}, {PIXELS}]"
        )
    # Exactly int and no subclass or sequence: what NumPy would make of others is not bounded.
    if not isinstance(labels, list) or len(labels) != IMAGES_PER_FILE:
        raise UserError(f"{file}: `labels` must be a list of {IMAGES_PER_FILE:,} integers")
    if not all(type(label) is int and 0 <= label <= 9 for label in labels):
        raise UserError(f"{file}: a label is no integer from 0 to 9")
    try:
        return data.uint8((IMAGES_PER_FILE, PIXELS)), np.array(labels, np.int64)
    except UserError as error:
        raise UserError(f"{file}: `data` {error}") from error
