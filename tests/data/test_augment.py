"""Augmentation: what is drawn, and what it does to an image."""

import math

import numpy as np
import pytest
import tensorflow as tf

from bnstudy.data.augment import augment, transform


def picture(count):
    """Smooth images: bilinear reading changes them little."""
    y, x = np.mgrid[:32, :32] / 31
    waves = [np.sin(3 * x + k) + np.cos(2 * y * (k + 1)) for k in range(3)]
    return tf.constant(np.tile(100 + 40 * np.stack(waves, -1), (count, 1, 1, 1)), tf.float32)


def test_the_distortions_are_drawn_independently_and_within_their_ranges(monkeypatch):
    """From what `augment` asks of `transform`, over many images."""
    asked = []
    monkeypatch.setattr("bnstudy.data.augment.transform", lambda *a: asked.append(a) or a[0])
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
        assert abs(np.corrcoef(pair[:, i], pair[:, j])[0, 1]) < 5 / math.sqrt(len(pair)), (i, j)


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
