"""Replace what the layers of a model do for a while; afterwards it is as it was."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras


def is_batch_norm(layer: Any) -> bool:
    """Return whether a layer is Keras's batch norm, or made from it."""
    return isinstance(layer, keras.layers.BatchNormalization)


def forward(model: keras.Model, images: Any, training: bool | None) -> list[Any]:
    """Return the outputs of a model, whether it takes its one input as it is or in a list."""
    if getattr(model, "inputs", None) and not isinstance(model, keras.Sequential):
        images = keras.tree.pack_sequence_as(model.input, [images])
    return list(keras.tree.flatten(model(images, training=training)))


@contextmanager
def replaced(
    model: keras.Model, layers: Iterable[Any], make: Callable[[Any, Any], Any]
) -> Iterator[None]:
    """Let make(layer, call) be what a layer computes, where `call` is what it did before."""
    changed: list[Any] = []
    try:
        with unchanged(model):
            for layer in layers:
                # Not by setattr, with which Keras would look for variables in it.
                layer.__dict__["call"] = make(layer, layer.call)
                changed.append(layer)
            yield
    finally:
        for layer in changed:
            del layer.__dict__["call"]


@contextmanager
def unchanged(model: keras.Model) -> Iterator[None]:
    """Restore whatever a forward pass changes: statistics, and the state of random generators."""
    trainable = {id(variable) for variable in model.trainable_variables}
    state = [variable for variable in model.variables if id(variable) not in trainable]
    values = [keras.ops.convert_to_numpy(variable) for variable in state]
    try:
        yield
    finally:
        for variable, value in zip(state, values, strict=True):
            variable.assign(value)
