"""Noise as a layer: a function of seed, step and layer, the same however it is computed."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random

from bnstudy.model import noise
from bnstudy.model.all_cnn import Model, build_layers
from bnstudy.model.layers import Context
from bnstudy.random_streams import NOISE, stateless_seed

IMAGE = (3, 4, 5)
M = 2**32 - 1


def make(number=3, dtype=tf.float64, shape=IMAGE):
    return noise.Noise(f"noise{number}", number, shape, dtype)


def philox(counter, key):
    """Ten rounds of Philox 4x32 (Salmon et al. 2011), on Python integers."""
    a, b, c, d = counter
    one, two = key
    for _ in range(10):
        low, high = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (high >> 32) ^ b ^ one, high & M, (low >> 32) ^ d ^ two, low & M
        one, two = (one + 0x9E3779B9) & M, (two + 0xBB67AE85) & M
    return [a, b, c, d]


def bits(seed, step, count):
    """The 32-bit numbers of TensorFlow's stateless generators: the seeds are scrambled once."""
    mixed = philox([seed & M, seed >> 32, step & M, step >> 32], (0x3EC8F720, 0x02461E29))
    found = []
    while len(found) < count:
        found += philox([len(found) // 4, 0, *mixed[2:]], mixed[:2])
    return np.array(found[:count], np.uint64)


def uniform(numbers):
    """Keep 23 bits: u in [0, 1)."""
    return (numbers & np.uint64(2**23 - 1)) / 2.0**23


def normal(numbers):
    """Box and Muller's transform of pairs."""
    u, v = uniform(numbers.reshape(-1, 2)).T
    radius, angle = np.sqrt(-2 * np.log(np.maximum(u, 1e-7))), 2 * np.pi * v
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1).ravel()


def in_numpy(x, number, seed, step):
    """Transcribe the whole layer: x [N, H, W, C] with noise."""
    size, channels = x.size, x.shape[-1]
    keys = [stateless_seed(seed, NOISE, 4 * number + which) for which in range(4)]
    u_mean, u_scale = (uniform(bits(key, step, channels)) for key in keys[:2])
    u = uniform(bits(keys[2], step, size)).reshape(x.shape)
    z = normal(bits(keys[3], step, size + size % 2))[:size].reshape(x.shape)
    mu, sigma = u_mean - 0.5, 1 + 0.25 * u_scale
    return (sigma + 0.1 * z) * x + (mu - 0.1) + 0.2 * u


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (7, 12_345_678_901), (2**31 - 1, 3)])
def test_the_layer_equals_its_transcription_in_numpy(seed, step):
    x = random(2, *IMAGE, seed=1, shift=1)
    y, _ = make().forward(x, Context(True, seed, step))
    np.testing.assert_allclose(y, in_numpy(x.numpy(), 3, seed, step), rtol=1e-6, atol=1e-6)


def test_seed_step_and_layer_choose_the_noise_and_nothing_else_does():
    x = random(2, *IMAGE)

    def noisy(number=3, seed=1, step=5, calls=1):
        layer = make(number)
        for _ in range(calls):
            y, _ = layer.forward(x, Context(True, seed, step))
        return y.numpy().tobytes()

    assert noisy(calls=3) == noisy()
    others = {noisy(), noisy(number=4), noisy(seed=2), noisy(step=6), noisy(4, 1, 4)}
    assert len(others) == 5


def test_all_precisions_see_the_same_noise():
    x = random(2, *IMAGE)
    exact, low = (
        make(dtype=dtype).forward(tf.cast(x, dtype), Context(True, 1, 5))[0]
        for dtype in (tf.float64, tf.float32)
    )
    np.testing.assert_allclose(low, exact, rtol=1e-5, atol=1e-6)
    y, s = make(dtype=tf.float32).forward(tf.cast(x, tf.bfloat16), Context(True, 1, 5))
    assert (y.dtype, s.dtype) == (tf.bfloat16, tf.float32)
    np.testing.assert_allclose(tf.cast(y, tf.float64), exact, rtol=1e-2, atol=1e-2)


def test_the_distribution_is_that_of_the_paper():
    """Means and deviations over 100 steps, within five standard errors."""
    draws = [make(shape=(6, 6, 20)).draw(5, Context(True, 0, step)) for step in range(100)]
    for values, mean, deviation in (
        ([d.u_mean for d in draws], 0.5, 12**-0.5),
        ([d.u_scale for d in draws], 0.5, 12**-0.5),
        ([d.u for d in draws], 0.5, 12**-0.5),
        ([d.z for d in draws], 0.0, 1.0),
    ):
        values = np.array(values, np.float64)
        error = deviation / np.sqrt(values.size)
        assert abs(values.mean() - mean) < 5 * error
        assert abs(values.std() - deviation) < 5 * error
        assert (
            abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 5 * error / deviation
        )
    assert draws[0].u.dtype == draws[0].z.dtype == tf.float32


def test_augmentation_shares_no_numbers_with_it():
    """Augmentation has the seeds (seed, step); the purpose stands in bits that it leaves 0."""
    seeds = {stateless_seed(seed, NOISE, index) for seed in (0, 2**31 - 1) for index in range(40)}
    assert len(seeds) == 80
    assert min(seeds) >= 2**32
    assert max(seeds) < 2**63


@pytest.mark.parametrize("training", [True, False])
def test_backward_equals_automatic_differentiation_by_bool_and_by_tensor(training):
    x, dy = random(6, *IMAGE), random(6, *IMAGE, seed=9)
    found = []
    for flag in (training, tf.constant(training)):

        @tf.function(autograph=False)
        def both(x, flag=flag):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y, cache = make().forward(x, Context(flag, 1, 5))
            return y, make().backward(dy, cache)[0], tape.gradient(y, x, output_gradients=dy)

        y, hand, automatic = both(x)
        np.testing.assert_allclose(hand, automatic, rtol=1e-12)
        assert np.array_equal(y, x) is not training
        found.append(y)
    np.testing.assert_allclose(*found, rtol=1e-14)


@pytest.mark.parametrize(("kind", "before"), [("none", "elu3"), ("custom", "bn3")])
def test_noise_stands_after_batch_norm_or_in_its_place(kind, before):
    layers = build_layers(config(model__batch_norm=kind, bn__noise=True), tf.float32)
    names = [layer.name for layer in layers]
    assert names[names.index("noise3") - 1] == before
    assert names[names.index("noise3") + 1] == "pool3"
    assert sum(name.startswith("noise") for name in names) == 2


def test_inference_has_no_noise():
    images = tf.cast(random(4, 32, 32, 3), tf.float32)
    noisy, plain = (Model(config(bn__noise=on)) for on in (True, False))
    for step in (0, 1):
        logits, _ = noisy.forward(images, training=False, step=step)
        np.testing.assert_array_equal(logits, plain.forward(images, training=False)[0])
