"""Download CIFAR-10 from its official address, and check archives against their SHA-256."""

import hashlib
import os
from pathlib import Path

from bnstudy.errors import UserError, one_line

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_BYTES = 170_498_071
PYTHON_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
BINARY_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"


def cache_dir() -> Path:
    """Return the folder that `fetch` downloads into."""
    import pooch

    return Path(pooch.os_cache("bnstudy"))


def fetch(url: str = URL) -> Path:
    """Download the official Python archive into our cache.

    An archive that is already there and has the right SHA-256 is not downloaded again. The file
    gets its name only once its SHA-256 is known to be right, so a partial download never looks
    complete.

    Args:
        url: of the archive.

    Returns:
        The path of the archive.

    Raises:
        UserError: the download is impossible, or its content is wrong.

    """
    import pooch
    import requests
    from tqdm import tqdm
    from urllib3.exceptions import HTTPError

    cache, name = cache_dir(), "cifar-10-python.tar.gz"
    help_offline = (
        f"`curl -LO {url}` on a machine with network access, then `--data {name}` with its path "
        "(data.dir in a plan); `--preset quick` needs no download"
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
    """Return whether a file is one of the two official archives, by its SHA-256.

    Folders have no checksum, so the answer is False.

    Raises:
        UserError: the file cannot be read.

    """
    if os.path.isdir(path):
        return False
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {path}: {one_line(error.strerror or error)}") from error
    return digest in (PYTHON_SHA256, BINARY_SHA256)
