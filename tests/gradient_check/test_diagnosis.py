"""Every injected mistake is located and named."""

import numpy as np
import pytest
import tensorflow as tf
from gradient_mistakes import MISTAKES, change, replace
from helpers import config
from marks import thorough

from bnstudy.gradient_check import diagnosis, network
from bnstudy.gradient_check.diagnosis import UNKNOWN, Finding, diagnose, joined
from bnstudy.manual import batch_norm, conv2d, elu
from bnstudy.manual.sums import align


def findings(training=True, compiled=False, **changes):
    """Diagnose a network; the compiled step, most of the work, only if it is of interest."""
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            patch.setattr(network.opinions, "compiled", lambda setting: {})
        return diagnose(network.certify(config(**changes), directions=1, training=training))


def kind(layer):
    return layer.rstrip("0123456789")


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_by_hand_is_located_and_named(name, monkeypatch):
    damage_it, layers, tensor, mistake = MISTAKES[name]
    damage_it(monkeypatch)
    found = findings()
    assert {(kind(row.layer), row.tensor, row.alone) for row in found} == {
        (layers, tensor, "by hand")
    }
    if name == "dw transposed":  # where channels are equal, its shape is right
        assert {row.mistake for row in found if not row.mistake.startswith(mistake)} == {
            "input and output channels are swapped"
        }
    else:
        assert [row.mistake for row in found if mistake not in row.mistake] == []


@pytest.mark.parametrize(
    "name", ["mean term missing", *thorough("gamma forgotten", "Bessel", "sums for means")]
)
@pytest.mark.parametrize("batch_norm_kind", [*thorough("keras"), "custom"])
def test_with_statistics_per_activation_too(name, batch_norm_kind, monkeypatch):
    damage_it, _, _, mistake = MISTAKES[name]
    damage_it(monkeypatch)
    changes = {"model__batch_norm": batch_norm_kind, "bn__placement": "after_conv"}
    found = findings(bn__axes="activation", **changes)
    assert len(found) == 9
    assert [row.mistake for row in found if mistake not in row.mistake] == []


def test_nothing_is_wrong_with_the_right_gradients():
    assert findings(compiled=True) == []


def test_the_authors_three_errors():
    assert [
        (name, row.tensor, row.mistake)
        for name, row in joined(findings(compiled=True, training__gradients="as_posted"))
    ] == [
        ("cost", "dx", "not divided by the 5 images of the batch (a factor of 5)"),
        ("logits", "dx", "not divided by the 6 pixels of an image (a factor of 6)"),
        ("elu9 ... elu1 (9 layers)", "dx", "for x > 0 the slope is 2, not 1"),
        ("pool6, pool3", "dx", "not divided by the 4 pixels of a block (a factor of 4)"),
    ]


def test_moving_statistics_in_training(monkeypatch):
    model = {}
    right_backward = batch_norm.backward
    from bnstudy.model.batch_norm import BatchNorm

    forward = BatchNorm._forward_training

    def remember(self, x, context):
        moving = self.moving_mean.numpy(), self.moving_variance.numpy()
        y, cache = forward(self, x, context)
        model[x.shape[1]] = moving
        return y, cache

    def backward(dy, cache):
        _, variance = model[cache.x.shape[1]]
        r = 1 / np.sqrt(variance + 1e-3)
        return r * align(cache.gamma, cache.mean.shape) * dy, *right_backward(dy, cache)[1:]

    monkeypatch.setattr(BatchNorm, "_forward_training", remember)
    monkeypatch.setattr(batch_norm, "backward", backward)
    found = findings()
    assert {row.mistake for row in found} == {"moving statistics in training, treated as constants"}


def test_the_backward_pass_of_training_in_inference(monkeypatch):
    monkeypatch.setattr(batch_norm, "inference_backward", batch_norm.backward)
    found = findings(training=False)
    assert [(row.layer, row.tensor) for row in found] == [("bn6", "dx"), ("bn3", "dx")]
    assert all("the backward pass of training" in row.mistake for row in found)


def epsilon_outside(x, gamma, beta, axes, epsilon):
    """A wrong forward pass; the hand-written backward pass that belongs to it is wrong, too."""
    x, gamma, beta = map(tf.convert_to_tensor, (x, gamma, beta))
    mean = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean((x - mean) ** 2, axes, keepdims=True)
    r = 1 / (tf.sqrt(variance) + epsilon)
    return gamma * (x - mean) * r + beta, batch_norm.Cache(x, mean, r, gamma, variance)


def test_epsilon_outside_the_root_in_both_passes_is_a_wrong_forward(monkeypatch):
    monkeypatch.setattr(batch_norm, "forward", epsilon_outside)
    found = findings()
    assert [tuple(row) for row in found[:2]] == [
        ("bn6", "y", None, "epsilon is outside the root"),
        ("bn3", "y", None, "epsilon is outside the root"),
    ]
    assert all("forward values are wrong" in row.mistake for row in found[2:])
    assert {row.layer for row in found} == {"bn6", "bn3"}


def test_a_wrong_automatic_gradient_is_named_as_such(monkeypatch):
    @tf.custom_gradient
    def twice(x):
        return tf.nn.elu(x), lambda dy: 2 * dy * (tf.minimum(tf.nn.elu(x), 0) + 1)

    monkeypatch.setattr(elu, "forward", lambda x: (twice(x), tf.nn.elu(x)))
    found = findings()
    assert {(kind(row.layer), row.alone) for row in found} == {("elu", "automatic")}
    assert {row.mistake for row in found} == {
        "for x > 0 the slope is 2, not 1 and for x <= 0 the slope is 2 exp(x), not exp(x)"
    }


def test_a_gradient_that_automatic_differentiation_does_not_see_is_zero(monkeypatch):
    right = conv2d.forward
    monkeypatch.setattr(conv2d, "forward", lambda x, w: right(x, tf.stop_gradient(w)))
    found = findings()
    assert {(kind(row.layer), row.tensor, row.alone) for row in found} == {
        ("conv", "w", "automatic")
    }
    assert {row.mistake for row in found} == {"it is zero"}


def test_a_mistake_without_a_name_is_located_all_the_same(monkeypatch):
    change(conv2d, 0, lambda dx, dy, cache: tf.sin(dx))(monkeypatch)
    found = findings()
    assert {(kind(row.layer), row.tensor) for row in found} == {("conv", "dx")}
    assert {row.mistake for row in found} == {UNKNOWN}


def test_a_step_that_only_the_compiler_gets_wrong(monkeypatch):
    replace(elu=lambda dy, y: elu.backward(dy, y) * (1 if tf.executing_eagerly() else 1.001))(
        monkeypatch
    )
    found = findings(compiled=True)
    assert {row.alone for row in found} == {"compiled step"}
    assert found[0].layer == "conv9"


def test_what_is_the_same_in_several_layers_is_joined():
    rows = [Finding(f"elu{n}", "dx", "by hand", "a") for n in range(4, 0, -1)]
    rows += [Finding("pool6", "dx", "by hand", "a"), Finding("elu1", "dx", "by hand", "b")]
    assert [(name, row.mistake) for name, row in joined(rows)] == [
        ("elu4 ... elu1 (4 layers)", "a"),
        ("pool6", "a"),
        ("elu1", "b"),
    ]
    assert diagnosis.joined([]) == []


@pytest.mark.parametrize(
    ("update", "mistake"),
    [
        (lambda moving, batch, momentum: moving, "it is not updated"),
        (
            lambda moving, batch, momentum: (1 - momentum) * moving + momentum * batch,
            "momentum and 1 - momentum are swapped",
        ),
        (lambda moving, batch, momentum: 0.5 * (moving + batch), UNKNOWN),
    ],
)
def test_what_moves_moving_statistics_wrongly(update, mistake, monkeypatch):
    monkeypatch.setattr(batch_norm, "update_moving", update)
    assert [tuple(row) for row in findings()] == [
        (layer, name, None, mistake)
        for layer in ("bn6", "bn3")
        for name in ("moving_variance", "moving_mean")
    ]


def test_moving_statistics_that_only_the_compiled_step_moves_wrongly(monkeypatch):
    right = batch_norm.update_moving

    def update(moving, batch, momentum):
        return right(moving, batch, momentum if tf.executing_eagerly() else 0.5)

    monkeypatch.setattr(batch_norm, "update_moving", update)
    found = findings(compiled=True)
    assert {row.alone for row in found} == {"compiled step"}
    assert len(found) == 4


def test_statistics_that_inference_moves(monkeypatch):
    from bnstudy.model.batch_norm import BatchNorm

    right = BatchNorm._forward_inference

    def forward(self, x):
        self.updates.assign_add(1)
        return right(self, x)

    monkeypatch.setattr(BatchNorm, "_forward_inference", forward)
    assert [tuple(row) for row in findings(training=False)] == [
        (layer, "updates", None, "it is updated in inference") for layer in ("bn6", "bn3")
    ]
