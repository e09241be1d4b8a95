"""Synthetic CIFAR-10, with 20 images a file, in all its forms."""

import functools
import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from bnstudy.data import cifar10
from bnstudy.data.packagings import batches
from bnstudy.data.packagings.common import CLASS_NAMES
from bnstudy.errors import UserError

OFFICIAL_FORMS = (
    "cifar-10-batches-py",
    "cifar-10-batches-bin",
    "cifar-10-python.tar.gz",
    "cifar-10-binary.tar.gz",
)


N = 20


def python2_string(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def official_pickle(pixels: np.ndarray, labels: list[int], dtype=b"u1", shape=None) -> bytes:
    """Pickle as Python 2 and an old NumPy did: protocol 2, byte strings, the old module name."""
    rows, columns = shape or pixels.shape
    raw = pixels.tobytes()
    return b"".join(
        (
            b"\x80\x02}q\x00(",
            python2_string(b"batch_label") + b"q\x01" + python2_string(b"a batch") + b"q\x02",
            python2_string(b"labels") + b"]q\x03(",
            *(b"K" + bytes([label]) for label in labels),
            b"e" + python2_string(b"data"),
            b"cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05K\x00\x85q\x06",
            python2_string(b"b") + b"\x87q\x07Rq\x08(K\x01",
            b"M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", columns) + b"\x86",
            b"cnumpy\ndtype\nq\x09" + python2_string(dtype) + b"K\x00K\x01\x87Rq\x0a(K\x03",
            python2_string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            b"T" + struct.pack("<i", len(raw)) + raw + b"tb",
            python2_string(b"filenames") + b"]q\x0b(" + python2_string(b"x.png") + b"eu.",
        )
    )


@functools.cache
def images_and_labels():
    """Images [6, N, 32, 32, 3] of six files, and balanced labels [6, N]."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, N, 32, 32, 3), dtype=np.uint8)
    train = rng.permutation(np.arange(5 * N) % 10).reshape(5, N)
    return images, np.concatenate([train, rng.permutation(np.arange(N) % 10)[None]])


def file_contents(form: str, labels=None) -> dict[str, bytes]:
    images, right_labels = images_and_labels()
    labels = right_labels if labels is None else labels
    contents = {}
    for name, part, part_labels in zip(batches.PYTHON_FILES, images, labels, strict=True):
        pixels = part.transpose(0, 3, 1, 2).reshape(N, 3072)
        if form == "py":
            contents[name] = official_pickle(pixels, list(part_labels))
        else:
            records = np.concatenate([part_labels[:, None].astype(np.uint8), pixels], axis=1)
            contents[f"{name}.bin"] = records.tobytes()
    return contents


def write_folder(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def regular(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def archive_bytes(members, compress=True) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    raw = buffer.getvalue()
    return gzip.compress(raw, 1, mtime=0) if compress else raw


@functools.cache
def intact_archive(form: str) -> bytes:
    folder = f"cifar-10-batches-{form}"
    directory = tarfile.TarInfo(folder)
    directory.type = tarfile.DIRTYPE
    files = [regular(f"{folder}/{n}", c) for n, c in reversed(file_contents(form).items())]
    readme = regular(f"{folder}/readme.html", b"<html>")
    return archive_bytes([(directory, b""), *files[:3], readme, *files[3:]])


def make(form: str, place: Path) -> Path:
    if "batches" in form:
        return write_folder(place / form, file_contents(form[-3:].strip("-")))
    place.mkdir(parents=True, exist_ok=True)
    path = place / form
    path.write_bytes(intact_archive("py" if "python" in form else "bin"))
    return path


def parts():
    """Images and labels of the training set and of the test set, by name."""
    images, labels = images_and_labels()
    return {
        "train": (images[:5].reshape(-1, 32, 32, 3), labels[:5].ravel()),
        "test": (images[5], labels[5]),
    }


def make_npz(place: Path, **changes) -> Path:
    """Write cifar10.npz; `changes` replace arrays, or leave them out where None."""
    arrays = {}
    for part, (images, labels) in parts().items():
        arrays |= {f"x_{part}": images, f"y_{part}": labels.astype(np.uint8)[:, None]}
    arrays = {key: x for key, x in (arrays | changes).items() if x is not None}
    place.mkdir(parents=True, exist_ok=True)
    np.savez(place / "cifar10.npz", **arrays)
    return place / "cifar10.npz"


def png_bytes(image: np.ndarray, mode="RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).convert(mode).save(buffer, "PNG", **options)
    return buffer.getvalue()


def make_png_folder(folder: Path) -> Path:
    """Write train/airplane/0000.png and so on, numbered within the class."""
    for part, (images, labels) in parts().items():
        for label, name in enumerate(CLASS_NAMES):
            files = {
                f"{number:04}.png": png_bytes(image)
                for number, image in enumerate(images[labels == label])
            }
            write_folder(folder / part / name, files)
    return folder


def make_parquet(folder: Path, column="img", label="label", change=None, **options) -> Path:
    """Write train-00000-of-00002.parquet and so on; `change(part, rows)` changes the rows."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    for part, (images, labels) in parts().items():
        cells = [{"bytes": png_bytes(image), "path": "x.png"} for image in images]
        rows = [{column: cell, label: int(y)} for cell, y in zip(cells, labels, strict=True)]
        if change is not None:
            change(part, rows)
        half = len(rows) // 2
        for number, some in enumerate((rows[:half], rows[half:])):
            path = folder / f"{part}-{number:05}-of-00002.parquet"
            parquet.write_table(pa.Table.from_pylist(some), path, **options)
    return folder


def assert_is_the_data(arrays, by_class=False):
    """Compare with the images in their official order, or in that of their classes."""
    train_images, train_labels, test_images, test_labels = arrays
    read = {"train": (train_images, train_labels), "test": (test_images, test_labels)}
    for part, (images, labels) in parts().items():
        order = np.argsort(labels, kind="stable") if by_class else slice(None)
        np.testing.assert_array_equal(read[part][0], images[order])
        np.testing.assert_array_equal(read[part][1], labels[order])
        assert read[part][0].dtype == np.uint8
        assert read[part][1].dtype == np.int64
        assert read[part][0].flags.c_contiguous
        assert read[part][0].flags.writeable


def refused(path, *words, call=cifar10.read) -> str:
    """Assert that `call(path)` raises a UserError of one line that holds the words."""
    with pytest.raises(UserError) as caught:
        call(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


EDITS = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 3), st.binary(max_size=6)), max_size=4
)


def mutate(content: bytes, changes) -> bytes:
    """Replace a few bytes at a few places; half of the places are near an end."""
    for place, cut, new in changes:
        place %= 2 * len(content) + 1
        if place > len(content):
            place = (place % 300) * (1 if place % 2 else -1) % (len(content) + 1)
        content = content[:place] + new + content[place + cut :]
    return content


def reads_or_refuses(function, *arguments):
    """Return the result, or None after a UserError; every other exception fails the test."""
    try:
        return function(*arguments)
    except UserError:
        return None
