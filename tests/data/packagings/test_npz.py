"""One .npz with x_train, y_train, x_test and y_test: intact, wrong, damaged and hostile."""

import io
import os
import zipfile

import numpy as np
import pytest
from cifar10_helpers import (
    EDITS,
    N,
    assert_is_the_data,
    make_npz,
    mutate,
    parts,
    reads_or_refuses,
    refused,
)
from hypothesis import given, settings

from bnstudy.data import cifar10
from bnstudy.data.packagings import common


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i8", "<i4"])
def test_labels_are_read_in_any_integer_type_and_either_shape(shape, dtype, tmp_path):
    labels = {f"y_{part}": y.astype(dtype).reshape(shape) for part, (_, y) in parts().items()}
    assert_is_the_data(cifar10.read(make_npz(tmp_path, **labels)))


def channels_first(images):
    return images.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("change", [channels_first, np.asfortranarray])
def test_images_are_read_in_either_layout_and_order(change, tmp_path):
    images = {f"x_{part}": change(x) for part, (x, _) in parts().items()}
    images["x_test"] = np.asfortranarray(images["x_test"])
    assert_is_the_data(cifar10.read(make_npz(tmp_path, **images)))


def test_a_compressed_file_is_read(tmp_path):
    with np.load(make_npz(tmp_path)) as arrays:
        np.savez_compressed(tmp_path / "small", **arrays)
    assert_is_the_data(cifar10.read(tmp_path / "small.npz"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y_test": None}, ("lacks the array y_test",)),
        ({"x_test": np.zeros((N - 1, 32, 32, 3), np.uint8)}, ("x_test is uint8", f"[{N}, 32, 32")),
        ({"x_train": np.zeros((5 * N, 32, 32, 3))}, ("x_train is float64", "must be uint8")),
        ({"y_train": np.zeros((5 * N, 10), int)}, ("y_train is int64", f"[{5 * N}, 1]")),
        ({"y_train": np.zeros(5 * N)}, ("y_train is float64", "an integer type")),
        ({"y_train": np.zeros(5 * N, bool)}, ("y_train is bool", "an integer type")),
        ({"y_test": np.full(N, 10)}, ("the test set has a label 10",)),
        ({"y_test": np.full(N, -1)}, ("the test set has a label -1",)),
        ({"y_test": np.zeros(N, int)}, ("images of class 0",)),
        ({"y_test": np.array([None] * N)}, ("y_test is object", "an integer type")),
    ],
)
def test_a_wrong_array_is_named(changes, words, tmp_path):
    path = make_npz(tmp_path, **changes)
    refused(path, str(path), *words)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_no_pickle_is_ever_read(tmp_path):
    witness = tmp_path / "witness"
    labels = np.array([Touch(witness)] * N, object)
    refused(make_npz(tmp_path, y_test=labels), "y_test is object")
    assert not witness.exists()


def zip_of(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_array_of_another_length_than_its_header_says_is_refused(tmp_path):
    members = members_of(make_npz(tmp_path))
    for change in (lambda x: x[:-1], lambda x: x + b"0", lambda x: x + bytes(50_000_000)):
        changed = {**members, "x_test.npy": change(members["x_test.npy"])}
        path = zip_of(tmp_path / "x.npz", changed)
        refused(path, "x_test does not have the length that its header says")


def test_an_array_that_claims_terabytes_is_refused_by_its_header(tmp_path):
    header = npy(np.zeros(0, np.uint8)).replace(b"(0,), }", b"(%d,), }" % 10**13)
    members = {**members_of(make_npz(tmp_path)), "x_train.npy": header}
    refused(zip_of(tmp_path / "x.npz", members), "x_train", "must be uint8")


def test_a_header_of_gigabytes_is_not_unpacked(tmp_path):
    bomb = b"\x93NUMPY\x02\x00" + (1 << 31).to_bytes(4, "little") + bytes(1_000_000)
    members = {**members_of(make_npz(tmp_path)), "x_train.npy": bomb}
    refused(zip_of(tmp_path / "x.npz", members), "x_train is not an array as numpy.savez writes")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_unpacks_to_gigabytes_at_once_is_refused(method, tmp_path):
    members = members_of(make_npz(tmp_path))
    refused(zip_of(tmp_path / "x.npz", members, method), "is compressed in a way")


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    path = make_npz(tmp_path)
    monkeypatch.setattr(common, "MAX_ARCHIVE_BYTES", path.stat().st_size - 1)
    refused(path, "cifar10.npz", "larger than")


@pytest.mark.parametrize("keep", [0, 1, 4, 100, 0.5, 0.99, -1])
def test_a_truncated_file_is_refused(keep, tmp_path):
    path = make_npz(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    refused(path, "cifar10.npz")


def test_a_wrong_checksum_is_noticed(tmp_path):
    path = make_npz(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # a pixel
    path.write_bytes(content)
    refused(path, "CRC")


@settings(max_examples=100, deadline=None)
@given(EDITS)
def test_any_npz_is_read_or_refused(tmp_path_factory, changes):
    folder = tmp_path_factory.getbasetemp() / "npz"
    intact = folder / "cifar10.npz"
    content = (intact if intact.exists() else make_npz(folder)).read_bytes()
    path = folder / "fuzz.npz"
    path.write_bytes(mutate(content, changes))
    reads_or_refuses(cifar10.read, path)
