"""The certificate: right networks pass, and a wrong opinion is the one that is named."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers import config
from marks import all_but, thorough

from bnstudy.gradient_check import network, numpy_network, opinions
from bnstudy.gradient_check.network import Comparison, Derivative
from bnstudy.manual import batch_norm, conv2d, elu

NETWORKS = [
    ("none", "channel", "before_pool"),
    *itertools.product(
        ["keras", "custom"], ["channel", "activation"], ["before_pool", "after_conv"]
    ),
]
VARIATIONS = [
    {"bn__scale": False},
    {"bn__center": False},
    {"bn__scale": False, "bn__center": False, "bn__placement": "after_conv"},
    {"bn__epsilon": 1e-5, "bn__axes": "activation"},
    {"model__batch_norm": "keras", "bn__scale": False, "bn__axes": "activation"},
    {"model__batch_norm": "keras", "bn__center": False},
]


def certify(training=True, **changes):
    return network.certify(config(**changes), directions=1, training=training)


@pytest.fixture
def no_compiled_step(monkeypatch):
    """Leave the compiled step out, most of the work, where a mistake is in what it compiles."""
    monkeypatch.setattr(opinions, "compiled", lambda setting: {})


def worst(certificate):
    return max(row.difference for row in certificate.derivatives)


QUICK = [("none", "channel", "before_pool", True), ("keras", "channel", "before_pool", True)]
QUICK += [("custom", "channel", "before_pool", True), ("custom", "activation", "after_conv", False)]


@pytest.mark.parametrize(
    ("kind", "axes", "placement", "training"),
    all_but(QUICK, [(*network, training) for network in NETWORKS for training in (True, False)]),
)
def test_every_network_passes(kind, axes, placement, training):
    changes = {"model__batch_norm": kind, "bn__axes": axes, "bn__placement": placement}
    certificate = certify(training, **changes)
    assert certificate.passed
    assert worst(certificate) < 1e-12
    assert max(row.difference for row in certificate.forward) < 1e-13
    norms = [np.linalg.norm(gradient) for gradient in certificate.evidence.automatic.values()]
    assert min(norms) > 1e-6
    assert all(row.compiled is not None for row in certificate.derivatives if row.tensor != "dx")


@pytest.mark.parametrize("training", [True, *thorough(False)])
@pytest.mark.parametrize("changes", all_but(VARIATIONS[2:3], VARIATIONS))
def test_scale_center_and_epsilon(changes, training):
    certificate = certify(training, **changes)
    assert worst(certificate) < 1e-12
    tensors = {row.tensor for row in certificate.derivatives}
    assert ("gamma" in tensors) == changes.get("bn__scale", True)
    assert ("beta" in tensors) == changes.get("bn__center", True)


RELATIVES = {
    "ghosts": {"bn__virtual_batch_size": 2},
    "ghosts, activation": {"bn__virtual_batch_size": 5, "bn__axes": "activation"},
    "ghosts, everywhere": {"bn__virtual_batch_size": 5, "bn__placement": "after_hidden_conv"},
    "renorm": {"bn__renorm": True},
    "renorm, activation": {"bn__renorm": True, "bn__axes": "activation"},
    "renorm, everywhere": {"bn__renorm": True, "bn__placement": "after_conv"},
    "renorm, fixed": {"bn__renorm": True, "bn__scale": False, "bn__center": False},
    "noise": {"bn__noise": True},
    "noise alone": {"bn__noise": True, "model__batch_norm": "none"},
    "noise, activation": {"bn__noise": True, "bn__axes": "activation"},
    "noise and renorm": {"bn__noise": True, "bn__renorm": True},
}


@pytest.mark.parametrize("gradients", ["manual", *thorough("autodiff")])
@pytest.mark.parametrize("name", all_but(("ghosts", "noise and renorm"), RELATIVES))
def test_the_relatives_of_batch_norm_pass(name, gradients):
    changes = RELATIVES[name]
    certificate = certify(training__gradients=gradients, **changes)
    assert certificate.passed
    assert worst(certificate) < 1e-12
    assert all(row.compiled is not None for row in certificate.derivatives if row.tensor != "dx")
    moved = [max(row.eager, row.compiled) for row in certificate.statistics]
    layers = sum(layer.name.startswith("bn") for layer in certificate.setting.model.layers)
    assert len(moved) == layers * (6 if changes.get("bn__renorm") else 3)
    assert max(moved, default=0) < 1e-14


@pytest.mark.parametrize(
    "changes",
    [
        {"bn__renorm": True, "bn__debias": True, "bn__moving_variance_init": 4.0},
        *thorough(
            {"bn__virtual_batch_size": 2},
            {"bn__renorm": True},
            {"bn__renorm": True, "bn__axes": "activation", "bn__debias": True},
            {"bn__noise": True},
        ),
    ],
)
def test_the_relatives_of_batch_norm_pass_in_inference(changes):
    certificate = certify(training=False, **changes)
    assert certificate.passed
    assert worst(certificate) < 1e-12


@pytest.mark.compiled
@pytest.mark.thorough
@pytest.mark.parametrize("name", ["ghosts", "noise and renorm"])
def test_the_relatives_of_batch_norm_pass_compiled_by_xla(name):
    assert worst(certify(**RELATIVES[name])) < 1e-12


def test_there_are_two_ghost_batches_at_least():
    for size, images in ((1, 5), (2, 6), (5, 10), (10, 20)):
        changes = {"bn__virtual_batch_size": size, "data__augment": False}
        setting = opinions.make_setting(config(**changes), np.random.default_rng(0), True)
        assert len(setting.images) == len(setting.labels) == images


def test_some_corrections_are_clipped_and_some_are_not(no_compiled_step):
    """Otherwise the certificate of renormalization would be one of batch norm."""
    certificate = certify(bn__renorm=True)
    network = certificate.setting.network
    x = certificate.evidence.xs["bn3"]
    mean, variance = numpy_network.statistics("bn3", x, network)
    stddev = np.sqrt(variance + network.epsilon)
    r, d = numpy_network.correction("bn3", x, mean, stddev, network)
    for clipped in (r == 3, r == 1 / 3, np.abs(d) == 5):
        assert not clipped.all()
    assert ((r == 3) | (r == 1 / 3)).any()


@pytest.mark.parametrize("initial", [9.0, *thorough(0.0, 1.0)])
def test_corrected_moving_averages(initial):
    changes = {"bn__debias": True, "bn__moving_variance_init": initial}
    assert worst(certify(training=False, **changes)) < 1e-12
    plain = certify(training=False, bn__moving_variance_init=initial)
    assert worst(plain) < 1e-12


@pytest.mark.compiled
@pytest.mark.thorough
def test_compiled_by_xla_it_passes_too():
    assert worst(certify(bn__placement="after_conv")) < 1e-12


def test_the_order_is_that_of_the_backward_pass(no_compiled_step):
    names = [(row.layer, row.tensor) for row in certify().derivatives]
    assert names[:4] == [("cost", "dx"), ("logits", "dx"), ("elu9", "dx"), ("conv9", "w")]
    assert names[-2:] == [("conv1", "w"), ("conv1", "dx")]
    assert len(names) == len(set(names)) == 37


def test_the_seed_changes_everything_and_is_repeatable(no_compiled_step):
    one, same, other = (network.certify(config(), seed, 1) for seed in (1, 1, 2))
    for row, again, differs in zip(
        one.derivatives, same.derivatives, other.derivatives, strict=True
    ):
        np.testing.assert_array_equal(row.whole.values[1:], again.whole.values[1:])
        assert abs(row.whole.values[1] - differs.whole.values[1]).max() > 1e-6


@tf.custom_gradient
def elu_that_lies(x):
    return tf.nn.elu(x), lambda dy: 1.001 * dy * (tf.minimum(tf.nn.elu(x), 0) + 1)


def alone(certificate):
    return {row.alone for row in certificate.derivatives if not row.local.passed}


def wrong_by_themselves(certificate):
    return {(row.layer, row.tensor) for row in certificate.derivatives if not row.local.passed}


def test_a_wrong_automatic_gradient_is_alone(monkeypatch, no_compiled_step):
    monkeypatch.setattr(elu, "forward", lambda x: (elu_that_lies(x), tf.nn.elu(x)))
    certificate = certify()
    assert not certificate.passed
    assert alone(certificate) == {"automatic"}
    assert wrong_by_themselves(certificate) == {(f"elu{n}", "dx") for n in range(1, 10)}
    assert all(row.passed for row in certificate.forward)


def test_a_wrong_gradient_by_hand_is_alone_and_located(monkeypatch, no_compiled_step):
    right = conv2d.backward

    def backward(dy, cache):
        dx, dw = right(dy, cache)
        return dx, dw + 1e-6 * tf.reverse(dw, [0])

    monkeypatch.setattr(conv2d, "backward", backward)
    certificate = certify()
    assert alone(certificate) == {"by hand"}
    kernels = {(f"conv{n}", "w") for n in range(1, 10)}
    assert wrong_by_themselves(certificate) == kernels
    assert {(r.layer, r.tensor) for r in certificate.derivatives if not r.passed} == kernels


def test_what_passes_an_error_on_is_not_wrong_by_itself(monkeypatch, no_compiled_step):
    right = batch_norm.backward

    def backward(dy, cache):
        dx, *rest = right(dy, cache)
        return dx * 1.5 if cache.x.shape[1] == opinions.HEIGHT // 2 else dx, *rest

    monkeypatch.setattr(batch_norm, "backward", backward)
    certificate = certify()
    assert wrong_by_themselves(certificate) == {("bn6", "dx")}
    before = {row.layer for row in certificate.derivatives if not row.passed}
    assert {"elu6", "conv6", "conv1", "bn3"} <= before
    assert not {"cost", "conv7", "pool6"} & before


def test_a_wrong_forward_pass_is_a_forward_value_and_the_complex_step_is_alone(
    monkeypatch, no_compiled_step
):
    right = batch_norm.forward

    def forward(x, gamma, beta, axes, epsilon):
        return right(x, gamma, beta, axes, 2 * epsilon)

    monkeypatch.setattr(batch_norm, "forward", forward)
    certificate = certify()
    assert [row.layer for row in certificate.forward if not row.passed] == ["bn3", "bn6"]
    assert alone(certificate) == {"complex step"}


def test_a_wrong_compiled_step_is_alone(monkeypatch):
    right = elu.backward

    def backward(dy, cache):
        return right(dy, cache) * (1 if tf.executing_eagerly() else 1.001)

    from bnstudy.model import all_cnn

    monkeypatch.setattr(all_cnn, "RIGHT", all_cnn.RIGHT._replace(elu=backward))
    certificate = certify()
    wrong = [row for row in certificate.derivatives if not row.passed]
    assert {row.alone for row in wrong} == {"compiled step"}
    assert [row.layer for row in wrong if row.layer.startswith("conv")] == [
        f"conv{n}" for n in range(9, 0, -1)
    ]


def test_a_gradient_of_a_wrong_shape_leaves_the_rest_uncomputed(monkeypatch):
    right = conv2d.backward

    def backward(dy, cache):
        dx, dw = right(dy, cache)
        return (dx[:, 1:] if cache.w.shape[0] == 1 else dx), dw

    monkeypatch.setattr(conv2d, "backward", backward)
    certificate = certify()
    assert wrong_by_themselves(certificate) == {("conv9", "dx"), ("conv8", "dx")}
    by_name = {(row.layer, row.tensor): row for row in certificate.derivatives}
    assert by_name["conv9", "w"].passed
    assert np.isnan(by_name["conv1", "w"].difference)
    assert not by_name["conv1", "w"].passed


@pytest.mark.parametrize(
    ("hand", "automatic", "steps", "expected"),
    [
        (1.0, 1.0, 1.0, None),
        (2.0, 1.0, 1.0, "by hand"),
        (1.0, 2.0, 1.0, "automatic"),
        (1.0, 1.0, 2.0, "complex step"),
        (1.0, 2.0, 3.0, None),
        (np.nan, 1.0, 1.0, "by hand"),
    ],
)
def test_who_is_alone(hand, automatic, steps, expected):
    values = np.array([[hand] * 2, [automatic] * 2, [steps] * 2])
    comparison = Comparison(values, abs(hand - automatic))
    assert comparison.alone == expected
    assert comparison.passed == (hand == automatic == steps)


def test_an_error_that_is_orthogonal_to_the_directions_is_noticed():
    comparison = Comparison(np.ones((3, 2)), 1e-6)
    assert not comparison.passed
    assert not Derivative("conv1", "w", comparison, comparison, None).passed


@pytest.mark.parametrize("kind", [*thorough("keras"), "custom"])
@pytest.mark.parametrize("training", [True, *thorough(False)])
def test_moving_statistics_move_as_they_must(kind, training):
    certificate = certify(training, model__batch_norm=kind, bn__axes="activation")
    assert len(certificate.statistics) == (6 if kind == "custom" else 4)
    for row in certificate.statistics:
        assert max(row.eager, row.compiled) < 1e-14


def test_moving_statistics_that_stand_still_fail(monkeypatch):
    monkeypatch.setattr(batch_norm, "update_moving", lambda moving, batch, momentum: moving)
    certificate = certify()
    assert not certificate.passed
    assert all(row.passed for row in certificate.derivatives)
    wrong = {row.name for row in certificate.statistics if not row.passed}
    assert wrong == {"moving_mean", "moving_variance"}


def test_a_mistake_where_the_number_of_images_is_unknown_is_noticed(monkeypatch):
    right = batch_norm.backward

    def backward(dy, cache):
        dx, *rest = right(dy, cache)
        return dx * (1 if cache.x.shape[0] else 1.5), *rest

    monkeypatch.setattr(batch_norm, "backward", backward)
    certificate = certify()
    assert not certificate.passed
    assert all(row.local.passed for row in certificate.derivatives)
    assert {row.alone for row in certificate.derivatives if not row.passed} == {"compiled step"}


@tf.custom_gradient
def elu_that_breaks(x):
    return tf.nn.elu(x), lambda dy: dy / tf.zeros_like(x) * 0


def test_an_automatic_gradient_that_is_no_number_is_alone_and_located(
    monkeypatch, no_compiled_step
):
    right = elu.forward

    def forward(x):
        return (elu_that_breaks(x) if x.shape[1] == 12 else tf.nn.elu(x)), right(x)[1]

    monkeypatch.setattr(elu, "forward", forward)
    certificate = certify()
    assert wrong_by_themselves(certificate) == {("elu3", "dx")}
    wrong = [row for row in certificate.derivatives if not row.passed]
    assert {row.layer for row in wrong} == {"elu3", "conv3", "elu2", "conv2", "elu1", "conv1"}
    assert {row.alone for row in wrong} == {"automatic"}


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("error", [0.6e-9, 2e-9, 1e-3])
def test_who_is_alone_does_not_depend_on_the_size_of_the_error(which, error):
    """Along a direction, an error below the tolerance can show as one above it."""
    values = np.ones((3, 2))
    values[which] += 2 * error
    comparison = Comparison(values, 0.0 if which == 2 else error)
    assert comparison.alone == network.OPINIONS[which]


def test_nobody_is_alone_where_the_error_does_not_show_along_the_directions():
    for by_hand, steps in ((1.0, 1.0 + 1e-15), (1.0 + 1e-12, 1.0)):  # rounding, and no more
        values = np.array([[by_hand, 1.0], [1.0, 1.0], [steps, 1.0]])
        assert Comparison(values, 1e-6).alone is None
