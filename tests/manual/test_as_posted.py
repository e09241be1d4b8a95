"""The author's wrong derivatives, and ten training steps against a NumPy transcription of them."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random
from marks import thorough

from bnstudy.manual import as_posted, elu, pooling, softmax_cross_entropy
from bnstudy.model.all_cnn import ALL_CNN, Model
from bnstudy.model.gradients import GRADIENTS
from bnstudy.runner.optimizers import Optimizer


def test_the_slope_of_elu_is_two_for_positive_inputs():
    x, dy = tf.constant([-2.0, -0.5, 0.5, 3.0], tf.float64), random(4, seed=1)
    _, cache = elu.forward(x)
    slopes = [np.exp(-2.0), np.exp(-0.5), 2, 2]
    np.testing.assert_allclose(as_posted.elu_backward(dy, cache), dy * slopes, rtol=1e-12)


def test_a_pool_repeats_its_gradient():
    dy = random(2, 3, 4, 5, seed=1)
    _, cache = pooling.average_forward(random(2, 6, 8, 5))
    repeated = dy.numpy().repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(as_posted.average_backward(dy, cache), repeated)


def test_the_global_pool_repeats_its_gradient():
    dy = random(2, 5, seed=1)
    _, cache = pooling.global_average_forward(random(2, 3, 4, 5))
    repeated = np.broadcast_to(dy.numpy()[:, None, None], [2, 3, 4, 5])
    np.testing.assert_array_equal(as_posted.global_average_backward(dy, cache), repeated)


def test_the_gradient_of_the_cost_is_not_divided_by_the_batch():
    logits, labels = random(5, 7), np.array([2, 0, 6, 2, 5])
    _, cache = softmax_cross_entropy.forward(logits, labels)
    found = as_posted.softmax_cross_entropy_backward(3.0, cache)
    exponentials = np.exp(logits)
    p = exponentials / exponentials.sum(1, keepdims=True)
    np.testing.assert_allclose(found, 3 * (p - np.eye(7)[labels]), rtol=1e-12)


def test_bfloat16_is_computed_in_float32():
    x, dy = (tf.cast(random(60, seed=seed), tf.bfloat16) for seed in (1, 2))
    y, cache = elu.forward(x)
    slope = tf.where(y > 0, tf.constant(2, tf.float64), tf.cast(y, tf.float64) + 1)
    dx = as_posted.elu_backward(dy, cache)
    assert dx.dtype == tf.bfloat16
    exact = tf.cast(dy, tf.float64) * slope
    np.testing.assert_allclose(tf.cast(dx, tf.float64), exact, rtol=1.01 * 2.0**-8)


# --- ten steps -----------------------------------------------------------------------------------

RATE, BETA_1, BETA_2, EPSILON, BN_EPSILON = 1e-3, 0.9, 0.9, 1e-8, 1e-8
AS_POSTED = {
    "training__gradients": "as_posted",
    "optimizer__name": "amsgrad",
    "optimizer__variant": "as_posted",
    "optimizer__beta_2": BETA_2,
    "bn__axes": "activation",
    "bn__center": False,
    "bn__epsilon": BN_EPSILON,
    "bn__momentum": 0.9,
    "bn__moving_variance_init": 0,
    "model__width": 0.05,
}


def convolve(x, w):
    """Return y, and the function that returns dx and dw of dy: a loop over the kernel's offsets."""
    (side, _, _, outputs), (_, height, width, _) = w.shape, x.shape
    padded = np.pad(x, [(0, 0), (side // 2,) * 2, (side // 2,) * 2, (0, 0)])
    windows = {(a, b): np.s_[:, a : a + height, b : b + width] for a, b in np.ndindex(side, side)}
    y = sum(padded[window] @ w[offset] for offset, window in windows.items())

    def backward(dy):
        dw, dpadded = np.zeros_like(w), np.zeros_like(padded)
        flat = dy.reshape(-1, outputs)
        for offset, window in windows.items():
            dw[offset] = padded[window].reshape(-1, w.shape[2]).T @ flat
            dpadded[window] += dy @ w[offset].T
        inner = slice(side // 2, side // 2 + height), slice(side // 2, side // 2 + width)
        return dpadded[:, inner[0], inner[1]], dw

    return y, backward


def transcribed_gradients(weights, images, labels):
    """Return the cost and the author's gradients of all weights; those with a gamma have his BN."""
    x, undo, count = images, [], len(images)
    for number, row in enumerate(ALL_CNN, start=1):
        x, backward = convolve(x, weights[f"conv{number}/w"])
        undo.append((f"conv{number}/w", backward))
        positive, decay = x > 0, np.exp(np.minimum(x, 0))
        x = np.where(positive, x, decay - 1)
        slope = np.where(positive, 2, decay)  # wrong: 2
        undo.append((None, lambda dy, slope=slope: (dy * slope, None)))
        if (gamma := weights.get(f"bn{number}/gamma")) is not None:
            mean = x.mean(axis=0)
            root = np.sqrt(((x - mean) ** 2).mean(axis=0) + BN_EPSILON)
            x_hat = (x - mean) / root

            def backward(dy, gamma=gamma, root=root, x_hat=x_hat):
                d = gamma * dy
                centered = d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)
                return centered / root, (dy * x_hat).sum(axis=0)

            undo.append((f"bn{number}/gamma", backward))
            x = gamma * x_hat
        if row.pool:
            n, h, w, c = x.shape
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))
            undo.append((None, lambda dy: (dy.repeat(2, 1).repeat(2, 2), None)))  # wrong: no / 4
    shape, logits = x.shape, x.mean(axis=(1, 2))
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    cost = -np.log(p[range(count), labels]).mean()
    # Wrong: neither divided by the number of images nor by that of the pooled positions.
    dy = np.broadcast_to((p - np.eye(p.shape[1])[labels])[:, None, None], shape)
    gradients = {}
    for name, backward in reversed(undo):
        dy, gradients[name] = backward(dy)
    return cost, gradients


def transcribed_amsgrad(weights, gradients, state):
    """Take his step in place: one whole tensor, v or the old v_hat, and no bias correction."""
    for name, w in weights.items():
        m, v, v_hat = state.setdefault(name, (0, 0, np.zeros_like(w)))
        m = BETA_1 * m + (1 - BETA_1) * gradients[name]
        v = BETA_2 * v + (1 - BETA_2) * gradients[name] ** 2
        v_hat = v if v.sum() > v_hat.sum() else v_hat
        state[name] = m, v, v_hat
        weights[name] = w - RATE * m / (np.sqrt(v_hat) + EPSILON)


@pytest.mark.parametrize("batch_norm", [*thorough("none"), "custom"])
def test_ten_steps_equal_a_transcription_of_what_the_author_did(batch_norm):
    settings = config(model__batch_norm=batch_norm, optimizer__epsilon=EPSILON, **AS_POSTED)
    model = Model(settings, tf.float64)
    optimizer = Optimizer(settings.optimizer, model.parameters)
    weights, state = {name: w.numpy() for name, w in model.parameters.items()}, {}
    assert ("bn3/gamma" in weights) == (batch_norm == "custom")
    for step in range(10):
        images, labels = random(6, 32, 32, 3, seed=step), np.arange(6) * (step + 1) % 10
        cost, _, gradients = GRADIENTS["as_posted"](model, images, tf.constant(labels))
        optimizer.apply(gradients, tf.constant(RATE, tf.float64))
        expected_cost, expected = transcribed_gradients(weights, images.numpy(), labels)
        transcribed_amsgrad(weights, expected, state)
        np.testing.assert_allclose(cost, expected_cost, rtol=1e-10)
        for (name, w), gradient in zip(model.parameters.items(), gradients, strict=True):
            assert deviation(gradient, expected[name]) < 1e-10, (step, name)
            assert deviation(w, weights[name]) < 1e-10, (step, name)


def deviation(found, expected):
    """Return the largest difference relative to the largest number."""
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_the_authors_gradients_are_not_the_right_ones_times_a_number():
    """Twice the slope for positive inputs alone bends the gradient of every layer but the last."""
    images, labels = random(6, 32, 32, 3), tf.range(6, dtype=tf.int64)
    right, wrong = (
        GRADIENTS[kind](Model(config("a", training__gradients=kind), tf.float64), images, labels)[2]
        for kind in ("manual", "as_posted")
    )
    norm = np.linalg.norm
    cosines = [np.sum(a * b) / norm(a) / norm(b) for a, b in zip(right, wrong, strict=True)]
    assert max(cosines[:-1]) < 0.999
