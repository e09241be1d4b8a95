"""The hub's parquet files: intact, incomplete, wrong, damaged and hostile."""

import sys

import pytest
from cifar10_helpers import (
    EDITS,
    N,
    assert_is_the_data,
    make_parquet,
    mutate,
    parts,
    png_bytes,
    reads_or_refuses,
    refused,
)
from hypothesis import given, settings

from bnstudy.data import cifar10
from bnstudy.data.packagings import common


@pytest.mark.parametrize("column", ["img", "image"])
@pytest.mark.parametrize("compression", ["snappy", "zstd", "none"])
def test_either_name_of_the_images_and_any_compression_is_read(column, compression, tmp_path):
    folder = make_parquet(tmp_path, column, compression=compression, row_group_size=7)
    assert_is_the_data(cifar10.read(folder))


def test_a_missing_part_or_file_is_named(tmp_path):
    folder = make_parquet(tmp_path)
    (folder / "train-00001-of-00002.parquet").unlink()
    refused(folder, str(folder), f"train-*.parquet hold {5 * N // 2} images, must hold {5 * N}")
    make_parquet(tmp_path)
    for file in folder.glob("test-*.parquet"):
        file.unlink()
    refused(folder, "test-*.parquet hold 0 images")


@pytest.mark.parametrize("names", [("picture", "label"), ("img", "fine_label")])
def test_other_columns_are_refused(names, tmp_path):
    refused(make_parquet(tmp_path, *names), "has the columns", names[0], "must have img or image")


def set_cell(value):
    def change(part, rows):
        if part == "test":
            for row in rows:  # all, so that the column has one type
                row["img"] = value

    return change


def set_label(value):
    def change(part, rows):
        if part == "test":
            for row in rows:
                row["label"] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_cell({"bytes": b"no", "path": "x"}), ("image 0 is not an intact PNG",)),
        (set_cell({"bytes": None, "path": "x"}), ("image 0 must be the bytes of a PNG",)),
        (set_cell({"path": "x"}), ("image 0 must be the bytes of a PNG",)),
        (set_cell(3), ("image 0 must be the bytes of a PNG",)),
        (set_cell({"bytes": bytes(200_000), "path": "x"}), ("image 0 must be", "at most 100,000")),
        (set_cell({"bytes": png_bytes(parts()["test"][0][0][:9]), "path": ""}), ("32x9 pixels",)),
        (set_label(10), ("image 0 has the label 10, must be 0 to 9",)),
        (set_label(-1), ("image 0 has the label -1",)),
        (set_label(None), ("image 0 has the label None",)),
        (set_label(1.0), ("image 0 has the label 1.0",)),
        (set_label("cat"), ("image 0 has the label cat",)),
        (set_label(3), ("images of class",)),
        (lambda part, rows: rows.append(rows[0]), (f"hold {5 * N + 1} images",)),
    ],
)
def test_a_wrong_row_is_named(change, words, tmp_path):
    refused(make_parquet(tmp_path, change=change), str(tmp_path), *words)


def test_an_image_of_many_megabytes_in_every_row_does_no_harm(tmp_path):
    """One value in the file's dictionary, to which all rows point."""
    folder = make_parquet(tmp_path, change=set_cell({"bytes": bytes(10_000_000), "path": "x"}))
    assert sum(file.stat().st_size for file in folder.iterdir()) < 2_000_000
    refused(folder, "test-00000-of-00002.parquet: image 0 must be the bytes of a PNG")


def test_files_that_unpack_to_too_much_are_refused_before_they_are(tmp_path, monkeypatch):
    folder = make_parquet(tmp_path)
    monkeypatch.setattr(common, "MAX_ARCHIVE_BYTES", 50_000)
    refused(folder, "train-00000-of-00002.parquet", "larger than 50,000 bytes")


@pytest.mark.parametrize("keep", [0, 4, 0.5, -1])
def test_a_truncated_file_is_refused(keep, tmp_path):
    file = make_parquet(tmp_path) / "test-00001-of-00002.parquet"
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    refused(tmp_path, file.name, "not an intact parquet file")


@settings(max_examples=60, deadline=None)
@given(EDITS)
def test_any_parquet_is_read_or_refused(tmp_path_factory, changes):
    folder = tmp_path_factory.getbasetemp() / "parquet"
    if not folder.exists():
        make_parquet(folder)
    file, original = folder / "test-00000-of-00002.parquet", folder / "original"
    if not original.exists():
        original.write_bytes(file.read_bytes())
    file.write_bytes(mutate(original.read_bytes(), changes))
    reads_or_refuses(cifar10.read, folder)


def test_without_pyarrow_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    folder = make_parquet(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(folder, "needs pyarrow", 'pip install "bnstudy[parquet]"')
