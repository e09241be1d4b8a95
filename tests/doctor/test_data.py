"""What the user gives as data, and refusals of one line."""

import numpy as np
import pytest

from bnstudy.doctor import data
from bnstudy.errors import UserError

IMAGES = np.random.default_rng(0).random((80, 8, 8, 1))
LABELS = np.arange(80) % 4


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": IMAGES, "labels": LABELS},
        {"x": IMAGES, "y": LABELS[:, None]},
        {"images": IMAGES, "labels": np.eye(4)[LABELS]},
        {"images": IMAGES, "y": LABELS.astype(float)},
    ],
)
def test_images_and_classes_are_read_under_either_name(tmp_path, arrays):
    np.savez(tmp_path / "data.npz", **arrays)
    read = data.read(tmp_path / "data.npz")
    np.testing.assert_array_equal(read.images, IMAGES)
    np.testing.assert_array_equal(read.labels, LABELS)


def test_labels_may_be_missing(tmp_path):
    np.savez_compressed(tmp_path / "data.npz", x=IMAGES)
    assert data.read(tmp_path / "data.npz").labels is None


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"train": IMAGES}, "has train; must be"),
        ({"images": IMAGES.astype(object)}, "Object arrays cannot be loaded"),
        ({"images": IMAGES.astype(str)}, "must be integers or floats"),
        ({"images": np.zeros(80)}, "must be [N, ...]"),
        ({"images": IMAGES[:5]}, "5 images are too few to say anything; at least 64"),
        ({"images": np.where(IMAGES > 0.9, np.nan, IMAGES)}, "not all finite"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "labels are int64 [79]"),
        ({"images": IMAGES, "labels": LABELS + 0.5}, "must be classes"),
        ({"images": IMAGES, "labels": IMAGES}, "labels are float64 [80, 8, 8, 1]"),
    ],
)
def test_wrong_arrays_are_refused_in_one_line(tmp_path, arrays, says):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(UserError) as error:
        data.read(tmp_path / "data.npz")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_no_npz_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "one.npy", IMAGES)
    np.savez(tmp_path / "whole.npz", images=IMAGES)
    (tmp_path / "half.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-700])
    for name in ("text.npz", "one.npy", "half.npz", "nothing.npz", "."):
        with pytest.raises(UserError):
            data.read(tmp_path / name)


def test_images_must_have_the_shape_that_the_model_takes():
    given = data.check(IMAGES, None)
    data.check_shape((None, 8, 8, 1), given)
    data.check_shape((None, None, None, 1), given)
    for shape in ((None, 8, 8, 3), (None, 64), (None, 32, 32, 1)):
        with pytest.raises(UserError, match=r"have the shape \[80, 8, 8, 1\], the model takes"):
            data.check_shape(shape, given)
