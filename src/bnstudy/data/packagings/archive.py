"""The official archives: cifar-10-python.tar.gz and cifar-10-binary.tar.gz, read in memory."""

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bnstudy.data.packagings import common
from bnstudy.data.packagings.batches import BINARY_FILES, PYTHON_FILES, assemble
from bnstudy.data.packagings.common import Arrays, Fit
from bnstudy.errors import UserError, one_line

NAMES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")


def fit(path: Path) -> Fit:
    """Return whether a file is a tar archive, compressed or not, by its first bytes."""
    is_tar = common.starts_with(path, b"\x1f\x8b") or common.starts_with(path, b"ustar", at=257)
    return Fit.FULLY if is_tar else Fit.NO


def read(archive: Path) -> Arrays:
    """Read the six files of an archive."""
    return assemble(_files(archive), archive)


def _files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of the six files of an archive, in one pass and in its order.

    Nothing is written, so nothing can leave the archive's folder. Only regular files count, and
    only in the folder of the first one that has a right name.
    """
    folder, missing = None, set()
    try:
        with open(archive, "rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = _Bounded(gzip.GzipFile(fileobj=file) if compressed else file, archive)
            with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as tar:  # type: ignore[call-overload]
                for number, member in enumerate(tar):
                    if number == common.MAX_MEMBERS:
                        limit = common.MAX_MEMBERS
                        raise UserError(f"{archive}: more than {limit} members, CIFAR-10 has 9")
                    member_path = PurePosixPath(member.name)
                    name, parts = member_path.name, member_path.parts
                    if not member.isreg() or member_path.is_absolute() or ".." in parts:
                        continue
                    if any(map(common.is_clutter, parts)):
                        continue
                    if folder is None and name in PYTHON_FILES + BINARY_FILES:
                        folder = member_path.parent
                        missing = set(PYTHON_FILES if name in PYTHON_FILES else BINARY_FILES)
                    if name in missing and member_path.parent == folder:
                        common.check_size(member.size, archive / name)
                        missing.remove(name)
                        yield name, tar.extractfile(member).read()
            while stream.read(1 << 20):  # to the end, where gzip has its checksum
                pass
    except UserError:
        raise
    except Exception as error:  # tarfile, gzip and zlib have no common base class
        raise UserError(
            f"{archive} is not an intact archive, must be {' or '.join(NAMES)}: {one_line(error)}"
        ) from error
    if folder is None:
        raise UserError(
            f"{archive} lacks data_batch_1 to data_batch_5 and test_batch; if it holds CIFAR-10 in "
            "another form, unpack it and give the folder"
        )
    if missing:
        raise UserError(
            f"{archive} is not a complete CIFAR-10 archive: it lacks {', '.join(sorted(missing))}"
        )


class _Bounded:
    """A stream that ends with a UserError before it can fill the memory."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, name: Path):
        self.stream, self.name, self.left = stream, name, common.MAX_ARCHIVE_BYTES

    def read(self, size: int) -> bytes:
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise UserError(
                f"{self.name} unpacks to more than {common.MAX_ARCHIVE_BYTES:,} bytes, "
                "CIFAR-10 to less"
            )
        return content
