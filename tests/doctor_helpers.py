"""Small Keras models, healthy and sick, each trained in a second or two on digits of 8x8 pixels.

They are judged on images that they have not seen. The sick ones do what others' models did, and say
whose. Where training would not add to the point, a trained model is changed instead.
"""

import functools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers as L

from bnstudy.data import digits

CLASSES = 10


class Patient(NamedTuple):
    model: Any
    images: np.ndarray
    labels: np.ndarray | None


@functools.cache
def data():
    """Return training images and labels, and others; images are [N, 8, 8, 1], from 0 to 1."""
    x, y, others, labels = digits.load()

    def small(images):
        grey = images[..., 0].astype("float32") / 255
        return grey.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))[..., None]

    return small(x), y.astype(int), small(others), labels.astype(int)


def fit(model, batch_size=32, steps=270, change=None, rate=3e-3):
    """Train a model on the digits, perhaps on changed images."""
    x, y, _, _ = data()
    x = x if change is None else change(x)
    at = np.concatenate([np.random.default_rng(s).permutation(len(x)) for s in range(12)])
    at = at[: steps * batch_size]
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    model.fit(x[at], y[at], batch_size, shuffle=False, verbose=0)
    return model


def patient(model, change=None, labels=True):
    """Return a model with the held-out images."""
    _, _, x, y = data()
    return Patient(model, x if change is None else change(x), y if labels else None)


def cnn(width=8, seed=0, axis=-1, **bn):
    """Convolution, batch norm, ReLU, three times."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((8, 8, 1))])
    for number in range(3):
        model.add(L.Conv2D(width * 2**number, 3, padding="same", use_bias=False))
        model.add(L.BatchNormalization(axis=axis, name=f"bn{number + 1}", **bn))
        model.add(L.ReLU())
        if number:
            model.add(L.MaxPooling2D())
    model.add(L.GlobalAveragePooling2D())
    model.add(L.Dense(CLASSES, activation="softmax"))
    return model


def mlp(width=32, seed=0, use_bias=False, activation=None, before=None, after=None, **bn):
    """Flatten, then dense, batch norm, ReLU, twice."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten()])
    for number in (1, 2):
        if before is not None:
            model.add(before(name=f"before{number}"))
        model.add(L.Dense(width, activation, use_bias, name=f"dense{number}"))
        model.add(L.BatchNormalization(name=f"bn{number}", **bn))
        model.add(L.ReLU())
    if after is not None:
        model.add(after)
    model.add(L.Dense(CLASSES, activation="softmax"))
    return model


def resnet(width=4, seed=0, blocks=2, **bn):
    """A functional model with branches."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((8, 8, 1))
    x = L.Conv2D(width, 3, padding="same", use_bias=False)(images)
    for number in range(blocks):
        y = L.ReLU()(L.BatchNormalization(name=f"bn{number + 1}a", **bn)(x))
        y = L.Conv2D(width, 3, padding="same", use_bias=False)(y)
        y = L.ReLU()(L.BatchNormalization(name=f"bn{number + 1}b", **bn)(y))
        y = L.Conv2D(width, 3, padding="same", use_bias=False)(y)
        x = x + y
    x = L.ReLU()(L.BatchNormalization(name="bn_last", **bn)(x))
    x = L.Dense(CLASSES, activation="softmax")(L.GlobalAveragePooling2D()(x))
    return keras.Model(images, x)


FAST = {"momentum": 0.9}  # a memory that suits 270 steps


@functools.cache
def _trained_weights(build):
    return fit(build(**FAST)).get_weights()


def trained(build=mlp, **changes):
    """Return a model with a memory that suits its training; changes leave its weights alone."""
    model = build(**FAST, **changes)
    model.set_weights(_trained_weights(build))
    return model


def nested():
    """A trained network in two nested models."""
    layers = trained(cnn).layers
    first, second = keras.Sequential(layers[:4]), keras.Sequential(layers[4:])
    images = keras.Input((8, 8, 1))
    return keras.Model(images, second(first(images)))


def shared():
    """One batch norm at two places, for halves of an image that look alike."""
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 1))
    norm, dense = L.BatchNormalization(name="shared", **FAST), L.Dense(24, use_bias=False)
    halves = [L.Flatten()(images[:, :, :5]), L.Flatten()(images[:, :, :2:-1])]
    both = L.Concatenate()([L.ReLU()(norm(dense(half))) for half in halves])
    return fit(keras.Model(images, L.Dense(CLASSES, activation="softmax")(both)))


def invert(images):
    return 1 - images


def frozen_base():
    """A network trained on digits, of which all but the last layer is frozen, for inverted ones."""
    model = trained()
    for layer in model.layers[:-1]:
        layer.trainable = False
    return fit(model, change=invert, steps=150, rate=1e-2)


def mixed(policy):
    """A trained network in mixed precision."""
    keras.config.set_dtype_policy(policy)
    try:
        return trained(cnn)
    finally:
        keras.config.set_dtype_policy("float32")


def even_or_odd():
    """Two classes, and one output that scores the second."""
    model = trained()
    one = L.Dense(1, activation="sigmoid", use_bias=False)
    outer = keras.Model(model.inputs[0], one(model.outputs[0]))
    one.kernel.assign(np.where(np.arange(CLASSES) % 2, 9.0, -9.0)[:, None])
    _, _, x, y = data()
    return Patient(outer, x, y % 2)


def two_outputs():
    model = trained()
    features = model.layers[-2].output
    return keras.Model(model.inputs[0], [model.outputs[0], L.Dense(3)(features)])


def channels_first():
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 1))
    x = L.Reshape((16, 4))(images)
    x = L.ReLU()(L.BatchNormalization(axis=1, name="bn1", **FAST)(x))
    x = L.Dense(8, use_bias=False)(x)
    x = L.ReLU()(L.BatchNormalization(axis=1, name="bn2", **FAST)(x))
    return fit(keras.Model(images, L.Dense(CLASSES, activation="softmax")(L.Flatten()(x))))


HEALTHY = {
    "cnn": lambda: patient(trained(cnn)),
    "cnn without labels": lambda: patient(trained(cnn), labels=False),
    "mlp": lambda: patient(trained()),
    "mlp of another seed and size, batches of 64": lambda: patient(fit(mlp(64, 1, **FAST), 64)),
    "mlp, batches of 8, without labels": lambda: patient(fit(mlp(**FAST), 8, 400), labels=False),
    "momentum 0.99, many steps": lambda: patient(fit(mlp(24, seed=2), 8, steps=2000)),
    "resnet": lambda: patient(fit(resnet(**FAST))),
    "nested": lambda: patient(nested()),
    "shared": lambda: patient(shared()),
    "synchronized": lambda: patient(trained(synchronized=True)),
    "renorm": lambda: patient(fit(mlp(**FAST, renorm=True, renorm_momentum=0.9))),
    "without scale and center": lambda: patient(fit(mlp(**FAST, scale=False, center=False))),
    "axis 1": lambda: patient(channels_first()),
    "mixed bfloat16": lambda: patient(mixed("mixed_bfloat16")),
    "mixed float16": lambda: patient(mixed("mixed_float16")),
    "dropout after the last": lambda: patient(trained(after=L.Dropout(0.5))),
    "two classes, one output": even_or_odd,
    "two outputs": lambda: patient(two_outputs(), labels=False),
    "frozen base": lambda: patient(frozen_base(), invert),
    "frozen base without labels": lambda: patient(frozen_base(), invert, labels=False),
}


def norms(model):
    return [layer for layer in model.layers if isinstance(layer, L.BatchNormalization)]


def with_statistics(model, mean=None, variance=None):
    """Change the moving statistics of all batch norms, by functions of what they are."""
    for layer in norms(model):
        for variable, change in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            if change is not None:
                variable.assign(change(variable.numpy()))
    return model


def spoil(value):
    """Return a function that changes the second channel of an array."""

    def spoiled(array):
        array = array.copy()
        array[1] = value
        return array

    return spoiled


def frozen(model, *names):
    for name in names:
        model.get_layer(name).trainable = False
    return model


def frozen_afterwards():
    """It was trained with the batches of new images; its statistics are those of the old ones."""
    model = trained()
    old = [(norm.moving_mean.numpy(), norm.moving_variance.numpy()) for norm in norms(model)]
    fit(model, change=invert, steps=150)
    for norm, (mean, variance) in zip(norms(model), old, strict=True):
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)
        norm.trainable = False
    return model


def training_inside(training=True):
    model = trained()
    x = images = keras.Input((8, 8, 1))
    for layer in model.layers:
        x = layer(x, training=training) if layer in norms(model) else layer(x)
    return keras.Model(images, x)


def precise(model, images):
    """Give a model the statistics of images, as training on them for long would."""
    from bnstudy.doctor.measure import measure

    for layer in measure(model, images, None).layers:
        layer.place.layer.moving_mean.assign(layer.data[0])
        layer.place.layer.moving_variance.assign(layer.data[1])
    return model


def tiny_images():
    return patient(precise(trained(), data()[0] / 255), lambda images: images / 255)


def dead_units():
    model = trained(use_bias=False, activation="relu")
    kernel = model.get_layer("dense1").kernel
    kernel.assign(np.where(np.arange(32) < 20, -np.abs(kernel), kernel))
    return precise(model, data()[0])


def no_gammas(model):
    for norm in norms(model):
        norm.gamma.assign(1e-3 * norm.gamma)
    return model


def dropout(rate):
    return lambda name: L.Dropout(rate, name=name)


# name: (the model, the findings and hints that it must lead to); first, whose model did that
SICK = {
    # tensorflow/tensorflow#11965, #16102; cbfinn/maml#9: the updates were not run
    "never updated": (
        lambda: patient(with_statistics(trained(), np.zeros_like, np.ones_like)),
        {"accuracy", "never_updated"},
    ),
    # tensorflow/tensorflow#1122, #10118: few steps, and a momentum of 0.99
    "few steps": (lambda: patient(fit(cnn(), steps=170)), {"accuracy", "long_memory"}),
    "few steps, without labels": (
        lambda: patient(fit(mlp(), steps=40), labels=False),
        {"outputs", "long_memory"},
    ),
    # affinelayer/pix2pix-tensorflow#126, r9y9/tacotron_pytorch#19, pytorch/vision#8250,
    # huggingface/transformers#19454, vlawhern/arl-eegmodels#39
    "PyTorch's momentum": (lambda: patient(fit(mlp(momentum=0.1), 8)), {"opposite_momentum"}),
    # facebookresearch/fvcore#7: the noise of small batches
    "momentum 0.5, batches of 4": (lambda: patient(fit(mlp(momentum=0.5), 4)), {"short_memory"}),
    # keras-team/keras#9646, tensorflow/tensorflow#18334
    "negative variance": (
        lambda: patient(with_statistics(trained(), None, spoil(-0.5))),
        {"accuracy", "non_finite"},
    ),
    # keras-team/keras#11927, #11858; keras-team/tf-keras#379; facebookresearch/SparseConvNet#190
    "nan": (
        lambda: patient(with_statistics(trained(), spoil(np.nan)), labels=False),
        {"outputs", "non_finite"},
    ),
    # keras-team/keras#9003, #9214, #9965: frozen layers that used the statistics of each batch
    "frozen, of other data": (
        lambda: patient(frozen_afterwards(), invert),
        {"accuracy", "frozen_elsewhere"},
    ),
    "frozen before training": (
        lambda: patient(frozen(mlp(), "bn1", "bn2")),
        {"frozen_early"},
    ),
    # keras-team/keras#4762, #6570: the weights were frozen, the statistics moved on
    "batch norm trains alone": (
        lambda: patient(frozen(trained(), "dense1", "dense2")),
        {"thawed"},
    ),
    # broadinstitute/keras-resnet#46, tensorflow/tfjs#562, keras-team/keras#3085
    "training=True inside": (lambda: patient(training_inside()), {"always_training"}),
    # keras-team/keras#20285, tensorflow/models#9538: fit overrides what the model says
    "training=False inside": (lambda: patient(training_inside(False)), {"overridden"}),
    # jfzhang95/pytorch-deeplab-xception#143, facebookresearch/SparseConvNet#190
    "batches of one": (lambda: patient(fit(cnn(**FAST), 1, 900)), {"needs_itself"}),
    "batches of two": (lambda: patient(fit(mlp(**FAST), 2, 400)), {"small_batch"}),
    # YimianDai/open-aff#15, zhanghang1989/ResNeSt#46, #161: one value for each channel
    "one value": (lambda: patient(fit(mlp(**FAST), 1, 150)), {"one_value"}),
    # Li et al. 2018, arXiv 1801.05134; luigibonati/mlcolvar#205
    "dropout before": (lambda: patient(fit(mlp(**FAST, before=dropout(0.5)))), {"dropout"}),
    # keras-team/keras#12400: an image that was not standardized
    "images up to 255": (lambda: patient(trained(), lambda images: images * 255), {"far"}),
    "images divided by 255 twice": (tiny_images, {"epsilon"}),
    # keras-team/keras#6732: the axis of the other layout
    "axis 1 of channels last": (lambda: patient(cnn(**FAST, axis=1)), {"wrong_axis"}),
    "dead units": (lambda: patient(dead_units()), {"constant"}),
    # Eric-mingjie/rethinking-network-pruning#27: a penalty on gamma
    "no gammas": (lambda: patient(no_gammas(trained())), {"dead_gamma"}),
    # matterport/Mask_RCNN#1455, milesial/Pytorch-UNet#325
    "bias before": (lambda: patient(mlp(**FAST, use_bias=True)), {"bias"}),
}
