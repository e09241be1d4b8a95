"""The official archives: intact, incomplete, damaged and hostile."""

import gzip
import tarfile

import pytest
from cifar10_helpers import (
    EDITS,
    N,
    archive_bytes,
    assert_is_the_data,
    file_contents,
    intact_archive,
    make,
    mutate,
    reads_or_refuses,
    refused,
    regular,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstudy.data import cifar10
from bnstudy.data.packagings import common


@pytest.mark.parametrize("prefix", ["", "./", "./a/b/"])
@pytest.mark.parametrize("compress", [True, False])
def test_archive_is_known_by_its_content_not_by_its_name(prefix, compress, tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    members = [regular(prefix + name, c) for name, c in file_contents("bin").items()]
    path.write_bytes(archive_bytes(members, compress))
    assert_is_the_data(cifar10.read(path))


def test_archive_writes_nothing(tmp_path, monkeypatch):
    path = make("cifar-10-python.tar.gz", tmp_path)
    monkeypatch.chdir(tmp_path)
    cifar10.read(path)
    assert list(tmp_path.rglob("*")) == [path]


@pytest.mark.parametrize("prefix", ["/tmp/cifar/", "../", "a/../../b/"])
def test_members_outside_are_not_read(prefix, tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(archive_bytes(regular(prefix + n, c) for n, c in file_contents("py").items()))
    refused(path, "lacks")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_not_followed(kind, tmp_path):
    contents = file_contents("py")
    secret = tmp_path / "secret"
    secret.write_bytes(contents.pop("data_batch_2"))
    link = tarfile.TarInfo("c/data_batch_2")
    link.type, link.linkname = kind, str(secret)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(
        archive_bytes([(link, b""), *(regular(f"c/{n}", c) for n, c in contents.items())])
    )
    refused(path, "lacks data_batch_2")


def test_files_of_two_folders_are_not_mixed(tmp_path):
    contents = list(file_contents("py").items())
    members = [regular(f"{'ab'[i % 2]}/{n}", c) for i, (n, c) in enumerate(contents)]
    (tmp_path / "x").write_bytes(archive_bytes(members))
    refused(tmp_path / "x", "lacks data_batch_2, data_batch_4, test_batch")


def test_sizes_are_bounded(tmp_path, monkeypatch):
    folder = make("cifar-10-batches-bin", tmp_path)
    archive = make("cifar-10-binary.tar.gz", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(common, "MAX_FILE_BYTES", N * 3073 - 1)
        refused(folder, "data_batch_1.bin", "larger")
        refused(archive, ".bin", "larger")
    for limit in ("MAX_ARCHIVE_BYTES", "MAX_MEMBERS"):
        with monkeypatch.context() as patch:
            patch.setattr(common, limit, 5)
            refused(archive, "more than 5")


def test_hostile_long_name_header_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "MAX_ARCHIVE_BYTES", 4_000_000)
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 60_000_000
    bomb = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(60_000_000), 1)
    (tmp_path / "x").write_bytes(bomb)
    refused(tmp_path / "x", "unpacks to more than")


@pytest.mark.parametrize("keep", [0, 1, 2, 300, 0.5, 0.99, -4])
def test_truncated_archive(keep, tmp_path):
    intact = intact_archive("py")
    count = int(keep * len(intact)) if isinstance(keep, float) else keep
    (tmp_path / "x.tar.gz").write_bytes(intact[:count])
    refused(tmp_path / "x.tar.gz", "x.tar.gz")


def test_damaged_archive(tmp_path):
    damaged = bytearray(intact_archive("py"))
    damaged[-6] ^= 1  # in gzip's checksum, behind all data
    (tmp_path / "x.tar.gz").write_bytes(damaged)
    refused(tmp_path / "x.tar.gz", "not an intact archive", "CRC")


def test_archive_is_read_to_its_checksum(tmp_path):
    padded = gzip.decompress(intact_archive("py")) + bytes(3_000_000)  # more than a block
    damaged = bytearray(gzip.compress(padded, 1))
    damaged[-6] ^= 1
    (tmp_path / "x.tar.gz").write_bytes(damaged)
    refused(tmp_path / "x.tar.gz", "CRC")


@settings(max_examples=150, deadline=None)
@given(data=st.data(), compress=st.booleans())
def test_any_archive_is_read_or_refused(data, compress, tmp_path_factory):
    raw = gzip.decompress(intact_archive("bin"))
    content = data.draw(st.binary(max_size=100) | st.builds(mutate, st.just(raw), EDITS))
    if compress:
        content = mutate(gzip.compress(content, 1), data.draw(EDITS))
    path = tmp_path_factory.getbasetemp() / "fuzz.tar.gz"
    path.write_bytes(content)
    reads_or_refuses(cifar10.read, path)
