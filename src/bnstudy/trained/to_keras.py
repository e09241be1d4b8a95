"""A trained network as a Keras model of Keras's own layers, which loads without bnstudy."""

import tempfile
from pathlib import Path

import keras

from bnstudy.config.schema import BatchNormConfig
from bnstudy.data.dataset import IMAGE_SHAPE
from bnstudy.errors import UserError
from bnstudy.model.layers import ELU, AveragePool, Conv2D, GlobalAveragePool
from bnstudy.trained.network import TrainedNetwork

FLOAT32 = "float32"  # whatever the user's own default is


def as_bytes(network: TrainedNetwork) -> bytes:
    """Return the content of a .keras file; see `keras_model`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.keras")
        keras_model(network).save(path)
        return path.read_bytes()


def keras_model(network: TrainedNetwork) -> keras.Model:
    """Return the network as a Keras model: images [N, 32, 32, 3] of 0 to 255 in, probabilities out.

    Raises:
        UserError: it has a layer that cannot be made of Keras's.

    """
    images = x = keras.Input(IMAGE_SHAPE, dtype=FLOAT32, name="images")
    x = _standardization(network)(x)
    for layer in network.layers:
        x = _add(layer, network.run.config.bn, x)
    x = keras.layers.Softmax(dtype=FLOAT32, name="probabilities")(x)
    return keras.Model(images, x, name="all_cnn")


def _standardization(network: TrainedNetwork) -> keras.layers.Layer:
    mean, stddev = vars(network.standardization).values()
    return keras.layers.Normalization(
        axis=-1 if mean.ndim == 1 else (1, 2, 3),
        mean=mean,
        variance=stddev.astype("float64") ** 2,
        dtype=FLOAT32,
        name="standardization",
    )


def _add(layer, config: BatchNormConfig, x):
    """Apply Keras's counterpart of a layer, with its weights."""
    named = {"name": layer.name, "dtype": FLOAT32}
    image = {**named, "data_format": "channels_last"}  # whatever the user's own default is, too
    if isinstance(layer, Conv2D):
        *kernel, _, outputs = layer.w.shape
        conv = keras.layers.Conv2D(outputs, kernel, padding="same", use_bias=False, **image)
        return _with_weights(conv, x, [layer.w.numpy()])
    if isinstance(layer, ELU):
        return keras.layers.ELU(**named)(x)
    if isinstance(layer, AveragePool):
        return keras.layers.AveragePooling2D(2, **image)(x)
    if isinstance(layer, GlobalAveragePool):
        return keras.layers.GlobalAveragePooling2D(**image)(x)
    if not hasattr(layer, "for_inference"):
        raise UserError(f"{layer.name}: Keras has no layer for a {type(layer).__name__}")
    return _add_batch_norm(layer, config, x, named)


def _add_batch_norm(layer, config: BatchNormConfig, x, named):
    """Apply batch norm; per activation, to the image as a vector: Keras knows one axis only."""
    gamma, beta, mean, variance = layer.for_inference()
    norm = keras.layers.BatchNormalization(
        momentum=config.momentum,
        epsilon=config.epsilon,
        scale=config.scale,
        center=config.center,
        **named,
    )
    learned = [gamma] * config.scale + [beta] * config.center
    arrays = [array.numpy().reshape(-1) for array in (*learned, mean, variance)]
    if mean.shape.rank == 1:
        return _with_weights(norm, x, arrays)
    flat = keras.layers.Reshape([arrays[0].size], dtype=FLOAT32, name=f"{layer.name}_flat")(x)
    y = _with_weights(norm, flat, arrays)
    return keras.layers.Reshape(mean.shape, dtype=FLOAT32, name=f"{layer.name}_image")(y)


def _with_weights(layer, x, arrays):
    y = layer(x)  # only now it has weights
    layer.set_weights(arrays)
    return y
