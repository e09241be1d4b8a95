"""A diagnosis as lines of text, and as JSON."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from bnstudy.doctor import outputs
from bnstudy.doctor.diagnosis import NO_BATCH_NORM, Diagnosis
from bnstudy.doctor.findings import Finding
from bnstudy.doctor.limits import EXPLAINED
from bnstudy.doctor.measure import BATCH, Layer, Measured

MOST_ROWS = 12  # layers in the table: those that are farthest off
MOST_NAMES = 4


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Write the tables, the findings and the verdict."""
    measured = diagnosis.measured
    if measured is None:
        yield NO_BATCH_NORM
        return
    yield from _layers(measured)
    yield ""
    yield from _outputs(measured)
    for finding in diagnosis.findings:
        yield ""
        yield from _finding(finding)
    yield ""
    yield _verdict(diagnosis, measured)


def _layers(measured: Measured) -> Iterator[str]:
    far = sorted(measured.layers, key=lambda layer: -_order(layer))[:MOST_ROWS]
    shown = [layer for layer in measured.layers if layer in far]
    width = max(len(layer.name) for layer in shown)
    yield (f"{'layer':<{width}}  momentum  means off by  sd off by a factor of  start values left")
    for layer in shown:
        off, left = layer.distance, layer.start_left
        rest = f"{left.value:.1%}" if left.explained >= EXPLAINED else "-"
        yield (
            f"{layer.name:<{width}}  {layer.momentum:8g}  {off.shift:9.2f} sd  {2**off.scale:21.2f}"
            f"  {rest:>17}"
        )
    if hidden := len(measured.layers) - len(shown):
        yield f"and {_count(hidden, 'more batch norm')}, less far off"


def _order(layer: Layer) -> float:
    return layer.distance.larger if layer.finite else math.inf


def _outputs(measured: Measured) -> Iterator[str]:
    if measured.labels is not None:
        cells = [
            f"{name} {outputs.accuracy(y, measured.labels):.3f}"
            for name, y in _by_statistics(measured)
        ]
        yield f"accuracy by statistics: {', '.join(cells)}"
        return
    for name, y in _by_statistics(measured)[1:]:
        yield f"{name} instead of moving statistics: {outputs.say(_change(measured, y), y)}"


def _by_statistics(measured: Measured) -> list[tuple[str, list[np.ndarray]]]:
    return [
        ("moving", measured.moving),
        ("precise", measured.precise),
        (f"batches of {BATCH}", measured.batch),
        ("each image alone", measured.single),
    ]


def _change(measured: Measured, y: list[np.ndarray]) -> float:
    return outputs.change([own[: len(y[0])] for own in measured.moving], y)


def _finding(finding: Finding) -> Iterator[str]:
    names = ", ".join(finding.layers[:MOST_NAMES])
    if more := len(finding.layers) - MOST_NAMES:
        names += f" and {more} more" if more > 0 else ""
    yield f"{'hint' if finding.is_hint else 'FINDING'}: {finding.title}"
    if names:
        yield f"  where: {names}"
    yield f"  how large: {finding.measured}"
    yield f"  why it matters: {finding.why}"
    yield f"  what to do: {finding.todo}"


def _verdict(diagnosis: Diagnosis, measured: Measured) -> str:
    hints = sum(finding.is_hint for finding in diagnosis.findings)
    count = len(diagnosis.findings) - hints
    said = [_count(count, "finding")] * (count > 0) + [_count(hints, "hint")] * (hints > 0)
    about = f"{_count(len(measured.layers), 'batch norm')}, {measured.images} images"
    if measured.images < measured.given:
        about += f" of {measured.given} (what fits into memory)"
    if measured.steps:
        about += f", {measured.steps} steps trained"
    verdict = "healthy" if diagnosis.healthy else "not healthy"
    return f"{', '.join([verdict, *said])}: {about}; {diagnosis.seconds:.1f} s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return everything as values that JSON has; null stands for nan."""
    measured = diagnosis.measured
    return {
        "healthy": diagnosis.healthy,
        "seconds": diagnosis.seconds,
        "images": measured and measured.images,
        "steps": measured and measured.steps,
        "accuracy": measured and _accuracies(measured),
        "layers": [_layer_as_json(layer) for layer in measured.layers] if measured else [],
        "findings": [
            {**finding._asdict(), "size": _number(finding.size)} for finding in diagnosis.findings
        ],
    }


def _accuracies(measured: Measured) -> dict[str, float] | None:
    if measured.labels is None:
        return None
    return {name: outputs.accuracy(y, measured.labels) for name, y in _by_statistics(measured)}


def _layer_as_json(layer: Layer) -> dict[str, Any]:
    left, inverse = layer.start_left, layer.inverse_batch_size
    return {
        "name": layer.name,
        "momentum": layer.momentum,
        "epsilon": layer.epsilon,
        "frozen": layer.place.frozen,
        "updated": layer.updated,
        "mean_distance_in_sd": _number(layer.distance.shift),
        "sd_factor": _number(2**layer.distance.scale),
        "start_values_left": _number(left.value) if left.explained >= EXPLAINED else None,
        "batch_size_of_the_variance": _batch_size(inverse.value, inverse.explained),
        "moving_mean": list(map(_number, layer.moving[0])),
        "moving_variance": list(map(_number, layer.moving[1])),
        "precise_mean": list(map(_number, layer.data[0])),
        "precise_variance": list(map(_number, layer.data[1])),
    }


def _batch_size(inverse: float, explained: float) -> float | None:
    return _number(1 / inverse) if inverse > 0 and explained >= EXPLAINED else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
