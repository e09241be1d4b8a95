"""Batches: every image once, and the same batch for the same seed, epoch and step."""

import gc
import math
import weakref

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

from bnstudy.data import batches as data_batches
from bnstudy.data.batches import TrainingBatches, epoch_order
from bnstudy.errors import UserError


def unchanged(images):
    return images


def batches_of(dataset, standardize=unchanged, **changes):
    return TrainingBatches(config(**{"training__batch_size": 10, **changes}), dataset, standardize)


def test_an_epoch_shows_every_image_and_one_copy_of_each(dataset):
    shown = list(batches_of(dataset).epoch(0))
    assert [len(labels) for _, labels in shown] == [10, 10, 10, 10, 6]  # 23 = 4 * 5 + 3
    originals = np.concatenate([x[: len(x) // 2] for x, _ in shown])
    order = epoch_order(0, 0, 23)
    np.testing.assert_array_equal(originals, dataset.train_images[order])
    assert sorted(order) == list(range(23))
    for _, labels in shown:
        np.testing.assert_array_equal(labels[: len(labels) // 2], labels[len(labels) // 2 :])


def test_without_augmentation_a_batch_holds_images_alone(dataset):
    shown = list(batches_of(dataset, data__augment=False, training__batch_size=7).epoch(2))
    assert [len(labels) for _, labels in shown] == [7, 7, 7, 2]
    order = epoch_order(0, 2, 23)
    np.testing.assert_array_equal(
        np.concatenate([y for _, y in shown]), dataset.train_labels[order]
    )


def test_a_seed_names_the_batches(dataset):
    def batch(seed, epoch, index):
        return list(batches_of(dataset, seed=seed).epoch(epoch))[index][0].numpy()

    np.testing.assert_array_equal(batch(5, 1, 2), batch(5, 1, 2))
    for other in (batch(6, 1, 2), batch(5, 0, 2), batch(5, 1, 3)):
        assert not np.array_equal(batch(5, 1, 2), other)


def test_every_epoch_and_seed_has_an_order_of_its_own():
    orders = {epoch_order(seed, epoch, 50).tobytes() for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
    first = [epoch_order(0, epoch, 10)[0] for epoch in range(2000)]
    counts = np.bincount(first, minlength=10)
    assert (np.abs(counts - 200) < 5 * math.sqrt(2000 * 0.1 * 0.9)).all()  # uniform


def test_the_order_is_pinned():
    """It may not change with NumPy, or a run could not be continued after an update."""
    assert list(epoch_order(3, 2, 12)) == [6, 0, 2, 8, 11, 10, 4, 1, 9, 3, 7, 5]


def test_every_step_of_a_run_augments_in_its_own_way(dataset, monkeypatch):
    seen = []

    def spy(images, seed, step):
        tf.py_function(lambda s: seen.append(int(s)), [step], [])
        return images

    monkeypatch.setattr("bnstudy.data.batches.augment", spy)
    batches = batches_of(dataset)
    for epoch in range(3):
        list(batches.epoch(epoch))
    assert seen == list(range(15))


@pytest.mark.parametrize(
    "changes",
    [
        {"model__batch_norm": "custom", "bn__axes": "activation"},
        {"model__batch_norm": "none", "data__standardize": "batch_pixels"},
    ],
)
def test_a_last_batch_of_one_image_is_refused_where_it_has_no_variance(dataset, changes):
    small = {"data__augment": False, "training__batch_size": 11, **changes}  # 23 = 2 * 11 + 1
    with pytest.raises(UserError, match="leaves a last batch of one image"):
        batches_of(dataset, **small)
    batches_of(dataset, **{**small, "training__batch_size": 7})
    batches_of(dataset, data__augment=False, training__batch_size=11)  # N, H, W: no harm


@pytest.mark.parametrize(("augment", "size", "last"), [(False, 10, 3), (True, 20, 6)])
def test_a_last_batch_that_ghost_batches_do_not_divide_is_refused(dataset, augment, size, last):
    """23 images; with copies, 46."""
    fixed = {"data__augment": augment, "training__batch_size": size}
    with pytest.raises(UserError) as caught:
        batches_of(dataset, bn__virtual_batch_size=5, **fixed)
    assert str(caught.value) == (
        f"training.batch_size {size} leaves a last batch of {last} images, which "
        "bn.virtual_batch_size 5 does not divide; choose another training.batch_size or "
        "data.train_limit"
    )
    batches_of(dataset, bn__virtual_batch_size=2 if augment else 1, **fixed)
    batches_of(dataset, model__batch_norm="none", bn__virtual_batch_size=5, **fixed)


def test_an_epoch_can_be_entered_at_any_step(dataset):
    batches = batches_of(dataset)
    for full, late in zip(list(batches.epoch(3))[2:], batches.epoch(3, 2), strict=True):
        np.testing.assert_array_equal(full[0], late[0])
        np.testing.assert_array_equal(full[1], late[1])


def test_all_epochs_share_one_trace(dataset):
    traces = []
    batches = batches_of(dataset, standardize=lambda images: traces.append(1) or images)
    shown = [next(iter(batches.epoch(epoch)))[1].numpy() for epoch in (0, 1, 0)]
    assert len(traces) == 1
    assert (shown[0] == shown[2]).all()
    assert (shown[0] != shown[1]).any()


def test_nothing_keeps_the_images_when_the_batches_are_gone(dataset):
    """Otherwise each further run in a process would cost another 150 MB."""
    batches = batches_of(dataset)
    iterator, gone = iter(batches.epoch(0)), weakref.ref(batches)
    del batches
    gc.collect()
    assert len(list(iterator)) == gone().steps  # an epoch that is under way keeps them
    del iterator
    gc.collect()
    assert gone() is None


def test_batches_are_standardized_after_augmentation(dataset):
    plain = list(batches_of(dataset).epoch(0))
    shown = list(batches_of(dataset, standardize=lambda images: images - 500).epoch(0))
    for (images, _), (standardized, _) in zip(plain, shown, strict=True):
        np.testing.assert_array_equal(images - 500, standardized)


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 99])
def test_test_batches_hold_every_image_in_its_order(dataset, batch_size):
    batches = list(data_batches.test_batches(dataset.test_images, dataset.test_labels, batch_size))
    assert all(len(labels) == batch_size for _, labels in batches[:-1])
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(images, dataset.test_images)
    np.testing.assert_array_equal(labels, dataset.test_labels)
