"""Standardization: by the training set, or by the current batch."""

import numpy as np
import tensorflow as tf

from bnstudy.data.standardize import mean_and_stddev, standardizers


def test_mean_and_stddev_are_exact_and_do_not_overflow(dataset):
    for axes in ((0, 1, 2), (0,)):
        mean, stddev = mean_and_stddev(dataset.train_images, axes)
        np.testing.assert_allclose(mean, dataset.train_images.mean(axes), rtol=1e-14)
        np.testing.assert_allclose(stddev, dataset.train_images.std(axes), rtol=1e-12)
    # count^2 times the variance is beyond 64 bits, as it is with the 50,000 images of CIFAR-10.
    image = (dataset.train_images[0] > dataset.train_images[0].mean((0, 1))) * np.uint8(255)
    mean, stddev = mean_and_stddev(np.broadcast_to(image, (30_000, 32, 32, 3)), (0, 1, 2))
    np.testing.assert_allclose(mean, image.mean((0, 1)), rtol=1e-14)
    np.testing.assert_allclose(stddev, image.std((0, 1)), rtol=1e-12)


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
