"""A certificate as a table for a terminal, and as JSON."""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

from bnstudy.gradient_check.diagnosis import Finding, joined
from bnstudy.gradient_check.network import OPINIONS, TOLERANCE, Certificate, Derivative
from bnstudy.gradient_check.rounding import LIMITS, UNITS, Rounding

CONFIDENCE = 0.99  # with which an error of the size `power` is noticed
PER_LINE = 4  # forward values


def power(directions: int) -> float:
    """Return the relative size of an error that the complex step notices in 99 % of all cases.

    An error e changes the derivative along a random direction by a normal number with the standard
    deviation |e|. It goes unnoticed if it stays below the tolerance along all k directions. (An
    error of one of the other two is noticed as soon as it is above the tolerance: they are compared
    number by number.)
    """
    missed = (1 - CONFIDENCE) ** (1 / directions)  # along one direction
    return TOLERANCE / NormalDist().inv_cdf((1 + missed) / 2)


def passed(certificate: Certificate, rounding: list[Rounding]) -> bool:
    """Return whether everything agrees, and the precisions that train only round."""
    return certificate.passed and not any(row.wrong for row in rounding)


def lines(
    certificate: Certificate, findings: list[Finding], rounding: list[Rounding]
) -> Iterator[str]:
    """Write the tables, the findings and the verdict."""
    yield "forward values: by hand against NumPy, given the same input"
    cells = [_cell(row.layer, row.difference, row.passed) for row in certificate.forward]
    yield from _in_lines(cells)
    if certificate.statistics:
        yield "moving statistics after the batch, step by step and compiled"
        yield from _in_lines(_statistics(certificate))
    yield ""
    yield "derivatives of the cost along a random direction, divided by the norm of the gradient"
    yield (
        f"{'layer':<7}{'tensor':<7}" + "".join(f"{name:>13}" for name in OPINIONS) + "  difference"
    )
    yield from map(_row, certificate.derivatives)
    yield ""
    if rounding:
        yield from rounding_lines(rounding)
        yield ""
    yield from _findings(findings)
    yield from _no_rounding(rounding)
    yield from _summary(certificate, rounding)


def _statistics(certificate: Certificate) -> list[str]:
    """Return one cell per layer, with the largest difference of its statistics."""
    layers = dict.fromkeys(row.layer for row in certificate.statistics)
    rows = {name: [r for r in certificate.statistics if r.layer == name] for name in layers}
    return [
        _cell(name, max(r.difference for r in of), all(r.passed for r in of))
        for name, of in rows.items()
    ]


def _cell(layer: str, difference: float, passed: bool) -> str:
    return f"{layer:<7}{difference:8.1e} {'pass' if passed else 'FAIL'}"


def _in_lines(cells: list[str]) -> Iterator[str]:
    for start in range(0, len(cells), PER_LINE):
        yield "   ".join(cells[start : start + PER_LINE])


def _row(row: Derivative) -> str:
    values = "".join(f"{value:>13.5g}" for value in row.whole.values[:, 0])
    return f"{row.layer:<7}{row.tensor:<7}{values}{row.difference:12.1e}  {_verdict(row)}"


def _verdict(row: Derivative) -> str:
    if row.passed:
        return "pass"
    if row.local.passed and row.alone != "compiled step":
        return "FAIL (passes it on)"
    return f"FAIL, {row.alone} alone" if row.alone else "FAIL, unclear which"


def rounding_lines(rows: list[Rounding]) -> Iterator[str]:
    """Write the second table: how much the precisions that train round."""
    units = " and ".join(f"2^{math.log2(unit):.0f} ({name})" for name, unit in UNITS.items())
    yield f"rounding errors of the gradients, against float64, in units of {units}:"
    yield "of each layer alone, and of its parameters in a whole compiled step"
    head = f"{'layer':<7}" + "".join(f"{name:>10}{'step':>7}" for name in UNITS)
    yield f"{head}     {head}"
    cells = [_rounding_cell(row) for row in rows]
    for start in range(0, len(cells), 2):
        yield "     ".join(cells[start : start + 2]).rstrip()
    limits = ", ".join(f"{limit:g} in {name}" for name, limit in LIMITS.items())
    yield f"a layer alone is usually below {limits}; one above is marked with *"


def _rounding_cell(row: Rounding) -> str:
    errors = "".join(
        f"{row.alone[name]:>10.2f}" + (f"{row.step[name]:>7.1f}" if row.step else f"{'':7}")
        for name in UNITS
    )
    return f"{row.layer + ('' if row.usual else '*'):<7}{errors}"


def _findings(findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    first = findings[0]
    alone = f"; {first.alone} is alone" if first.alone else ""
    place = f"{first.layer}, {first.tensor}{alone}"
    yield f"first wrong, in the order of the backward pass: {place}"
    for layers, finding in joined(findings):
        yield f"  {layers}, {finding.tensor}: {finding.mistake}"
    yield ""


def _no_rounding(rounding: list[Rounding]) -> Iterator[str]:
    """Say which layers are wrong in float32 or bfloat16."""
    for precision in UNITS:
        alone = [row.layer for row in rounding if row.wrong_alone(precision)]
        if alone:
            yield f"wrong in {precision}, given the right dy: {', '.join(alone)}"
        elif any(row.wrong_in_step(precision) for row in rounding):
            yield f"wrong in {precision}, but only in the compiled step: each layer alone is right"


def _summary(certificate: Certificate, rounding: list[Rounding]) -> Iterator[str]:
    if (devices := certificate.setting.config.training.devices) != 1:
        yield f"the compiled step was divided among {devices} devices"
    wrong = sum(not row.passed for row in certificate.derivatives)
    values = sum(not row.passed for row in certificate.forward)
    moving = sum(not row.passed for row in certificate.statistics)
    imprecise = sum(row.wrong for row in rounding)
    bad = [
        f"{count} of {len(rows)} {what}"
        for count, rows, what in (
            (values, certificate.forward, "forward values"),
            (moving, certificate.statistics, "moving statistics"),
            (wrong, certificate.derivatives, "derivatives"),
            (imprecise, rounding, "layers in float32 or bfloat16"),
        )
        if count
    ]
    yield (
        f"FAILED: {' and '.join(bad)} are wrong"
        if bad
        else (f"passed: all {len(certificate.derivatives)} derivatives are right")
    )
    k = certificate.directions
    yield (
        f"seed {certificate.seed}, tolerance {TOLERANCE:.0e}, {k} direction{'s' * (k > 1)}: "
        f"an error of {power(k):.0e} is noticed; {certificate.seconds:.1f} s"
    )


def as_json(
    certificate: Certificate, findings: list[Finding], rounding: list[Rounding]
) -> dict[str, Any]:
    """Return the certificate as JSON can hold it; null stands for nan."""
    return {
        "passed": passed(certificate, rounding),
        "seed": certificate.seed,
        "directions": certificate.directions,
        "tolerance": TOLERANCE,
        "power": power(certificate.directions),
        "seconds": certificate.seconds,
        "forward": [
            {"layer": row.layer, "difference": _number(row.difference), "passed": row.passed}
            for row in certificate.forward
        ],
        "statistics": [
            {
                "layer": row.layer,
                "name": row.name,
                "difference": _number(row.eager),
                "difference_of_the_compiled_step": _number(row.compiled),
                "passed": row.passed,
            }
            for row in certificate.statistics
        ],
        "derivatives": [_derivative(row) for row in certificate.derivatives],
        "findings": [finding._asdict() for finding in findings],
        "rounding": [_rounding(row) for row in rounding],
    }


def _rounding(row: Rounding) -> dict[str, Any]:
    errors = {
        key: {precision: _number(error) for precision, error in value.items()}
        for key, value in (("alone", row.alone), ("step", row.step))
    }
    return {"layer": row.layer, **errors, "usual": row.usual, "wrong": row.wrong}


def _derivative(row: Derivative) -> dict[str, Any]:
    return {
        "layer": row.layer,
        "tensor": row.tensor,
        "values": {
            name: [_number(value) for value in along]
            for name, along in zip(OPINIONS, row.whole.values, strict=True)
        },
        "difference": _number(row.difference),
        "difference_of_the_layer_alone": _number(row.local.difference),
        "difference_of_the_compiled_step": _number(row.compiled),
        "passed": row.passed,
        "alone": row.alone,
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
