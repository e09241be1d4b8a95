"""A folder of PNG files per class: intact, incomplete, damaged and hostile."""

import struct
import zlib

import numpy as np
import pytest
from cifar10_helpers import assert_is_the_data, make_png_folder, parts, png_bytes, refused
from PIL import Image

from bnstudy.data import cifar10
from bnstudy.data.packagings import png


def test_labels_are_the_places_of_the_classes_in_the_alphabet(tmp_path):
    train_images, train_labels, *_ = cifar10.read(make_png_folder(tmp_path))
    frogs = sorted((tmp_path / "train" / "frog").iterdir())
    for image, file in zip(train_images[train_labels == 6], frogs, strict=True):
        np.testing.assert_array_equal(image, np.asarray(Image.open(file)))


def test_what_other_programs_leave_in_a_class_is_ignored(tmp_path):
    folder = make_png_folder(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "._0000.png", "notes.txt"):
        (folder / "train" / "cat" / name).write_bytes(b"?")
    assert_is_the_data(cifar10.read(folder), by_class=True)


@pytest.mark.parametrize("mode", ["P", "L"])
def test_images_that_another_program_made_smaller_are_read(mode, tmp_path):
    folder = make_png_folder(tmp_path)
    grey = np.arange(1024, dtype=np.uint8).reshape(32, 32)
    (folder / "test" / "cat" / "0000.png").write_bytes(png_bytes(grey, mode, optimize=True))
    *_, images, labels = cifar10.read(folder)
    np.testing.assert_array_equal(images[labels == 3][0], np.stack([grey] * 3, axis=-1))


def test_missing_images_and_classes_are_named(tmp_path):
    folder = make_png_folder(tmp_path)
    (folder / "test" / "dog" / "0001.png").unlink()
    refused(folder, str(folder / "test" / "dog"), "holds 1 PNG files, must hold 2")
    (folder / "train" / "bird").rename(folder / "train" / "birds")
    refused(folder, "cannot read", str(folder / "train" / "bird"))


IMAGE = parts()["test"][0][0]


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def bomb(width, height, pixels=b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("not an intact PNG",)),
        (b"hello", ("not an intact PNG",)),
        (png_bytes(IMAGE)[:1000], ("not an intact PNG",)),
        (png_bytes(IMAGE[:31]), ("32x31 pixels", "must have 32x32")),
        (png_bytes(IMAGE, "RGBA"), ("mode RGBA", "RGB")),
        (b"GIF89a" + bytes(50), ("not an intact PNG",)),
        (bomb(60_000, 60_000), ("not an intact PNG",)),
        (bomb(9_000, 9_000, bytes(50_000_000)), ("9000x9000 pixels",)),
        (png_bytes(IMAGE) + bytes(png.MAX_BYTES), ("larger than",)),
    ],
)
def test_a_wrong_image_is_named(content, words, tmp_path):
    file = make_png_folder(tmp_path) / "test" / "dog" / "0001.png"
    file.write_bytes(content)
    refused(tmp_path, str(file), *words)
