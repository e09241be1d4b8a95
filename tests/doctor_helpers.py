"""Small Keras models, healthy and sick, trained in a second or two on digits of 8x8 pixels."""

import functools

import keras
import numpy as np
from keras import layers as L

from bnstudy.data import digits

CLASSES = 10


@functools.cache
def data():
    """Return training images and labels, and others; images are [N, 8, 8, 1], from 0 to 1."""
    x, y, others, labels = digits.load()

    def small(images):
        grey = images[..., 0].astype("float32") / 255
        return grey.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))[..., None]

    return small(x), y, small(others), labels


def fit(model, seed=0, batch_size=32, epochs=4, images=None, labels=None, rate=3e-3):
    """Train a model on the digits; the same seed gives the same model."""
    x, y, _, _ = data()
    x, y = (x, y) if images is None else (images, labels)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        at = order.permutation(len(x))
        for start in range(0, len(x) - batch_size + 1, batch_size):
            batch = at[start : start + batch_size]
            model.train_on_batch(x[batch], y[batch])
    return model


def cnn(width=8, seed=0, before=None, **bn):
    """Convolution, batch norm, ReLU, three times."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((8, 8, 1))])
    for number in range(3):
        model.add(L.Conv2D(width * 2**number, 3, padding="same", use_bias=False))
        if before is not None:
            model.add(before(number))
        model.add(L.BatchNormalization(name=f"bn{number + 1}", **bn))
        model.add(L.ReLU())
        if number:
            model.add(L.MaxPooling2D())
    model.add(L.GlobalAveragePooling2D())
    model.add(L.Dense(CLASSES, activation="softmax"))
    return model


def mlp(width=32, seed=0, depth=2, use_bias=False, **bn):
    """Dense, batch norm, ReLU."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((8, 8, 1)), L.Flatten()])
    for number in range(depth):
        model.add(L.Dense(width, use_bias=use_bias))
        model.add(L.BatchNormalization(name=f"bn{number + 1}", **bn))
        model.add(L.ReLU())
    model.add(L.Dense(CLASSES, activation="softmax"))
    return model


def resnet(width=8, seed=0, blocks=3, **bn):
    """A functional model with branches."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((8, 8, 1))
    x = L.Conv2D(width, 3, padding="same", use_bias=False)(images)
    for number in range(blocks):
        y = L.ReLU()(L.BatchNormalization(name=f"bn{number + 1}a", **bn)(x))
        y = L.Conv2D(width, 3, padding="same", use_bias=False)(y)
        y = L.ReLU()(L.BatchNormalization(name=f"bn{number + 1}b", **bn)(y))
        y = L.Conv2D(width, 3, padding="same", use_bias=False)(y)
        x = L.Add()([x, y])
    x = L.ReLU()(L.BatchNormalization(name="bn_last", **bn)(x))
    x = L.Dense(CLASSES, activation="softmax")(L.GlobalAveragePooling2D()(x))
    return keras.Model(images, x)
