"""Where the first error is, and what it is."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from bnstudy.gradient_check import mistakes, numpy_network, relatives
from bnstudy.gradient_check.network import (
    TOLERANCE,
    Certificate,
    Derivative,
    ForwardValue,
    Statistic,
)
from bnstudy.gradient_check.numpy_network import parameter

UNKNOWN = "no known mistake matches"


class Finding(NamedTuple):
    """A layer that is wrong by itself, given the right input and the right dy."""

    layer: str
    tensor: str  # "y" for the forward values
    alone: str | None  # the opinion that differs while the others agree
    mistake: str


def diagnose(certificate: Certificate) -> list[Finding]:
    """Name what is wrong with each layer, in the order of the backward pass.

    Args:
        certificate: from `network.certify`.

    Returns:
        The layers whose forward values or moving statistics are wrong; then one finding per tensor
        whose derivative is wrong although its layer was given the right dy. None for a layer that
        only passes an error on.

    """
    wrong_forward = [row for row in reversed(certificate.forward) if not row.passed]
    findings = [_name_forward(certificate, row) for row in wrong_forward]
    findings += [
        _name_statistic(certificate, row)
        for row in reversed(certificate.statistics)
        if not row.passed
    ]
    layers = {row.layer for row in wrong_forward}
    for row in certificate.derivatives:
        if not row.local.passed:
            findings.append(_name_derivative(certificate, row, row.layer in layers))
        elif row.alone == "compiled step":
            mistake = "the compiled step differs from the same computation run eagerly"
            findings.append(Finding(row.layer, row.tensor, row.alone, mistake))
    return findings


def joined(findings: Iterable[Finding]) -> list[tuple[str, Finding]]:
    """Join equal findings in several layers of a kind: ("elu9 ... elu1", the first of them)."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        kind = finding.layer.rstrip("0123456789")
        groups.setdefault((kind, *map(str, finding[1:])), []).append(finding)
    return [(_names([finding.layer for finding in group]), group[0]) for group in groups.values()]


def _names(layers: list[str]) -> str:
    if len(layers) < 4:
        return ", ".join(layers)
    return f"{layers[0]} ... {layers[-1]} ({len(layers)} layers)"


def _name_forward(certificate: Certificate, row: ForwardValue) -> Finding:
    evidence, network = certificate.evidence, certificate.setting.network
    y, mistake = evidence.ys[row.layer], UNKNOWN
    if row.layer.startswith("bn"):
        right = numpy_network.apply_layer(row.layer, evidence.xs[row.layer], network)
        case = _batch_norm_case(certificate, row.layer)
        candidates = [*mistakes.batch_norm_forward(case, network.training)]
        if network.training:
            candidates += relatives.forward(case)
        named = (name for name, wrong in candidates if mistakes.explains(wrong, y, right))
        mistake = next(named, UNKNOWN)
    return Finding(row.layer, "y", None, mistake)


def _name_statistic(certificate: Certificate, row: Statistic) -> Finding:
    """Name what moved a moving statistic wrongly."""
    if row.eager <= TOLERANCE:
        mistake = "the compiled step moves it otherwise than the same forward pass, step by step"
        return Finding(row.layer, row.name, "compiled step", mistake)
    network, x = certificate.setting.network, certificate.evidence.xs[row.layer]

    def after(**changes: Any) -> np.ndarray:
        changed = network._replace(**changes)
        return numpy_network.statistics_after(row.layer, x, changed)[row.name]

    found, right = certificate.evidence.statistics[f"{row.layer}/{row.name}"], after()
    momentum, renorm = network.momentum, network.renorm
    own = renorm.momentum if renorm else momentum
    named = {
        "it is updated in inference": after(training=True),
        "it is not updated": after(training=False),
        "momentum and 1 - momentum are swapped": after(
            momentum=1 - momentum, renorm=renorm and renorm._replace(momentum=1 - own)
        ),
        "bn.momentum and bn.renorm_momentum are swapped": after(
            momentum=own, renorm=renorm and renorm._replace(momentum=momentum)
        ),
        relatives.WHOLE: after(ghosts=None),
    }
    mistake = next((n for n, z in named.items() if mistakes.explains(z, found, right)), UNKNOWN)
    return Finding(row.layer, row.name, None, mistake)


def _name_derivative(certificate: Certificate, row: Derivative, wrong_forward: bool) -> Finding:
    """Name the mistake of the opinion that is alone; by hand if no two agree."""
    key, evidence, alone = (row.layer, row.tensor), certificate.evidence, row.local.alone
    if wrong_forward:
        mistake = "its forward values are wrong: see above"
    elif alone == "complex step":
        mistake = "by hand and automatic agree, but not with the derivative of the forward values"
    else:
        opinions = [evidence.by_hand[key], evidence.automatic[key]]
        wrong, right = reversed(opinions) if alone == "automatic" else opinions
        mistake = name_mistake(certificate, row.layer, row.tensor, wrong, right)
    return Finding(row.layer, row.tensor, alone, mistake)


def name_mistake(
    certificate: Certificate, layer: str, tensor: str, wrong: np.ndarray, right: np.ndarray
) -> str:
    """Return the name of the mistake that a wrong gradient shows, or that none is known."""
    if wrong.shape != right.shape:
        return f"its shape is {list(wrong.shape)}, must be {list(right.shape)}"
    if not np.isfinite(wrong).all():
        return "it is not finite"
    if not wrong.any():
        return "it is zero"
    if layer.startswith("elu"):
        named = mistakes.elu(certificate.evidence.xs[layer], _dy(certificate, layer), wrong)
        return named or UNKNOWN
    for where, mistake, candidate in _candidates(certificate, layer):
        if where == tensor and mistakes.explains(candidate, wrong, right):
            return mistake
    factor = mistakes.constant_factor(wrong, right)
    return (
        UNKNOWN if factor is None else _name_factor(certificate.evidence.xs[layer], layer, factor)
    )


def _candidates(certificate: Certificate, layer: str) -> Iterator[mistakes.Mistake]:
    network = certificate.setting.network
    if layer.startswith("conv"):
        x, w = certificate.evidence.xs[layer], network.arrays[f"{layer}/w"]
        yield from mistakes.convolution(x, w, _dy(certificate, layer))
    if layer.startswith("bn"):
        case = _batch_norm_case(certificate, layer)
        kind = mistakes.batch_norm if network.training else mistakes.batch_norm_inference
        yield from kind(case)
        if network.training:
            yield from relatives.training(case)
    if layer.startswith("noise") and network.training:
        yield from relatives.noise(
            _dy(certificate, layer), numpy_network.noise_of(layer, network)[0]
        )


def _dy(certificate: Certificate, layer: str) -> np.ndarray:
    names = certificate.setting.names
    return certificate.evidence.automatic[names[names.index(layer) + 1], "dx"]


def _batch_norm_case(certificate: Certificate, layer: str) -> mistakes.BatchNormCase:
    network, x = certificate.setting.network, certificate.evidence.xs[layer]
    mean, variance = numpy_network.moving_statistics(layer, x, network)
    case = mistakes.BatchNormCase(
        x,
        _dy(certificate, layer),
        parameter(f"{layer}/gamma", x, network, default=1.0),
        parameter(f"{layer}/beta", x, network),
        mean,
        variance,
        network.axes,
        network.epsilon,
        network.ghosts if network.training else None,
    )
    return _renormalized(case, layer, network) if network.training and network.renorm else case


def _renormalized(
    case: mistakes.BatchNormCase, layer: str, network: numpy_network.Network
) -> mistakes.BatchNormCase:
    """Return the case with its r and d, and the slopes that they would have as functions of x."""
    assert network.renorm is not None
    mean, variance = numpy_network.statistics(layer, case.x, network)
    stddev, (r_max, d_max) = np.sqrt(variance + network.epsilon), network.renorm[:2]
    r, d = numpy_network.correction(layer, case.x, mean, stddev, network)
    average = parameter(f"{layer}/renorm_stddev", case.x, network)
    slope = 1 / np.maximum(average, np.sqrt(network.epsilon))
    return case._replace(
        r=r,
        d=d,
        slope_of_r=slope * ((r > 1 / r_max) & (r < r_max)),
        slope_of_d=slope * (np.abs(d) < d_max),
    )


def _name_factor(x: np.ndarray, layer: str, factor: float) -> str:
    """Say what a constant factor probably is."""
    known = {-1.0: "the sign"}
    if layer == "cost":
        known[float(len(x))] = f"not divided by the {len(x)} images of the batch"
    if layer.startswith("pool"):
        known[4.0] = "not divided by the 4 pixels of a block"
    if layer == "logits":
        area = x.shape[1] * x.shape[2]
        known[float(area)] = f"not divided by the {area} pixels of an image"
    for value, name in known.items():
        if abs(factor / value - 1) < mistakes.SAME:
            return f"{name} (a factor of {factor:.6g})"
    return f"a constant factor of {mistakes.shown(factor)}"
