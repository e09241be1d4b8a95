"""bfloat16: its gradients, to its precision, and the same numbers where a CPU lacks it."""

import itertools
import warnings

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random
from marks import all_but

import bnstudy
from bnstudy.backend import bfloat16
from bnstudy.model.all_cnn import Model
from bnstudy.model.gradients import GRADIENTS
from bnstudy.model.layers import Context, Conv2D

ROUNDING = 2.0**-8  # bfloat16 keeps 8 bits: at most half of the last one is lost


@pytest.fixture
def lacking(monkeypatch):
    monkeypatch.setattr(bfloat16, "is_native", lambda: False)


def low(x):
    return tf.cast(x, tf.bfloat16)


def exact(x):
    return tf.cast(x, tf.float64)


@pytest.mark.parametrize("road", ["manual", "autodiff"])
def test_without_instructions_a_convolution_is_the_rounded_exact_one(lacking, road):
    x, w, dy = random(4, 6, 5, 7), random(3, 3, 7, 8, seed=1), random(4, 6, 5, 8, seed=2)
    layer = Conv2D("conv", w.numpy(), tf.float32)
    reference = Conv2D("conv", exact(low(w)), tf.float64)
    with tf.GradientTape() as tape:
        x_low = low(x)
        tape.watch(x_low)
        y, cache = layer.forward(x_low, Context(training=True))
    if road == "manual":
        dx, (dw,) = layer.backward(low(dy), cache)
    else:
        dx, dw = tape.gradient(y, [x_low, layer.w], output_gradients=low(dy))
    exact_y, exact_cache = reference.forward(exact(low(x)), Context(training=True))
    exact_dx, (exact_dw,) = reference.backward(exact(low(dy)), exact_cache)
    assert (y.dtype, dx.dtype, dw.dtype) == (tf.bfloat16, tf.bfloat16, tf.float32)
    np.testing.assert_array_equal(dw, tf.cast(low(dw), tf.float32))  # the kernel returns bfloat16
    for value, correct in ((y, exact_y), (dx, exact_dx), (dw, exact_dw)):
        np.testing.assert_allclose(exact(value), correct, rtol=1.01 * ROUNDING, atol=1e-5)
        assert np.abs(exact(value) - correct).max() > 0.1 * ROUNDING  # it is not float32


@pytest.mark.parametrize(
    ("gradients", "batch_norm"),
    all_but(
        [("manual", "custom"), ("autodiff", "none")],
        itertools.product(["manual", "autodiff"], ["none", "custom", "keras"]),
    ),
)
def test_gradients_of_the_network_are_those_of_float64_to_a_few_percent(batch_norm, gradients):
    """Each value of a chain of nine layers is rounded several times, by up to 0.4 %."""
    images, labels = random(20, 32, 32, 3), np.arange(20) % 10

    def gradients_of(dtype, compute_dtype, road):
        model = Model(config(model__batch_norm=batch_norm), dtype, compute_dtype)
        return GRADIENTS[road](model, tf.cast(images, dtype), labels)

    cost, _, half = gradients_of(tf.float32, tf.bfloat16, gradients)
    exact_cost, _, full = gradients_of(tf.float64, None, "manual")
    assert float(cost) == pytest.approx(float(exact_cost), rel=2e-3)
    errors = [
        np.linalg.norm(exact(a) - b) / np.linalg.norm(b) for a, b in zip(half, full, strict=True)
    ]
    assert max(errors) < 0.04
    assert max(errors) > 1e-3  # else nothing was computed in bfloat16


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_warns_where_bfloat16_gives_no_speed(tmp_path, lacking, precision):
    small = {"training.precision": precision, "training.epochs": 1, "model.width": 0.05}
    small |= {"data.train_limit": 20, "data.test_limit": 10}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        bnstudy.run(bnstudy.load_config("a", ["quick"], overrides=small), tmp_path / "run")
    texts = [str(warning.message) for warning in said]
    warned = any("no bfloat16" in text for text in texts)
    assert warned == (precision == "bfloat16")
