"""Judge what was measured."""

from collections.abc import Iterator
from typing import NamedTuple

from bnstudy.doctor import rules_layers, rules_outputs, rules_statistics
from bnstudy.doctor.measure import Measured
from bnstudy.doctor.rule import Sign
from bnstudy.doctor.texts import TEXTS

RULES = (rules_outputs.signs, rules_statistics.signs, rules_layers.signs)


class Finding(NamedTuple):
    """One thing that is wrong, or, as a hint, that could be better."""

    kind: str
    is_hint: bool
    layers: tuple[str, ...]  # in the order of the forward pass; empty if it is about the whole
    size: float  # of the worst layer
    measured: str  # the same in words
    title: str
    why: str
    todo: str


def judge(measured: Measured) -> list[Finding]:
    """Return the findings, then the hints; of each, what concerns the whole model comes first."""
    groups: dict[tuple[bool, str], list[Sign]] = {}
    for rule in RULES:
        for sign in rule(measured):
            groups.setdefault((sign.is_hint, sign.kind), []).append(sign)
    return [_finding(signs) for _, signs in sorted(groups.items(), key=lambda item: item[0][0])]


def _finding(signs: list[Sign]) -> Finding:
    worst = max(signs, key=lambda sign: sign.size)
    layers = tuple(dict.fromkeys(_names(signs)))
    of = f"{worst.layer}: " if len(layers) > 1 else ""
    text = TEXTS[worst.kind]
    return Finding(worst.kind, worst.is_hint, layers, worst.size, of + worst.measured, *text)


def _names(signs: list[Sign]) -> Iterator[str]:
    yield from (sign.layer for sign in signs if sign.layer)
