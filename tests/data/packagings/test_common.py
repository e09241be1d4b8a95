"""The parts that the packagings of CIFAR-10 share: bounds on files, clutter, signatures."""

import pytest

from bnstudy.data.packagings import common
from bnstudy.errors import UserError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def test_five_files_of_images_are_the_training_set_and_one_the_test_set(monkeypatch):
    monkeypatch.setattr(common, "IMAGES_PER_FILE", 10_000)  # fewer in the other tests
    assert common.part_sizes() == {"train": 50_000, "test": 10_000}


def test_the_label_of_a_class_is_its_place_in_the_alphabet():
    assert len(common.CLASS_NAMES) == 10
    assert list(common.CLASS_NAMES) == sorted(common.CLASS_NAMES)


@pytest.mark.parametrize("name", [".DS_Store", "._data_batch_1", "__MACOSX", "Thumbs.db"])
def test_what_other_programs_leave_is_clutter(name):
    assert common.is_clutter(name)
    assert not common.is_clutter("data_batch_1")


def test_a_file_of_the_limit_is_read_and_a_larger_one_refused(file):
    assert common.read_file(file, limit=10) == b"0123456789"
    with pytest.raises(UserError, match=r"file is larger than 9 bytes, so it is not part of"):
        common.read_file(file, limit=9)


def test_without_a_limit_the_largest_file_of_cifar10_is_the_limit(file, monkeypatch):
    assert common.read_file(file) == b"0123456789"
    monkeypatch.setattr(common, "MAX_FILE_BYTES", 5)
    with pytest.raises(UserError, match="larger than 5 bytes"):
        common.read_file(file)
    with pytest.raises(UserError, match="larger than 5 bytes"):
        common.check_size(6, file)
    common.check_size(5, file)


def test_a_negative_size_in_a_header_is_refused(file):
    with pytest.raises(UserError, match="not part of CIFAR-10"):
        common.check_size(-1, file)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nowhere: No such file or directory"):
        common.read_file(tmp_path / "nowhere")


def test_a_signature_is_looked_for_at_its_offset_alone(file, tmp_path):
    assert common.starts_with(file, b"012")
    assert common.starts_with(file, b"x", b"0123")
    assert common.starts_with(file, b"345", at=3)
    assert not common.starts_with(file, b"345")
    assert not common.starts_with(file, b"0123456789x")
    assert not common.starts_with(tmp_path / "nowhere", b"0")
