"""Outputs that depend on the statistics, and on the images beside."""

from collections.abc import Iterator

import numpy as np

from bnstudy.doctor import limits, outputs
from bnstudy.doctor.measure import BATCH, Measured
from bnstudy.doctor.rule import Sign


def signs(measured: Measured) -> Iterator[Sign]:
    """Yield what is wrong with the outputs."""
    if measured.labels is not None:
        yield from _accuracy(measured, measured.labels)
    elif outputs.differ(measured.precise, measured.moving):
        yield _outputs(measured)
    if measured.company is not None:
        said = f"{measured.company:.2g} {outputs.unit(measured.moving)} with other images beside"
        for layer in measured.layers:
            if layer.place.always:
                yield Sign("always_training", layer.name, measured.company, said)


def _accuracy(measured: Measured, labels: np.ndarray) -> Iterator[Sign]:
    better = outputs.compare(measured.precise, measured.moving, labels)
    if better.certain:
        said = f"{better.worse:.3f} with moving, {better.better:.3f} with precise statistics"
        yield Sign("accuracy", "", better.better - better.worse, said + _blame(measured))
    worse = outputs.compare(measured.moving, measured.precise, labels)
    if worse.certain:
        said = f"accuracy {worse.better:.3f} with moving, {worse.worse:.3f} with precise statistics"
        yield Sign("precise_worse", "", worse.better - worse.worse, said, True)
    for kind, own, size in (
        ("needs_batch", measured.batch, BATCH),
        ("needs_itself", measured.single, 1),
    ):
        against = [outputs.compare(own, y, labels) for y in (measured.moving, measured.precise)]
        if all(comparison.certain for comparison in against):
            said = (
                f"accuracy {against[0].better:.3f} with the statistics of batches of {size}, "
                f"{max(comparison.worse for comparison in against):.3f} without"
            )
            yield Sign(kind, "", against[0].better - against[0].worse, said)


def _outputs(measured: Measured) -> Sign:
    """Without labels, frozen layers alone are no finding: their statistics may be on purpose."""
    far = [x for x in measured.layers if not x.finite or x.distance.larger >= limits.WORTH_A_LOOK]
    on_purpose = bool(far) and all(layer.place.frozen and layer.updated for layer in far)
    size = outputs.change(measured.precise, measured.moving)
    said = f"{size:.2g} {outputs.unit(measured.moving)} with precise instead of moving statistics"
    return Sign("outputs", "", size, said + _blame(measured), on_purpose)


def _blame(measured: Measured) -> str:
    if measured.blame is None:
        return ""
    name, size = measured.blame
    return f"; {name} alone: {size:.2g} {outputs.unit(measured.moving)}"
