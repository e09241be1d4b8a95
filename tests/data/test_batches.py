"""Batches: every image once, the same batch for the same seed, augmentation, standardization."""

import gc
import math
import weakref

import numpy as np
import pytest
import tensorflow as tf
from helpers import config

from bnstudy.data.dataset import Dataset
from bnstudy.data.batches import (
    TrainingBatches,
    augment,
    epoch_order,
    mean_and_stddev,
    standardizers,
    transform,
)
from bnstudy.errors import UserError


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    brightness = rng.integers(40, 200, (1, 1, 1, 3))
    images = (brightness + rng.integers(-40, 56, (33, 32, 32, 3))).astype(np.uint8)
    labels = np.arange(33) % 10
    return Dataset(images[:23], labels[:23], images[23:], labels[23:])


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


def test_the_distortions_are_drawn_independently_and_within_their_ranges(monkeypatch):
    """From what `augment` asks of `transform`, over many images."""
    asked = []
    monkeypatch.setattr("bnstudy.data.batches.transform", lambda *a: asked.append(a) or a[0])
    augment(tf.zeros([40_000, 32, 32, 3]), seed=1, step=2)
    shift, angle, scale = (t.numpy() for t in asked[0][1:])
    drawn = np.column_stack([shift / 6.4, angle / math.radians(25), (scale - 1) / 0.2])
    moved = np.column_stack([shift[:, 0] != 0, angle != 0, scale[:, 0] != 1])
    assert np.abs(moved.mean(0) - 0.1).max() < 5 * math.sqrt(0.09 / 40_000)
    assert np.abs(drawn).max(0) == pytest.approx(1, abs=0.02)
    assert np.abs(drawn).max() <= 1 + 1e-6
    both = moved[:, :, None] & moved[:, None, :]
    assert np.abs(both.mean(0)[np.triu_indices(3, 1)] - 0.01).max() < 5 * math.sqrt(0.01 / 40_000)
    for i, j in [(0, 1), (3, 4), (0, 3), (0, 2), (2, 3), (1, 4), (1, 2), (2, 4)]:
        pair = drawn[(drawn[:, i] != 0) & (drawn[:, j] != 0)]
        assert abs(np.corrcoef(pair.T)[0, 1]) < 5 / math.sqrt(len(pair)), (i, j)


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


def test_an_epoch_can_be_entered_at_any_step(dataset):
    batches = batches_of(dataset)
    for whole, late in zip(list(batches.epoch(3))[2:], batches.epoch(3, 2), strict=True):
        np.testing.assert_array_equal(whole[0], late[0])
        np.testing.assert_array_equal(whole[1], late[1])


def picture(count):
    """Smooth images: bilinear reading changes them little."""
    y, x = np.mgrid[:32, :32] / 31
    waves = [np.sin(3 * x + k) + np.cos(2 * y * (k + 1)) for k in range(3)]
    return tf.constant(np.tile(100 + 40 * np.stack(waves, -1), (count, 1, 1, 1)), tf.float32)


def test_all_epochs_share_one_trace(dataset):
    traces = []
    batches = batches_of(dataset, standardize=lambda images: traces.append(1) or images)
    shown = [next(iter(batches.epoch(epoch)))[1].numpy() for epoch in (0, 1, 0)]
    assert len(traces) == 1
    assert (shown[0] == shown[2]).all()
    assert (shown[0] != shown[1]).any()


def test_nothing_keeps_the_images_when_the_batches_are_gone(dataset):
    """Or each run in a process would cost another 150 MB."""
    batches = batches_of(dataset)
    iterator, gone = iter(batches.epoch(0)), weakref.ref(batches)
    del batches
    gc.collect()
    assert len(list(iterator)) == gone().steps  # an epoch that is under way keeps them
    del iterator
    gc.collect()
    assert gone() is None


def test_augmentation_flips_all_and_distorts_about_27_percent():
    images = picture(2000)
    copies = augment(images, seed=1, step=7).numpy()
    flipped = images.numpy()[:, :, ::-1]
    only_flipped = (copies == flipped).all(axis=(1, 2, 3))
    # Each of the three distortions spares an image with probability 0.9.
    assert abs(only_flipped.mean() - 0.9**3) < 4 * math.sqrt(0.729 * 0.271 / 2000)
    distorted = np.flatnonzero(~only_flipped)
    assert (copies[distorted] == 0).any(axis=(1, 2, 3)).mean() > 0.6  # black comes in
    assert len({copies[i].tobytes() for i in distorted}) == len(distorted)  # each in its own way


def test_augmentation_stays_within_its_ranges():
    """The mean position of a bright spot's light tells the shift, its spread the scale."""
    y, x = np.mgrid[:32, :32] - 15.5
    spot = np.exp(-(x**2 + y**2) / 18)
    spots = tf.tile(tf.constant(spot[None, :, :, None], tf.float32), [4000, 1, 1, 1])
    copies = augment(spots, seed=3, step=0)
    light = copies.numpy()[..., 0]
    light /= light.sum(axis=(1, 2), keepdims=True)
    for grid in (x, y):
        shift = (light * grid).sum(axis=(1, 2))
        assert 5.5 < np.abs(shift).max() <= 6.4  # 20 % of 32
        spread = np.sqrt((light * (grid - shift[:, None, None]) ** 2).sum(axis=(1, 2)) / 9)
        assert 0.78 < spread.min() < 0.84
        assert 1.17 < spread.max() < 1.22


@pytest.mark.parametrize(
    ("shift", "angle", "scale", "expected"),
    [
        ((2, 0), 0, (1, 1), (17, 12)),  # to the right
        ((0, -3), 0, (1, 1), (15, 9)),  # up
        ((0, 0), math.pi / 2, (1, 1), (19, 15)),  # above the centre -> right of it: clockwise
        ((0, 0), 0, (1, 2), (15, 8.5)),  # twice as far above the centre
        ((1, 1), math.pi / 2, (1, 2), (23.5, 16)),  # scaled, then turned, then shifted
    ],
)
def test_transform_moves_a_point_as_documented(shift, angle, scale, expected):
    image = np.zeros((1, 32, 32, 1), np.float32)
    image[0, 12, 15, 0] = 1  # row 12, column 15: (-0.5, -3.5) from the centre
    out = transform(
        tf.constant(image),
        tf.constant([shift], tf.float32),
        tf.constant([angle], tf.float32),
        tf.constant([scale], tf.float32),
    ).numpy()[0, :, :, 0]
    y, x = np.mgrid[:32, :32]
    center = (np.sum(out * x) / out.sum(), np.sum(out * y) / out.sum())
    assert center == pytest.approx(expected, abs=1e-3)


def test_mean_and_stddev_are_exact_and_do_not_overflow(dataset):
    for axes in ((0, 1, 2), (0,)):
        mean, stddev = mean_and_stddev(dataset.train_images, axes)
        np.testing.assert_allclose(mean, dataset.train_images.mean(axes), rtol=1e-14)
        np.testing.assert_allclose(stddev, dataset.train_images.std(axes), rtol=1e-12)
    many = np.broadcast_to(dataset.train_images[:1], (14_000, 32, 32, 3))  # sums beyond 64 bits
    mean, stddev = mean_and_stddev(many, (0, 1, 2))
    np.testing.assert_allclose(stddev, dataset.train_images[0].std((0, 1)), rtol=1e-12)


def test_train_channels_uses_the_training_set_for_both(dataset):
    train, test = standardizers(dataset, "train_channels")
    x = train(tf.constant(dataset.train_images, tf.float32)).numpy()
    np.testing.assert_allclose(x.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(x.std((0, 1, 2)), 1, atol=1e-5)
    mean = dataset.train_images.mean((0, 1, 2))
    stddev = dataset.train_images.std((0, 1, 2))
    expected = (dataset.test_images - mean) / stddev
    np.testing.assert_allclose(test(np.float32(dataset.test_images)), expected, atol=1e-5)


def test_batch_pixels_uses_the_batch_and_the_whole_test_set(dataset):
    train, test = standardizers(dataset, "batch_pixels")
    x = train(tf.constant(dataset.train_images[:8], tf.float32)).numpy()
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(0), 1, atol=1e-4)
    part = test(np.float32(dataset.test_images[:2]))
    expected = dataset.test_images - dataset.test_images.mean(0)
    expected = (expected / np.maximum(dataset.test_images.std(0), 1))[:2]
    np.testing.assert_allclose(part, expected, atol=1e-4)


def test_a_pixel_that_never_varies_is_not_blown_up(dataset):
    images = tf.fill([8, 32, 32, 3], 200.0)
    train, _ = standardizers(dataset, "batch_pixels")
    np.testing.assert_array_equal(train(images), 0)
