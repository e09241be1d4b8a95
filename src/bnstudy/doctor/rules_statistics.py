"""Moving statistics that are not those of the data, and what made them so."""

from collections.abc import Callable, Iterator

import numpy as np

from bnstudy.doctor import limits, outputs
from bnstudy.doctor.distances import Distance, distance
from bnstudy.doctor.measure import Layer, Measured
from bnstudy.doctor.rule import Sign


def signs(measured: Measured) -> Iterator[Sign]:
    """Yield what is wrong with the moving statistics: at most one sign for each layer."""
    for layer in measured.layers:
        if not layer.finite:
            yield _non_finite(layer)
        elif not layer.updated:
            yield _never_updated(layer)
        elif layer.place.frozen:
            yield from _frozen(layer, measured)
        else:
            yield from _averaged(layer, measured)


def _non_finite(layer: Layer) -> Sign:
    mean, variance = layer.moving
    bad = ~(np.isfinite(mean) & np.isfinite(variance)) | (variance < 0)
    if not bad.any():
        return Sign("non_finite", layer.name, 0.0, "the inputs are not finite", False)
    return Sign("non_finite", layer.name, float(bad.mean()), f"{bad.sum()} of {bad.size} channels")


def _never_updated(layer: Layer) -> Sign:
    far = layer.distance
    kind = "frozen_early" if layer.place.frozen else "never_updated"
    return Sign(kind, layer.name, far.larger, words(far), far.larger < limits.WORTH_A_LOOK)


def _frozen(layer: Layer, measured: Measured) -> Iterator[Sign]:
    """Statistics of other data are what fine-tuning wants, unless the labels say that they harm."""
    far = layer.distance
    if far.larger < limits.FAR:
        return
    harmful = measured.labels is not None and (
        outputs.compare(measured.precise, measured.moving, measured.labels).certain
    )
    yield Sign("frozen_elsewhere", layer.name, far.larger, words(far), not harmful)


def _averaged(layer: Layer, measured: Measured) -> Iterator[Sign]:
    far = layer.distance
    if layer.momentum < limits.OPPOSITE_MOMENTUM:
        yield _opposite_momentum(layer)
    elif far.larger >= limits.WORTH_A_LOOK:
        cause = _cause(layer, measured)
        if cause is not None:
            yield cause
        elif far.larger >= limits.FAR or outputs.differ(measured.precise, measured.moving):
            yield Sign("far", layer.name, far.larger, words(far))


def _opposite_momentum(layer: Layer) -> Sign:
    said = (
        f"momentum {layer.momentum:g} remembers {1 / (1 - layer.momentum):.1f} batches; "
        f"{words(layer.distance)}"
    )
    return Sign("opposite_momentum", layer.name, layer.distance.larger, said)


def _cause(layer: Layer, measured: Measured) -> Sign | None:
    if _is_noise(layer):
        far = layer.distance
        return Sign("dropout", layer.name, far.larger, words(far), far.larger < limits.FAR)
    return _small_batch(layer, measured) or _long_memory(layer, measured) or _short_memory(layer)


def _is_noise(layer: Layer) -> bool:
    """Return whether dropout explains at least half of the distance."""
    if layer.noisy is None:
        return False
    noisy = distance(layer.moving, layer.noisy, layer.epsilon)
    return noisy.larger <= layer.distance.larger / 2


def _in_most(measured: Measured, shows: Callable[[Layer], bool]) -> bool:
    """Return whether most layers show it; images of another range change the first one only."""
    averaged = [layer for layer in measured.layers if layer.finite and not layer.place.frozen]
    return 2 * sum(map(shows, averaged)) > len(averaged)


def _small_batch(layer: Layer, measured: Measured) -> Sign | None:
    if not _lacks_variance(layer) or not _in_most(measured, _lacks_variance):
        return None
    size = 1 / layer.inverse_batch_size.value
    said = f"the variance is that of batches of {size:.1f} images; {words(layer.distance)}"
    nothing = layer.place.size == 1 and np.median(layer.moving[1]) < layer.epsilon
    kind = "one_value" if nothing else "small_batch"
    return Sign(kind, layer.name, layer.distance.larger, said)


def _lacks_variance(layer: Layer) -> bool:
    inverse, explained = layer.inverse_batch_size
    return inverse >= 1 / limits.SMALL_BATCH and explained >= limits.EXPLAINED


def _long_memory(layer: Layer, measured: Measured) -> Sign | None:
    """Two proofs: the start values are still there, or the steps trained are few memories."""
    memory, steps = 1 / max(1 - layer.momentum, 1e-9), measured.steps
    said = words(layer.distance)
    if _holds_start(layer) and _in_most(measured, _holds_start):
        said += f"; {layer.start_left.value:.1%} of the start values are left"
    elif not steps or memory < limits.REMEMBERED * steps:
        return None
    if steps:
        said += f"; it remembers {memory:.0f} of {steps} steps"
    return Sign("long_memory", layer.name, layer.distance.larger, said)


def _holds_start(layer: Layer) -> bool:
    left, explained = layer.start_left
    return left >= limits.START_LEFT and explained >= limits.EXPLAINED


def _short_memory(layer: Layer) -> Sign | None:
    """So few batches leave little time for the weights to change; what remains is noise."""
    batches = (1 + layer.momentum) / (1 - layer.momentum)
    if batches > limits.FEW_BATCHES:
        return None
    between = np.mean(layer.precise.images.variance / (layer.data[1] + layer.epsilon))
    images = between / layer.distance.shift**2 if layer.distance.shift else np.inf
    said = (
        f"momentum {layer.momentum:g} averages {batches:.1f} batches, and the means are as noisy "
        f"as those of {images:.0f} images; {words(layer.distance)}"
    )
    return Sign("short_memory", layer.name, layer.distance.larger, said)


def words(far: Distance) -> str:
    """Say how far statistics are."""
    return f"means off by {far.shift:.2f} sd, sd by a factor of {2**far.scale:.2f}"
