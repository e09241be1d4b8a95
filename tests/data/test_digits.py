"""The built-in digits."""

import hashlib
from importlib import resources

import numpy as np
import pytest

from bnstudy.data import digits


@pytest.fixture(scope="module")
def arrays():
    return digits.load()


def test_shapes_and_types(arrays):
    train_images, train_labels, test_images, test_labels = arrays
    assert train_images.shape == (1437, 32, 32, 3)
    assert test_images.shape == (360, 32, 32, 3)
    assert train_images.dtype == test_images.dtype == np.uint8
    assert train_labels.dtype == test_labels.dtype == np.int64
    assert train_images.min() == 0
    assert train_images.max() == 255
    assert train_images.flags.c_contiguous
    assert (train_images == train_images[..., :1]).all()


def test_parts_are_balanced_shuffled_and_disjoint(arrays):
    train_images, train_labels, test_images, test_labels = arrays
    assert np.bincount(test_labels).tolist() == [36] * 10
    assert np.bincount(train_labels).tolist() == [142, 146, 141, 147, 145, 146, 145, 143, 138, 144]
    # Wherever one looks, the classes are mixed: of 60 in a row, none has a third.
    for labels in (train_labels, test_labels):
        for start in range(len(labels) - 59):
            counts = np.bincount(labels[start : start + 60], minlength=10)
            assert np.count_nonzero(counts) >= 8
            assert counts.max() <= 20
    train = {image.tobytes() for image in train_images}
    assert not any(image.tobytes() in train for image in test_images)


def test_arrays_never_change(arrays):
    """The results of every quick run depend on these bytes."""
    digest = hashlib.sha256(b"".join(array.astype("<i8").tobytes() for array in arrays)).hexdigest()
    assert digest == "f12ace2e0586f96ceefd21df40a961ed92e80fff8b02d90f66531b70c5108894"


def test_the_file_is_small_and_is_the_known_set():
    file = resources.files("bnstudy.data").joinpath("digits.npz")
    assert len(file.read_bytes()) < 100_000
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        images, labels = content["images"], content["labels"]
    assert images.shape == (1797, 8, 8)
    assert images.max() == 16
    # The first digit, a zero, as in scikit-learn's documentation.
    assert labels[:10].tolist() == list(range(10))
    assert images[0][0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_enlarge_is_bilinear_interpolation():
    rng = np.random.default_rng(1)
    small = rng.integers(0, 17, (3, 8, 8))
    centres = np.clip((np.arange(32) + 0.5) / 4 - 0.5, 0, 7)
    for image, grey in zip(small, digits.enlarge(small.astype(np.uint8))[..., 0], strict=True):
        rows = np.stack([np.interp(centres, np.arange(8), column) for column in image.T], axis=1)
        exact = np.stack([np.interp(centres, np.arange(8), row) for row in rows]) * 255 / 16
        np.testing.assert_array_equal(grey, np.floor(exact + 0.5))


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (16, 255), (8, 128)])
def test_enlarge_keeps_constants(value, grey):
    assert (digits.enlarge(np.full((1, 8, 8), value, np.uint8)) == grey).all()
