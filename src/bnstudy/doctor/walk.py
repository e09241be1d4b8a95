"""Find the batch norms of a Keras model, in the order in which an image passes them."""

from typing import Any, NamedTuple

import keras
import numpy as np

from bnstudy.doctor.watch import forward, is_batch_norm, replaced

# Layers that add noise in training only, after which a batch norm averages the noise, too.
NOISE = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
)


class Place(NamedTuple):
    """One batch norm, and what stands around it."""

    name: str
    layer: Any
    calls: int  # the times an image passes it; more than once where it is shared
    rank: int  # of what it normalizes, [N, ..., C]: the number of dimensions
    size: int  # values of a channel in one image
    frozen: bool  # whether it uses its moving statistics in training, too
    always: bool  # whether it uses those of the batch in inference, too
    written_false: bool  # whether training=False is written into the model
    before: Any  # the layer whose output it normalizes, None where that is not known
    noise: str  # the name of the last noise before it, with no batch norm in between; or ""


class _Event(NamedTuple):
    layer: Any
    training: bool | None
    inputs: list[Any]
    outputs: list[Any]


def places(model: keras.Model, images: np.ndarray) -> tuple[list[Place], int]:
    """Find the batch norms of a model.

    Two images are sent through it, so nested models, shared layers and layers in wrappers are found
    in their true order, whichever way the model was built.

    Args:
        model: it is left as it was.
        images: at least two.

    Returns:
        The batch norms in the order of the forward pass, and the bytes of the largest output of a
        layer for one image.

    """
    # In Keras 3, fit and predict override a `training` that is written into a functional model; a
    # call without `training` does not.
    inference, training, call = (_trace(model, images[:2], mode) for mode in (False, True, None))
    in_training, in_inference = _batch_mode(training), _batch_mode(inference) | _batch_mode(call)
    written_false = _written_false(model)
    found: dict[int, Place] = {}
    names = _names(model)
    for position, event in enumerate(inference):
        if not is_batch_norm(event.layer):
            continue
        key = id(event.layer)
        if key in found:
            found[key] = found[key]._replace(calls=found[key].calls + 1)
            continue
        shape = event.inputs[0].shape
        found[key] = Place(
            name=names[key],
            layer=event.layer,
            calls=1,
            rank=len(shape),
            size=int(np.prod(shape)) // int(shape[0]) // int(shape[event.layer.axis]),
            frozen=not event.layer.trainable or key not in in_training,
            always=event.layer.trainable and key in in_inference,
            written_false=key in written_false,
            before=_before(inference, position),
            noise=_noise(inference, position),
        )
    tensors = [tensor for event in inference for tensor in event.outputs]
    return list(found.values()), max(map(_bytes, tensors)) // 2


def _bytes(tensor: Any) -> int:
    return int(np.prod(tensor.shape)) * int(np.dtype(tensor.dtype.as_numpy_dtype).itemsize)


def layers_of(model: Any) -> list[Any]:
    """Return the layers at all depths, those inside of nested models and wrappers included."""
    return list(model._flatten_layers(include_self=False))  # Keras has no public name for it


def _trace(model: keras.Model, images: np.ndarray, training: bool | None) -> list[_Event]:
    """Send images through a model, and note each layer that computes something itself."""
    events: list[_Event] = []

    def noting(layer: Any, call: Any) -> Any:
        def noted(*args: Any, **kwargs: Any) -> Any:
            mode = kwargs.get("training")
            if is_batch_norm(layer):  # whose statistics stay
                kwargs["training"] = False
            outputs = call(*args, **kwargs)
            flat = keras.tree.flatten
            events.append(_Event(layer, mode, flat(args), flat(outputs)))
            return outputs

        return noted

    with replaced(model, layers_of(model), noting):
        forward(model, images, training)
    return [event for event in events if not isinstance(event.layer, keras.Model)]


def _batch_mode(events: list[_Event]) -> set[int]:
    """Return the layers that were asked to use the statistics of the batch."""
    return {id(event.layer) for event in events if event.training}


def _written_false(model: keras.Model) -> set[int]:
    """Return the layers that were called with training=False when the model was built."""
    found = set()
    for layer in layers_of(model):
        nodes = getattr(layer, "_inbound_nodes", ())
        if any(node.arguments.kwargs.get("training") is False for node in nodes):
            found |= {id(layer), *map(id, layers_of(layer))}
    return found


def _names(model: keras.Model) -> dict[int, str]:
    """Return a distinct name for each batch norm: with the path, where a name occurs twice."""
    paths: dict[int, tuple[str, ...]] = {}
    waiting: list[tuple[Any, tuple[str, ...]]] = [(model, ())]
    while waiting:
        parent, path = waiting.pop()
        for layer in parent._flatten_layers(include_self=False, recursive=False):
            paths.setdefault(id(layer), (*path, layer.name))
            waiting.append((layer, (*path, layer.name)))
    norms = {id(layer) for layer in layers_of(model) if is_batch_norm(layer)}
    last = [paths[key][-1] for key in norms]
    return {
        key: paths[key][-1] if last.count(paths[key][-1]) == 1 else "/".join(paths[key])
        for key in norms
    }


def _producer(events: list[_Event], before: int, tensor: Any) -> int | None:
    """Return the position of the last event that returned a tensor."""
    for position in range(before - 1, -1, -1):
        if any(output is tensor for output in events[position].outputs):
            return position
    return None


def _before(events: list[_Event], position: int) -> Any:
    found = _producer(events, position, events[position].inputs[0])
    return None if found is None else events[found].layer


def _noise(events: list[_Event], position: int) -> str:
    """Search backwards for noise, through every branch, until the next batch norm."""
    waiting = [(position, tensor) for tensor in events[position].inputs]
    seen = set()
    while waiting:
        at, tensor = waiting.pop(0)
        found = _producer(events, at, tensor)
        if found is None or found in seen or is_batch_norm(events[found].layer):
            continue
        seen.add(found)
        if isinstance(events[found].layer, NOISE) and _rate(events[found].layer):
            return str(events[found].layer.name)
        waiting += [(found, tensor) for tensor in events[found].inputs]
    return ""


def _rate(layer: Any) -> float:
    return float(getattr(layer, "rate", 0) or getattr(layer, "stddev", 0))
