"""Data sets: loading by configuration, and class-balanced subsets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstudy.config.load import load_config
from bnstudy.data import cifar10, digits
from bnstudy.data.dataset import Dataset, balanced_subset, class_names, load_dataset
from bnstudy.errors import UserError


@pytest.fixture(scope="module")
def arrays():
    return digits.load()


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data())
def test_part_is_balanced_ordered_and_nested(labels, data):
    labels = np.array(labels)
    images = np.arange(len(labels))  # each image is its own index
    limit = data.draw(st.integers(1, len(labels)))
    part, part_labels = balanced_subset(images, labels, limit)
    assert len(part) == limit
    assert (np.diff(part) > 0).all()
    np.testing.assert_array_equal(part_labels, labels[part])
    counts, available = (np.bincount(x, minlength=5) for x in (part_labels, labels))
    for label in range(5):  # the first ones of each class, and fair until a class is exhausted
        first = np.flatnonzero(labels == label)[: counts[label]]
        np.testing.assert_array_equal(part[part_labels == label], first)
        assert counts[label] >= min(available[label], counts.max() - 1)
    if limit > 1:
        assert set(balanced_subset(images, labels, limit - 1)[0]) < set(part)


def test_part_by_example():
    labels = np.array([1, 1, 1, 0, 2, 0, 2])
    images = np.arange(7) * 10
    assert balanced_subset(images, labels, 4)[0].tolist() == [0, 30, 40, 50]
    assert balanced_subset(images, labels, 7)[0].tolist() == images.tolist()
    assert balanced_subset(images, labels, None)[0] is images


@pytest.mark.parametrize("limit", [0, -1, 8])
def test_impossible_limit(limit):
    with pytest.raises(UserError, match=rf"data\.test_limit is {limit}, must be 1 to 7"):
        balanced_subset(np.zeros(7), np.zeros(7, np.int64), limit, key="data.test_limit")


def config(**changes):
    changes = {"name": "digits", **changes}
    return load_config(overrides={f"data.{key}": value for key, value in changes.items()}).data


def test_load_dataset(arrays):
    for one, two in zip(load_dataset(config()), arrays, strict=True):
        np.testing.assert_array_equal(one, two)
    part = load_dataset(config(train_limit=25, test_limit=10))
    assert isinstance(part, Dataset)
    assert part.train_images.shape == (25, 32, 32, 3)
    assert np.bincount(part.train_labels).tolist() == [3] * 5 + [2] * 5
    assert np.bincount(part.test_labels).tolist() == [1] * 10


def test_load_dataset_passes_the_folder_on(arrays, monkeypatch):
    monkeypatch.setattr(cifar10, "load", lambda directory: arrays if directory == "x" else None)
    assert load_dataset(config(name="cifar10", dir="x")).test_labels is arrays[3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_limit": 1438}, "data.train_limit is 1438, must be 1 to 1437"),
        ({"test_limit": 361}, "data.test_limit is 361, must be 1 to 360"),
    ],
)
def test_load_dataset_refuses(changes, message):
    with pytest.raises(UserError, match=message):
        load_dataset(config(**changes))


@pytest.mark.parametrize("name", ["cifar10", "digits"])
def test_every_class_has_a_name(name):
    names = class_names(name)
    assert len(set(names)) == 10
    assert names[3] == {"cifar10": "cat", "digits": "3"}[name]
