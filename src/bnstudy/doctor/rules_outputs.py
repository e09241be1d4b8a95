"""Outputs that depend on the statistics, and on the images beside."""

from collections.abc import Iterator

import numpy as np

from bnstudy.doctor import limits, outputs
from bnstudy.doctor.measure import Measured
from bnstudy.doctor.rule import Sign


def signs(measured: Measured) -> Iterator[Sign]:
    """Yield what is wrong with the outputs."""
    if measured.labels is not None:
        yield from _accuracy(measured, measured.labels)
    elif outputs.differ(measured.precise, measured.moving):
        yield _outputs(measured)
    if measured.company is not None:
        said = f"{outputs.say(measured.company, measured.moving)} with other images in the batch"
        for layer in measured.layers:
            if layer.place.always:
                yield Sign("always_training", layer.name, measured.company, said)


def _accuracy(measured: Measured, labels: np.ndarray) -> Iterator[Sign]:
    better = outputs.compare(measured.precise, measured.moving, labels)
    if better.certain:
        said = (
            f"accuracy {better.worse:.3f} with moving, {better.better:.3f} with precise statistics"
        )
        yield Sign("accuracy", "", better.better - better.worse, said + _blame(measured))
    worse = outputs.compare(measured.moving, measured.precise, labels)
    if worse.certain:
        said = f"accuracy {worse.better:.3f} with moving, {worse.worse:.3f} with precise statistics"
        yield Sign("precise_worse", "", worse.better - worse.worse, said, True)
    own = [outputs.compare(measured.single, y, labels) for y in (measured.moving, measured.precise)]
    if all(comparison.certain for comparison in own):
        said = (
            f"accuracy {own[0].better:.3f} with each image's own statistics, "
            f"{max(comparison.worse for comparison in own):.3f} with those of all"
        )
        yield Sign("needs_itself", "", own[0].better - own[0].worse, said)


def _outputs(measured: Measured) -> Sign:
    """Without labels, frozen layers alone are no finding: their statistics may be on purpose."""
    far = [x for x in measured.layers if not x.finite or x.distance.larger >= limits.WORTH_A_LOOK]
    on_purpose = bool(far) and all(layer.place.frozen and layer.updated for layer in far)
    size = outputs.change(measured.precise, measured.moving)
    said = f"{outputs.say(size, measured.moving)} with precise instead of moving statistics"
    return Sign("outputs", "", size, said + _blame(measured), on_purpose)


def _blame(measured: Measured) -> str:
    if measured.blame is None:
        return ""
    name, size = measured.blame
    return f"; {name} alone: {outputs.say(size, measured.moving)}"
