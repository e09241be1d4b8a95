"""Named arrays as the bytes of an .npz file with a checksum, which NumPy alone can read."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def pack(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file that holds the arrays, and under "sha256" their checksum.

    The same arrays in the same order give the same bytes: NumPy writes no date into a file.
    """
    checksum = np.frombuffer(_checksum(content), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **content, sha256=checksum)
    return buffer.getvalue()


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a file that holds what `pack` returned.

    Raises:
        Exception: of many kinds, when it is damaged; ValueError when only the checksum is wrong.

    """
    buffer = io.BytesIO(path.read_bytes())
    if (member := zipfile.ZipFile(buffer).testzip()) is not None:
        raise ValueError(f"the zip checksum of {member} is wrong")
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as file:
        content = {name: file[name] for name in file.files}
    if content.pop("sha256").tobytes() != _checksum(content):
        raise ValueError("the checksum is wrong")
    return content


def _checksum(content: Mapping[str, np.ndarray]) -> bytes:
    digest = hashlib.sha256()
    for name, array in sorted(content.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()
