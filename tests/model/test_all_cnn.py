"""The whole network: its table, and ten training steps by hand against ten automatic ones."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers import config, random
from marks import all_but, thorough

from bnstudy.backend import xla
from bnstudy.manual import network, softmax_cross_entropy
from bnstudy.model.all_cnn import Model
from bnstudy.model.gradients import GRADIENTS
from bnstudy.model.layers import Context
from bnstudy.runner.optimizers import Optimizer

SHAPE = (12, 8, 3)  # both sides can be halved twice
BATCH = tf.TensorSpec([None, *SHAPE], tf.float64), tf.TensorSpec([None], tf.int64)
VARIATIONS = [
    ("none", "channel", "before_pool"),  # without batch norm there is one network
    *itertools.product(
        ["keras", "custom"], ["channel", "activation"], ["before_pool", "after_conv"]
    ),
]


def make_model(batch_norm, axes="channel", placement="before_pool", **more):
    changes = {"model__batch_norm": batch_norm, "bn__axes": axes, "bn__placement": placement}
    return Model(config(**changes, **more), tf.float64, image_shape=SHAPE)


def batch(number, count=5):
    labels = np.random.default_rng(number).integers(0, 10, count)
    return random(count, *SHAPE, seed=number), tf.constant(labels)


def train(gradients, model, steps=10):
    """Return the losses of consecutive steps with AMSGrad."""
    optimizer = Optimizer(config(optimizer__learning_rate=3e-3).optimizer, model.parameters)

    @tf.function(input_signature=BATCH, autograph=False)
    def step(images, labels):
        cost, _, dparameters = GRADIENTS[gradients](model, images, labels)
        optimizer.apply(dparameters, tf.constant(3e-3, tf.float64))
        return cost

    return [float(step(*batch(number))) for number in range(steps)]


@functools.cache
def ten_steps(gradients, *variation):
    """Return the losses of ten steps of a network, which several tests compare."""
    return train(gradients, make_model(*variation))


@pytest.mark.parametrize(
    ("batch_norm", "axes", "placement"),
    all_but(
        [VARIATIONS[0], *((kind, "channel", "before_pool") for kind in ("keras", "custom"))],
        VARIATIONS,
    ),
)
def test_ten_steps_by_hand_equal_ten_automatic_steps(batch_norm, axes, placement):
    manual = ten_steps("manual", batch_norm, axes, placement)
    automatic = ten_steps("autodiff", batch_norm, axes, placement)
    assert len(set(manual)) == 10
    np.testing.assert_allclose(manual, automatic, rtol=1e-10)


@pytest.mark.thorough
@pytest.mark.compiled
@pytest.mark.parametrize(("gradients", "axes"), [("manual", "channel"), ("autodiff", "activation")])
def test_compiled_by_xla_a_network_computes_the_same(monkeypatch, gradients, axes):
    """After every convolution: in tests/gradient_check/test_network.py."""
    fast = train(gradients, make_model("custom", axes), steps=3)
    monkeypatch.setattr(xla, "enabled", False)
    plain = train(gradients, make_model("custom", axes), steps=3)
    np.testing.assert_allclose(fast, plain, rtol=1e-11)


@pytest.mark.thorough
@pytest.mark.compiled
@pytest.mark.parametrize(("precision", "tolerance"), [(tf.float32, 1e-4), (tf.bfloat16, 1e-2)])
def test_compiled_by_xla_the_precisions_that_train_compute_the_same(
    monkeypatch, precision, tolerance
):
    images, labels = batch(1)

    def gradients():
        model = Model(config(), tf.float32, precision, image_shape=SHAPE)
        return tf.function(lambda: GRADIENTS["manual"](model, images, labels)[2])()

    fast = gradients()
    monkeypatch.setattr(xla, "enabled", False)
    for one, other in zip(fast, gradients(), strict=True):
        assert np.abs(one - other).max() < tolerance * np.abs(other).max()


@pytest.mark.parametrize(
    ("axes", "placement"), [("channel", "before_pool"), *thorough(("activation", "after_conv"))]
)
def test_the_frameworks_batch_norm_and_ours_train_alike(axes, placement):
    ours = ten_steps("manual", "custom", axes, placement)
    theirs = ten_steps("autodiff", "keras", axes, placement)
    np.testing.assert_allclose(ours[:5], theirs[:5], rtol=1e-8)


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables.values())


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({"model__batch_norm": "none"}, 1_617_312),
        ({"model__batch_norm": "custom"}, 1_617_312 + 768),
        ({"model__batch_norm": "keras"}, 1_617_312 + 768),
        ({"bn__center": False}, 1_617_312 + 384),
        ({"bn__placement": "after_conv"}, 1_617_312 + 2 * (2 * 96 + 6 * 192 + 10)),
        ({"bn__placement": "after_hidden_conv"}, 1_617_312 + 2 * (2 * 96 + 6 * 192)),
        ({"bn__axes": "activation", "bn__center": False}, 1_617_312 + 192 * (32**2 + 16**2)),
    ],
)
def test_number_of_parameters_at_full_width(changes, parameters):
    assert count(Model(config(**{"model__width": 1.0, **changes})).parameters) == parameters


def test_layers_in_order():
    names = " ".join(layer.name for layer in make_model("custom").layers)
    assert names == (
        "conv1 elu1 conv2 elu2 conv3 elu3 bn3 pool3 conv4 elu4 conv5 elu5 conv6 elu6 bn6 pool6 "
        "conv7 elu7 conv8 elu8 conv9 elu9 logits"
    )
    names = " ".join(layer.name for layer in make_model("keras", placement="after_conv").layers)
    assert names.startswith("conv1 bn1 elu1 conv2 bn2 elu2 conv3 bn3 elu3 pool3 conv4")
    assert names.count("bn") == 9
    assert names.endswith("conv9 bn9 elu9 logits")
    hidden = make_model("keras", placement="after_hidden_conv").layers
    assert " ".join(layer.name for layer in hidden) == names.replace(" bn9", "")


@pytest.mark.parametrize("width", [1.0, 0.25])
def test_initial_weights_keep_the_scale_of_the_signal_at_any_width(width):
    model = Model(config("a", model__width=width))
    for number in range(1, 10):
        w = model.parameters[f"conv{number}/w"].numpy()
        expected = 0.05 if number == 1 else 0.05 / np.sqrt(width)
        assert abs(w.std() / expected - 1) < 5 / np.sqrt(2 * w.size)
        assert abs(w.mean()) < 5 * expected / np.sqrt(w.size)


def test_all_cases_start_from_the_same_weights_and_no_two_layers_from_the_same_numbers():
    cases = [Model(config(case)).parameters for case in "abc"]
    for number in range(1, 10):
        for other in cases[1:]:
            np.testing.assert_array_equal(cases[0][f"conv{number}/w"], other[f"conv{number}/w"])
    drawn = [cases[0][f"conv{number}/w"].numpy().ravel()[:27] for number in range(1, 10)]
    scaled = np.round([w / np.abs(w).max() for w in drawn], 4)
    assert len({tuple(w) for w in scaled}) == 9


def test_a_seed_determines_the_initial_weights():
    def weights(seed):
        return Model(config(seed=seed)).parameters["conv2/w"].numpy()

    np.testing.assert_array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))


def test_every_parameter_has_a_gradient_and_no_gradient_is_zero():
    model = make_model("custom", placement="after_conv")
    _, _, gradients = GRADIENTS["manual"](model, *batch(1))
    assert len(gradients) == len(model.parameters) == 9 * 3
    for (name, parameter), gradient in zip(model.parameters.items(), gradients, strict=True):
        assert gradient.shape == parameter.shape, name
        assert np.abs(gradient).max() > 1e-9, name


def test_the_networks_gradient_equals_central_differences():
    """In random directions, one parameter at a time; independent of any derivative code."""
    model = make_model("custom")
    images, labels = batch(2)
    _, _, gradients = GRADIENTS["manual"](model, images, labels)

    def cost():
        logits, _ = model.forward(images, training=True)
        return float(softmax_cross_entropy.forward(logits, labels)[0])

    for number, (name, w) in enumerate(model.parameters.items()):
        start, direction = w.numpy(), random(*w.shape, seed=number)
        step = 1e-5 / np.sqrt(w.numpy().size)
        above = (w.assign(start + step * direction), cost())[1]
        below = (w.assign(start - step * direction), cost())[1]
        w.assign(start)
        slope = float(tf.reduce_sum(gradients[number] * direction))
        assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-5, abs=1e-8), name


def test_bfloat16_computes_low_and_keeps_full_precision():
    model = Model(config(), tf.float32, tf.bfloat16, image_shape=SHAPE)
    images, labels = batch(1)
    cost, logits, gradients = GRADIENTS["manual"](model, images, labels)
    assert logits.dtype == cost.dtype == tf.float32
    assert {g.dtype for g in gradients} == {w.dtype for w in model.parameters.values()}
    full = GRADIENTS["manual"](Model(config(), tf.float32, image_shape=SHAPE), images, labels)
    assert float(cost) == pytest.approx(float(full[0]), rel=0.05)
    assert float(cost) != float(full[0])
    for low, high in zip(gradients, full[2], strict=True):
        cosine = np.sum(low * high) / np.linalg.norm(low) / np.linalg.norm(high)
        assert cosine > 0.95


@pytest.mark.parametrize("batch_norm", ["none", "custom", "keras"])
def test_walking_back_through_the_layers_gives_the_gradient_of_every_layers_input(batch_norm):
    model = make_model(batch_norm)
    images, labels = batch(3)
    inputs, caches, x = [], [], images
    with tf.GradientTape() as tape:
        tape.watch(images)
        for layer in model.layers:
            tape.watch(x)
            inputs.append(x)
            x, cache = layer.forward(x, Context(training=True))
            caches.append(cache)
        cost, cost_cache = softmax_cross_entropy.forward(x, labels)
    automatic = tape.gradient(cost, inputs)
    dlogits = softmax_cross_entropy.backward(1.0, cost_cache)
    walk = list(network.walk_back(model.layers, dlogits, caches))
    assert len(walk) == len(model.layers)
    for (dx, dparameters), expected, layer in zip(
        walk, reversed(automatic), reversed(model.layers), strict=True
    ):
        assert np.abs(expected).max() > 1e-9, layer.name
        scale = np.abs(expected).max()
        np.testing.assert_allclose(dx, expected, rtol=1e-8, atol=1e-10 * scale, err_msg=layer.name)
        assert [d.shape for d in dparameters] == [w.shape for w in layer.parameters.values()]


def test_assign_sets_every_parameter_and_statistic():
    source, model = make_model("custom"), make_model("custom", seed=1)
    source.forward(batch(1)[0], training=True)
    variables = {**source.parameters, **source.statistics}
    model.assign({name: v.numpy() for name, v in variables.items()} | {"other": np.zeros(3)})
    images, _ = batch(2)
    np.testing.assert_array_equal(
        model.forward(images, training=False)[0], source.forward(images, training=False)[0]
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("conv3/w", None, "conv3/w is missing"),
        ("bn6/updates", None, "bn6/updates is missing"),
        ("conv9/w", np.zeros([1, 1, 2, 10]), r"conv9/w has shape \[1, 1, 2, 10\], must have"),
        ("bn3/gamma", np.zeros([1]), r"bn3/gamma has shape \[1\], must have"),
    ],
)
def test_assign_refuses_what_does_not_fit_and_then_changes_nothing(name, value, message):
    model = make_model("custom")
    variables = {**model.parameters, **model.statistics}
    before = {key: variable.numpy() for key, variable in variables.items()}
    arrays = {key: array + 1 for key, array in before.items() if key != name}
    if value is not None:
        arrays[name] = value
    with pytest.raises(ValueError, match=message) as caught:
        model.assign(arrays)
    assert "\n" not in str(caught.value)
    for key, variable in variables.items():
        np.testing.assert_array_equal(variable, before[key])


@pytest.mark.parametrize("precision", [tf.float32, tf.bfloat16])
@pytest.mark.parametrize("batch_norm", ["none", "keras", "custom"])
def test_both_gradients_agree_in_the_precisions_that_train(batch_norm, precision):
    def gradients(kind):
        configured = config(model__batch_norm=batch_norm)
        model = Model(configured, tf.float32, precision, image_shape=SHAPE)
        return GRADIENTS[kind](model, *batch(1))[2]

    for hand, auto in zip(gradients("manual"), gradients("autodiff"), strict=True):
        scale = np.abs(auto).max()
        tolerance = 1e-4 if precision == tf.float32 else 0.05
        assert np.abs(hand - auto).max() < tolerance * scale
