"""Find the batch norms of a Keras model, in the order in which an image passes them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from bnstudy.doctor.watch import is_batch_norm, replaced

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
    fixed: bool | None  # the `training` that is written into the model, None where there is none
    before: Any  # the layer whose output it normalizes, None where that is not known
    noise: str  # the name of the last noise before it, with no batch norm in between; or ""

    @property
    def frozen(self) -> bool:
        """Whether it uses its moving statistics in training, too."""
        return not self.layer.trainable or self.fixed is False

    @property
    def always(self) -> bool:
        """Whether it uses the statistics of each batch in inference, too."""
        return bool(self.layer.trainable) and self.fixed is True


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
    inference, training = (_trace(model, images[:2], mode) for mode in (False, True))
    modes = {id(event.layer): event.training for event in training}
    found: dict[int, Place] = {}
    names = _names(event.layer for event in inference if is_batch_norm(event.layer))
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
            fixed=_fixed(bool(event.training), bool(modes.get(key))),
            before=_before(inference, position),
            noise=_noise(inference, position),
        )
    tensors = [tensor for event in inference for tensor in event.outputs]
    return list(found.values()), max(map(_bytes, tensors)) // 2


def _bytes(tensor: Any) -> int:
    return int(np.prod(tensor.shape)) * int(np.dtype(tensor.dtype.as_numpy_dtype).itemsize)


def layers_of(model: keras.Model) -> list[Any]:
    """Return the layers at all depths, those inside of nested models and wrappers included."""
    return list(model._flatten_layers(include_self=False))  # Keras has no public name for it


def _trace(model: keras.Model, images: np.ndarray, training: bool) -> list[_Event]:
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
        model(images, training=training)
    return [event for event in events if not isinstance(event.layer, keras.Model)]


def _fixed(in_inference: bool, in_training: bool) -> bool | None:
    if in_inference == in_training:
        return in_training
    return None


def _names(layers: Iterator[Any]) -> dict[int, str]:
    """Return names that tell the layers apart: the path, where two have the same name."""
    unique = {id(layer): layer for layer in layers}
    counts: dict[str, int] = {}
    for layer in unique.values():
        counts[layer.name] = counts.get(layer.name, 0) + 1
    return {
        key: layer.name if counts[layer.name] == 1 else layer.path or layer.name
        for key, layer in unique.items()
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
